//! A federated strategy's hand in a local step: the gradient is bent between backward pass and optimiser.
//!
//! FedProx, SCAFFOLD and Ditto are such corrections. Under privacy the noised mean is bent, so that a correction made of what
//! the site knows already is post-processing.

use crate::private::into_gradients;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Changes a step's gradient, taken at the weights of the first argument. Both are in the order of the layout.
#[derive(Clone, Copy)]
pub struct Bend<'a>(pub &'a (dyn Fn(&[f32], &mut [f32]) + Sync));

impl Bend<'_> {
    /// The gradients of a backward pass, bent.
    pub(super) fn gradients<M: Module>(self, network: &M, gradients: &GradientsParams) -> GradientsParams {
        let mut flat = Flat { gradients: Some(gradients), weights: Vec::new(), gradient: Vec::new() };
        network.visit(&mut flat);
        self.bent(network, &flat.weights, flat.gradient)
    }

    /// The noised mean of a private step, bent.
    pub(super) fn mean<M: Module>(self, network: &M, mean: &[f64]) -> GradientsParams {
        let mut flat = Flat { gradients: None, weights: Vec::new(), gradient: Vec::new() };
        network.visit(&mut flat);
        self.bent(network, &flat.weights, mean.iter().map(|value| *value as f32).collect())
    }

    fn bent<M: Module>(self, network: &M, weights: &[f32], mut gradient: Vec<f32>) -> GradientsParams {
        (self.0)(weights, &mut gradient);
        into_gradients(network, &gradient.into_iter().map(f64::from).collect::<Vec<f64>>())
    }
}

/// Weights, and gradients where there are any, as one vector each.
struct Flat<'a> {
    gradients: Option<&'a GradientsParams>,
    weights: Vec<f32>,
    gradient: Vec<f32>,
}

impl ModuleVisitor for Flat<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.weights.extend(param.val().inner().into_data().iter::<f32>());
        if let Some(gradient) = self.gradients.and_then(|gradients| gradients.get::<D>(param.id)) {
            self.gradient.extend(gradient.into_data().iter::<f32>());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::trainer::tests::{plan, squares};
    use crate::{Bend, ComputeDevice, LocalRound, StepProgress, Trainer, initial_weights};
    use std::ops::ControlFlow;
    use wardround_plan::{Plan, RoundNumber, StreamKey, Weights};

    fn go_on(_: StepProgress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn sgd() -> Plan {
        let text = String::from_utf8(plan("").to_canonical()).expect("JSON");
        Plan::from_canonical(text.replace("\"optimizer\":\"adam\"", "\"optimizer\":\"sgd\"").as_bytes())
            .expect("a good plan")
    }

    fn trained(bend: Option<Bend<'_>>) -> Weights {
        let plan = sgd();
        let trainer = Trainer::new(&plan, ComputeDevice::Cpu).expect("the processor is always there");
        let (images, keys) = (squares(4), StreamKey::from_public_seed(1));
        let of_round = LocalRound { images: &images, round: RoundNumber::FIRST, keys: &keys, bend };
        trainer.train_round(&initial_weights(&plan), &of_round, &mut go_on).expect("trains")
    }

    #[test]
    fn a_bend_that_changes_nothing_changes_no_bit() {
        assert_eq!(trained(Some(Bend(&|_, _| ()))).to_le_bytes(), trained(None).to_le_bytes());
    }

    #[test]
    fn a_gradient_bent_to_ones_moves_every_weight_by_the_gradient_weight() {
        let plan = sgd();
        let start = initial_weights(&plan);
        let moved = trained(Some(Bend(&|_, gradient| gradient.fill(1.0)))).minus(&start).expect("of one layout");
        let trainer = Trainer::new(&plan, ComputeDevice::Cpu).expect("the processor is always there");
        let weight = trainer.gradient_weight(RoundNumber::FIRST).expect("descent");
        let off = moved.values().iter().map(|change| (f64::from(*change) + weight).abs()).fold(0.0, f64::max);
        assert!(off < 1e-6, "{off} from {weight}");
    }

    #[test]
    fn the_bend_sees_the_weights_of_its_step() {
        let plan = sgd();
        let start = initial_weights(&plan);
        // Pulled back to the start by so much that the step size is nearly one: every step ends where it began.
        let rate = plan.training.learning_rate as f32;
        let pull = |weights: &[f32], gradient: &mut [f32]| {
            let pulled = gradient.iter_mut().zip(weights).zip(start.values());
            pulled.for_each(|((slope, weight), start)| *slope = (weight - start) / rate);
        };
        assert_eq!(trained(Some(Bend(&pull))).to_le_bytes(), start.to_le_bytes());
    }
}
