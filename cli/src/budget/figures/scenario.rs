//! What is asked of a forecast: a plan, written or made up from a few numbers, and what is not in a plan.
//!
//! A made-up plan goes through the same rules and the same cost as a written one, so that a forecast never promises what a
//! site would not do.

use super::charges::AdjacencyArgument;
use super::sigma::AccountantArgument;
use crate::exit::Failure;
use crate::site::read_plan;
use clap::Args;
use std::path::PathBuf;
use wardround_plan::{Accountant, Plan, PlanAdjacency, PlanError};
use wardround_privacy::{Delta, Epsilon};

#[derive(Debug, Args)]
pub struct PlanArguments {
    /// Read the study from a plan; then only what is not in it may be given
    #[arg(long, conflicts_with_all = ["rounds", "local_steps", "batch", "delta", "evaluations", "spare_rounds", "adjacency", "accountant"])]
    plan: Option<PathBuf>,
    /// Training patients of a typical site; with a plan, batch over sampling rate unless given
    #[arg(long, required_unless_present = "plan", value_parser = clap::value_parser!(u64).range(1..=PATIENTS_MAX))]
    patients: Option<u64>,
    /// Rounds
    #[arg(long, required_unless_present = "plan")]
    rounds: Option<u32>,
    /// Steps of each site in a round
    #[arg(long, required_unless_present = "plan")]
    local_steps: Option<u32>,
    /// Patients expected in one step
    #[arg(long, required_unless_present = "plan", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch: Option<u32>,
    /// ε of the whole study; with a plan, the plan's unless given
    #[arg(long, required_unless_present = "plan", allow_hyphen_values = true)]
    epsilon: Option<Epsilon>,
    /// δ of the whole study; without it, a round number below 1 in 10 times the patients
    #[arg(long, allow_hyphen_values = true)]
    delta: Option<Delta>,
    /// Evaluations whose scores leave the site
    #[arg(long, requires = "epsilon_share", value_parser = clap::value_parser!(u32).range(1..))]
    evaluations: Option<u32>,
    /// Share of ε for all evaluations
    #[arg(long, requires = "evaluations", allow_hyphen_values = true)]
    epsilon_share: Option<f64>,
    /// Rounds beyond the study's that are paid for, in case some are repeated
    #[arg(long, value_parser = clap::value_parser!(u32).range(..=100_000))]
    spare_rounds: Option<u32>,
    /// Which data sets are neighbours
    #[arg(long, value_enum)]
    adjacency: Option<AdjacencyArgument>,
    /// What turns noise into ε
    #[arg(long, value_enum)]
    accountant: Option<AccountantArgument>,
    /// Sites whose updates are averaged; with a plan, its `min_sites` unless given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    sites: Option<u32>,
    /// Weights that are trained; without it, those of the plan's network (a U-Net of width 8 and depth 4 without a plan)
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=WEIGHTS_MAX))]
    weights: Option<u64>,
    /// Write the forecast as a page with a picture of the trade-off, and the same as JSON and SVG beside it
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// A study to be forecast.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What is run, with a promise.
    pub plan: Plan,
    /// The name of a written plan, with its digest.
    pub written: Option<(String, String)>,
    /// Training patients of a typical site.
    pub patients: u64,
    /// Weights that are trained.
    pub weights: u64,
    /// Sites whose updates are averaged.
    pub sites: u32,
}

impl Scenario {
    /// What the arguments ask for.
    ///
    /// # Errors
    /// A plan that breaks a rule, and one that promises nothing to patients.
    pub fn of(arguments: &PlanArguments) -> Result<Self, Failure> {
        let (mut plan, written) = match &arguments.plan {
            Some(file) => {
                let plan = read_plan(file)?;
                let named = (plan.study.name.to_string(), plan.digest().to_string());
                (plan, Some(named))
            }
            None => (made_up(arguments)?, None),
        };
        if plan.privacy.patients().is_none() {
            return Err(Failure::input(
                "the plan's `privacy.mode` is neither \"site\" nor \"distributed\": no site pays, and no patient is promised \
                 anything",
            ));
        }
        if let Some(epsilon) = arguments.epsilon {
            plan.privacy.epsilon = Some(epsilon.get());
        }
        let weights = arguments.weights.unwrap_or_else(|| wardround_models::layout(&plan.model).len() as u64);
        let patients = arguments.patients.unwrap_or_else(|| (f64::from(batch(&plan)) / rate(&plan)).round() as u64);
        let sites = arguments.sites.unwrap_or(plan.study.min_sites);
        Ok(Self { plan, written, patients, weights, sites })
    }

    /// The same study with another promise.
    pub fn with_epsilon(&self, epsilon: f64) -> Plan {
        let mut plan = self.plan.clone();
        plan.privacy.epsilon = Some(epsilon);
        plan
    }

    /// The same study with batches of `batch` patients and the same steps; `None` where there are not so many patients.
    pub fn with_batch(&self, batch: u32) -> Option<Self> {
        let rate = self.rate() * f64::from(batch) / f64::from(self.batch());
        if batch == 0 || rate > 1.0 {
            return None;
        }
        let mut scenario = self.clone();
        scenario.plan.privacy.sampling_rate = Some(rate);
        scenario.plan.training.expected_batch_patients = Some(batch);
        Some(scenario)
    }

