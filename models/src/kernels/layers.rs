//! The kernels that replace a layer of burn, each with its gradient.

use super::conv::{convolve, transposed};
use super::conv_gradient::weight_gradient;
use super::group_norm::{self, Extents, Moments};
use super::operation::{Kernel, Operand, apply};
use super::padded::Padded;
use super::pool;
use crate::private::Slot;
use burn::tensor::Tensor;

/// 3 x 3 convolution of `[images, channels, height, width]` with weights `[outputs, channels, 3, 3]`, borders of zeros.
pub(crate) fn conv3x3(input: Tensor<4>, weight: Tensor<4>) -> Tensor<4> {
    apply(Conv { each: None }, [input, weight])
}

/// The same; the backward pass gives the weight's gradient to `each`, for every patient by herself, and not to autodiff.
pub(crate) fn conv3x3_each(input: Tensor<4>, weight: Tensor<4>, each: Slot) -> Tensor<4> {
    apply(Conv { each: Some(each) }, [input, marker(weight)])
}

/// Groups of a normalisation, and what is added to the variance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Normalisation {
    pub(crate) groups: usize,
    pub(crate) variance_floor: f32,
}

/// Scale and shift of each channel.
pub(crate) struct Affine {
    pub(crate) scale: Tensor<1>,
    pub(crate) shift: Tensor<1>,
}

/// ReLU of the normalised input, scaled and shifted by channel.
pub(crate) fn group_norm_relu(input: Tensor<4>, affine: Affine, normalisation: Normalisation) -> Tensor<4> {
    let [_, channels, ..] = input.dims();
    let row = |parameter: Tensor<1>| parameter.reshape([1, channels, 1, 1]);
    apply(NormRelu { normalisation, each: None }, [input, row(affine.scale), row(affine.shift)])
}

/// The same; the backward pass gives the gradients of scale and shift to `each`, for every patient by herself, and not to
/// autodiff.
pub(crate) fn group_norm_relu_each(
    input: Tensor<4>,
    affine: Affine,
    normalisation: Normalisation,
    each: [Slot; 2],
) -> Tensor<4> {
    let [_, channels, ..] = input.dims();
    let row = |parameter: Tensor<1>| marker(parameter.reshape([1, channels, 1, 1]));
    apply(NormRelu { normalisation, each: Some(each) }, [input, row(affine.scale), row(affine.shift)])
}

/// A leaf of its own with the same values: it makes autodiff visit the layer, even the first, whose input needs no gradient.
fn marker(parameter: Tensor<4>) -> Tensor<4> {
    parameter.inner().autodiff().require_grad()
}

/// The largest of each 2 x 2 pixels.
pub(crate) fn halve(input: Tensor<4>) -> Tensor<4> {
    apply(Halve, [input])
}

#[derive(Debug, Clone)]
struct Conv {
    each: Option<Slot>,
}

impl Kernel<2> for Conv {
    type Kept = (Padded, Operand);

    fn forward(&self, [input, weight]: [&Operand; 2]) -> (Operand, Self::Kept) {
        let [images, _, height, width] = input.dims;
        let padded = Padded::of(input.values(), input.dims);
        let output = convolve(&padded, weight.values(), weight.dims[0]);
        (Operand::new(output, [images, weight.dims[0], height, width]), (padded, weight.clone()))
    }

    fn backward(&self, (input, weight): &Self::Kept, gradient: &Operand, wanted: [bool; 2]) -> [Option<Operand>; 2] {
        let [outputs, inputs, ..] = weight.dims;
        let [images, _, height, width] = gradient.dims;
        let gradient = Padded::of(gradient.values(), gradient.dims);
        let to_input = wanted[0].then(|| {
            let values = convolve(&gradient, &transposed(weight.values(), outputs, inputs), inputs);
            Operand::new(values, [images, inputs, height, width])
        });
        if let Some(each) = &self.each {
            each.add(weight_gradient(input, &gradient, each.patients()));
            return [to_input, None];
        }
        let all = 0..images;
        let over_images = || weight_gradient(input, &gradient, std::slice::from_ref(&all));
        let to_weight = wanted[1].then(|| Operand::new(over_images(), weight.dims));
        [to_input, to_weight]
    }
}

#[derive(Debug, Clone)]
struct NormRelu {
    normalisation: Normalisation,
    each: Option<[Slot; 2]>,
}

