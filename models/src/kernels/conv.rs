//! 3 x 3 convolution of padded planes, and the same run backwards for the gradient of its input.
//!
//! A tile of the output, some channels by some positions, stays in registers while all inputs pass by.

use super::padded::{OVERRUN_MAX, Padded};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Weights of one input and output channel.
pub(super) const TAPS: usize = 9;

/// Vectors of positions in a tile.
const VECTORS: usize = 3;

/// Output `[images, outputs, height, width]` for weights `[outputs, channels, 3, 3]`.
pub(super) fn convolve(input: &Padded, weights: &[f32], outputs: usize) -> Vec<f32> {
    let mut output = vec![0.0; input.images * outputs * input.height_px * input.width_px];
    if outputs.is_multiple_of(8) && Arch::new().dispatch(Registers) >= 32 {
        convolve_blocks::<8>(input, weights, &mut output);
    } else if outputs.is_multiple_of(4) {
        convolve_blocks::<4>(input, weights, &mut output);
    } else {
        convolve_blocks::<1>(input, weights, &mut output);
    }
    output
}

/// Weights with which [`convolve`] takes the gradient of the output to that of the input.
pub(super) fn transposed(weights: &[f32], outputs: usize, inputs: usize) -> Vec<f32> {
    let mut turned = vec![0.0; weights.len()];
    for output in 0..outputs {
        for input in 0..inputs {
            for tap in 0..TAPS {
                turned[(input * outputs + output) * TAPS + TAPS - 1 - tap] =
                    weights[(output * inputs + input) * TAPS + tap];
            }
        }
    }
    turned
}

fn convolve_blocks<const BLOCK: usize>(input: &Padded, weights: &[f32], output: &mut [f32]) {
    let weights = interleaved::<BLOCK>(weights, input.channels);
    let blocks = weights.len() / (input.channels * TAPS * BLOCK);
    let arch = Arch::new();
    let chunks = output.par_chunks_exact_mut(BLOCK * input.height_px * input.width_px).enumerate();
    chunks.for_each(|(index, output)| {
        let (image, block) = (index / blocks, index % blocks);
        let weights = &weights[block * input.channels * TAPS * BLOCK..][..input.channels * TAPS * BLOCK];
        arch.dispatch(Tiles::<BLOCK> { input, image, weights, output });
    });
}

/// `[outputs, channels, taps]` as `[outputs / BLOCK, channels, taps, BLOCK]`.
fn interleaved<const BLOCK: usize>(weights: &[f32], channels: usize) -> Vec<f32> {
    let blocks = weights.chunks_exact(BLOCK * channels * TAPS);
    let each = |block: &[f32]| {
        let at = |index: usize| block[index % BLOCK * channels * TAPS + index / BLOCK];
        (0..block.len()).map(at).collect::<Vec<_>>()
    };
    blocks.flat_map(each).collect()
}

/// How many vectors the processor holds.
pub(super) struct Registers;

impl WithSimd for Registers {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::REGISTER_COUNT
    }
}

/// `BLOCK` output channels of one image.
struct Tiles<'a, const BLOCK: usize> {
    input: &'a Padded,
    image: usize,
    weights: &'a [f32],
    output: &'a mut [f32],
}

impl<const BLOCK: usize> WithSimd for Tiles<'_, BLOCK> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let tile = VECTORS * S::F32_LANES;
        debug_assert!(tile <= OVERRUN_MAX);
        let (row_px, width_px) = (self.input.row_px(), self.input.width_px);
        let run = self.input.positions().next_multiple_of(tile);
        let mut scratch = vec![0.0; BLOCK * run];
        for start in (0..run).step_by(tile) {
            let sums = self.tile(simd, start, tile, row_px);
            for (channel, sums) in sums.iter().enumerate() {
                let (place, _) = S::as_mut_simd_f32s(&mut scratch[channel * run + start..][..tile]);
                place.copy_from_slice(sums);
            }
        }
        let planes = self.output.chunks_exact_mut(width_px * self.input.height_px).zip(scratch.chunks_exact(run));
        for (plane, scratch) in planes {
            for (to, from) in plane.chunks_exact_mut(width_px).zip(scratch.chunks_exact(row_px)) {
                to.copy_from_slice(&from[..width_px]);
            }
        }
    }
}

impl<const BLOCK: usize> Tiles<'_, BLOCK> {
    #[inline(always)]
    fn tile<S: Simd>(&self, simd: S, start: usize, tile: usize, row_px: usize) -> [[S::f32s; VECTORS]; BLOCK] {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; BLOCK];
        for (channel, weights) in self.weights.chunks_exact(TAPS * BLOCK).enumerate() {
            let plane = self.input.neighbourhoods(self.image, channel);
            for (tap, weights) in weights.chunks_exact(BLOCK).enumerate() {
                let from = start + tap / 3 * row_px + tap % 3;
                let (values, _) = S::as_simd_f32s(&plane[from..from + tile]);
                for (sums, weight) in sums.iter_mut().zip(weights) {
                    let weight = simd.splat_f32s(*weight);
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = simd.mul_add_e_f32s(weight, *value, *sum);
                    }
                }
            }
        }
        sums
    }
}
