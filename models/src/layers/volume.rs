//! Layers in three dimensions, made of those in two.
//!
//! A volume is an image of its slices, one below the other: `[volumes, channels, slices * height, width]`. A 3 x 3 x 3
//! convolution is a 3 x 3 convolution of each slice beside its two neighbours, with three times the channels; between two
//! slices lies a row of zeros, so that none sees the rows of the other. So kernels and the rules for private gradients, which
//! are those of two dimensions, hold here too, and a volume counts as one image.

use super::{Conv2d, Features, GroupNorm, UpConv2d};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// Kernel of every convolution but the last of a network.
const KERNEL_VOXELS: usize = 3;

/// A 3 x 3 x 3 convolution without a bias, stride 1, output as large as the input.
///
/// Its weights are `[outputs, 3 * inputs, 3, 3]`: those for the slice before, for the slice itself, for the slice behind.
#[derive(Module, Debug)]
pub(crate) struct Conv3d {
    folded: Conv2d,
}

impl Conv3d {
    /// `inputs` to `outputs` channels; all weights zero until they are loaded.
    pub(crate) fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self { folded: Conv2d::new(KERNEL_VOXELS * inputs, outputs, KERNEL_VOXELS, device) }
    }

    /// Channels that go in.
    pub(crate) fn inputs(&self) -> usize {
        self.folded.inputs() / KERNEL_VOXELS
    }

    pub(crate) fn forward(&self, input: Features, slices: usize) -> Features {
        let beside = input.map(|volumes| beside_neighbours(volumes, slices));
        self.folded.forward(beside).map(|volumes| without_gaps(volumes, slices))
    }
}

/// Two 3 x 3 x 3 convolutions, each normalised and rectified.
#[derive(Module, Debug)]
pub(crate) struct VolumeBlock {
    first: Conv3d,
    first_norm: GroupNorm,
    second: Conv3d,
    second_norm: GroupNorm,
}

impl VolumeBlock {
    /// `inputs` to `outputs` channels; all weights zero until they are loaded.
    pub(crate) fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self {
            first: Conv3d::new(inputs, outputs, device),
            first_norm: GroupNorm::new(outputs, device),
            second: Conv3d::new(outputs, outputs, device),
            second_norm: GroupNorm::new(outputs, device),
        }
    }

    /// Channels that go in.
    pub(crate) fn inputs(&self) -> usize {
        self.first.inputs()
    }

    pub(crate) fn forward(&self, input: Features, slices: usize) -> Features {
        let features = self.first_norm.rectified(self.first.forward(input, slices));
        self.second_norm.rectified(self.second.forward(features, slices))
    }
}

/// A transposed convolution with kernel 2 and stride 2 in all three dimensions.
#[derive(Module, Debug)]
pub(crate) struct UpConv3d {
    folded: UpConv2d,
}

impl UpConv3d {
    /// `inputs` to `outputs` channels; all weights zero until they are loaded.
    pub(crate) fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self { folded: UpConv2d::new(inputs, 2 * outputs, device) }
    }

    pub(crate) fn forward(&self, input: Features, slices: usize) -> Features {
        self.folded.forward(input).map(|volumes| slices_apart(volumes, slices))
    }
}

impl Features {
    /// The largest of each 2 x 2 x 2 voxels of volumes of so many slices.
    pub(crate) fn halved_in_depth_too(self, slices: usize) -> Self {
        self.halved().map(|volumes| {
            let [count, channels, rows, width] = volumes.dims();
            let plane = rows / slices * width;
            let pairs: Tensor<4> = volumes.reshape([count, channels * slices / 2, 2, plane]);
            let largest = pairs.clone().narrow(2, 0, 1).max_pair(pairs.narrow(2, 1, 1));
            largest.reshape([count, channels, rows / 2, width])
        })
    }
}

/// Each slice with those before and behind it as further channels, and a row of zeros below each.
fn beside_neighbours(volumes: Tensor<4>, slices: usize) -> Tensor<4> {
    let [count, channels, rows, width] = volumes.dims();
    let (height, device) = (rows / slices, volumes.device());
    let zeros = |slices: usize, height: usize| Tensor::<5>::zeros([count, channels, slices, height, width], &device);
    let here: Tensor<5> = volumes.reshape([count, channels, slices, height, width]);
    let here = Tensor::cat(vec![here, zeros(slices, 1)], 3);
    let none = zeros(1, height + 1);
    let (before, behind) = match slices {
        1 => (none.clone(), none),
        _ => {
            let (first, last) = (here.clone().narrow(2, 0, slices - 1), here.clone().narrow(2, 1, slices - 1));
            (Tensor::cat(vec![none.clone(), first], 2), Tensor::cat(vec![last, none], 2))
        }
    };
    Tensor::cat(vec![before, here, behind], 1).reshape([count, 3 * channels, slices * (height + 1), width])
}

