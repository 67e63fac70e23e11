//! Discrete noise that sites add before secure aggregation: distributed discrete Gaussian (Kairouz, Liu and Steinke 2021,
//! Theorem 1 and Prop. 14) and Skellam (Agarwal, Kairouz and Liu 2021, Theorem 3.5).

use super::AccountError;
use super::conversion::{RdpEpsilon, best_epsilon};
use crate::{ClipNorm, Delta};
use std::f64::consts::PI;

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

/// How each site draws its noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalNoise {
    /// Discrete Gaussian: sums of it are only nearly so.
    DiscreteGaussian,
    /// Skellam: sums of it are again.
    Skellam,
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
        let variance = self.grid_stddev().powi(2);
        let term = |k: u32| (-2.0 * PI * PI * variance * f64::from(k) / f64::from(k + 1)).exp();
        10.0 * (1..self.sites).map(term).sum::<f64>()
    }

    /// ε(a) of one round, for a whole order from 2.
    pub fn rdp(&self, noise: LocalNoise, order: u32) -> f64 {
        let a = f64::from(order);
        let l2 = self.inflated_l2();
        let l1 = l2 * (self.dimension as f64).sqrt().min(l2);
        match noise {
            LocalNoise::DiscreteGaussian => self.discrete_gaussian(a, l1, l2),
            LocalNoise::Skellam => {
                let variance = f64::from(self.sites) * self.grid_stddev().powi(2);
                let first = ((2.0 * a - 1.0) * l2 * l2 + 6.0 * l1) / (4.0 * variance * variance);
                a * l2 * l2 / (2.0 * variance) + first.min(3.0 * l1 / (2.0 * variance))
            }
        }
    }

    /// Standard deviation of each site's noise, in grid units.
    fn grid_stddev(&self) -> f64 {
        self.local_stddev / self.granularity
    }

    fn discrete_gaussian(&self, a: f64, l1: f64, l2: f64) -> f64 {
        let total = f64::from(self.sites).sqrt() * self.grid_stddev();
        let (l1, l2, tau, d) = (l1 / total, l2 / total, self.tau(), self.dimension as f64);
        let whole = 0.5 * a * l2 * l2 + tau * d;
        let mixed = 0.5 * a * (l2 * l2 + 2.0 * l1 * tau + tau * tau * d);
        let norm = 0.5 * a * (l2 + d.sqrt() * tau).powi(2);
        whole.min(mixed).min(norm)
    }

    /// ε of so many rounds at δ.
    ///
    /// # Errors
    /// [`AccountError::OutOfRange`] for parameters that no such noise has, or if ε is beyond floating-point numbers.
    pub fn epsilon(&self, noise: LocalNoise, rounds: u64, delta: Delta) -> Result<RdpEpsilon, AccountError> {
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
