//! A network of our own in burn, and its weights and gradients as one vector each, in the order of its fields.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData, activation};
use wardround_plan::{Layout, LayoutError, TensorSpec};

const INPUTS: usize = 2;
const HIDDEN: usize = 32;
/// What it tells apart.
pub const CLASSES: usize = 3;

/// Three dense layers with ReLU between them: points of the plane in, a score for each class out.
#[derive(Module, Debug)]
pub struct Network {
    first: Dense,
    second: Dense,
    last: Dense,
}

/// `[inputs, outputs]` weights, and a bias for each output.
#[derive(Module, Debug)]
struct Dense {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Network {
    /// All weights zero, until some are loaded.
    pub fn new(device: &Device) -> Self {
        Self {
            first: Dense::new([INPUTS, HIDDEN], device),
            second: Dense::new([HIDDEN, HIDDEN], device),
            last: Dense::new([HIDDEN, CLASSES], device),
        }
    }

    /// Scores `[points, CLASSES]` of points `[points, 2]`.
    pub fn forward(&self, points: Tensor<2>) -> Tensor<2> {
        let hidden = activation::relu(self.first.forward(points));
        self.last.forward(activation::relu(self.second.forward(hidden)))
    }

    /// Names and shapes of its weights.
    pub fn layout() -> Result<Layout, LayoutError> {
        let dense = |name: &str, [inputs, outputs]: [usize; 2]| {
            let tensor = |part, shape| TensorSpec { name: format!("{name}.{part}"), shape };
            [tensor("weight", vec![inputs, outputs]), tensor("bias", vec![outputs])]
        };
        let layers = [("first", [INPUTS, HIDDEN]), ("second", [HIDDEN, HIDDEN]), ("last", [HIDDEN, CLASSES])];
        Layout::new(layers.into_iter().flat_map(|(name, sides)| dense(name, sides)).collect())
    }

    /// The network with these weights, of which there are as many as the layout says.
    pub fn with_weights(self, weights: &[f32]) -> Self {
        self.map(&mut Load { rest: weights })
    }

    /// Takes the gradient of a backward pass.
    pub fn gradient(&self, gradients: &Gradients, flat: &mut Vec<f32>) {
        flat.clear();
        self.visit(&mut Flatten { gradients, flat });
    }
}

impl Dense {
    fn new([inputs, outputs]: [usize; 2], device: &Device) -> Self {
        Self {
            weight: Param::from_tensor(Tensor::zeros([inputs, outputs], device)),
            bias: Param::from_tensor(Tensor::zeros([outputs], device)),
        }
    }

    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        input.matmul(self.weight.val()) + self.bias.val().unsqueeze()
    }
}

/// Deals a vector out to the parameters.
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

/// Puts the parameters' gradients one behind the other.
struct Flatten<'a> {
    gradients: &'a Gradients,
    flat: &'a mut Vec<f32>,
}

impl ModuleVisitor for Flatten<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        match param.val().grad(self.gradients) {
            Some(gradient) => self.flat.extend(gradient.into_data().iter::<f32>()),
            // The loss does not depend on it.
            None => self.flat.extend(std::iter::repeat_n(0.0, param.shape().num_elements())),
        }
    }
}
