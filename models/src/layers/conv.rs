//! Convolution in two dimensions, stride 1, output as large as the input.

use super::{Features, constant};
use crate::kernels;
use crate::private::{Extents, Patches, Recorder, ghost_pays, record_bias, record_product};
use burn::module::{Module, Param};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, module};

/// Side of the kernel of which we have a fast one.
const FAST_KERNEL_PX: usize = 3;

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

    /// With these weights.
    #[cfg(test)]
    pub(crate) fn load(&mut self, weight: Param<Tensor<4>>) {
        self.weight = weight;
    }

    /// Channels that go in.
    pub(crate) fn inputs(&self) -> usize {
        self.weight.dims()[1]
    }

    /// Where its weights are.
    pub(crate) fn device(&self) -> Device {
        self.weight.device()
    }

    pub(crate) fn forward(&self, input: Features) -> Features {
        let on_kernels = input.on_kernels();
        match input.recorder().cloned() {
            None => input.map(|input| self.convolved(input, self.weight.val(), self.bias_value(), on_kernels)),
            Some(recorder) => input.map(|input| self.recorded(input, &recorder, on_kernels)),
        }
    }

    fn convolved(&self, input: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>, on_kernels: bool) -> Tensor<4> {
        let kernel_px = weight.dims()[2];
        if kernel_px == FAST_KERNEL_PX && bias.is_none() && on_kernels {
            return kernels::conv3x3(input, weight);
        }
        let options = ConvOptions::new([1, 1], [kernel_px / 2; 2], [1, 1], 1);
        module::conv2d(input, weight, bias, options)
    }

    fn bias_value(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }

    fn recorded(&self, input: Tensor<4>, recorder: &Recorder, on_kernels: bool) -> Tensor<4> {
        let weight = recorder.slot(&self.weight);
        let [outputs, _, kernel_px, _] = self.weight.dims();
        let [_, inputs, height, width] = input.dims();
        let extents = Extents { outputs, inputs: inputs * kernel_px * kernel_px, positions: height * width };
        let fast = kernel_px == FAST_KERNEL_PX && self.bias.is_none() && on_kernels;
        if fast && !ghost_pays(extents) {
            return kernels::conv3x3_each(input, self.weight.val(), weight);
        }
        let bias = self.bias.as_ref().map(|bias| recorder.slot(bias));
        let value = self.bias_value().unwrap_or_else(|| Tensor::zeros([outputs], &self.weight.device()));
        let patches = Patches::of_size(input.clone().inner(), kernel_px);
        let output = self.convolved(input, constant(&self.weight), None, on_kernels);
        recorder.tapped(output, value, move |gradient| {
            if let Some(bias) = bias {
                record_bias(&bias, gradient.clone());
            }
            let [images, outputs, height, width] = gradient.dims();
            record_product(&weight, gradient.reshape([images, outputs, height * width]), &patches);
        })
    }
}
