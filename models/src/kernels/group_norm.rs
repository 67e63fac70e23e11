//! Group normalisation with ReLU in one pass over an image, and its gradient.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Extents of a group normalisation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extents {
    pub(super) channels: usize,
    pub(super) groups: usize,
    pub(super) plane: usize,
}

/// Mean and inverse deviation of each group of each image, `[images, groups]`.
pub(super) type Moments = Vec<(f32, f32)>;

/// Gradients of the input, and of scale and shift for each image, `[images, channels]`.
pub(super) struct NormGradients {
    pub(super) input: Vec<f32>,
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

/// `relu(scale * normal(input) + shift)` and the moments.
pub(super) fn normalise(
    input: &[f32],
    scale: &[f32],
    shift: &[f32],
    extents: Extents,
    variance_floor: f32,
) -> (Vec<f32>, Moments) {
    let mut output = vec![0.0; input.len()];
    let group_channels = extents.channels / extents.groups;
    let group_len = group_channels * extents.plane;
    let arch = Arch::new();
    let groups = output.par_chunks_exact_mut(group_len).zip(input.par_chunks_exact(group_len)).enumerate();
    let moments = groups
        .map(|(index, (output, input))| {
            let (mean, deviation) = moments(arch, input, variance_floor);
            let first = index % extents.groups * group_channels;
            let planes = output.chunks_exact_mut(extents.plane).zip(input.chunks_exact(extents.plane));
            for (channel, (output, input)) in planes.enumerate() {
                let gain = scale[first + channel] * deviation;
                let offset = shift[first + channel] - mean * gain;
                arch.dispatch(Rectify { input, output, gain, offset });
            }
            (mean, deviation)
        })
        .collect();
    (output, moments)
}

/// The gradients for `gradient` of the output.
pub(super) fn gradients(
    input: &[f32],
    gradient: &[f32],
    moments: &[(f32, f32)],
    scale: &[f32],
    shift: &[f32],
    extents: Extents,
) -> NormGradients {
    let group_channels = extents.channels / extents.groups;
    let group_len = group_channels * extents.plane;
    let arch = Arch::new();
    let mut result = vec![0.0; input.len()];
    let groups = result
        .par_chunks_exact_mut(group_len)
        .zip(input.par_chunks_exact(group_len).zip(gradient.par_chunks_exact(group_len)));
    let sums: Vec<Vec<(f32, f32)>> = groups
        .zip(moments)
        .enumerate()
        .map(|(index, ((result, (input, gradient)), moments))| {
            let first = index % extents.groups * group_channels;
            let affine = scale[first..first + group_channels].iter().zip(&shift[first..first + group_channels]);
            let channels: Vec<Channel> = affine.map(|(scale, shift)| Channel::new(*scale, *shift, *moments)).collect();
            group_gradients(arch, result, input, gradient, &channels, extents.plane)
        })
        .collect();
    let (scale, shift) = sums.into_iter().flatten().unzip();
    NormGradients { input: result, scale, shift }
}

/// How one channel of one image is normalised.
#[derive(Clone, Copy)]
struct Channel {
    mean: f32,
    deviation: f32,
    scale: f32,
    gain: f32,
    offset: f32,
}

impl Channel {
    fn new(scale: f32, shift: f32, (mean, deviation): (f32, f32)) -> Self {
        let gain = scale * deviation;
        Self { mean, deviation, scale, gain, offset: shift - mean * gain }
    }
}

/// Fills `result` and gives the gradients of scale and shift of each channel of the group.
fn group_gradients(
    arch: Arch,
    result: &mut [f32],
    input: &[f32],
    gradient: &[f32],
    channels: &[Channel],
    plane: usize,
) -> Vec<(f32, f32)> {
    let planes = || input.chunks_exact(plane).zip(gradient.chunks_exact(plane)).zip(channels);
    let sums: Vec<(f32, f32)> = planes()
        .map(|((input, gradient), channel)| {
            let (shift, raw) = arch.dispatch(Sums { input, gradient, channel: *channel });
            ((raw - channel.mean * shift) * channel.deviation, shift)
        })
        .collect();
    let count = (plane * channels.len()) as f32;
    let mean_of = |part: fn(&(f32, f32)) -> f32| {
        channels.iter().zip(&sums).map(|(channel, sums)| channel.scale * part(sums)).sum::<f32>() / count
    };
    let (mean, slope) = (mean_of(|sums| sums.1), mean_of(|sums| sums.0));
    for (result, ((input, gradient), channel)) in result.chunks_exact_mut(plane).zip(planes()) {
        arch.dispatch(InputGradient { result, input, gradient, channel: *channel, mean, slope });
    }
    sums
}

fn moments(arch: Arch, values: &[f32], variance_floor: f32) -> (f32, f32) {
    let count = values.len() as f32;
    let mean = arch.dispatch(SumOf { values, less: 0.0, squared: false }) / count;
    let variance = arch.dispatch(SumOf { values, less: mean, squared: true }) / count;
    (mean, 1.0 / (variance + variance_floor).sqrt())
}

/// Sum of `values - less`, or of its square.
struct SumOf<'a> {
    values: &'a [f32],
    less: f32,
    squared: bool,
}

