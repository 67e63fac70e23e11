//! What noise does to learning, before anything is spent: a forecast from public numbers alone.
//!
//! The signal of a step is the mean of clipped gradients, at most C long. The noise on it has a standard deviation of σC/B in
//! each of d numbers (B the expected batch), so it is about σC√d/B long, and √K times shorter in the mean of K sites. Over T
//! steps the noise grows by √T and a steady signal by T. Where the promise of learning lies between these is a rule of thumb,
//! set by hand from what is published (De et al. 2022; Ziller et al. 2021) and no more than that.

use crate::NoiseMultiplier;
use std::fmt;

/// A training as noise sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoisyRun {
    /// σ
    pub noise_multiplier: NoiseMultiplier,
    /// B: the number by which noisy sums are divided.
    pub expected_batch: u32,
    /// d: weights that are trained.
    pub weights: u64,
    /// T: steps of each site.
    pub steps: u64,
    /// K: sites whose updates are averaged.
    pub sites: u32,
    /// m: honest sites that the noise is counted from, where all share it; `None` where each site adds all of it.
    pub shared_by: Option<u32>,
}

/// What to expect of a run. A rule of thumb, not a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlook {
    /// Noise is small beside what is learned.
    LittleLost,
    /// Learning from scratch works and loses.
    ClearLoss,
    /// Only a few weights on top of a public start can be learned.
    FewWeights,
    /// The noise drowns everything.
    Hopeless,
}

impl NoisyRun {
    /// σ/B: standard deviation of the noise on each number of the mean gradient, in clip norms.
    pub fn noise_per_number(&self) -> f64 {
        self.noise_multiplier.get() / f64::from(self.expected_batch.max(1))
    }

    /// σ√d/(B√K): length of one step's noise over the largest length of its signal, in the mean of all sites; √m times shorter where
    /// they share it: K shares of 1/m.
    pub fn noise_over_signal(&self) -> f64 {
        let sites = f64::from(self.sites.max(1)) * f64::from(self.shared_by.unwrap_or(1).max(1));
        self.noise_per_number() * (self.weights as f64).sqrt() / sites.sqrt()
    }

    /// The same for the sum of all steps, if the signal is steady.
    pub fn noise_over_signal_in_all(&self) -> f64 {
        self.noise_over_signal() / (self.steps.max(1) as f64).sqrt()
    }

    /// What to expect.
    pub fn outlook(&self) -> Outlook {
        match self.noise_over_signal_in_all() {
            ratio if ratio <= LITTLE_LOST_MAX => Outlook::LittleLost,
            ratio if ratio <= CLEAR_LOSS_MAX => Outlook::ClearLoss,
            ratio if ratio <= FEW_WEIGHTS_MAX => Outlook::FewWeights,
            _ => Outlook::Hopeless,
        }
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LittleLost => "little is lost to noise",
            Self::ClearLoss => "learns from scratch with a clear loss",
            Self::FewWeights => "needs a public start and few trained weights",
            Self::Hopeless => "drowns in noise",
        })
    }
}

const LITTLE_LOST_MAX: f64 = 0.03;
const CLEAR_LOSS_MAX: f64 = 0.3;
const FEW_WEIGHTS_MAX: f64 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(noise_multiplier: f64, expected_batch: u32, steps: u64) -> NoisyRun {
        let noise_multiplier = NoiseMultiplier::new(noise_multiplier).expect("in range");
        NoisyRun { noise_multiplier, expected_batch, weights: 480_000, steps, sites: 1, shared_by: None }
    }

    #[test]
    fn a_small_hospital_with_a_strict_promise_drowns() {
        // 500 patients, batches of 50, 30 epochs: σ = 5.33 for ε = 1.
        let small = run(5.33, 50, 300);
        assert!((small.noise_per_number() - 0.1066).abs() < 1e-12);
        assert_eq!(small.outlook(), Outlook::Hopeless);
    }

    #[test]
    fn more_patients_weaker_promises_fewer_weights_and_more_sites_help() {
        let (small, large) = (run(1.22, 200, 300), run(0.77, 1024, 977));
        assert_eq!((small.outlook(), large.outlook()), (Outlook::ClearLoss, Outlook::LittleLost));
        let few = NoisyRun { weights: 10_000, ..run(5.33, 50, 300) };
        assert!(few.outlook() < run(5.33, 50, 300).outlook());
        let four = NoisyRun { sites: 4, ..small };
        let shared = NoisyRun { shared_by: Some(4), ..four };
        assert!(
            (shared.noise_over_signal() * 2.0 - four.noise_over_signal()).abs() < 1e-12,
            "half of it in four shares"
        );
        assert!((four.noise_over_signal() * 2.0 - small.noise_over_signal()).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_divide_by_is_no_panic() {
        let empty =
            NoisyRun { weights: 0, steps: 0, sites: 0, shared_by: Some(0), expected_batch: 0, ..run(1.0, 1, 1) };
        assert_eq!((empty.noise_over_signal_in_all(), empty.outlook()), (0.0, Outlook::LittleLost));
    }
}
