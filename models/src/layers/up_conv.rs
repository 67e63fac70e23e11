//! Transposed convolution that doubles the resolution.

use super::{Features, constant};
use crate::private::{Patches, Recorder, record_bias, record_product};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// Side of the kernel, and the stride: each input pixel becomes its own 2 x 2 output pixels.
const KERNEL_PX: usize = 2;

/// Pixels of the kernel.
const BLOCK_PX: usize = KERNEL_PX * KERNEL_PX;

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

    /// With these weights.
    #[cfg(test)]
    pub(crate) fn load(&mut self, weight: Param<Tensor<4>>) {
        self.weight = weight;
    }

    pub(crate) fn forward(&self, input: Features) -> Features {
        match input.recorder().cloned() {
            None => {
                let bias = self.bias.val().reshape([1, self.bias.dims()[0], 1, 1]);
                input.map(|input| side_by_side(enlarged(input, self.weight.val())) + bias)
            }
            Some(recorder) => input.map(|input| self.recorded(input, &recorder)),
        }
    }

    fn recorded(&self, input: Tensor<4>, recorder: &Recorder) -> Tensor<4> {
        let (weight, bias) = (recorder.slot(&self.weight), recorder.slot(&self.bias));
        let outputs = self.bias.dims()[0];
        let kept = input.clone().inner();
        let each = enlarged(input, constant(&self.weight));
        // The bias is added before the pixels are put in place, where its gradient has the form that the weight's needs.
        let value = self.bias.val().inner().reshape([outputs, 1]).expand([outputs, BLOCK_PX]);
        let each = recorder.tapped(each, value.reshape([outputs * BLOCK_PX]), move |gradient| {
            let [images, inputs, height, width] = kept.dims();
            record_bias(&bias, gradient.clone().reshape([images, outputs, BLOCK_PX * height, width]));
            record_product(&weight, kept.reshape([images, inputs, height * width]), &Patches::pixels(gradient));
        });
        side_by_side(each)
    }
}

/// One matrix product a pixel, `[images, outputs * pixels of the kernel, height, width]`: stride and kernel are equal, so no
/// two inputs share an output.
fn enlarged(input: Tensor<4>, weight: Tensor<4>) -> Tensor<4> {
    let [images, inputs, height, width] = input.dims();
    let each = weight.dims()[1] * BLOCK_PX;
    let weight = weight.reshape([1, inputs, each]).swap_dims(1, 2);
    weight.matmul(input.reshape([images, inputs, height * width])).reshape([images, each, height, width])
}

/// The pixels of each kernel in their places.
fn side_by_side(each: Tensor<4>) -> Tensor<4> {
    let [images, channels, height, width] = each.dims();
    let outputs = channels / BLOCK_PX;
    let each = each.reshape([images, outputs, KERNEL_PX, KERNEL_PX, height, width]).permute([0, 1, 4, 2, 5, 3]);
    each.reshape([images, outputs, height * KERNEL_PX, width * KERNEL_PX])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::ops::ConvTransposeOptions;
    use burn::tensor::{TensorData, Tolerance, module};

    #[test]
    fn it_is_the_transposed_convolution_of_burn() {
        let device = Device::flex();
        let counted = |dims: [usize; 4], step: f32| {
            let values: Vec<f32> = (0..dims.iter().product()).map(|i| (i as f32 * step).sin()).collect();
            Tensor::<4>::from_data(TensorData::new(values, dims), &device)
        };
        let mut layer = UpConv2d::new(3, 2, &device);
        layer.weight = Param::from_tensor(counted([3, 2, 2, 2], 0.7));
        layer.bias = Param::from_tensor(Tensor::from_floats([0.5, -1.0], &device));
        let input = counted([2, 3, 3, 5], 0.3);
        let options = ConvTransposeOptions::new([KERNEL_PX; 2], [0, 0], [0, 0], [1, 1], 1);
        let expected = module::conv_transpose2d(input.clone(), layer.weight.val(), Some(layer.bias.val()), options);
        let output = layer.forward(Features::new(input)).into_tensor();
        assert_eq!(output.dims(), [2, 2, 6, 10]);
        output.into_data().assert_approx_eq::<f32>(&expected.into_data(), Tolerance::absolute(1e-5));
    }
}