    /// Threshold and assumed traitors of the smallest session, where sites share their noise; `None` where each adds all of it, or
    /// for too few sites.
    pub fn shared_by(&self) -> Option<(u32, u32)> {
        self.plan.privacy.patients()?.share?;
        self.plan.secagg.threshold(self.sites)
    }

    /// B
    pub fn batch(&self) -> u32 {
        batch(&self.plan)
    }

    /// q
    pub fn rate(&self) -> f64 {
        rate(&self.plan)
    }

    /// Steps of each site, without those for repeated rounds.
    pub fn steps(&self) -> u64 {
        u64::from(self.plan.study.rounds) * u64::from(self.plan.training.local_steps)
    }
}

fn batch(plan: &Plan) -> u32 {
    plan.training.expected_batch_patients.unwrap_or(1)
}

fn rate(plan: &Plan) -> f64 {
    plan.privacy.sampling_rate.unwrap_or(1.0)
}

/// The plan that the numbers describe; its rules name keys of a plan, which are those of the arguments.
fn made_up(arguments: &PlanArguments) -> Result<Plan, Failure> {
    let patients = arguments.patients.unwrap_or_default();
    let (rounds, batch) = (arguments.rounds.unwrap_or_default(), arguments.batch.unwrap_or_default());
    if u64::from(batch) > patients {
        return Err(Failure::input(format!(
            "a step cannot take {batch} of {patients} patients; write --batch {patients} or less"
        )));
    }
    let delta = arguments.delta.map_or_else(|| default_delta(patients), Delta::get);
    let every = arguments.evaluations.map_or(rounds, |evaluations| rounds.div_ceil(evaluations)).max(1);
    let adjacency = match arguments.adjacency.unwrap_or_default() {
        AdjacencyArgument::AddOrRemoveOne => PlanAdjacency::AddOrRemoveOne,
        AdjacencyArgument::ReplaceOne => PlanAdjacency::ReplaceOne,
    };
    let text = format!(
        "[study]\nname = \"what-if\"\npurpose = \"forecast\"\nrounds = {rounds}\nmin_sites = 1\ndeadline_s = 600\n\
         [model]\nkind = \"unet2d\"\nwidth = 8\ndepth = 4\nclasses = 2\nchannels = 1\ninput_px = 64\n\
         [training]\noptimizer = \"adam\"\nlearning_rate = 0.001\nlocal_steps = {steps}\nbatch_images = 8\n\
         expected_batch_patients = {batch}\n\
         [privacy]\nmode = \"site\"\nepsilon = {epsilon:?}\ndelta = {delta:?}\nsampling_rate = {rate:?}\nclip = 1.0\n\
         [secagg]\nenabled = false\n[strategy]\nkind = \"fedavg\"\nweighting = \"equal\"\n\
         [evaluation]\nmetrics = [\"dice.foreground\"]\nevery = {every}\nepsilon_share = {share:?}\n",
        steps = arguments.local_steps.unwrap_or_default(),
        epsilon = arguments.epsilon.map_or(0.0, Epsilon::get),
        rate = f64::from(batch) / patients as f64,
        share = arguments.epsilon_share.unwrap_or(0.0),
    );
    let mut plan = Plan::from_toml(&text).map_err(|error| match error {
        PlanError::Rule { rule, .. } => Failure::input(format!("{}: {}; {}", rule.key, rule.problem, rule.remedy)),
        other => Failure::input(other),
    })?;
    plan.privacy.spare_rounds = arguments.spare_rounds;
    plan.privacy.adjacency = Some(adjacency);
    plan.privacy.accountant = arguments.accountant.map(Accountant::from);
    Ok(plan)
}

/// One digit and a power of ten, below 1 in 10 N: a chance that is small even over all patients of the site.
fn default_delta(patients: u64) -> f64 {
    let bound = 1.0 / (10.0 * patients.max(1) as f64);
    let power = bound.log10().floor() as i32;
    let below = |digit: &u32| f64::from(*digit) * 10_f64.powi(power) < bound * (1.0 - 1e-9);
    // Through text, so that 1e-5 is exactly what people write; a bound that is a power of ten has no digit below it.
    let text = (1..=9).rev().find(below).map_or(format!("9e{}", power - 1), |digit| format!("{digit}e{power}"));
    text.parse::<f64>().unwrap_or(bound).min(DELTA_MAX)
}

/// As a plan's rules have it.
const DELTA_MAX: f64 = 0.01;
const PATIENTS_MAX: u64 = 1_000_000_000;
const WEIGHTS_MAX: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_delta_is_round_and_below_one_in_ten_times_the_patients() {
        assert_eq!((default_delta(500), default_delta(1000), default_delta(7)), (1e-4, 9e-5, 0.01));
        for patients in [1, 3, 10, 99, 100, 12_345, 1_000_000_000] {
            let delta = default_delta(patients);
            assert!(delta > 0.0 && delta < 1.0 / (10.0 * patients as f64), "{patients}: {delta}");
        }
    }
}
