//! Why an accountant gives no number.

use crate::{Delta, Epsilon};

/// No bound can be given; the text says what to change.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum AccountError {
    /// Too many different mechanisms.
    #[error("more than {max} different mechanisms cannot be composed; use fewer noise multipliers and sampling rates")]
    TooManyMechanisms {
        /// How many there may be.
        max: usize,
    },
    /// Too many uses of mechanisms.
    #[error("{given:e} uses of mechanisms are more than the {max:e} that can be composed; use fewer steps")]
    TooManySteps {
        /// How many there are.
        given: f64,
        /// How many there may be.
        max: f64,
    },
    /// Discrete noise whose support is too large to be listed.
    #[error("discrete noise of scale {scale:e} has more than {max} values that matter; use a coarser unit")]
    NoiseTooWide {
        /// Its scale, in integer units.
        scale: f64,
        /// How many values there may be.
        max: usize,
    },
    /// Tails that had to be cut weigh more than δ.
    #[error(
        "no finite epsilon at delta {delta:e}: tails of {tails:e} cannot be bounded; use a larger delta or fewer steps"
    )]
    DeltaTooSmall {
        /// δ asked for.
        delta: f64,
        /// Mass without bound.
        tails: f64,
    },
    /// RDP knows only one adjacency here.
    #[error("the RDP accountant bounds adding or removing a patient only; use `accountant = \"pld\"` for replace_one")]
    ReplaceOneByRdp,
    /// The budget is spent before training begins.
    #[error(
        "the other charges alone cost epsilon {others} of {target} at delta {delta}; raise epsilon or release less"
    )]
    OthersExceed {
        /// ε of the other charges.
        others: Epsilon,
        /// ε that everything may cost.
        target: Epsilon,
        /// δ that everything may cost.
        delta: Delta,
    },
    /// Noise so narrow that every outcome tells who took part.
    #[error("noise of {scale:e} times a patient's contribution hides nobody; write at least {min:e}")]
    NoiseTooNarrow {
        /// σ, or the Laplace scale.
        scale: f64,
        /// The least that has an ε worth computing.
        min: f64,
    },
    /// No noise is enough.
    #[error(
        "even noise multiplier {noise:e} costs more than epsilon {target} at delta {delta}; use fewer steps, a smaller sampling rate or a larger epsilon"
    )]
    NoNoiseIsEnough {
        /// The largest that was tried.
        noise: f64,
        /// ε that everything may cost.
        target: Epsilon,
        /// δ that everything may cost.
        delta: Delta,
    },
    /// A parameter that no mechanism can have.
    #[error("{value} is no {what}; write {range}")]
    OutOfRange {
        /// What it should be.
        what: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
}
