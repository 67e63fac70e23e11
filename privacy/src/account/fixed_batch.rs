//! Batches of a fixed size, drawn without replacement, replacing one patient: Wang, Balle and Kasiviswanathan 2019, Theorem
//! 27 of arXiv 1808.00087v1. Costs several times what Poisson sampling does at the same noise: no default here.

use super::AccountError;
use super::conversion::{RdpEpsilon, best_epsilon, orders};
use super::quadrature::{Interval, SIX};
use super::rdp::interpolated;
use super::special::{log_add, log_expm1, normal_density};
use crate::{Delta, NoiseMultiplier};

/// Steps with batches of a fixed size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedBatch {
    /// Standard deviation over the sensitivity of replacing one patient, which is twice the clip norm.
    pub noise: NoiseMultiplier,
    /// Patients.
    pub patients: u64,
    /// Patients in each batch.
    pub batch: u64,
    /// Steps.
    pub steps: u64,
}

impl FixedBatch {
    /// ε at δ.
    ///
    /// # Errors
    /// [`AccountError::OutOfRange`] if the batch is empty or larger than the data, or ε is beyond floating-point numbers.
    pub fn epsilon(&self, delta: Delta) -> Result<RdpEpsilon, AccountError> {
        if self.batch == 0 || self.batch > self.patients {
            let range = "from 1 to the number of patients";
            return Err(AccountError::OutOfRange { what: "batch", value: self.batch as f64, range });
        }
        let step = Step { sigma: self.noise.get(), rate: self.batch as f64 / self.patients as f64 };
        let at_whole = step.rdp_at_whole_orders();
        let at = |whole: f64| at_whole(whole as usize);
        best_epsilon(&orders(), |order| self.steps as f64 * interpolated_or_whole(order, at), delta)
    }
}

fn interpolated_or_whole(order: f64, at_whole: impl Fn(f64) -> f64) -> f64 {
    if order == order.trunc() { at_whole(order) } else { interpolated(order, at_whole) }
}

struct Step {
    sigma: f64,
    rate: f64,
}

impl Step {
    /// ε(a) at whole orders, with the differences that all of them share.
    fn rdp_at_whole_orders(&self) -> impl Fn(usize) -> f64 {
        let differences: Vec<f64> =
            (0..=DIFFERENCES_MAX).map(|half| if half == 0 { 0.0 } else { self.log_difference(2 * half) }).collect();
        let (sigma, rate) = (self.sigma, self.rate);
        move |order| Self { sigma, rate }.rdp(order, &differences)
    }

    fn rdp(&self, order: usize, differences: &[f64]) -> f64 {
        let a = order as f64;
        if self.rate == 1.0 {
            return a / (2.0 * self.sigma.powi(2));
        }
        let renyi = |j: f64| j / (2.0 * self.sigma.powi(2));
        let mut log_choose = a.ln();
        let mut sum = 0.0;
        for j in 2..=order {
            let k = j as f64;
            log_choose += ((a - k + 1.0) / k).ln();
            let plain = 2.0_f64.ln() + (k - 1.0) * renyi(k);
            let tight = match j {
                2 => 4.0_f64.ln() + log_expm1(renyi(2.0)),
                _ if j.div_ceil(2) < differences.len() => {
                    4.0_f64.ln() + 0.5 * (differences[j / 2] + differences[j.div_ceil(2)])
                }
                _ => f64::INFINITY,
            };
            sum = log_add(sum, k * self.rate.ln() + log_choose + plain.min(tight));
        }
        sum / (a - 1.0)
    }

    /// ln E[(P/Q - 1)^l] for even l: a forward difference of e^((j-1) ε(j)), as an integral without cancellation.
    fn log_difference(&self, power: usize) -> f64 {
        let (sigma, power) = (self.sigma, power as f64);
        let interval = Interval { from: -13.0 * sigma, to: power + 13.0 * sigma };
        let fineness = (0.25 * sigma).min(0.25 * sigma * sigma).max((interval.to - interval.from) / PARTS_MAX);
        let mut sum = f64::NEG_INFINITY;
        for part in interval.parts(fineness) {
            for (x, weight) in part.nodes(SIX) {
                let r = (x - 0.5) / (sigma * sigma);
                let log_distance = if r > 0.0 { log_expm1(r) } else { (-r.exp_m1()).ln() };
                let log_mass = -0.5 * (x / sigma).powi(2) + (weight * normal_density(0.0) / sigma).ln();
                sum = log_add(sum, log_mass + power * log_distance);
            }
        }
        // What the quadrature may have missed.
        sum + 1e-9
    }
}

/// Half of the highest difference that is integrated; above, the plain bound is used.
const DIFFERENCES_MAX: usize = 32;

/// Parts of an integral.
const PARTS_MAX: f64 = 20_000.0;
