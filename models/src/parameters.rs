//! A network's parameters as one vector, in the order of its fields.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};
use std::sync::Arc;
use wardround_plan::{Layout, TensorSpec, Weights, WeightsError};

/// One parameter of a network.
pub(crate) struct Parameter {
    /// By which burn knows it.
    pub(crate) id: ParamId,
    /// Name and shape.
    pub(crate) spec: TensorSpec,
    /// Type of the layer it belongs to, for example `Conv2d`.
    pub(crate) layer: String,
}

/// The parameters in order.
pub(crate) fn of<M: Module>(network: &M) -> Vec<Parameter> {
    let mut names = Names::default();
    network.visit(&mut names);
    names.found
}

/// The network's weights as one vector.
///
/// # Errors
/// A weight that is NaN or infinite, and a layout that is another network's.
pub(crate) fn weights<M: Module>(network: &M, layout: Arc<Layout>) -> Result<Weights, WeightsError> {
    let mut values = Values(Vec::with_capacity(layout.len()));
    network.visit(&mut values);
    Weights::new(layout, values.0)
}

/// The network with these weights.
///
/// # Errors
/// [`WeightsError::Layout`] where they belong to another network.
pub(crate) fn with_weights<M: Module>(network: M, weights: &Weights) -> Result<M, WeightsError> {
    let fits = of(&network).iter().map(|parameter| &parameter.spec).eq(weights.layout().tensors());
    if !fits {
        return Err(WeightsError::Layout);
    }
    Ok(network.map(&mut Load { rest: weights.values() }))
}

#[derive(Default)]
struct Names {
    path: Vec<String>,
    containers: Vec<String>,
    found: Vec<Parameter>,
}

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.containers.push(container.to_owned());
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.containers.pop();
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // The variant of the registry's enum is the plan's `kind`; it is no part of a tensor's name.
        let fields = self.path.iter().zip(&self.containers).filter(|(_, container)| !container.starts_with("Enum:"));
        let name = fields.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(".");
        let layer = self.containers.last().map_or("", |container| container.trim_start_matches("Struct:")).to_owned();
        let spec = TensorSpec { name, shape: param.dims().to_vec() };
        self.found.push(Parameter { id: param.id, spec, layer });
    }
}

struct Values(Vec<f32>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.extend(param.val().into_data().iter::<f32>());
    }
}

struct Load<'a> {
    rest: &'a [f32],
}

impl ModuleMapper for Load<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|old| {
            let (part, rest) = self.rest.split_at(old.shape().num_elements());
            self.rest = rest;
            let data = TensorData::new(part.to_vec(), old.dims());
            Tensor::from_data(data, &old.device()).set_require_grad(old.is_require_grad())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Network, layout, tests::model};
    use burn::tensor::Device;
    use wardround_plan::ModelSection;

    fn counted() -> Weights {
        let layout = Arc::new(layout(&model()));
        let values = (0..layout.len()).map(|i| (i as f32 + 0.1).sin()).collect();
        Weights::new(layout, values).expect("finite and of this length")
    }

    #[test]
    fn weights_come_back_from_a_network_bit_by_bit() {
        let weights = counted();
        for device in [Device::flex(), Device::flex().autodiff()] {
            let network = with_weights(Network::new(&model(), &device), &weights).expect("its own layout");
            let back = super::weights(&network, weights.layout().clone()).expect("finite");
            assert_eq!(back.to_le_bytes(), weights.to_le_bytes());
        }
    }

    #[test]
    fn weights_of_another_network_are_refused() {
        let other = ModelSection { width: 8, ..model() };
        let network = Network::new(&other, &Device::flex());
        assert!(matches!(with_weights(network, &counted()), Err(WeightsError::Layout)));
    }
}
