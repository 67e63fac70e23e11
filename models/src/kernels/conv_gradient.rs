//! Gradient of the weights of a 3 x 3 convolution: each is the product of an output plane with a shifted input plane.

use super::conv::TAPS;
use super::padded::Padded;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Output channels whose sums stay in registers together.
const BLOCK: usize = 4;

/// Taps of one kernel row, which share what they read.
const ROW: usize = 3;

/// Input channels of one task, so that there are tasks for many threads and still a block of outputs is read once.
const INPUTS: usize = 8;

/// Positions taken at once, so that a block of the gradient stays in the first-level cache while all inputs pass by.
const CHUNK: usize = 512;

/// Gradient of weights `[outputs, channels, 3, 3]` summed over the images.
pub(super) fn weight_gradient(input: &Padded, gradient: &Padded) -> Vec<f32> {
    let (outputs, channels) = (gradient.channels, input.channels);
    let arch = Arch::new();
    let tasks: Vec<(usize, usize)> = (0..outputs)
        .step_by(BLOCK)
        .flat_map(|output| (0..channels).step_by(INPUTS).map(move |channel| (output, channel)))
        .collect();
    let parts: Vec<Vec<f32>> = tasks
        .par_iter()
        .map(|(output, channel)| {
            let inputs = INPUTS.min(channels - channel);
            arch.dispatch(Products { input, gradient, output: *output, channel: *channel, inputs })
        })
        .collect();
    let mut weights = vec![0.0; outputs * channels * TAPS];
    for ((output, channel), part) in tasks.iter().zip(&parts) {
        let outputs = BLOCK.min(outputs - output);
        for (index, value) in part.iter().enumerate() {
            // A part lies as [channel, row, output, column].
            let (column, rest) = (index % ROW, index / ROW);
            let (within, row, input) = (rest % BLOCK, rest / BLOCK % ROW, rest / BLOCK / ROW);
            if within < outputs {
                weights[((output + within) * channels + channel + input) * TAPS + row * ROW + column] = *value;
            }
        }
    }
    weights
}

/// A block of output channels with some input channels, over all images.
struct Products<'a> {
    input: &'a Padded,
    gradient: &'a Padded,
    output: usize,
    channel: usize,
    inputs: usize,
}

impl WithSimd for Products<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let row_px = self.input.row_px();
        let run = self.input.positions().next_multiple_of(S::F32_LANES);
        let mut sums = vec![[[simd.splat_f32s(0.0); ROW]; BLOCK]; self.inputs * ROW];
        for image in 0..self.input.images {
            let gradients = self.gradients(image);
            for start in (0..run).step_by(CHUNK) {
                let len = CHUNK.min(run - start);
                let gradients = gradients.map(|plane| S::as_simd_f32s(&plane[start..start + len]).0);
                for (index, sums) in sums.iter_mut().enumerate() {
                    let plane = self.input.neighbourhoods(image, self.channel + index / ROW);
                    let from = start + index % ROW * row_px;
                    let columns = [0, 1, 2].map(|column| S::as_simd_f32s(&plane[from + column..][..len]).0);
                    *sums = products(simd, *sums, gradients, columns);
                }
            }
        }
        sums.iter().flatten().flatten().map(|sum| simd.reduce_sum_f32s(*sum)).collect()
    }
}

impl<'a> Products<'a> {
    /// The planes of the block; where the last block is not full, the first again, whose sums are then left out.
    #[inline(always)]
    fn gradients(&self, image: usize) -> [&'a [f32]; BLOCK] {
        std::array::from_fn(|within| {
            let channel = self.output + within;
            self.gradient.pixels(image, if channel < self.gradient.channels { channel } else { self.output })
        })
    }
}

#[inline(always)]
fn products<S: Simd>(
    simd: S,
    mut sums: [[S::f32s; ROW]; BLOCK],
    gradients: [&[S::f32s]; BLOCK],
    columns: [&[S::f32s]; ROW],
) -> [[S::f32s; ROW]; BLOCK] {
    let len = columns[0].len();
    let gradients = gradients.map(|plane| &plane[..len]);
    let columns = columns.map(|plane| &plane[..len]);
    for position in 0..len {
        let values = columns.map(|plane| plane[position]);
        for (sums, plane) in sums.iter_mut().zip(gradients) {
            let gradient = plane[position];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = simd.mul_add_e_f32s(gradient, value, *sum);
            }
        }
    }
    sums
}
