//! Gradient of the weights of a 3 x 3 convolution: each is the product of an output plane with a shifted input plane.

use super::conv::{Registers, TAPS};
use super::padded::Padded;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Taps of one kernel row, which share what they read.
const ROW: usize = 3;

/// Input channels of one task, so that there are tasks for many threads and still a block of outputs is read once.
const INPUTS: usize = 8;

/// Positions taken at once, so that a block of the gradient stays in the first-level cache while all inputs pass by.
const CHUNK: usize = 512;

/// Gradient of weights `[outputs, channels, 3, 3]` for each group of images, summed over the images of the group:
/// `[groups, outputs, channels, 3, 3]`.
pub(super) fn weight_gradient(input: &Padded, gradient: &Padded, groups: &[Range<usize>]) -> Vec<f32> {
    // A block of output channels and three columns of sums fill about three quarters of the registers.
    if gradient.channels.is_multiple_of(8) && Arch::new().dispatch(Registers) >= 32 {
        in_blocks::<8>(input, gradient, groups)
    } else {
        in_blocks::<4>(input, gradient, groups)
    }
}

fn in_blocks<const BLOCK: usize>(input: &Padded, gradient: &Padded, groups: &[Range<usize>]) -> Vec<f32> {
    let (outputs, channels) = (gradient.channels, input.channels);
    let mut weights = vec![0.0; groups.len() * outputs * channels * TAPS];
    let mut tasks: Vec<Products<'_, BLOCK>> = (0..outputs)
        .step_by(BLOCK)
        .flat_map(|output| (0..channels).step_by(INPUTS).map(move |channel| (output, channel)))
        .map(|(output, channel)| Products { input, gradient, groups, output, channel, places: Vec::new() })
        .collect();
    let chunks = channels.div_ceil(INPUTS);
    for (index, row) in weights.chunks_exact_mut(channels * TAPS).enumerate() {
        let block = index % outputs / BLOCK;
        for (chunk, place) in row.chunks_mut(INPUTS * TAPS).enumerate() {
            tasks[block * chunks + chunk].places.push(place);
        }
    }
    let arch = Arch::new();
    tasks.into_par_iter().for_each(|task| arch.dispatch(task));
    weights
}

/// A block of output channels with some input channels, over all images.
struct Products<'a, const BLOCK: usize> {
    input: &'a Padded,
    gradient: &'a Padded,
    groups: &'a [Range<usize>],
    output: usize,
    channel: usize,
    /// Where the results go: for each group and output channel `[input channels, 3, 3]`.
    places: Vec<&'a mut [f32]>,
}

impl<const BLOCK: usize> WithSimd for Products<'_, BLOCK> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let outputs = BLOCK.min(self.gradient.channels - self.output);
        let inputs = INPUTS.min(self.input.channels - self.channel);
        let zeros = [[simd.splat_f32s(0.0); ROW]; BLOCK];
        let mut sums = vec![zeros; inputs * ROW];
        let mut places = std::mem::take(&mut self.places);
        for (group, places) in self.groups.iter().zip(places.chunks_exact_mut(outputs)) {
            sums.fill(zeros);
            for image in group.clone() {
                self.add_image(simd, image, &mut sums);
            }
            // Loops and no closures: only what is inlined here is compiled for the processor's vectors.
            for (within, place) in places.iter_mut().enumerate() {
                for (place, sums) in place.chunks_exact_mut(ROW).zip(&sums) {
                    for (place, sum) in place.iter_mut().zip(&sums[within]) {
                        *place = simd.reduce_sum_f32s(*sum);
                    }
                }
            }
        }
    }
}

impl<'a, const BLOCK: usize> Products<'a, BLOCK> {
    /// Adds the products of one image, by input channel and kernel row.
    #[inline(always)]
    fn add_image<S: Simd>(&self, simd: S, image: usize, sums: &mut [[[S::f32s; ROW]; BLOCK]]) {
        let row_px = self.input.row_px();
        let run = self.input.positions().next_multiple_of(S::F32_LANES);
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