impl WithSimd for SumOf<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let less = simd.splat_f32s(self.less);
        let (vectors, rest) = S::as_simd_f32s(self.values);
        let mut sums = [simd.splat_f32s(0.0); 4];
        for four in vectors.chunks(4) {
            for (sum, value) in sums.iter_mut().zip(four) {
                let value = simd.sub_f32s(*value, less);
                *sum = if self.squared { simd.mul_add_e_f32s(value, value, *sum) } else { simd.add_f32s(*sum, value) };
            }
        }
        let total = simd.add_f32s(simd.add_f32s(sums[0], sums[1]), simd.add_f32s(sums[2], sums[3]));
        let rest = rest.iter().map(|value| value - self.less);
        let rest: f32 = if self.squared { rest.map(|value| value * value).sum() } else { rest.sum() };
        simd.reduce_sum_f32s(total) + rest
    }
}

struct Rectify<'a> {
    input: &'a [f32],
    output: &'a mut [f32],
    gain: f32,
    offset: f32,
}

impl WithSimd for Rectify<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (output, input) in self.output.iter_mut().zip(self.input) {
            *output = self.gain.mul_add(*input, self.offset).max(0.0);
        }
    }
}

/// Sums of the gradient, and of its product with the input, where ReLU let it through.
struct Sums<'a> {
    input: &'a [f32],
    gradient: &'a [f32],
    channel: Channel,
}

impl WithSimd for Sums<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, f32) {
        let zero = simd.splat_f32s(0.0);
        let (gain, offset) = (simd.splat_f32s(self.channel.gain), simd.splat_f32s(self.channel.offset));
        let (inputs, input_rest) = S::as_simd_f32s(self.input);
        let (gradients, gradient_rest) = S::as_simd_f32s(self.gradient);
        let mut sums = [(zero, zero); 2];
        for (inputs, gradients) in inputs.chunks(2).zip(gradients.chunks(2)) {
            for (sums, (input, gradient)) in sums.iter_mut().zip(inputs.iter().zip(gradients)) {
                let output = simd.mul_add_e_f32s(gain, *input, offset);
                let through = simd.select_f32s(simd.greater_than_f32s(output, zero), *gradient, zero);
                *sums = (simd.add_f32s(sums.0, through), simd.mul_add_e_f32s(through, *input, sums.1));
            }
        }
        let mut plain = simd.reduce_sum_f32s(simd.add_f32s(sums[0].0, sums[1].0));
        let mut product = simd.reduce_sum_f32s(simd.add_f32s(sums[0].1, sums[1].1));
        for (input, gradient) in input_rest.iter().zip(gradient_rest) {
            if self.channel.gain.mul_add(*input, self.channel.offset) > 0.0 {
                plain += gradient;
                product += gradient * input;
            }
        }
        (plain, product)
    }
}

struct InputGradient<'a> {
    result: &'a mut [f32],
    input: &'a [f32],
    gradient: &'a [f32],
    channel: Channel,
    mean: f32,
    slope: f32,
}

impl WithSimd for InputGradient<'_> {
    type Output = ();

    /// `deviation * (scale * through - mean - normal * slope)`, with what does not change taken out of the loop.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Channel { mean, deviation, gain, offset, .. } = self.channel;
        let per_input = -deviation * deviation * self.slope;
        let constant = -deviation * self.mean - mean * per_input;
        let pixels = self.result.iter_mut().zip(self.input.iter().zip(self.gradient));
        for (result, (input, gradient)) in pixels {
            let through = if gain.mul_add(*input, offset) > 0.0 { *gradient } else { 0.0 };
            *result = gain.mul_add(through, per_input.mul_add(*input, constant));
        }
    }
}
