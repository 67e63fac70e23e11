//! Noise: a sum of clipped contributions is snapped to a grid of integers, and integer noise is added to it.
//!
//! The road of a sum, and the file of each stretch:
//! 1. [`Grid`] rounds the sum to multiples of a power of two, so that what comes out lies on the same grid whatever
//!    the data. The low bits of floating-point noise (Mironov 2012) and the state of the sampler (Holohan and
//!    Braghin 2021) cannot be read from it. What rounding adds to the sensitivity is paid for.
//! 2. `exact` draws discrete Gaussians by integer arithmetic alone (Canonne, Kamath and Steinke 2020); `fast` rounds
//!    continuous ones. Which claims of the accountant hold as theorems and which as assumptions is said there.
//! 3. [`SumNoise`] puts both together, once per logical step.
//!
//! Where no one is to hold a sum without noise, sites add theirs in shares before masking: [`SharedNoise`] has the finer grid
//! and the size of a share, [`LocalShare`] draws it, `skellam` is the law whose sums are of the same law.
//!
//! Random bits come from [`SecretNoise`], which only the operating system can seed, or from [`SimulatedNoise`], which
//! repeats and promises nothing to anybody.

mod exact;
mod fast;
mod grid;
mod share;
pub(crate) mod skellam;
mod source;
mod sum;
#[cfg(test)]
pub(crate) mod testing;

pub use exact::{DiscreteGaussian, distance_to_rounded_gaussian};
pub use fast::RoundedGaussian;
pub use grid::{CONTRIBUTIONS_MAX, Grid};
pub use share::{LocalShare, ShareBlock, SharedNoise};
pub use skellam::Skellam;
pub use source::{EntropyError, NoiseStream, NoiseStreams, SecretNoise, SimulatedNoise};
pub use sum::SumNoise;

/// A sum that cannot be noised. None of these depends on what a patient contributed, as long as contributions were
/// clipped and finite: then only the settings can be at fault.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoiseError {
    /// The sum has more entries than a grid is made for.
    #[error("a sum of {entries} entries is too long for noise; at most {} fit", grid::ENTRIES_MAX)]
    TooLong {
        /// Entries of the sum.
        entries: usize,
    },
    /// No power of two is small enough for the clip norm, or the clip norm is too large.
    #[error("a clip norm of {clip:e} (or the noise for it) has no grid; write one between 1e-200 and 1e200")]
    NoGrid {
        /// The clip norm.
        clip: f64,
    },
    /// The noise is wider than the sampler's integers.
    #[error(
        "noise with a standard deviation of {in_grid_units:e} grid units is wider than this sampler's {largest:e}; \
         lower the noise multiplier"
    )]
    TooWide {
        /// The standard deviation asked for.
        in_grid_units: f64,
        /// The largest there is.
        largest: f64,
    },
    /// A variance that no noise has.
    #[error("{variance} is no variance of noise; write a positive number of squared grid units")]
    NoVariance {
        /// What was asked for.
        variance: f64,
    },
    /// A sum that clipped contributions cannot have: infinite, NaN, or beyond every bound on their norms.
    #[error(
        "entry {index} of the sum is {value:e}, which no sum of clipped contributions can be; nothing was released"
    )]
    NotClipped {
        /// Which entry.
        index: usize,
        /// What it is.
        value: f64,
    },
    /// All 2^64 streams of a key have been used.
    #[error("this source has handed out all its random streams; make a new one")]
    StreamsExhausted,
}
