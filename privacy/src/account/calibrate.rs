//! The noise for a budget: the smallest noise multiplier with which everything stays within (ε, δ).

use super::charges::merged;
use super::{AccountError, epsilon_pld, epsilon_rdp, gaussian};
use crate::{Adjacency, Charge, Delta, Epsilon, Mechanism, NoiseMultiplier, SamplingRate};
use wardround_plan::Accountant;

/// What training may cost, and what it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// ε of everything.
    pub epsilon: Epsilon,
    /// δ of everything.
    pub delta: Delta,
    /// q of each step.
    pub sampling_rate: SamplingRate,
    /// Steps of training.
    pub steps: u64,
    /// Which data sets are neighbours.
    pub adjacency: Adjacency,
    /// What turns noise into ε.
    pub accountant: Accountant,
}

/// The smallest noise multiplier, to 0.1 % and on the safe side, such that all steps together with `others` stay within the
/// target.
///
/// # Errors
/// [`AccountError::OthersExceed`] if `others` alone cost more, [`AccountError::NoNoiseIsEnough`] if no noise helps.
pub fn calibrate_noise(target: &Target, others: &[Charge]) -> Result<NoiseMultiplier, AccountError> {
    let alone = target.cost(others)?;
    if alone > target.epsilon {
        return Err(AccountError::OthersExceed { others: alone, target: target.epsilon, delta: target.delta });
    }
    let others = merged(others)?;
    let mut bracket = target.bracket(&others)?;
    while bracket.high > bracket.low * (1.0 + NARROW) {
        bracket.narrow(target, &others)?;
    }
    NoiseMultiplier::new(bracket.high).map_err(|_| target.hopeless())
}

/// Noise multipliers of which the lower costs too much and the higher does not.
#[derive(Debug, Clone, Copy)]
struct Bracket {
    low: f64,
    high: f64,
    /// ln of the ε at each end over the target's.
    low_excess: f64,
    high_excess: f64,
}

impl Bracket {
    /// Regula falsi in logarithms, where ε is nearly a straight line; aimed a little beside the root, so that it closes in
    /// from both ends.
    fn narrow(&mut self, target: &Target, others: &[Charge]) -> Result<(), AccountError> {
        let (low, high) = (self.low.ln(), self.high.ln());
        let root = low + (high - low) * self.low_excess / (self.low_excess - self.high_excess);
        let safe = if root.is_finite() { root } else { 0.5 * (low + high) };
        let margin = (0.5 * NARROW * ASIDE).max(0.02 * (high - low));
        let near_high = high - safe < safe - low;
        let aside = if near_high { safe - margin } else { safe + margin };
        let middle = aside.clamp(low + 0.02 * (high - low), high - 0.02 * (high - low));
        let excess = target.excess(middle.exp(), others)?;
        if excess > 0.0 {
            (self.low, self.low_excess) = (middle.exp(), excess);
        } else {
            (self.high, self.high_excess) = (middle.exp(), excess);
        }
        Ok(())
    }
}

impl Target {
    fn cost(&self, charges: &[Charge]) -> Result<Epsilon, AccountError> {
        match (self.accountant, self.adjacency) {
            (Accountant::Pld, adjacency) => Ok(epsilon_pld(charges, self.delta, adjacency)?.epsilon),
            (Accountant::Rdp, Adjacency::AddOrRemoveOne) => Ok(epsilon_rdp(charges, self.delta)?.epsilon),
            (Accountant::Rdp, Adjacency::ReplaceOne) => Err(AccountError::ReplaceOneByRdp),
        }
    }

    /// ln of what everything costs with this noise, over the target; positive where it is too much.
    fn excess(&self, noise: f64, others: &[Charge]) -> Result<f64, AccountError> {
        let noise_multiplier = NoiseMultiplier::new(noise).map_err(|_| self.hopeless())?;
        let mechanism = Mechanism::SampledGaussian { noise_multiplier, sampling_rate: self.sampling_rate };
        let mut charges = vec![Charge { mechanism, times: self.steps }];
        charges.extend_from_slice(others);
        match self.cost(&charges) {
            Ok(epsilon) => Ok((epsilon.get().max(TINY) / self.epsilon.get().max(TINY)).ln()),
            // With too little noise there may be no finite ε at all.
            Err(AccountError::DeltaTooSmall { .. } | AccountError::NoiseTooNarrow { .. }) => Ok(HUGE),
            Err(error) => Err(error),
        }
    }

    fn bracket(&self, others: &[Charge]) -> Result<Bracket, AccountError> {
        let guess = self.guess().clamp(NOISE_MIN, NOISE_MAX);
        let excess = self.excess(guess, others)?;
        let mut ends = Bracket { low: guess, high: guess, low_excess: excess, high_excess: excess };
        let mut factor = 1.0 + FIRST_STEP;
        while ends.high_excess > 0.0 {
            if ends.high >= NOISE_MAX {
                return Err(self.hopeless());
            }
            (ends.low, ends.low_excess) = (ends.high, ends.high_excess);
            ends.high = (ends.high * factor).min(NOISE_MAX);
            ends.high_excess = self.excess(ends.high, others)?;
            factor *= factor;
        }
        while ends.low_excess <= 0.0 && ends.low > NOISE_MIN {
            (ends.high, ends.high_excess) = (ends.low, ends.low_excess);
            ends.low = (ends.low / factor).max(NOISE_MIN);
            ends.low_excess = self.excess(ends.low, others)?;
            factor *= factor;
        }
        if ends.low_excess <= 0.0 {
            ends.high = ends.low;
        }
        Ok(ends)
    }

    /// From the central limit theorem, which is near and may be wrong on either side: only a place to start.
    fn guess(&self) -> f64 {
        let noise_of_one = gaussian::gaussian_noise(self.epsilon, self.delta, 1).map_or(1.0, NoiseMultiplier::get);
        let share = 1.0 / (noise_of_one * self.sampling_rate.get() * (self.steps.max(1) as f64).sqrt());
        (share * share).ln_1p().sqrt().recip()
    }

    fn hopeless(&self) -> AccountError {
        AccountError::NoNoiseIsEnough { noise: NOISE_MAX, target: self.epsilon, delta: self.delta }
    }
}

/// Noise multipliers that are tried.
const NOISE_MIN: f64 = 1e-3;
const NOISE_MAX: f64 = 1e6;

/// The bracket that is narrow enough.
const NARROW: f64 = 8e-4;

/// How far beside the expected root to look, as a share of half of [`NARROW`].
const ASIDE: f64 = 0.6;

/// The first step away from the guess.
const FIRST_STEP: f64 = 0.02;

/// ε below this counts as this, so that logarithms stay finite.
const TINY: f64 = 1e-12;

/// Stands for an ε without bound.
const HUGE: f64 = 50.0;
