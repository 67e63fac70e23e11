//! A 3 x 3 convolution and its gradients, one image at a time.
//!
//! All channels of a pixel lie together: a vector of the processor holds several channels of one pixel. On the way back only the
//! pixels that the pool behind it chose have a slope, a quarter of all, and nothing is done for the others. Every sum is taken in
//! one order, however wide the vectors are. Only what is inlined into the caller is compiled for them.

use super::pool::Pooled;
use pulp::Simd;

/// Neighbouring pixels of a row whose sums stay in registers together; divides the side of every plane.
const TILE: usize = 14;

/// A 3 x 3 convolution with zero padding over square images, as big as its input. `ROW` is three times its input channels: the
/// numbers of one row of a kernel, which lie together in a kernel as in an image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conv<const ROW: usize, const OUTPUTS: usize> {
    pub(super) side: usize,
}

/// Kernels turned for [`Conv::forward`], one entry for each number of a kernel, and the biases.
#[derive(Debug, Clone)]
pub(super) struct Turned<const ROW: usize, const OUTPUTS: usize> {
    kernels: [[[f32; OUTPUTS]; ROW]; 3],
    biases: [f32; OUTPUTS],
}

impl<const ROW: usize, const OUTPUTS: usize> Conv<ROW, OUTPUTS> {
    const INPUTS: usize = ROW / 3;

    /// Kernels, `[outputs, 3, 3, inputs]`, and a bias for each output behind them.
    pub(super) const fn weights(&self) -> usize {
        OUTPUTS * 3 * ROW + OUTPUTS
    }

    /// Numbers of an image at its input, with a border of one pixel.
    pub(super) const fn padded(&self) -> usize {
        (self.side + 2) * (self.side + 2) * Self::INPUTS
    }

    /// Numbers of an image at its output.
    pub(super) const fn plain(&self) -> usize {
        self.side * self.side * OUTPUTS
    }

