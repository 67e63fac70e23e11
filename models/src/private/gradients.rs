//! A flat gradient as an optimiser takes it.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

/// The gradient for the optimiser of a network, from one vector in the order of the layout, as many as there are weights.
pub(crate) fn into_gradients<M: Module>(network: &M, flat: &[f64]) -> GradientsParams {
    assert_eq!(flat.len(), network.num_params(), "a gradient has a value for each weight");
    let mut parts = Parts { rest: flat, gradients: GradientsParams::new() };
    network.visit(&mut parts);
    parts.gradients
}

struct Parts<'a> {
    rest: &'a [f64],
    gradients: GradientsParams,
}

impl ModuleVisitor for Parts<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let weights = param.val().inner();
        let (part, rest) = self.rest.split_at(weights.shape().num_elements());
        self.rest = rest;
        let values: Vec<f32> = part.iter().map(|value| *value as f32).collect();
        let gradient = Tensor::<D>::from_data(TensorData::new(values, weights.dims()), &weights.device());
        self.gradients.register(param.id, gradient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters;
    use crate::registry::{Network, layout, tests::model};
    use burn::optim::SgdConfig;
    use burn::tensor::Device;
    use std::sync::Arc;
    use wardround_plan::Weights;

    #[test]
    fn each_value_moves_its_own_weight() {
        let layout = Arc::new(layout(&model()));
        let network = Network::new(&model(), &Device::flex().autodiff());
        let before = Weights::new(layout.clone(), vec![0.0; layout.len()]).expect("finite");
        let network = parameters::with_weights(network, &before).expect("its own layout");
        let flat: Vec<f64> = (0..layout.len()).map(|index| index as f64).collect();
        let gradients = into_gradients(&network, &flat);
        let network = SgdConfig::new().init().step(1.0, network, gradients);
        let after = parameters::weights(&network, layout).expect("finite");
        assert!(after.values().iter().zip(&flat).all(|(weight, value)| f64::from(-weight) == *value));
    }

    #[test]
    #[should_panic(expected = "a value for each weight")]
    fn a_gradient_of_another_network_is_a_defect_of_the_caller() {
        into_gradients(&Network::new(&model(), &Device::flex().autodiff()), &[0.0; 3]);
    }
}
