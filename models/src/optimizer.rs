//! The plan's optimiser.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, AdamWConfig, ModuleOptimizer, SgdConfig};
use wardround_plan::{Optimizer, TrainingSection};

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
