//! Gradient of the weights of a 3 x 3 convolution: each is the product of an output plane with a shifted input plane.

use super::conv::{Registers, TAPS};
use super::padded::Padded;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Taps of one kernel row, which share what they read.
const ROW: usize = 3;

/// Input channels of one task, so that there are tasks for many threads and still a block of outputs is read once.
const INPUTS: usize = 8;

/// Positions taken at once, so that a block of the gradient stays in the first-level cache while all inputs pass by.
const CHUNK: usize = 512;

/// Gradient of weights `[outputs, channels, 3, 3]` summed over the images.
pub(super) fn weight_gradient(input: &Padded, gradient: &Padded) -> Vec<f32> {
    // A block of output channels and three columns of sums fill about three quarters of the registers.
    if gradient.channels.is_multiple_of(8) && Arch::new().dispatch(Registers) >= 32 {
        in_blocks::<8>(input, gradient)
    } else {
        in_blocks::<4>(input, gradient)
    }
}

fn in_blocks<const BLOCK: usize>(input: &Padded, gradient: &Padded) -> Vec<f32> {
    let (outputs, channels) = (gradient.channels, input.channels);
    let arch = Arch::new();
    let tasks: Vec<(usize, usize)> = (0..outputs)
        .step_by(BLOCK)
        .flat_map(|output| (0..channels).step_by(INPUTS).map(move |channel| (output, channel)))
        .collect();
    let products = |(output, channel): &(usize, usize)| {
        let inputs = INPUTS.min(channels - channel);
        arch.dispatch(Products::<BLOCK> { input, gradient, output: *output, channel: *channel, inputs })
    };
    let parts: Vec<Vec<f32>> = tasks.par_iter().map(products).collect();
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
struct Products<'a, const BLOCK: usize> {
    input: &'a Padded,
    gradient: &'a Padded,
    output: usize,
    channel: usize,
    inputs: usize,
}

impl<const BLOCK: usize> WithSimd for Products<'_, BLOCK> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let row_px = self.input.row_px();
        let run = self.input.positions().next_multiple_of(S::F32_LANES);
        let mut sums = vec![[[simd.splat_f32s(0.0); ROW]; BLOCK]; self.inputs * ROW];
        for image in 0..self.input.images {
            for start in (0..run).step_by(CHUNK) {
                let len = CHUNK.min(run - start);
                let gradients = self.gradients(simd, image, start, len);
                for (index, sums) in sums.iter_mut().enumerate() {
                    let plane = self.input.neighbourhoods(image, self.channel + index / ROW);
                    let from = start + index % ROW * row_px;
                    let columns = [
                        S::as_simd_f32s(&plane[from..from + len]).0,
                        S::as_simd_f32s(&plane[from + 1..from + 1 + len]).0,
                        S::as_simd_f32s(&plane[from + 2..from + 2 + len]).0,
                    ];
                    *sums = products(simd, *sums, &gradients, columns);
                }
            }
        }
        let mut totals = vec![0.0; sums.len() * BLOCK * ROW];
        // A loop and no closure: only what is inlined here is compiled for the processor's vectors.
        for (total, sum) in totals.iter_mut().zip(sums.iter().flatten().flatten()) {
            *total = simd.reduce_sum_f32s(*sum);
        }
        totals
    }
}

impl<'a, const BLOCK: usize> Products<'a, BLOCK> {
    /// The planes of the block; where the last block is not full, the first again, whose sums are then left out.
    #[inline(always)]
    fn gradients<S: Simd>(&self, _: S, image: usize, start: usize, len: usize) -> [&'a [S::f32s]; BLOCK] {
        let mut planes: [&[S::f32s]; BLOCK] = [&[]; BLOCK];
        for (within, vectors) in planes.iter_mut().enumerate() {
            let channel = self.output + within;
            let channel = if channel < self.gradient.channels { channel } else { self.output };
            *vectors = S::as_simd_f32s(&self.gradient.pixels(image, channel)[start..start + len]).0;
        }
        planes
    }
}

#[inline(always)]
fn products<S: Simd, const BLOCK: usize>(
    simd: S,
    mut sums: [[S::f32s; ROW]; BLOCK],
    gradients: &[&[S::f32s]; BLOCK],
    [left, middle, right]: [&[S::f32s]; ROW],
) -> [[S::f32s; ROW]; BLOCK] {
    let len = left.len();
    let (middle, right) = (&middle[..len], &right[..len]);
    let mut planes = *gradients;
    for plane in &mut planes {
        *plane = &plane[..len];
    }
    for position in 0..len {
        let values = [left[position], middle[position], right[position]];
        for (sums, plane) in sums.iter_mut().zip(&planes) {
            let gradient = plane[position];
            for (sum, value) in sums.iter_mut().zip(&values) {
                *sum = simd.mul_add_e_f32s(gradient, *value, *sum);
            }
        }
    }
    sums
}
