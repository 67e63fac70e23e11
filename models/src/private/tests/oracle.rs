//! The definition, written down without regard to cost.

use crate::layers::Features;
use crate::parameters;
use crate::private::clipped::{ClippedSum, clipped};
use crate::private::{Recorder, Way};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use std::ops::Range;

/// Largest error of a value, as a part of the largest value of its tensor.
pub(super) const ERROR_MAX: f64 = 1e-5;

/// The processor with gradients.
pub(super) fn device() -> Device {
    Device::flex().autodiff()
}

/// Values between -1 and 1 that no rule connects.
pub(in crate::private) fn values(salt: u64, count: usize) -> Vec<f32> {
    let mut state = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The same as a tensor.
pub(super) fn tensor<const D: usize>(salt: u64, dims: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values(salt, dims.iter().product()), dims), &device())
}

/// The network with such values as its weights.
pub(super) fn with_values<M: Module>(network: M) -> M {
    struct Fill(u64);
    impl burn::module::ModuleMapper for Fill {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            self.0 += 1;
            let salt = self.0;
            param.map(|old| {
                let data = TensorData::new(values(salt, old.dims().iter().product()), old.dims());
                Tensor::from_data(data, &old.device()).set_require_grad(old.is_require_grad())
            })
        }
    }
    network.map(&mut Fill(100))
}

/// The squared norm to a factor, flat: at most `norm`.
pub(super) fn flat(norm: f64) -> impl Fn(f64) -> f64 {
    move |squared: f64| (norm / squared.sqrt()).min(1.0)
}

/// AUTO-S.
pub(super) fn automatic(norm: f64) -> impl Fn(f64) -> f64 {
    move |squared: f64| norm / (squared.sqrt() + 0.01)
}

/// Images `start..end` belong to one patient, for numbers of images of each.
pub(super) fn patients(images: &[usize]) -> Vec<Range<usize>> {
    let ends = images.iter().scan(0, |end, images| {
        *end += images;
        Some(*end)
    });
    ends.zip(images).map(|(end, images)| end - images..end).collect()
}

/// The clipped sum by its definition.
pub(super) fn expected<M: Module>(
    network: &M,
    images: &Tensor<4>,
    rows: &[Range<usize>],
    losses: impl Fn(&M, Features, Range<usize>) -> Tensor<1>,
    clip: &dyn Fn(f64) -> f64,
) -> Vec<f64> {
    let mut sum = vec![0.0; network.num_params()];
    for patient in rows {
        let mut gradient = vec![0.0; sum.len()];
        for row in patient.clone() {
            let image = images.clone().narrow(0, row, 1);
            let gradients = losses(network, Features::new(image), row..row + 1).sum().backward();
            let one = flat_gradient(network, &gradients);
            gradient.iter_mut().zip(one).for_each(|(sum, value)| *sum += value / patient.len() as f64);
        }
        let squared: f64 = gradient.iter().map(|value| value * value).sum();
        let factor = clip(squared);
        sum.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += factor * value);
    }
    sum
}

/// Ours, in the way asked for.
pub(super) fn ours<M: Module>(
    network: &M,
    images: &Tensor<4>,
    rows: &[Range<usize>],
    losses: impl Fn(&M, Features, Range<usize>) -> Tensor<1>,
    clip: &dyn Fn(f64) -> f64,
    way: Way,
) -> ClippedSum {
    let all = 0..images.dims()[0];
    let recorder = Recorder::new(rows, way);
    let pass = |recorder: &Recorder| losses(network, Features::recorded(images.clone(), recorder), all);
    clipped(network, &recorder, pass, clip).expect("every layer has a rule")
}

/// Each way against the oracle, each kind of clip, one and several images a patient.
pub(super) fn check<M: Module>(
    what: &str,
    network: &M,
    images: &Tensor<4>,
    losses: impl Fn(&M, Features, Range<usize>) -> Tensor<1>,
) {
    for groups in [&[1usize, 1, 1, 1, 1, 1][..], &[3, 2, 1], &[6]] {
        let rows = patients(groups);
        // Far below the norms and among them: every patient is clipped, and some are.
        let free = norms(network, images, &rows, &losses);
        let typical = free.iter().sum::<f64>() / free.len() as f64;
        let clips: [(&str, &dyn Fn(f64) -> f64); 3] =
            [("low", &flat(0.01 * typical)), ("typical", &flat(typical)), ("automatic", &automatic(typical))];
        for (kind, clip) in clips {
            let expected = expected(network, images, &rows, &losses, clip);
            for way in [Way::Kernels, Way::Taps] {
                let ours = ours(network, images, &rows, &losses, clip, way);
                let error = error(network, &ours.sum, &expected);
                assert!(error < ERROR_MAX, "{what}, {groups:?}, {kind}, {way:?}: {error:e}");
                println!("{what}, {groups:?}, {kind}, {way:?}: {error:.1e}");
            }
        }
    }
}

fn norms<M: Module>(
    network: &M,
    images: &Tensor<4>,
    rows: &[Range<usize>],
    losses: impl Fn(&M, Features, Range<usize>) -> Tensor<1>,
) -> Vec<f64> {
    let seen = std::cell::RefCell::new(Vec::new());
    let clip = |squared: f64| {
        seen.borrow_mut().push(squared.sqrt());
        0.0
    };
    expected(network, images, rows, losses, &clip);
    seen.into_inner()
}

/// Largest difference, as a part of the largest value of the same tensor: no tensor hides behind a larger one.
pub(super) fn error<M: Module>(network: &M, ours: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(ours.len(), expected.len());
    assert!(expected.iter().any(|value| *value != 0.0), "a gradient of zeros shows nothing");
    let (mut ours, mut expected, mut error) = (ours, expected, 0f64);
    for parameter in parameters::of(network) {
        let len = parameter.spec.shape.iter().product();
        let (one, rest) = ours.split_at(len);
        let (one_expected, rest_expected) = expected.split_at(len);
        (ours, expected) = (rest, rest_expected);
        let largest = one_expected.iter().fold(f64::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
        let difference = one.iter().zip(one_expected).map(|(one, expected)| (one - expected).abs());
        error = error.max(difference.fold(0f64, f64::max) / largest);
    }
    error
}

pub(super) fn flat_gradient<M: Module>(network: &M, gradients: &Gradients) -> Vec<f64> {
    struct Flat<'a>(&'a Gradients, Vec<f64>);
    impl ModuleVisitor for Flat<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = param.val().grad(self.0).expect("every parameter has a part in the loss");
            self.1.extend(gradient.into_data().iter::<f32>().map(f64::from));
        }
    }
    let mut flat = Flat(gradients, Vec::new());
    network.visit(&mut flat);
    flat.1
}
