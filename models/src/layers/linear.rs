//! One matrix product of all features of an image.

use super::{Features, constant};
use crate::private::{Patches, Recorder, record_bias, record_product};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// A linear layer with a bias: all features of an image, in row-major order, to `[images, outputs, 1, 1]`.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "no network of the registry ends in one yet; its private rule is tested")
)]
impl Linear {
    /// `inputs` features to `outputs`; all weights `[outputs, inputs]` zero until they are loaded.
    pub(crate) fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        let weight = Param::from_tensor(Tensor::zeros([outputs, inputs], device));
        Self { weight, bias: Param::from_tensor(Tensor::zeros([outputs], device)) }
    }

    pub(crate) fn forward(&self, input: Features) -> Features {
        match input.recorder().cloned() {
            None => {
                let bias = self.bias.val().reshape([1, self.bias.dims()[0], 1, 1]);
                input.map(|input| multiplied(input, self.weight.val()) + bias)
            }
            Some(recorder) => input.map(|input| self.recorded(input, &recorder)),
        }
    }

    fn recorded(&self, input: Tensor<4>, recorder: &Recorder) -> Tensor<4> {
        let (weight, bias) = (recorder.slot(&self.weight), recorder.slot(&self.bias));
        let [images, channels, height, width] = input.dims();
        let kept = input.clone().inner().reshape([images, channels * height * width, 1, 1]);
        let output = multiplied(input, constant(&self.weight));
        recorder.tapped(output, self.bias.val(), move |gradient| {
            record_bias(&bias, gradient.clone());
            let outputs = gradient.dims()[1];
            record_product(&weight, gradient.reshape([images, outputs, 1]), &Patches::pixels(kept));
        })
    }
}

fn multiplied(input: Tensor<4>, weight: Tensor<2>) -> Tensor<4> {
    let ([images, channels, height, width], [outputs, inputs]) = (input.dims(), weight.dims());
    debug_assert_eq!(channels * height * width, inputs, "an image has as many features as the layer takes");
    let input = input.reshape([images, inputs]);
    input.matmul(weight.transpose()).reshape([images, outputs, 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    #[test]
    fn it_multiplies_the_features_of_each_image_and_adds_the_bias() {
        let device = Device::flex();
        let mut layer = Linear::new(4, 2, &device);
        layer.weight = Param::from_tensor(Tensor::from_floats([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]], &device));
        layer.bias = Param::from_tensor(Tensor::from_floats([0.5, -1.0], &device));
        let input = Tensor::from_floats([[[[1.0, 2.0], [3.0, 4.0]]], [[[5.0, 0.0], [0.0, 0.0]]]], &device);
        let output = layer.forward(Features::new(input)).into_tensor();
        assert_eq!(output.into_data(), TensorData::new(vec![1.5f32, 9.0, 5.5, 4.0], [2, 2, 1, 1]));
    }
}
