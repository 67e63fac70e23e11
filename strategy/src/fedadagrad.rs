//! FedAdagrad: Adagrad at the server (Reddi et al., ICLR 2021, algorithm 2).
//!
//! v ← v + Δ²: v never forgets, so steps only become smaller. The rest is in `adaptive.rs`.

use crate::adaptive::{Adaptive, STATE_VECTORS, initial_state};
use crate::server::{RoundFacts, ServerRule, Slice};
use wardround_plan::{FedAdagradConfig, RuleError};

/// Adagrad on the mean of the updates.
#[derive(Debug, Clone, Copy)]
pub struct FedAdagrad {
    config: FedAdagradConfig,
}

impl FedAdagrad {
    /// The rule with these settings.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: FedAdagradConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { config })
    }
}

impl ServerRule for FedAdagrad {
    fn state_vectors(&self) -> usize {
        STATE_VECTORS
    }

    fn initial_state(&self, vector: usize) -> f32 {
        initial_state(self.config.tau, vector)
    }

    fn apply(&self, _: &RoundFacts<'_>, slice: Slice<'_>) {
        let FedAdagradConfig { server_learning_rate, beta1, tau } = self.config;
        Adaptive { server_learning_rate, beta1, tau }.apply(slice, |variance, square| variance + square);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CHANGES, assert_trajectory};

    #[test]
    fn three_rounds_are_those_worked_by_hand() {
        let config = FedAdagradConfig { server_learning_rate: 0.1, beta1: 0.0, tau: 0.01 };
        let [a, b, c] = CHANGES;
        let step = |m: f64, v: f64| 0.1 * m / (v.sqrt() + 0.01);
        let first = 1.0 + step(a, 1e-4 + a * a);
        let second = first + step(b, 1e-4 + a * a + b * b);
        let third = second + step(c, 1e-4 + a * a + b * b + c * c);
        assert_trajectory(&FedAdagrad::new(config).expect("in range"), 1.0, [first, second, third]);
    }

    #[test]
    fn with_memory_the_mean_is_that_of_adam() {
        let config = FedAdagradConfig { server_learning_rate: 0.1, beta1: 0.5, tau: 0.01 };
        let [a, b, c] = CHANGES;
        let step = |m: f64, v: f64| 0.1 * m / (v.sqrt() + 0.01);
        let first = 1.0 + step(0.5 * a, 1e-4 + a * a);
        let second = first + step(0.25 * a + 0.5 * b, 1e-4 + a * a + b * b);
        let third = second + step(0.125 * a + 0.25 * b + 0.5 * c, 1e-4 + a * a + b * b + c * c);
        assert_trajectory(&FedAdagrad::new(config).expect("in range"), 1.0, [first, second, third]);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let config = FedAdagradConfig { server_learning_rate: 0.1, beta1: 0.0, tau: 0.0 };
        assert!(FedAdagrad::new(config).is_err(), "0 / 0 where nothing changes");
    }
}