/// The slices without the rows between them.
fn without_gaps(volumes: Tensor<4>, slices: usize) -> Tensor<4> {
    let [count, channels, rows, width] = volumes.dims();
    let height = rows / slices - 1;
    let apart: Tensor<5> = volumes.reshape([count, channels, slices, height + 1, width]);
    apart.narrow(3, 0, height).reshape([count, channels, slices * height, width])
}

/// Twice the channels of each slice become two slices.
fn slices_apart(volumes: Tensor<4>, slices: usize) -> Tensor<4> {
    let [count, channels, rows, width] = volumes.dims();
    let pairs: Tensor<5> = volumes.reshape([count, channels / 2, 2, slices, rows / slices * width]);
    pairs.swap_dims(2, 3).reshape([count, channels / 2, 2 * rows, width])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::Param;
    use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
    use burn::tensor::{TensorData, Tolerance, module};

    fn counted<const D: usize>(dims: [usize; D], step: f32) -> Tensor<D> {
        let values: Vec<f32> = (0..dims.iter().product()).map(|i| (i as f32 * step).sin()).collect();
        Tensor::from_data(TensorData::new(values, dims), &Device::flex())
    }

    fn close<const D: usize>(ours: Tensor<D>, burns: Tensor<D>) {
        assert_eq!(ours.dims(), burns.dims());
        ours.into_data().assert_approx_eq::<f32>(&burns.into_data(), Tolerance::rel_abs(1e-4, 1e-4));
    }

    /// `[volumes, channels, slices, height, width]` with the slices one below the other.
    fn stacked(volumes: Tensor<5>) -> Features {
        let [count, channels, slices, height, width] = volumes.dims();
        Features::new(volumes.reshape([count, channels, slices * height, width]))
    }

    #[test]
    fn convolution_is_that_of_burn() {
        for [slices, height, width] in [[4, 6, 5], [1, 3, 3], [2, 8, 16]] {
            let volumes = counted([2, 3, slices, height, width], 0.37);
            let mut layer = Conv3d::new(3, 4, &Device::flex());
            // Burn's order is outputs, inputs, depth, height, width.
            let weight = counted([4, 3, 3, 3, 3], 0.71);
            let folded = weight.clone().swap_dims(1, 2).reshape([4, 9, 3, 3]);
            layer.folded.load(Param::from_tensor(folded));
            let expected = module::conv3d(volumes.clone(), weight, None, ConvOptions::new([1; 3], [1; 3], [1; 3], 1));
            let ours = layer.forward(stacked(volumes), slices).into_tensor();
            close(ours, stacked(expected).into_tensor());
        }
    }

    #[test]
    fn the_transposed_convolution_is_that_of_burn() {
        let volumes = counted([2, 3, 2, 3, 5], 0.37);
        let mut layer = UpConv3d::new(3, 2, &Device::flex());
        let weight = counted([3, 2, 2, 2, 2], 0.71);
        layer.folded.load(Param::from_tensor(weight.clone().reshape([3, 4, 2, 2])));
        let options = ConvTransposeOptions::new([2; 3], [0; 3], [0; 3], [1; 3], 1);
        let expected = module::conv_transpose3d(volumes.clone(), weight, None, options);
        close(layer.forward(stacked(volumes), 2).into_tensor(), stacked(expected).into_tensor());
    }

    #[test]
    fn halving_takes_the_largest_of_eight() {
        let [channels, slices, height, width] = [2, 4, 4, 6];
        let volumes = counted([1, channels, slices, height, width], 0.37);
        let halved = stacked(volumes.clone()).halved_in_depth_too(slices).into_tensor();
        assert_eq!(halved.dims(), [1, channels, slices / 2 * height / 2, width / 2]);
        let all: Vec<f32> = volumes.into_data().iter::<f32>().collect();
        let at = |c: usize, z: usize, y: usize, x: usize| all[((c * slices + z) * height + y) * width + x];
        let corners = || (0..8).map(|corner: usize| (corner >> 2, corner >> 1 & 1, corner & 1));
        let mut expected = Vec::new();
        for (c, z, y, x) in (0..2).flat_map(|c| (0..2).flat_map(move |z| (0..6).map(move |yx| (c, z, yx / 3, yx % 3))))
        {
            let eight = corners().map(|(dz, dy, dx)| at(c, 2 * z + dz, 2 * y + dy, 2 * x + dx));
            expected.push(eight.fold(f32::NEG_INFINITY, f32::max));
        }
        assert_eq!(halved.into_data().iter::<f32>().collect::<Vec<_>>(), expected);
    }
}
