//! Tree aggregation over one epoch (Kairouz et al. 2021, appendix D): every patient is in one leaf, and so in one node of each
//! level.

use super::AccountError;
use super::conversion::{RdpEpsilon, best_epsilon, orders};
use crate::{Delta, NoiseMultiplier};

/// Prefix sums released from a tree with Gaussian noise in every node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TreeAggregation {
    /// Noise in each node.
    pub noise: NoiseMultiplier,
    /// Steps, each a leaf; every patient is in one of them.
    pub steps: u64,
}

impl TreeAggregation {
    /// ε(a)
    pub fn rdp(&self, order: f64) -> f64 {
        let levels = ((self.steps as f64) + 1.0).log2().ceil();
        order * levels / (2.0 * self.noise.get().powi(2))
    }

    /// ε at δ, for a patient replaced by nothing.
    ///
    /// # Errors
    /// [`AccountError::OutOfRange`] if ε is beyond floating-point numbers.
    pub fn epsilon(&self, delta: Delta) -> Result<RdpEpsilon, AccountError> {
        best_epsilon(&orders(), |order| self.rdp(order), delta)
    }
}
