//! What ε and δ mean for a person, in plain figures (NIST SP 800-226, section 2; Kairouz, Oh and Viswanath 2015 for the
//! trade-off of errors).

use super::Profile;
use super::zcdp::golden_minimum;
use crate::{Delta, Epsilon};

/// Bounds on what anyone can learn about whether a patient is in the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// How much likelier she can seem to be in the data, at most, as odds; infinite beyond floating-point numbers.
    pub odds_factor: f64,
    /// How much more often than by tossing a coin an attack can be right, at most: true less false positives.
    pub attack_advantage: f64,
    /// Share of patients found by an attack that accuses 1 % of the others, at most.
    pub tpr_at_fpr_1pct: f64,
    /// The same for an attack that accuses 0.1 % of the others.
    pub tpr_at_fpr_01pct: f64,
}

/// What one point (ε, δ) says.
pub fn reading(epsilon: Epsilon, delta: Delta) -> Reading {
    let (epsilon, delta) = (epsilon.get(), delta.get());
    Reading {
        odds_factor: epsilon.exp(),
        // (e^ε - 1 + 2δ)/(e^ε + 1), without overflow.
        attack_advantage: ((0.5 * epsilon).tanh() + 2.0 * delta / (epsilon.exp() + 1.0)).min(1.0),
        tpr_at_fpr_1pct: true_positives(epsilon, delta, 0.01),
        tpr_at_fpr_01pct: true_positives(epsilon, delta, 0.001),
    }
}

impl Profile {
    /// What the whole profile says: tighter than any one point of it. The odds factor is that at `delta`.
    ///
    /// # Errors
    /// As [`Profile::epsilon`].
    pub fn reading(&self, delta: Delta) -> Result<Reading, super::AccountError> {
        let epsilon = self.epsilon(delta)?;
        let point = reading(epsilon, delta);
        let none = Epsilon::new(0.0).map_or(1.0, |none| self.delta(none));
        Ok(Reading {
            odds_factor: point.odds_factor,
            attack_advantage: none.min(point.attack_advantage),
            tpr_at_fpr_1pct: self.true_positives(epsilon, 0.01).min(point.tpr_at_fpr_1pct),
            tpr_at_fpr_01pct: self.true_positives(epsilon, 0.001).min(point.tpr_at_fpr_01pct),
        })
    }

    /// Every ε bounds the true positives; this is the best of those up to `largest`.
    fn true_positives(&self, largest: Epsilon, false_positives: f64) -> f64 {
        let at = |value: f64| {
            let epsilon = Epsilon::new(value.max(0.0)).unwrap_or(largest);
            true_positives(epsilon.get(), self.delta(epsilon), false_positives)
        };
        at(golden_minimum(0.0, largest.get(), CURVE_SECTIONS, at))
    }
}

/// At most min(e^ε f + δ, 1 - e^-ε (1 - δ - f)).
fn true_positives(epsilon: f64, delta: f64, false_positives: f64) -> f64 {
    let low = epsilon.exp() * false_positives + delta;
    let high = 1.0 - (-epsilon).exp() * (1.0 - delta - false_positives).max(0.0);
    low.min(high).clamp(0.0, 1.0)
}

/// Sections of the search for the best ε: to half a percent of it.
const CURVE_SECTIONS: u32 = 11;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adjacency, Charge, Mechanism, NoiseMultiplier};

    fn point(epsilon: f64, delta: f64) -> Reading {
        reading(Epsilon::new(epsilon).expect("from 0"), Delta::new(delta).expect("a probability"))
    }

    #[test]
    fn readings_follow_the_formulas() {
        let read = point(1.0, 1e-5);
        assert!((read.odds_factor - std::f64::consts::E).abs() < 1e-12);
        let e = std::f64::consts::E;
        assert!((read.attack_advantage - (e - 1.0 + 2e-5) / (e + 1.0)).abs() < 1e-12);
        assert!((read.tpr_at_fpr_1pct - (0.01 * e + 1e-5)).abs() < 1e-12);
    }

    #[test]
    fn readings_stay_probabilities_at_any_epsilon() {
        for epsilon in [0.0, 1e-9, 50.0, 1e4, 1e300] {
            let read = point(epsilon, 0.5);
            for share in [read.attack_advantage, read.tpr_at_fpr_1pct, read.tpr_at_fpr_01pct] {
                assert!((0.0..=1.0).contains(&share), "epsilon {epsilon}: {read:?}");
            }
            assert!(read.odds_factor >= 1.0);
        }
    }

    #[test]
    fn a_whole_profile_says_more_than_one_point() {
        let noise_multiplier = NoiseMultiplier::new(2.0).expect("positive");
        let charge = Charge { mechanism: Mechanism::Gaussian { noise_multiplier }, times: 1 };
        let profile = Profile::compose(&[charge], Adjacency::AddOrRemoveOne).expect("composes");
        let delta = Delta::new(1e-6).expect("a probability");
        let whole = profile.reading(delta).expect("finite");
        let one = reading(profile.epsilon(delta).expect("finite"), delta);
        // 2Φ(1/4) - 1 exactly, and Φ(Φ^-1(0.01) + 1/2)
        assert!((whole.attack_advantage - 0.197_412_651_365_847_3).abs() < 1e-9, "{whole:?}");
        assert!(whole.attack_advantage < 0.5 * one.attack_advantage);
        assert!(whole.tpr_at_fpr_1pct >= 0.033_898_9 && whole.tpr_at_fpr_1pct < 0.034_2, "{whole:?}");
    }
}
