//! Training steps as people type them, and as an accountant counts them.

use clap::ValueEnum;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use wardround_privacy::{Adjacency, Charge, Mechanism, NoiseMultiplier, SamplingRate};

/// Steps at most: beyond any training, and far below where counting would overflow.
pub const STEPS_MAX: u64 = 1_000_000_000;

/// Steps with the same noise and the same sampling: `SIGMA,Q,STEPS`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Segment {
    pub noise_multiplier: NoiseMultiplier,
    pub sampling_rate: SamplingRate,
    pub steps: u64,
}

/// Which data sets are neighbours, on the command line.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum AdjacencyArgument {
    /// With and without one patient
    #[default]
    #[value(alias = "add_or_remove_one")]
    AddOrRemoveOne,
    /// One patient exchanged for another
    #[value(alias = "replace_one")]
    ReplaceOne,
}

impl Segment {
    /// Everybody in every step is no sampling at all.
    pub fn charge(&self) -> Charge {
        let &Self { noise_multiplier, sampling_rate, steps: times } = self;
        if self.is_unsampled() {
            return Charge { mechanism: Mechanism::Gaussian { noise_multiplier }, times };
        }
        Charge { mechanism: Mechanism::SampledGaussian { noise_multiplier, sampling_rate }, times }
    }

    /// True where every patient is in every step.
    pub fn is_unsampled(&self) -> bool {
        self.sampling_rate.get() == 1.0
    }
}

impl FromStr for Segment {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let [noise_multiplier, sampling_rate, steps] = parts[..] else {
            return Err("write noise multiplier, sampling rate and steps, for example 1.2,0.01,2000".into());
        };
        let steps: u64 = steps.parse().map_err(|_| format!("`{steps}` is no number of steps"))?;
        if steps > STEPS_MAX {
            return Err(format!("{steps} steps are more than the {STEPS_MAX} that can be counted"));
        }
        Ok(Self { noise_multiplier: noise_multiplier.parse()?, sampling_rate: sampling_rate.parse()?, steps })
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { noise_multiplier, sampling_rate, steps } = self;
        write!(f, "σ = {noise_multiplier}, q = {sampling_rate}, {steps} steps")
    }
}

impl From<AdjacencyArgument> for Adjacency {
    fn from(argument: AdjacencyArgument) -> Self {
        match argument {
            AdjacencyArgument::AddOrRemoveOne => Self::AddOrRemoveOne,
            AdjacencyArgument::ReplaceOne => Self::ReplaceOne,
        }
    }
}

/// The neighbours in words.
pub fn in_words(adjacency: Adjacency) -> &'static str {
    match adjacency {
        Adjacency::AddOrRemoveOne => "with and without one patient",
        Adjacency::ReplaceOne => "with one patient exchanged for another",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_three_numbers_in_their_ranges() {
        let segment: Segment = "1.2, 0.01, 2000".parse().expect("good");
        assert_eq!((segment.noise_multiplier.get(), segment.sampling_rate.get(), segment.steps), (1.2, 0.01, 2000));
        for bad in
            ["", "1.2,0.01", "1,1,1,1", "0,0.1,1", "1,1.5,1", "1,0.1,-1", "1,0.1,2e3", "nan,0.1,1", "1,0.1,1000000001"]
        {
            assert!(bad.parse::<Segment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn everybody_in_every_step_is_not_sampled() {
        let charge = |text: &str| text.parse::<Segment>().expect("good").charge().mechanism;
        assert!(matches!(charge("1,1,1"), Mechanism::Gaussian { .. }));
        assert!(matches!(charge("1,0.999,1"), Mechanism::SampledGaussian { .. }));
    }
}
