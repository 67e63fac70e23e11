//! The gradient of a weight matrix for each patient, as a product of what came in and what came back.
//!
//! A layer that multiplies each position of its input by one matrix, as linear layers and (over patches) convolutions do,
//! has for one patient the gradient `G = L R^T`: `L` is `[outputs, positions]`, `R` is `[inputs, positions]`, and the
//! positions are those of all her images. Two ways lead to the norm of `G`:
//!
//! - *instantiated*: compute `G`;
//! - *ghost* (Goodfellow 2015; Li et al. 2022, 2110.05679; Bu et al. 2022, 2205.10683): `|G|^2 = <L^T L, R^T R>`, where
//!   both factors are `[positions, positions]`, the products of her positions with each other, across images included.
//!   `G` is then never made: the clipped sum over patients is one product with scaled rows.
//!
//! The literature's rule takes ghost where `2 positions^2 < outputs * inputs`, which is about memory. Here the product is
//! cheap and memory is freed as the backward pass goes, so [`ghost_pays`] asks for the time instead, which is stricter.

use super::factors::Factors;
use super::recorder::Slot;
use burn::tensor::Tensor;
use std::ops::Range;

/// Multiplications that the ghost norm may cost for each value that it saves, which would be written, squared and added.
/// Measured: from 2 to 32 a step costs the same, without ghost up to twice as much (`docs/benchmarks.md`).
const GHOST_COST_MAX: f64 = 8.0;

/// Extents of a product: of the weight, and of what one image brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extents {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) positions: usize,
}

/// True where the ghost norm is the cheaper way for a patient with one image.
///
/// It asks nothing of the batch, so that who else is in it changes no bit of a patient's gradient. Of `n` images the ghost
/// norm costs `n^2` times as much, which stays below what their forward pass costs.
pub(crate) fn ghost_pays(extents: Extents) -> bool {
    // In f64, which does not overflow where images are large.
    let [outputs, inputs, positions] = [extents.outputs, extents.inputs, extents.positions].map(|count| count as f64);
    // The Gram matrices are symmetric, so half of the pairs of positions is computed.
    positions * positions / 2.0 * (outputs + inputs) < GHOST_COST_MAX * outputs * inputs
}

/// Gives `weight`, which is `[outputs, inputs]`, its gradients from `left` `[images, outputs, positions]` and `right`.
pub(crate) fn record(weight: &Slot, left: Tensor<3>, right: &Patches) {
    let [images, outputs, positions] = left.dims();
    let extents = Extents { outputs, inputs: right.inputs(), positions };
    if ghost_pays(extents) {
        return weight.add_ghost(Factors::new(extents, by_position(left), by_position(right.of(0..images))));
    }
    if right.are_pixels() {
        let each = left.matmul(right.of(0..images).swap_dims(1, 2));
        return weight.add_rows(each.into_data().iter::<f32>().collect());
    }
    // Patient by patient, because the patches of a batch are as many times larger than the batch as a kernel has pixels.
    let each = weight.patients().iter().flat_map(|rows| {
        let left = left.clone().slice([rows.clone()]);
        let product = left.matmul(right.of(rows.clone()).swap_dims(1, 2)).sum_dim(0);
        product.into_data().iter::<f32>().collect::<Vec<_>>()
    });
    weight.add(each.collect());
}

/// The neighbourhoods a weight matrix sees: a square of an odd number of pixels around each, zeros beyond the border.
#[derive(Debug)]
pub(crate) struct Patches {
    images: Tensor<4>,
    kernel_px: usize,
}

impl Patches {
    /// Of `images` `[images, channels, height, width]`.
    pub(crate) fn of_size(images: Tensor<4>, kernel_px: usize) -> Self {
        Self { images, kernel_px }
    }

    /// Each pixel by itself.
    pub(crate) fn pixels(images: Tensor<4>) -> Self {
        Self::of_size(images, 1)
    }

    fn are_pixels(&self) -> bool {
        self.kernel_px == 1
    }

    fn inputs(&self) -> usize {
        self.images.dims()[1] * self.kernel_px * self.kernel_px
    }

    /// Those of some images, `[images, inputs, positions]`; the inputs lie as `[channel, row, column]`.
    fn of(&self, rows: Range<usize>) -> Tensor<3> {
        let images = self.images.clone().slice([rows]);
        let [count, channels, height, width] = images.dims();
        if self.are_pixels() {
            return images.reshape([count, channels, height * width]);
        }
        let border = self.kernel_px / 2;
        let padded = images.pad((border, border, border, border), 0.0);
        let shifted = |place: usize| {
            let (y, x) = (place / self.kernel_px, place % self.kernel_px);
            let shifted = padded.clone().slice([0..count, 0..channels, y..y + height, x..x + width]);
            shifted.reshape([count, channels, 1, height * width])
        };
        let places: Vec<Tensor<4>> = (0..self.kernel_px * self.kernel_px).map(shifted).collect();
        Tensor::cat(places, 2).reshape([count, self.inputs(), height * width])
    }
}

fn by_position(factor: Tensor<3>) -> Vec<f64> {
    factor.swap_dims(1, 2).into_data().iter::<f32>().map(f64::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deep convolution of a U-Net, `channels` to as many, on `positions` pixels.
    fn convolution(channels: usize, positions: usize) -> Extents {
        Extents { outputs: channels, inputs: 9 * channels, positions }
    }

    #[test]
    fn ghost_is_taken_where_positions_are_few() {
        assert!(ghost_pays(Extents { outputs: 10, inputs: 512, positions: 1 }), "a linear layer");
        assert!(ghost_pays(convolution(256, 4)));
        assert!(!ghost_pays(convolution(128, 256)), "the deepest of the reference network");
        assert!(!ghost_pays(convolution(16, 128 * 128)), "the first of it");
        assert!(!ghost_pays(convolution(1 << 12, usize::MAX)), "nothing overflows");
    }

    #[test]
    fn patches_are_the_neighbourhoods_with_zeros_beyond_the_border() {
        let images = Tensor::<4>::from_floats([[[[1.0, 2.0], [3.0, 4.0]]]], &burn::tensor::Device::flex());
        let patches = Patches::of_size(images, 3).of(0..1).swap_dims(1, 2).into_data();
        let rows: Vec<Vec<f32>> = patches.iter::<f32>().collect::<Vec<_>>().chunks(9).map(<[f32]>::to_vec).collect();
        assert_eq!(rows[0], [0., 0., 0., 0., 1., 2., 0., 3., 4.], "around the first pixel");
        assert_eq!(rows[3], [1., 2., 0., 3., 4., 0., 0., 0., 0.], "around the last");
    }
}