#[derive(Debug, Clone)]
struct NormKept {
    input: Operand,
    scale: Operand,
    shift: Operand,
    moments: Moments,
}

impl NormRelu {
    fn extents(&self, [_, channels, height, width]: [usize; 4]) -> Extents {
        Extents { channels, groups: self.normalisation.groups, plane: height * width }
    }
}

impl Kernel<3> for NormRelu {
    type Kept = NormKept;

    fn forward(&self, [input, scale, shift]: [&Operand; 3]) -> (Operand, NormKept) {
        let extents = self.extents(input.dims);
        let floor = self.normalisation.variance_floor;
        let (output, moments) = group_norm::normalise(input.values(), scale.values(), shift.values(), extents, floor);
        let kept = NormKept { input: input.clone(), scale: scale.clone(), shift: shift.clone(), moments };
        (Operand::new(output, input.dims), kept)
    }

    fn backward(&self, kept: &NormKept, gradient: &Operand, wanted: [bool; 3]) -> [Option<Operand>; 3] {
        let (scale, shift) = (kept.scale.values(), kept.shift.values());
        let extents = self.extents(kept.input.dims);
        let found = group_norm::gradients(kept.input.values(), gradient.values(), &kept.moments, scale, shift, extents);
        if let Some([each_scale, each_shift]) = &self.each {
            each_scale.add_rows(found.scale);
            each_shift.add_rows(found.shift);
            return [wanted[0].then(|| Operand::new(found.input, kept.input.dims)), None, None];
        }
        let over_images = |each: &[f32]| {
            let mut sum = vec![0.0; extents.channels];
            for image in each.chunks_exact(extents.channels) {
                sum.iter_mut().zip(image).for_each(|(sum, value)| *sum += value);
            }
            Operand::new(sum, kept.scale.dims)
        };
        let (scale, shift) = (over_images(&found.scale), over_images(&found.shift));
        let found = [Operand::new(found.input, kept.input.dims), scale, shift];
        let mut wanted = wanted.into_iter();
        found.map(|operand| wanted.next().unwrap_or(false).then_some(operand))
    }
}

#[derive(Debug, Clone, Copy)]
struct Halve;

impl Kernel<1> for Halve {
    type Kept = (Vec<u8>, [usize; 4]);

    fn forward(&self, [input]: [&Operand; 1]) -> (Operand, Self::Kept) {
        let [images, channels, height, width] = input.dims;
        let (output, which) = pool::halve(input.values(), height, width);
        (Operand::new(output, [images, channels, height / 2, width / 2]), (which, input.dims))
    }

