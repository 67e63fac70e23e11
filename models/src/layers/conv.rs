//! Convolution in two dimensions, stride 1, output as large as the input.

use super::Features;
use crate::kernels;
use burn::module::{Module, Param};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, module};

/// A convolution with an odd square kernel; its bias is left out where a normalisation follows.
#[derive(Module, Debug)]
pub(crate) struct Conv2d {
    weight: Param<Tensor<4>>,
    bias: Option<Param<Tensor<1>>>,
}

impl Conv2d {
    /// `inputs` to `outputs` channels without a bias; all weights zero until they are loaded.
    pub(crate) fn new(inputs: usize, outputs: usize, kernel_px: usize, device: &Device) -> Self {
        let weight = Param::from_tensor(Tensor::zeros([outputs, inputs, kernel_px, kernel_px], device));
        Self { weight, bias: None }
    }

    /// The same with a bias for each output channel.
    pub(crate) fn with_bias(self) -> Self {
        let [outputs, ..] = self.weight.dims();
        let bias = Param::from_tensor(Tensor::zeros([outputs], &self.weight.device()));
        Self { bias: Some(bias), ..self }
    }

    pub(crate) fn forward(&self, input: Features) -> Features {
        let weight = self.weight.val();
        let kernel_px = weight.dims()[2];
        let input = input.into_tensor();
        if kernel_px == 3 && self.bias.is_none() && kernels::run_on(&input.device()) {
            return Features::new(kernels::conv3x3(input, weight));
        }
        let options = ConvOptions::new([1, 1], [kernel_px / 2; 2], [1, 1], 1);
        let bias = self.bias.as_ref().map(Param::val);
        Features::new(module::conv2d(input, weight, bias, options))
    }
}
