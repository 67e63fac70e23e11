//! The plan's optimiser and the course of its step size.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, AdamWConfig, ModuleOptimizer, SgdConfig};
use wardround_plan::{Optimizer, Plan, RoundNumber, Schedule, TrainingSection};

/// Keeps Adam's division finite; as in the papers, not burn's larger default.
const ADAM_EPSILON: f32 = 1e-8;

/// Momentum of `sgd`.
const MOMENTUM: f64 = 0.9;

/// A fresh optimiser. Its moments do not outlive a round, so a site keeps nothing between rounds but its scans.
pub(crate) fn optimizer(training: &TrainingSection) -> ModuleOptimizer {
    let decay = training.weight_decay as f32;
    let l2 = (decay > 0.0).then(|| WeightDecayConfig::new(decay));
    match training.optimizer {
        Optimizer::Adam => AdamConfig::new().with_epsilon(ADAM_EPSILON).with_weight_decay(l2).init(),
        Optimizer::Adamw => AdamWConfig::new().with_epsilon(ADAM_EPSILON).with_weight_decay(decay).init(),
        Optimizer::Sgd => {
            let momentum = MomentumConfig::new().with_momentum(MOMENTUM).with_dampening(0.0);
            SgdConfig::new().with_momentum(Some(momentum)).with_weight_decay(l2).init()
        }
    }
}

/// By how much steps of these sizes along a gradient of ones move a weight; `None` where the optimiser is no descent.
pub(crate) fn unit_descent(training: &TrainingSection, step_sizes: impl Iterator<Item = f64>) -> Option<f64> {
    let is_descent = matches!(training.optimizer, Optimizer::Sgd);
    is_descent.then(|| {
        let (_, moved) = step_sizes.fold((0.0, 0.0), |(velocity, moved), step_size| {
            let velocity = MOMENTUM * velocity + 1.0;
            (velocity, moved + step_size * velocity)
        });
        moved
    })
}

/// Step size of local step `step` (from 0) of `round`, within the whole study.
pub(crate) fn learning_rate(plan: &Plan, round: RoundNumber, step: u32) -> f64 {
    let steps = u64::from(plan.study.rounds) * u64::from(plan.training.local_steps);
    let before = u64::from(round.get() - 1) * u64::from(plan.training.local_steps) + u64::from(step);
    match plan.training.schedule {
        Schedule::Constant => plan.training.learning_rate,
        Schedule::Cosine => {
            let done = (before as f64 / steps as f64).min(1.0);
            plan.training.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::tests::plan;

    #[test]
    fn cosine_falls_from_the_plans_rate_to_zero_over_all_rounds() {
        let plan = plan("schedule = \"cosine\"");
        let at = |round: u32, step| learning_rate(&plan, RoundNumber::new(round).expect("not 0"), step);
        let (rounds, steps) = (plan.study.rounds, plan.training.local_steps);
        assert_eq!(at(1, 0), plan.training.learning_rate);
        assert!(at(1, steps - 1) > at(2, 0), "the rounds are one course");
        assert!(at(rounds, steps - 1) < 0.1 * plan.training.learning_rate && at(rounds, steps - 1) > 0.0);
        assert!(at(rounds + 1, 0).abs() < 1e-12, "a round beyond the plan does not climb again");
    }

    #[test]
    fn a_constant_rate_is_constant() {
        let plan = plan("");
        assert_eq!(learning_rate(&plan, RoundNumber::FIRST.next(), 1), plan.training.learning_rate);
    }
}