    fn backward(&self, (which, dims): &Self::Kept, gradient: &Operand, [wanted]: [bool; 1]) -> [Option<Operand>; 1] {
        [wanted.then(|| Operand::new(pool::gradient(gradient.values(), which, dims[3]), *dims))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
    use burn::tensor::{Device, Gradients, TensorData, Tolerance, module};

    /// Images, channels, outputs, height, width: whole vectors and not, one tile and many, blocks full and not.
    const SHAPES: [[usize; 5]; 6] =
        [[2, 4, 8, 16, 16], [1, 1, 4, 6, 10], [3, 3, 2, 5, 7], [2, 12, 4, 1, 1], [1, 9, 16, 40, 33], [2, 8, 6, 2, 64]];

    const NORMALISATION: Normalisation = Normalisation { groups: 4, variance_floor: 1e-5 };

    fn affine(scale: &Tensor<1>, shift: &Tensor<1>) -> Affine {
        Affine { scale: scale.clone(), shift: shift.clone() }
    }

    /// Values between -1 and 1 that no rule connects.
    fn tensor<const D: usize>(salt: u64, dims: [usize; D]) -> Tensor<D> {
        let mut state = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        let values: Vec<f32> = (0..dims.iter().product()).map(|_| next()).collect();
        Tensor::from_data(TensorData::new(values, dims), &Device::flex().autodiff()).require_grad()
    }

    fn close<const D: usize>(what: &str, ours: Tensor<D>, burns: Tensor<D>) {
        let (ours, burns) = (ours.into_data(), burns.into_data());
        assert!(ours.iter::<f32>().any(|value| value != 0.0), "{what}: all zero");
        println!("{what}");
        ours.assert_approx_eq::<f32>(&burns, Tolerance::rel_abs(1e-4, 1e-4));
    }

    /// Gradients of a weighted sum of the output, so that each output pixel matters differently.
    fn backward(output: Tensor<4>) -> Gradients {
        let weights = tensor(99, output.dims()).inner();
        (output * weights.autodiff()).sum().backward()
    }

    fn grad<const D: usize>(of: &Tensor<D>, gradients: &Gradients) -> Tensor<D> {
        of.grad(gradients).expect("a leaf of this graph")
    }

    #[test]
    fn convolution_and_its_gradients_agree_with_burn() {
        for [images, channels, outputs, height, width] in SHAPES {
            let input = tensor(1, [images, channels, height, width]);
            let weight = tensor(2, [outputs, channels, 3, 3]);
            let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
            let ours = conv3x3(input.clone(), weight.clone());
            let burns = module::conv2d(input.clone(), weight.clone(), None, options);
            let shape = format!("{images} {channels} {outputs} {height} {width}");
            close(&format!("output {shape}"), ours.clone(), burns.clone());
            let (ours, burns) = (backward(ours), backward(burns));
            close(&format!("input {shape}"), grad(&input, &ours), grad(&input, &burns));
            close(&format!("weight {shape}"), grad(&weight, &ours), grad(&weight, &burns));
        }
    }

    #[test]
    fn normalisation_and_its_gradients_agree_with_burn() {
        for [images, _, _, height, width] in SHAPES {
            if height * width == 1 {
                continue;
            }
            let input = tensor(3, [images, 8, height, width]);
            let (scale, shift) = (tensor(4, [8]), tensor(5, [8]));
            let norm = burn::nn::GroupNormConfig::new(4, 8).with_affine(false).with_epsilon(1e-5).init(&input.device());
            let row = |parameter: &Tensor<1>| parameter.clone().reshape([1, 8, 1, 1]);
            let burns = burn::tensor::activation::relu(norm.forward(input.clone()) * row(&scale) + row(&shift));
            let ours = group_norm_relu(input.clone(), affine(&scale, &shift), NORMALISATION);
            close("output", ours.clone(), burns.clone());
            let (ours, burns) = (backward(ours), backward(burns));
            close("input", grad(&input, &ours), grad(&input, &burns));
            close("scale", grad(&scale, &ours), grad(&scale, &burns));
            close("shift", grad(&shift, &ours), grad(&shift, &burns));
        }
    }

    #[test]
    fn halving_and_its_gradient_agree_with_burn() {
        for dims in [[2, 4, 16, 16], [1, 3, 2, 6], [3, 1, 10, 2]] {
            let input = tensor(6, dims);
            let (ours, burns) = (halve(input.clone()), module::max_pool2d(input.clone(), MaxPoolOptions::new([2, 2])));
            close("output", ours.clone(), burns.clone());
            let (ours, burns) = (backward(ours), backward(burns));
            close("input", grad(&input, &ours), grad(&input, &burns));
        }
    }

    #[test]
    fn without_gradients_the_output_is_the_same() {
        let (input, weight) = (tensor(1, [2, 4, 8, 8]), tensor(2, [4, 4, 3, 3]));
        let tracked = conv3x3(input.clone(), weight.clone()).into_data();
        assert_eq!(tracked, conv3x3(input.inner(), weight.inner()).into_data());
    }

    #[test]
    fn what_needs_no_gradient_gets_none() {
        let (input, weight) = (tensor(1, [1, 4, 8, 8]).inner().autodiff(), tensor(2, [4, 4, 3, 3]));
        let gradients = backward(conv3x3(input.clone(), weight.clone()));
        assert!(input.grad(&gradients).is_none());
        assert!(weight.grad(&gradients).is_some());
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let step = || {
            let (input, weight) = (tensor(1, [5, 12, 32, 32]), tensor(2, [12, 12, 3, 3]));
            let features = conv3x3(input.clone(), weight.clone());
            let features = group_norm_relu(features, affine(&tensor(3, [12]), &tensor(4, [12])), NORMALISATION);
            let gradients = backward(halve(features));
            (grad(&input, &gradients).into_data(), grad(&weight, &gradients).into_data())
        };
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be made");
            pool.install(step)
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert_eq!(one, with(7));
    }
}
