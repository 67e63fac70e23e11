//! What a `[simulation]` may not say.

use crate::scenario::header;
use crate::section::{FaultsSection, SimulationSection, Spread};
use crate::{Poison, ScenarioError};
use std::fmt::Display;
use wardround_plan::{Plan, PrivacyMode, SiteId, Weighting};

/// Most virtual sites; fixed-point sums are sound for as many.
const POPULATION_MAX: u32 = 1 << 20;

/// A broken rule, without its place in the text.
#[derive(Debug)]
pub(crate) struct Broken {
    section: &'static str,
    key: &'static str,
    problem: String,
    remedy: String,
}

impl Broken {
    /// With its line in `text`, where the key is written.
    pub(crate) fn at(self, text: &str) -> ScenarioError {
        let Self { section, key, problem, remedy } = self;
        ScenarioError::Rule { line: line_of(text, section, key), section, key, problem, remedy }
    }
}

/// Checks what has to hold between plan and simulation.
pub(crate) fn check(plan: &Plan, simulation: &SimulationSection) -> Result<(), Broken> {
    population(plan, simulation)?;
    weights(plan, simulation)?;
    simulation.partition.check().map_err(|(key, problem, remedy)| Broken {
        section: "simulation.partition",
        key,
        problem,
        remedy,
    })?;
    faults(plan, simulation)?;
    shared_noise(plan, simulation)
}

/// Poison of updates has no meaning where sites send gradients in whole numbers.
fn shared_noise(plan: &Plan, simulation: &SimulationSection) -> Result<(), Broken> {
    let poison = simulation.faults.poison.map(|poison| poison.attack);
    Place("simulation.faults", "poison").require(
        plan.privacy.mode != PrivacyMode::Distributed || matches!(poison, None | Some(Poison::LabelFlip)),
        "spoils updates, and with `privacy.mode = \"distributed\"` sites send sums of gradients",
        "write `{ kind = \"label_flip\" }`, or `mode = \"site\"`",
    )
}

fn population(plan: &Plan, simulation: &SimulationSection) -> Result<(), Broken> {
    let at = |key| Place("simulation", key);
    at("population").within(simulation.population, 1, POPULATION_MAX)?;
    let most = simulation.cohort.unwrap_or(simulation.population);
    at("cohort").within(most, 1, simulation.population)?;
    at("cohort").require(
        plan.privacy.mode != PrivacyMode::Client || simulation.cohort.is_none(),
        "is given, but with `privacy.mode = \"client\"` each site is drawn by a coin of `sampling_rate`",
        "remove it",
    )?;
    at("cohort").require(
        most >= plan.study.min_sites,
        &format!("of {most} is below `min_sites = {}`, so no round could end", plan.study.min_sites),
        "ask more sites, or lower `min_sites` in [study]",
    )
}

fn weights(plan: &Plan, simulation: &SimulationSection) -> Result<(), Broken> {
    if plan.strategy.weighting == Weighting::Equal {
        return Ok(());
    }
    Place("strategy", "weighting").require(
        plan.privacy.mode != PrivacyMode::Client,
        "is \"public\", but with `privacy.mode = \"client\"` every clipped update counts alike",
        "write `weighting = \"equal\"` and remove the weights",
    )?;
    let named = |site: u32| SiteId::new(site_name(site)).ok().and_then(|name| plan.weight_of(&name));
    let without = (0..simulation.population).find(|site| named(*site).is_none());
    Place("simulation", "population").require(
        without.is_none(),
        &format!("has `{}`, which has no weight", site_name(without.unwrap_or(0))),
        "name it in [strategy.weights], or write `weighting = \"equal\"`",
    )
}

fn faults(plan: &Plan, simulation: &SimulationSection) -> Result<(), Broken> {
    let faults = &simulation.faults;
    Place("simulation.faults", "dropout").within(faults.dropout, 0.0, 1.0)?;
    for (key, spread) in [("compute_s", faults.compute_s), ("line_mbit_s", faults.line_mbit_s)] {
        spread.map_or(Ok(()), |spread| spreads(key, spread))?;
    }
    presence(plan, faults)?;
    poison(simulation)
}

fn spreads(key: &'static str, spread: Spread) -> Result<(), Broken> {
    let at = Place("simulation.faults", key);
    at.within(spread.median, 1e-6, 1e9)?;
    at.within(spread.between_sites, 0.0, 5.0)?;
    at.within(spread.between_rounds, 0.0, 5.0)
}

fn presence(plan: &Plan, faults: &FaultsSection) -> Result<(), Broken> {
    let rounds = plan.study.rounds;
    if let Some(late) = faults.late_joiners {
        let at = Place("simulation.faults", "late_joiners");
        at.within(late.share, 0.0, 1.0)?;
        at.require(
            (2..=rounds.max(2)).contains(&late.last_round),
            &format!("has last_round = {}, which is no later round of the study", late.last_round),
            &format!("write 2 to {rounds}"),
        )?;
    }
    let Some(leavers) = faults.leavers else { return Ok(()) };
    let at = Place("simulation.faults", "leavers");
    at.within(leavers.share, 0.0, 1.0)?;
    at.require(
        (2..=rounds.max(2)).contains(&leavers.first_round),
        &format!("has first_round = {}, which is no later round of the study", leavers.first_round),
        &format!("write 2 to {rounds}"),
    )
}

fn poison(simulation: &SimulationSection) -> Result<(), Broken> {
    let Some(poison) = simulation.faults.poison else { return Ok(()) };
    let at = Place("simulation.faults", "poison");
    at.require(
        poison.sites <= simulation.population,
        &format!("names {} sites, the population has {}", poison.sites, simulation.population),
        "name fewer",
    )?;
    at.within(poison.attack.strength().unwrap_or(1.0), 0.0, 1e6)
}

/// The name of a virtual site, as it stands in `[strategy.weights]`.
pub(crate) fn site_name(site: u32) -> String {
    format!("site-{site}")
}

/// A table and a key: where a rule looks.
struct Place(&'static str, &'static str);

impl Place {
    fn require(&self, holds: bool, problem: &str, remedy: &str) -> Result<(), Broken> {
        let broken = || Broken { section: self.0, key: self.1, problem: problem.to_owned(), remedy: remedy.to_owned() };
        if holds { Ok(()) } else { Err(broken()) }
    }

    /// NaN is within nothing.
    fn within<T: PartialOrd + Display>(&self, value: T, low: T, high: T) -> Result<(), Broken> {
        let holds = value >= low && value <= high;
        self.require(holds, &format!("{value} is out of range"), &format!("write {low} to {high}"))
    }
}

/// The line of `key` below the header `section`, or of its own header.
fn line_of(text: &str, section: &str, key: &str) -> Option<usize> {
    let mut current = "";
    for (index, line) in text.lines().enumerate() {
        if let Some(name) = header(line) {
            current = name;
            if current.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')) == Some(key) {
                return Some(index + 1);
            }
        }
        if current == section && line.split('=').next().map(str::trim) == Some(key) {
            return Some(index + 1);
        }
    }
    None
}
