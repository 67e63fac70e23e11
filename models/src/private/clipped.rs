//! From every patient's gradient to the clipped sum: norms over all parameters, one factor a patient, one weighted sum.

use super::recorder::{Missing, PatientGradients, Recorder};
use super::unsupported_layer::UnsupportedLayer;
use crate::TrainingError;
use crate::parameters::{self, Parameter};
use burn::module::Module;
use burn::tensor::Tensor;
use pulp::Arch;
use rayon::prelude::*;
use std::ops::Range;

/// What the patients of a batch add to one step. It is theirs: it may leave the site only after noise was added.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClippedSum {
    /// Sum over patients of each one's clipped gradient, in the order of the layout.
    pub(crate) sum: Vec<f64>,
    /// Sum over patients of each one's mean loss, for this site's eyes only; losses that are not finite are left out.
    pub(crate) loss: f64,
    /// Patients whose gradient was not finite and counted as zero; for this site's eyes only.
    pub(crate) not_finite: usize,
}

/// Values of one task of the weighted sum: few enough for the first-level cache.
const CHUNK: usize = 2048;

/// Clips and adds what `losses` made a network record: a private forward pass that gives the loss of each image.
pub(super) fn clipped<M: Module>(
    network: &M,
    recorder: &Recorder,
    losses: impl FnOnce(&Recorder) -> Tensor<1>,
    clip: &dyn Fn(f64) -> f64,
) -> Result<ClippedSum, TrainingError> {
    let loss = backward(recorder, losses(recorder));
    let mut gradients = Vec::new();
    for parameter in parameters::of(network) {
        let gradient = recorder.take(parameter.id).map_err(|missing| missing.error(&parameter))?;
        gradients.push((parameter.spec.shape.iter().product(), gradient));
    }
    let norms = norms_squared(&gradients, recorder.patients());
    let factors: Vec<f64> = norms.iter().map(|norm| factor(*norm, clip)).collect();
    let mut sum = vec![0.0; gradients.iter().map(|(len, _)| len).sum()];
    let mut rest = sum.as_mut_slice();
    for (len, gradient) in &gradients {
        let (part, behind) = rest.split_at_mut(*len);
        rest = behind;
        add_weighted(part, gradient, recorder.patients(), &factors);
    }
    let not_finite = norms.iter().filter(|norm| !norm.is_finite()).count();
    Ok(ClippedSum { sum, loss, not_finite })
}

/// Runs the one backward pass, of the sum over patients of the mean loss of each; gives that sum.
fn backward(recorder: &Recorder, losses: Tensor<1>) -> f64 {
    let images = losses.dims()[0];
    let shares: Vec<f32> =
        recorder.patients().iter().flat_map(|rows| vec![1.0 / rows.len() as f32; rows.len()]).collect();
    debug_assert_eq!(shares.len(), images, "the recorder and the batch have the same images");
    let shares = Tensor::<1>::from_floats(shares.as_slice(), &losses.device());
    let losses = losses * shares;
    let values = losses.clone().inner().into_data();
    recorder.read_taps(&mut losses.sum().backward());
    values.iter::<f32>().filter(|loss| loss.is_finite()).map(f64::from).sum()
}

/// A gradient that is not finite, or a factor that is none, counts as zero.
fn factor(norm_squared: f64, clip: &dyn Fn(f64) -> f64) -> f64 {
    let factor = if norm_squared.is_finite() { clip(norm_squared) } else { 0.0 };
    if factor.is_finite() { factor } else { 0.0 }
}

/// Square of the norm of each patient's gradient over all parameters together.
fn norms_squared(gradients: &[(usize, PatientGradients)], patients: &[Range<usize>]) -> Vec<f64> {
    let arch = Arch::new();
    let of = |patient: usize| {
        let parts = gradients.iter().map(|(len, gradient)| match gradient {
            PatientGradients::Instantiated(values) => {
                let values = &values[patient * len..(patient + 1) * len];
                arch.dispatch(|| square(values))
            }
            PatientGradients::Ghost(ghost) => ghost.norm_squared(&patients[patient]),
        });
        parts.sum()
    };
    (0..patients.len()).into_par_iter().map(of).collect()
}

/// Sum of squares, in one order.
#[inline(always)]
fn square(values: &[f32]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0f64; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += f64::from(*value) * f64::from(*value);
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += f64::from(*value) * f64::from(*value);
    }
    sums.iter().sum()
}

/// Adds factor times gradient of every patient; a factor of zero adds nothing, whatever the gradient.
fn add_weighted(sum: &mut [f64], gradient: &PatientGradients, patients: &[Range<usize>], factors: &[f64]) {
    let values = match gradient {
        PatientGradients::Ghost(ghost) => return ghost.add_to(sum, patients, factors),
        PatientGradients::Instantiated(values) => values,
    };
    let (len, arch) = (sum.len(), Arch::new());
    sum.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, sum)| {
        let counted = values.chunks_exact(len).zip(factors).filter(|(_, factor)| **factor != 0.0);
        for (values, factor) in counted {
            let values = &values[chunk * CHUNK..][..sum.len()];
            arch.dispatch(|| add_scaled(sum, values, *factor));
        }
    });
}

#[inline(always)]
fn add_scaled(sum: &mut [f64], values: &[f32], factor: f64) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += factor * f64::from(*value);
    }
}

impl Missing {
    fn error(self, parameter: &Parameter) -> TrainingError {
        let name = parameter.spec.name.clone();
        match self {
            Self::Rule => UnsupportedLayer { parameter: name, layer: parameter.layer.clone() }.into(),
            Self::Gradient => TrainingError::LostPrivateGradient { parameter: name },
        }
    }
}
