//! `wardround budget sigma`: the least noise that keeps a promise.

use super::charges::{AdjacencyArgument, STEPS_MAX, Segment, in_words};
use super::reading::{Reading, decimals_up, power};
use crate::exit::Failure;
use crate::output::Output;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::process::ExitCode;
use wardround_plan::Accountant;
use wardround_privacy::{Adjacency, Delta, Epsilon, SamplingRate, Target, calibrate_noise, epsilon_pld, epsilon_rdp};

#[derive(Debug, Args)]
pub struct SigmaArguments {
    /// ε that all steps together may cost
    #[arg(long, allow_hyphen_values = true)]
    epsilon: Epsilon,
    /// δ: the chance that the bound may miss
    #[arg(long, allow_hyphen_values = true)]
    delta: Delta,
    /// q: chance of each patient to be in one step, by a coin of her own; 1 is everybody, without sampling
    #[arg(long, allow_hyphen_values = true)]
    sampling_rate: SamplingRate,
    /// T: steps
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=STEPS_MAX))]
    steps: u64,
    /// Which data sets are neighbours
    #[arg(long, value_enum, default_value_t)]
    adjacency: AdjacencyArgument,
    /// What turns noise into ε
    #[arg(long, value_enum, default_value_t)]
    accountant: AccountantArgument,
}

/// What turns noise into ε, on the command line.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum AccountantArgument {
    /// Privacy loss distributions: tight
    #[default]
    Pld,
    /// Rényi divergence: looser, and valid where later steps depend on earlier results
    Rdp,
}

#[derive(Debug, Serialize)]
struct SigmaFigures {
    noise_multiplier: f64,
    epsilon: f64,
    epsilon_target: f64,
    delta: f64,
    sampling_rate: f64,
    steps: u64,
    adjacency: Adjacency,
    accountant: Accountant,
    #[serde(flatten)]
    reading: Reading,
}

pub fn run(arguments: &SigmaArguments, output: Output) -> Result<ExitCode, Failure> {
    let figures = SigmaFigures::of(arguments)?;
    output.show(&figures, || figures.in_words());
    Ok(ExitCode::SUCCESS)
}

impl SigmaFigures {
    fn of(arguments: &SigmaArguments) -> Result<Self, Failure> {
        let &SigmaArguments { epsilon, delta, sampling_rate, steps, .. } = arguments;
        let (adjacency, accountant) = (arguments.adjacency.into(), arguments.accountant.into());
        let target = Target { epsilon, delta, sampling_rate, steps, adjacency, accountant };
        let noise_multiplier = calibrate_noise(&target, &[]).map_err(Failure::failed)?;
        let charges = [Segment { noise_multiplier, sampling_rate, steps }.charge()];
        let achieved = match accountant {
            Accountant::Pld => epsilon_pld(&charges, delta, adjacency).map_err(Failure::failed)?.epsilon,
            Accountant::Rdp => epsilon_rdp(&charges, delta).map_err(Failure::failed)?.epsilon,
        };
        Ok(Self {
            noise_multiplier: noise_multiplier.get(),
            epsilon: achieved.get(),
            epsilon_target: epsilon.get(),
            delta: delta.get(),
            sampling_rate: sampling_rate.get(),
            steps,
            adjacency,
            accountant,
            reading: Reading::of(achieved, delta),
        })
    }

    fn in_words(&self) -> String {
        format!(
            "σ = {}\nε ≤ {} of {} at δ = {}, q = {}, {} steps; neighbours: data {}\n{}",
            self.noise_multiplier,
            decimals_up(self.epsilon),
            self.epsilon_target,
            power(self.delta),
            self.sampling_rate,
            self.steps,
            in_words(self.adjacency),
            self.reading
        )
    }
}

impl From<AccountantArgument> for Accountant {
    fn from(argument: AccountantArgument) -> Self {
        match argument {
            AccountantArgument::Pld => Self::Pld,
            AccountantArgument::Rdp => Self::Rdp,
        }
    }
}
