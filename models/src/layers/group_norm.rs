//! Group normalisation (Wu and He 2018): statistics of one image alone, so that no image sees another.

use super::{Features, constant};
use crate::kernels::{self, Affine, Normalisation};
use crate::private::{Recorder, record_bias, record_scale};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};

/// Added to the variance, so that a constant image divides by something.
const VARIANCE_FLOOR: f64 = 1e-5;

/// Group sizes to try, best first.
const GROUPS: [usize; 2] = [8, 4];

/// Normalises groups of channels of each image, then scales and shifts every channel.
#[derive(Module, Debug)]
pub(crate) struct GroupNorm {
    scale: Param<Tensor<1>>,
    shift: Param<Tensor<1>>,
    groups: usize,
}

impl GroupNorm {
    /// For `channels` channels in the largest of 8 and 4 groups that divides them; the scale is one until it is loaded.
    pub(crate) fn new(channels: usize, device: &Device) -> Self {
        let groups = GROUPS.into_iter().find(|groups| channels.is_multiple_of(*groups)).unwrap_or(1);
        let scale = Param::from_tensor(Tensor::ones([channels], device));
        Self { scale, shift: Param::from_tensor(Tensor::zeros([channels], device)), groups }
    }

    /// Normalised, scaled, shifted, and negative values made zero.
    pub(crate) fn rectified(&self, input: Features) -> Features {
        let on_kernels = input.on_kernels();
        match (input.recorder().cloned(), on_kernels) {
            (None, true) => input.map(|input| kernels::group_norm_relu(input, self.affine(), self.kernel())),
            (None, false) => input.map(|input| activation::relu(self.normalised(input))),
            (Some(recorder), true) => input.map(|input| {
                let each = [recorder.slot(&self.scale), recorder.slot(&self.shift)];
                kernels::group_norm_relu_each(input, self.affine(), self.kernel(), each)
            }),
            (Some(recorder), false) => input.map(|input| activation::relu(self.recorded(input, &recorder))),
        }
    }

    fn affine(&self) -> Affine {
        Affine { scale: self.scale.val(), shift: self.shift.val() }
    }

    fn kernel(&self) -> Normalisation {
        Normalisation { groups: self.groups, variance_floor: VARIANCE_FLOOR as f32 }
    }

    fn normalised(&self, input: Tensor<4>) -> Tensor<4> {
        let Affine { scale, shift } = self.affine();
        self.normal(input) * each_channel(scale) + each_channel(shift)
    }

    fn recorded(&self, input: Tensor<4>, recorder: &Recorder) -> Tensor<4> {
        let (scale, shift) = (recorder.slot(&self.scale), recorder.slot(&self.shift));
        let normal = self.normal(input);
        let kept = normal.clone().inner();
        recorder.tapped(normal * each_channel(constant(&self.scale)), self.shift.val(), move |gradient| {
            record_bias(&shift, gradient.clone());
            record_scale(&scale, gradient, kept);
        })
    }

    /// Mean zero and variance one in each group of each image.
    fn normal(&self, input: Tensor<4>) -> Tensor<4> {
        let [images, channels, height, width] = input.dims();
        let grouped = input.reshape([images, self.groups, channels / self.groups * height * width]);
        let centred = grouped.clone() - grouped.mean_dim(2);
        let variance = centred.clone().square().mean_dim(2);
        let normal = centred / variance.add_scalar(VARIANCE_FLOOR).sqrt();
        normal.reshape([images, channels, height, width])
    }
}

fn each_channel(parameter: Tensor<1>) -> Tensor<4> {
    let channels = parameter.dims()[0];
    parameter.reshape([1, channels, 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{TensorData, Tolerance};

    #[test]
    fn each_group_of_each_image_has_mean_zero_and_variance_one() {
        let device = Device::flex();
        let values: Vec<f32> = (0..2 * 8 * 2 * 3).map(|i| ((i * 37) % 23) as f32).collect();
        let input = Tensor::<4>::from_data(TensorData::new(values, [2, 8, 2, 3]), &device);
        let norm = GroupNorm::new(8, &device);
        let output = norm.normalised(input).reshape([16, 6]);
        let close = |tensor: Tensor<2>, value: f32| {
            let expected = TensorData::new(vec![value; 16], [16, 1]);
            tensor.into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-3));
        };
        close(output.clone().mean_dim(1), 0.0);
        close(output.square().mean_dim(1), 1.0);
    }

    #[test]
    fn the_largest_of_eight_and_four_groups_that_divides_is_taken() {
        let groups = |channels| GroupNorm::new(channels, &Device::flex()).groups;
        assert_eq!([4, 8, 12, 16, 24].map(groups), [4, 8, 4, 8, 8]);
    }

    #[test]
    fn a_constant_image_stays_finite() {
        let device = Device::flex();
        let output = GroupNorm::new(4, &device).rectified(Features::new(Tensor::ones([1, 4, 2, 2], &device)));
        assert_eq!(output.into_tensor().abs().max().into_scalar::<f32>(), 0.0);
    }
}
