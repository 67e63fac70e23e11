//! Repeat and select: the best of a random number of runs (Papernot and Steinke 2022).

use super::AccountError;
use super::charges::merged;
use super::conversion::{RdpEpsilon, best_epsilon, log_delta_at, orders};
use super::rdp::rdp_of_all;
use crate::{Charge, Delta};

/// How many runs there are, at random; only the best is released.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Repetitions {
    /// Truncated negative binomial with shape η >= 0: 1 is geometric, 0 logarithmic (Theorem 2).
    NegativeBinomial {
        /// E\[K\], at least 1.
        mean_runs: f64,
        /// η
        shape: f64,
    },
    /// Poisson (Theorem 6).
    Poisson {
        /// E\[K\], at least 1.
        mean_runs: f64,
    },
}

impl Repetitions {
    /// ε at δ of the best of all runs, each of which costs `run`.
    ///
    /// # Errors
    /// [`AccountError::OutOfRange`] for parameters that no such distribution has, and as the RDP accountant.
    pub fn epsilon(&self, run: &[Charge], delta: Delta) -> Result<RdpEpsilon, AccountError> {
        self.check()?;
        let (run, orders) = (merged(run)?, orders());
        let curve: Vec<(f64, f64)> = orders.iter().map(|order| (*order, rdp_of_all(&run, *order))).collect();
        match *self {
            Self::NegativeBinomial { mean_runs, shape } => {
                let gamma = gamma(mean_runs, shape);
                let at_other = curve.iter().map(|(order, rdp)| (1.0 - 1.0 / order) * rdp - gamma.ln() / order);
                let fixed = (1.0 + shape) * at_other.fold(f64::INFINITY, f64::min);
                best_epsilon(&orders, |order| rdp_of_all(&run, order) + mean_runs.ln() / (order - 1.0) + fixed, delta)
            }
            Self::Poisson { mean_runs } => {
                let delta_at = |order: f64| {
                    let epsilon = (1.0 / (order - 1.0)).ln_1p();
                    curve.iter().map(|(order, rdp)| log_delta_at(*order, *rdp, epsilon)).fold(0.0, f64::min).exp()
                };
                let rdp =
                    |order| rdp_of_all(&run, order) + mean_runs * delta_at(order) + mean_runs.ln() / (order - 1.0);
                best_epsilon(&orders, rdp, delta)
            }
        }
    }

    fn check(&self) -> Result<(), AccountError> {
        let (mean, shape) = match *self {
            Self::NegativeBinomial { mean_runs, shape } => (mean_runs, shape),
            Self::Poisson { mean_runs } => (mean_runs, 0.0),
        };
        if !(mean >= 1.0 && mean.is_finite()) {
            return Err(AccountError::OutOfRange { what: "mean number of runs", value: mean, range: "at least 1" });
        }
        if !(shape >= 0.0 && shape.is_finite()) {
            return Err(AccountError::OutOfRange { what: "shape of the runs", value: shape, range: "a number from 0" });
        }
        Ok(())
    }
}

/// γ of the truncated negative binomial with this mean, rounded down: less costs more.
fn gamma(mean: f64, shape: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0_f64.min(2.0 * (shape + 1.0) / mean));
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if mean_of(middle, shape) < mean { high = middle } else { low = middle }
    }
    low.max(f64::MIN_POSITIVE)
}

/// E[K] = η (1/γ - 1) / (1 - γ^η), whose limit at η = 0 is (1/γ - 1) / ln(1/γ).
fn mean_of(gamma: f64, shape: f64) -> f64 {
    let log = gamma.ln();
    if log == 0.0 {
        return 1.0;
    }
    let spread = -(-log).exp_m1();
    let power = (shape * log).exp_m1();
    if power.abs() < f64::EPSILON { spread / log } else { shape * spread / power }
}

/// Halvings of an interval below 1: to the last place.
const BISECTIONS: u32 = 80;
