//! FedAvgM: the mean with momentum at the server (Hsu, Qi, Brown, arXiv:1909.06335, section 4.3).
//!
//! v ← β v + Δ, x ← x + η v, with Δ the mean of the updates. State: v, from 0.

use crate::server::{RoundFacts, ServerRule, Slice};
use wardround_plan::{FedAvgmConfig, RuleError};

/// Heavy-ball momentum on the mean of the updates.
#[derive(Debug, Clone, Copy)]
pub struct FedAvgm {
    config: FedAvgmConfig,
}

impl FedAvgm {
    /// The rule with these settings.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: FedAvgmConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { config })
    }
}

impl ServerRule for FedAvgm {
    fn state_vectors(&self) -> usize {
        1
    }

    fn apply(&self, _: &RoundFacts<'_>, slice: Slice<'_>) {
        let FedAvgmConfig { server_learning_rate, momentum } = self.config;
        let ([update, ..], [velocities, ..]) = (slice.means, slice.state);
        for ((weight, change), velocity) in slice.model.iter_mut().zip(update).zip(velocities) {
            let next = momentum * f64::from(*velocity) + change;
            *velocity = next as f32;
            *weight = (f64::from(*weight) + server_learning_rate * next) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CHANGES, assert_trajectory};

    #[test]
    fn three_rounds_are_those_worked_by_hand() {
        let rule = FedAvgm::new(FedAvgmConfig { server_learning_rate: 0.5, momentum: 0.9 }).expect("in range");
        let [first, second, third] = CHANGES;
        let by_hand = [
            1.0 + 0.5 * first,
            1.0 + 0.5 * first + 0.5 * (0.9 * first + second),
            1.0 + 0.5 * first + 0.5 * (0.9 * first + second) + 0.5 * (0.81 * first + 0.9 * second + third),
        ];
        assert_trajectory(&rule, 1.0, by_hand);
    }

    #[test]
    fn without_momentum_it_is_fedavg() {
        let rule = FedAvgm::new(FedAvgmConfig { server_learning_rate: 1.0, momentum: 0.0 }).expect("in range");
        let [first, second, third] = CHANGES;
        assert_trajectory(&rule, 2.0, [2.0 + first, 2.0 + first + second, 2.0 + first + second + third]);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for momentum in [-0.1, 1.0, f64::NAN] {
            assert!(FedAvgm::new(FedAvgmConfig { server_learning_rate: 1.0, momentum }).is_err(), "{momentum}");
        }
        assert!(FedAvgm::new(FedAvgmConfig { server_learning_rate: 0.0, momentum: 0.9 }).is_err());
    }
}
