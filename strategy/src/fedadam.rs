//! FedAdam: Adam at the server (Reddi et al., ICLR 2021, algorithm 2).
//!
//! v ← β₂ v + (1 - β₂) Δ²; the rest is in `adaptive.rs`.

use crate::adaptive::{Adaptive, STATE_VECTORS, initial_state};
use crate::server::{RoundFacts, ServerRule, Slice};
use wardround_plan::{AdaptiveConfig, RuleError};

/// Adam on the mean of the updates.
#[derive(Debug, Clone, Copy)]
pub struct FedAdam {
    config: AdaptiveConfig,
}

impl FedAdam {
    /// The rule with these settings.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: AdaptiveConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { config })
    }
}

impl ServerRule for FedAdam {
    fn state_vectors(&self) -> usize {
        STATE_VECTORS
    }

    fn initial_state(&self, vector: usize) -> f32 {
        initial_state(self.config.tau, vector)
    }

    fn apply(&self, _: &RoundFacts<'_>, slice: Slice<'_>) {
        let AdaptiveConfig { server_learning_rate, beta1, beta2, tau } = self.config;
        let shared = Adaptive { server_learning_rate, beta1, tau };
        shared.apply(slice, |variance, square| beta2 * variance + (1.0 - beta2) * square);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CHANGES, assert_trajectory};

    const CONFIG: AdaptiveConfig = AdaptiveConfig { server_learning_rate: 0.1, beta1: 0.9, beta2: 0.99, tau: 0.01 };

    /// m and v written out as sums over the past, not as recurrences.
    #[test]
    fn three_rounds_are_those_worked_by_hand() {
        let [a, b, c] = CHANGES;
        let step = |m: f64, v: f64| 0.1 * m / (v.sqrt() + 0.01);
        let first = 1.0 + step(0.1 * a, 0.99 * 1e-4 + 0.01 * a * a);
        let second = first + step(0.09 * a + 0.1 * b, 0.9801 * 1e-4 + 0.0099 * a * a + 0.01 * b * b);
        let third_m = 0.081 * a + 0.09 * b + 0.1 * c;
        let third_v = 0.970_299 * 1e-4 + 0.009_801 * a * a + 0.0099 * b * b + 0.01 * c * c;
        assert_trajectory(
            &FedAdam::new(CONFIG).expect("in range"),
            1.0,
            [first, second, second + step(third_m, third_v)],
        );
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for bad in [
            AdaptiveConfig { beta1: 1.0, ..CONFIG },
            AdaptiveConfig { beta2: -0.1, ..CONFIG },
            AdaptiveConfig { tau: 0.0, ..CONFIG },
            AdaptiveConfig { server_learning_rate: f64::NAN, ..CONFIG },
        ] {
            assert!(FedAdam::new(bad).is_err(), "{bad:?}");
        }
    }
}
