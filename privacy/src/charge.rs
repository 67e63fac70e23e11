//! Charges: what a release costs, as the mechanisms that made it. An accountant turns a list of charges into ε and δ.
//!
//! Every scale and sensitivity is over what one patient's *presence* changes. Under [`Adjacency::ReplaceOne`] the accountants
//! count the patient who leaves and the one who comes; mechanisms never double for it.

use crate::{LaplaceScale, NoiseMultiplier, SamplingRate};
use serde::{Deserialize, Serialize};

/// A mechanism whose privacy loss is known exactly. One patient's contribution is the unit of every scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Mechanism {
    /// Gaussian noise on something every patient is in.
    Gaussian {
        /// σ
        noise_multiplier: NoiseMultiplier,
    },
    /// Gaussian noise on a sum over a Poisson sample of the patients.
    SampledGaussian {
        /// σ
        noise_multiplier: NoiseMultiplier,
        /// q
        sampling_rate: SamplingRate,
    },
    /// Laplace noise on something every patient is in.
    Laplace {
        /// Scale over the L1 sensitivity.
        scale: LaplaceScale,
    },
    /// Laplace noise on a sum over a Poisson sample of the patients.
    SampledLaplace {
        /// Scale over the L1 sensitivity.
        scale: LaplaceScale,
        /// q
        sampling_rate: SamplingRate,
    },
    /// Discrete Gaussian noise on integers (Canonne, Kamath and Steinke 2020); patients change them by `sensitivity`.
    DiscreteGaussian {
        /// The parameter σ, in integer units.
        sigma: NoiseMultiplier,
        /// Largest change by one patient, in integer units.
        sensitivity: u32,
    },
    /// Discrete Laplace noise on integers, P(x) ∝ exp(-|x| / scale); patients change them by `sensitivity` in L1.
    DiscreteLaplace {
        /// The scale, in integer units.
        scale: LaplaceScale,
        /// Largest change by one patient, in integer units.
        sensitivity: u32,
    },
}

/// A mechanism, used a number of times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// What was run.
    pub mechanism: Mechanism,
    /// How often.
    pub times: u64,
}

/// Which data sets count as neighbours: what is hidden about one patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adjacency {
    /// Whether she is in the data at all.
    #[default]
    AddOrRemoveOne,
    /// Which of two people is in the data; about twice the ε for the same noise.
    ReplaceOne,
}
