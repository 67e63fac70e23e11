//! Poisson sampling with a cap on the batch, where patients above it are dropped at random: as Google's dp-accounting does.
//! A full batch lets a patient push out another, which moves the sum by two.

use super::charges::merged;
use super::pld::Composition;
use super::step::{Side, Step};
use super::{AccountError, PldEpsilon};
use crate::{Adjacency, Charge, Delta, Mechanism, NoiseMultiplier, SamplingRate};

/// Steps of Poisson sampling with at most `batch_max` patients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruncatedPoisson {
    /// σ
    pub noise: NoiseMultiplier,
    /// q
    pub sampling_rate: SamplingRate,
    /// Patients.
    pub patients: u64,
    /// Patients in a batch, at most.
    pub batch_max: u64,
    /// Steps.
    pub steps: u64,
}

impl TruncatedPoisson {
    /// ε at δ for adding or removing a patient.
    ///
    /// # Errors
    /// [`AccountError`] where no finite bound can be given.
    pub fn epsilon(&self, delta: Delta) -> Result<PldEpsilon, AccountError> {
        if self.batch_max == 0 || self.patients == 0 {
            let range = "at least 1";
            return Err(AccountError::OutOfRange { what: "largest batch", value: self.batch_max as f64, range });
        }
        let free = self.charge(self.noise.get(), self.sampling_rate)?;
        let rate = self.sampling_rate.get();
        let full = binomial_at_least(self.patients - 1, rate, self.batch_max);
        if full == 0.0 {
            return super::epsilon_pld(&[free], delta, Adjacency::AddOrRemoveOne);
        }
        let in_full = binomial_at_least(self.patients, rate, self.batch_max + 1) * self.batch_max as f64;
        let in_full = SamplingRate::new((in_full / full / self.patients as f64).min(1.0));
        let pushing = self.charge(0.5 * self.noise.get(), in_full.unwrap_or(self.sampling_rate))?;
        merged(&[free])?;
        let cut = delta.get() * super::pld::CUT;
        let tail = cut / (self.steps.max(1) as f64);
        let side = |side| {
            let free = Step::of(free.mechanism, Adjacency::AddOrRemoveOne, side, tail)?;
            let pushing = Step::of(pushing.mechanism, Adjacency::ReplaceOne, side, tail)?;
            Ok(vec![(pushing.mixed(full, free), self.steps)])
        };
        if self.steps == 0 {
            return super::epsilon_pld(&[], delta, Adjacency::AddOrRemoveOne);
        }
        Composition::from_sides(vec![side(Side::With)?, side(Side::Without)?], cut).refined(delta)
    }

    fn charge(&self, sigma: f64, sampling_rate: SamplingRate) -> Result<Charge, AccountError> {
        let range = "more than 0 and finite";
        let noise_multiplier = NoiseMultiplier::new(sigma).map_err(|_| AccountError::OutOfRange {
            what: "noise multiplier",
            value: sigma,
            range,
        })?;
        Ok(Charge { mechanism: Mechanism::SampledGaussian { noise_multiplier, sampling_rate }, times: self.steps })
    }
}

/// P[Bin(n, q) >= k], summed from k up.
fn binomial_at_least(n: u64, rate: f64, k: u64) -> f64 {
    let (n, first) = (n as f64, k as f64);
    if first > n {
        return 0.0;
    }
    if first <= n * rate {
        // Below the mean the other tail is the short one.
        return 1.0 - binomial_tail(n, 1.0 - rate, n - first + 1.0);
    }
    binomial_tail(n, rate, first)
}

fn binomial_tail(n: f64, rate: f64, first: f64) -> f64 {
    if first > n {
        return 0.0;
    }
    let log_choose = libm::lgamma(n + 1.0) - libm::lgamma(first + 1.0) - libm::lgamma(n - first + 1.0);
    let mut term = (log_choose + first * rate.ln() + (n - first) * (-rate).ln_1p()).exp();
    let (mut k, mut sum) = (first, 0.0);
    while k <= n && term > sum * f64::EPSILON * 1e-3 {
        sum += term;
        term *= (n - k) / (k + 1.0) * (rate / (1.0 - rate));
        k += 1.0;
    }
    sum.min(1.0)
}
