//! Transposed convolution that doubles the resolution.

use super::Features;
use burn::module::{Module, Param};
use burn::tensor::ops::ConvTransposeOptions;
use burn::tensor::{Device, Tensor, module};

/// Side of the kernel, and the stride: each input pixel becomes its own 2 x 2 output pixels.
const KERNEL_PX: usize = 2;

/// A transposed convolution with kernel 2 and stride 2.
#[derive(Module, Debug)]
pub(crate) struct UpConv2d {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
}

impl UpConv2d {
    /// `inputs` to `outputs` channels; all weights zero until they are loaded.
    pub(crate) fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        let weight = Param::from_tensor(Tensor::zeros([inputs, outputs, KERNEL_PX, KERNEL_PX], device));
        Self { weight, bias: Param::from_tensor(Tensor::zeros([outputs], device)) }
    }

    pub(crate) fn forward(&self, input: Features) -> Features {
        let options = ConvTransposeOptions::new([KERNEL_PX; 2], [0, 0], [0, 0], [1, 1], 1);
        let (weight, bias) = (self.weight.val(), self.bias.val());
        Features::new(module::conv_transpose2d(input.into_tensor(), weight, Some(bias), options))
    }
}
