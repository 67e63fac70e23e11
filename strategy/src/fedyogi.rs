//! FedYogi: Yogi at the server (Reddi et al., ICLR 2021, algorithm 2).
//!
//! v ← v - (1 - β₂) Δ² sign(v - Δ²): v moves towards Δ² by a step that does not grow with v, so it forgets a large past more
//! slowly than Adam. The rest is in `adaptive.rs`.

use crate::adaptive::{Adaptive, STATE_VECTORS, initial_state};
use crate::server::{RoundFacts, ServerRule, Slice};
use wardround_plan::{AdaptiveConfig, RuleError};

/// Yogi on the mean of the updates.
#[derive(Debug, Clone, Copy)]
pub struct FedYogi {
    config: AdaptiveConfig,
}

impl FedYogi {
    /// The rule with these settings.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: AdaptiveConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { config })
    }
}

impl ServerRule for FedYogi {
    fn state_vectors(&self) -> usize {
        STATE_VECTORS
    }

    fn initial_state(&self, vector: usize) -> f32 {
        initial_state(self.config.tau, vector)
    }

    fn apply(&self, _: &RoundFacts<'_>, slice: Slice<'_>) {
        let AdaptiveConfig { server_learning_rate, beta1, beta2, tau } = self.config;
        Adaptive { server_learning_rate, beta1, tau }.apply(slice, |variance, square| {
            // sign(Δ² - v) without a branch. Where v > Δ² ≥ (1 - β₂) Δ², what is left is not negative.
            let sign = f64::from(u8::from(square > variance)) - f64::from(u8::from(variance > square));
            variance + (1.0 - beta2) * square * sign
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CHANGES, assert_trajectory};

    const CONFIG: AdaptiveConfig = AdaptiveConfig { server_learning_rate: 0.1, beta1: 0.9, beta2: 0.5, tau: 0.01 };

    /// v is 1e-4, below the first Δ² of 0.25 and then above those of 0.0625 and 0.015625.
    #[test]
    fn three_rounds_are_those_worked_by_hand() {
        let [a, b, c] = CHANGES;
        let step = |m: f64, v: f64| 0.1 * m / (v.sqrt() + 0.01);
        let (v1, v2, v3) = (1e-4 + 0.125, 1e-4 + 0.125 - 0.031_25, 1e-4 + 0.125 - 0.031_25 - 0.007_812_5);
        let first = 1.0 + step(0.1 * a, v1);
        let second = first + step(0.09 * a + 0.1 * b, v2);
        let third = second + step(0.081 * a + 0.09 * b + 0.1 * c, v3);
        assert_trajectory(&FedYogi::new(CONFIG).expect("in range"), 1.0, [first, second, third]);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(FedYogi::new(AdaptiveConfig { beta2: 1.0, ..CONFIG }).is_err());
    }
}