    /// The image `input`, with its border, becomes `output`, without one.
    #[inline(always)]
    pub(super) fn forward<S: Simd>(&self, simd: S, turned: &Turned<ROW, OUTPUTS>, input: &[f32], output: &mut [f32]) {
        for first in (0..OUTPUTS).step_by(S::F32_LANES) {
            let lanes = S::F32_LANES.min(OUTPUTS - first);
            for (tile, output) in output.chunks_exact_mut(TILE * OUTPUTS).enumerate() {
                let sums = self.tile(simd, turned, input, tile, first);
                for (output, sum) in output.chunks_exact_mut(OUTPUTS).zip(sums) {
                    simd.partial_store_f32s(&mut output[first..first + lanes], sum);
                }
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd>(
        &self,
        simd: S,
        turned: &Turned<ROW, OUTPUTS>,
        input: &[f32],
        tile: usize,
        first: usize,
    ) -> [S::f32s; TILE] {
        let (y, x) = (tile * TILE / self.side, tile * TILE % self.side);
        let lanes = S::F32_LANES.min(OUTPUTS - first);
        let mut sums = [simd.partial_load_f32s(&turned.biases[first..first + lanes]); TILE];
        for (down, kernels) in turned.kernels.iter().enumerate() {
            let row = &input[((y + down) * (self.side + 2) + x) * Self::INPUTS..][..(TILE + 2) * Self::INPUTS];
            for (number, kernels) in kernels.iter().enumerate() {
                let weights = simd.partial_load_f32s(&kernels[first..first + lanes]);
                for (right, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.mul_add_e_f32s(weights, simd.splat_f32s(row[right * Self::INPUTS + number]), *sum);
                }
            }
        }
        sums
    }

    /// Adds to `gradient` what the weights have to do with the slopes of the pooled output.
    #[inline(always)]
    pub(super) fn backward_weights<S: Simd>(&self, simd: S, input: &[f32], pooled: &Pooled<'_>, gradient: &mut [f32]) {
        let (kernels, biases) = gradient.split_at_mut(OUTPUTS * 3 * ROW);
        for (output, (kernel, bias)) in kernels.chunks_exact_mut(3 * ROW).zip(biases).enumerate() {
            for place in (output..pooled.slopes.len()).step_by(OUTPUTS) {
                *bias += pooled.slopes[place];
            }
            for first in (0..ROW).step_by(S::F32_LANES) {
                let lanes = S::F32_LANES.min(ROW - first);
                let mut sums = [simd.splat_f32s(0.0); 3];
                for place in (output..pooled.slopes.len()).step_by(OUTPUTS) {
                    let slope = simd.splat_f32s(pooled.slopes[place]);
                    let window = usize::from(pooled.windows[place]);
                    for (down, sum) in sums.iter_mut().enumerate() {
                        let row = &input[(window + down * (self.side + 2)) * Self::INPUTS + first..][..lanes];
                        *sum = simd.mul_add_e_f32s(slope, simd.partial_load_f32s(row), *sum);
                    }
                }
                for (kernel, sum) in kernel.chunks_exact_mut(ROW).zip(sums) {
                    let kernel = &mut kernel[first..first + lanes];
                    let sum = simd.add_f32s(simd.partial_load_f32s(kernel), sum);
                    simd.partial_store_f32s(kernel, sum);
                }
            }
        }
    }

    /// The gradient of the input, with its border, which means nothing.
    #[inline(always)]
    pub(super) fn backward_input<S: Simd>(&self, simd: S, weights: &[f32], pooled: &Pooled<'_>, input: &mut [f32]) {
        input.fill(0.0);
        for (output, kernel) in weights[..OUTPUTS * 3 * ROW].chunks_exact(3 * ROW).enumerate() {
            for first in (0..ROW).step_by(S::F32_LANES) {
                let lanes = S::F32_LANES.min(ROW - first);
                let mut rows = [simd.splat_f32s(0.0); 3];
                for (row, kernel) in rows.iter_mut().zip(kernel.chunks_exact(ROW)) {
                    *row = simd.partial_load_f32s(&kernel[first..first + lanes]);
                }
                for place in (output..pooled.slopes.len()).step_by(OUTPUTS) {
                    let slope = simd.splat_f32s(pooled.slopes[place]);
                    let window = usize::from(pooled.windows[place]);
                    for (down, weights) in rows.iter().enumerate() {
                        let row = &mut input[(window + down * (self.side + 2)) * Self::INPUTS + first..][..lanes];
                        let sum = simd.mul_add_e_f32s(slope, *weights, simd.partial_load_f32s(row));
                        simd.partial_store_f32s(row, sum);
                    }
                }
            }
        }
    }
}

impl<const ROW: usize, const OUTPUTS: usize> Turned<ROW, OUTPUTS> {
    /// Takes a convolution's weights.
    #[inline(always)]
    pub(super) fn turn(&mut self, weights: &[f32]) {
        let (kernels, biases) = weights.split_at(OUTPUTS * 3 * ROW);
        self.biases.copy_from_slice(biases);
        for (output, kernel) in kernels.chunks_exact(3 * ROW).enumerate() {
            for (turned, weight) in self.kernels.as_flattened_mut().iter_mut().zip(kernel) {
                turned[output] = *weight;
            }
        }
    }
}

impl<const ROW: usize, const OUTPUTS: usize> Default for Turned<ROW, OUTPUTS> {
    fn default() -> Self {
        Self { kernels: [[[0.0; OUTPUTS]; ROW]; 3], biases: [0.0; OUTPUTS] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    const SIDE: usize = 14;

    /// One pass forward on whatever vectors there are.
    struct Forward<'a>(&'a Turned<6, 5>, &'a [f32], &'a mut [f32]);

    impl WithSimd for Forward<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            Conv { side: SIDE }.forward(simd, self.0, self.1, self.2);
        }
    }

    /// Numbers without a pattern, between -1 and 1.
    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|number| (number as f32 * 1.7 + 0.3).sin()).collect()
    }

    /// By definition, for an image with a border.
    fn expected(weights: &[f32], input: &[f32], [y, x, output]: [usize; 3]) -> f32 {
        let window = (0..3 * 6).map(|number| {
            let (down, along) = (number / 6, number % 6);
            weights[output * 18 + number] * input[((y + down) * (SIDE + 2) + x) * 2 + along]
        });
        weights[5 * 18 + output] + window.sum::<f32>()
    }

    #[test]
    fn an_output_is_the_product_of_kernel_and_window() {
        // Five outputs fill no vector, and two inputs make rows that no vector ends with.
        let conv = Conv::<6, 5> { side: SIDE };
        let (weights, input) = (numbers(conv.weights()), numbers(conv.padded()));
        let (mut turned, mut output) = (Turned::default(), vec![0.0; conv.plain()]);
        turned.turn(&weights);
        Arch::new().dispatch(Forward(&turned, &input, &mut output));
        for (at, value) in output.iter().enumerate() {
            let place = [at / 5 / SIDE, at / 5 % SIDE, at % 5];
            let expected = expected(&weights, &input, place);
            assert!((value - expected).abs() < 1e-5, "{place:?}: {value} is not {expected}");
        }
    }
}
