//! Discrete noise that sites add before secure aggregation: distributed discrete Gaussian (Kairouz, Liu and Steinke 2021,
//! Theorem 1 and Prop. 14) and Skellam (Agarwal, Kairouz and Liu 2021, Theorem 3.5). Here as in those papers: every site
//! rounds its own contribution at random and nobody is sampled. [`crate::SharedNoise`] is what a study uses.

use super::AccountError;
use super::conversion::{RdpEpsilon, best_epsilon};
use crate::{ClipNorm, Delta};
use std::f64::consts::PI;
use wardround_plan::ShareLaw;

/// A sum of vectors that each site clips, rounds to a grid and noises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DistributedNoise {
    /// Sites whose noise is counted on: the fewest that may survive, less those who may collude.
    pub sites: u32,
    /// Coordinates.
    pub dimension: u64,
    /// L2 norm of one contribution.
    pub clip: ClipNorm,
    /// Standard deviation of each site's noise, in the units of `clip`.
    pub local_stddev: f64,
    /// The grid's spacing.
    pub granularity: f64,
    /// Probability bound of the conditional rounding; e^(-1/2) is usual.
    pub beta: f64,
}

impl DistributedNoise {
    /// L2 norm of one contribution after rounding, in grid units.
    pub fn inflated_l2(&self) -> f64 {
        let clip = self.clip.get() / self.granularity;
        let root = (self.dimension as f64).sqrt();
        let likely = clip * clip + self.dimension as f64 / 4.0 + (-2.0 * self.beta.ln()).sqrt() * (clip + root / 2.0);
        (clip + root).min(likely.sqrt())
    }

    /// τ: how far the sum of discrete Gaussians is from one.
    pub fn tau(&self) -> f64 {
        tau(self.grid_stddev().powi(2), self.sites)
    }

    /// ε(a) of one round, for a whole order from 2.
    pub fn rdp(&self, noise: ShareLaw, order: u32) -> f64 {
        let norms = Norms::of(self.inflated_l2(), self.dimension as f64);
        let variance = f64::from(self.sites) * self.grid_stddev().powi(2);
        match noise {
            ShareLaw::DiscreteGaussian => norms.discrete_gaussian_rdp(variance, self.tau(), f64::from(order)),
            ShareLaw::Skellam => norms.skellam_rdp(variance, f64::from(order)),
        }
    }

    /// Standard deviation of each site's noise, in grid units.
    fn grid_stddev(&self) -> f64 {
        self.local_stddev / self.granularity
    }

    /// ε of so many rounds at δ.
    ///
    /// # Errors
    /// [`AccountError::OutOfRange`] for parameters that no such noise has, or if ε is beyond floating-point numbers.
    pub fn epsilon(&self, noise: ShareLaw, rounds: u64, delta: Delta) -> Result<RdpEpsilon, AccountError> {
        self.check()?;
        let orders: Vec<f64> = (2..=128).chain([256]).map(f64::from).collect();
        best_epsilon(&orders, |order| rounds as f64 * self.rdp(noise, order as u32), delta)
    }

    fn check(&self) -> Result<(), AccountError> {
        let positive = |what, value: f64| match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(AccountError::OutOfRange { what, value, range: "more than 0 and finite" }),
        };
        positive("number of sites", f64::from(self.sites))?;
        positive("dimension", self.dimension as f64)?;
        positive("local standard deviation", self.local_stddev)?;
        positive("granularity", self.granularity)?;
        match self.beta > 0.0 && self.beta < 1.0 {
            true => Ok(()),
            false => {
                Err(AccountError::OutOfRange { what: "rounding bound", value: self.beta, range: "between 0 and 1" })
            }
        }
    }
}

/// How much one contribution changes a sum of integer vectors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Norms {
    l1: f64,
    l2: f64,
    dimension: f64,
}

impl Norms {
    /// From its L2 norm: integers are at least 1 where they are not 0, which bounds the L1 norm by the square.
    pub fn of(l2: f64, dimension: f64) -> Self {
        Self { l1: l2 * dimension.sqrt().min(l2), l2, dimension }
    }

    /// ε(a) under Skellam noise of this variance (Agarwal, Kairouz and Liu 2021, Theorem 3.5), for a whole order from 2.
    pub fn skellam_rdp(&self, variance: f64, order: f64) -> f64 {
        let (l1, square) = (self.l1, self.l2 * self.l2);
        let first = ((2.0 * order - 1.0) * square + 6.0 * l1) / (4.0 * variance * variance);
        order * square / (2.0 * variance) + first.min(3.0 * l1 / (2.0 * variance))
    }

    /// ε(a) under a sum of discrete Gaussians of this variance in all (Kairouz, Liu and Steinke 2021, Prop. 14).
    pub fn discrete_gaussian_rdp(&self, variance: f64, tau: f64, order: f64) -> f64 {
        let (l1, l2, d) = (self.l1 / variance.sqrt(), self.l2 / variance.sqrt(), self.dimension);
        let whole = 0.5 * order * l2 * l2 + tau * d;
        let mixed = 0.5 * order * (l2 * l2 + 2.0 * l1 * tau + tau * tau * d);
        let norm = 0.5 * order * (l2 + d.sqrt() * tau).powi(2);
        whole.min(mixed).min(norm)
    }
}

/// τ of so many discrete Gaussians (Kairouz, Liu and Steinke 2021, Theorem 1): the logarithm of a probability of their sum is
/// within τ of that of one discrete Gaussian.
pub(super) fn tau(local_variance: f64, sites: u32) -> f64 {
    let term = |k: u32| (-2.0 * PI * PI * local_variance * f64::from(k) / f64::from(k + 1)).exp();
    10.0 * (1..sites).map(term).sum::<f64>()
}
