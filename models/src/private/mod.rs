//! Per-patient clipped gradients at about the cost of an ordinary step: one backward pass, and no second one.
//!
//! The gradient of a patient is the mean over her images in the step, and over the augmented views of each, *before* the
//! clip; all her images are one unit, or the noise that hides one image would not hide a patient. Its norm is taken over
//! all parameters together, in f64, and a gradient that is not finite counts as zero (`DP-SGD`, Abadi et al. 2016, 1607.00133;
//! book-keeping instead of a second pass: Bu et al. 2023, 2210.00038; views: De et al. 2022, 2204.13650).
//!
//! A network is written once. Its layers ask their [`Features`](crate::layers::Features) for a [`Recorder`]: where there is
//! one, they leave the gradient of every patient with it instead of the sum for autodiff. Each layer states its own rule;
//! a parameter that no layer announces is refused by name before training starts, and a gradient that the backward pass
//! lost is an error and no zero.
//!
//! How much a gradient is shortened is an argument, a function from the squared norm to a factor: that, and the noise, are
//! the privacy crate's, which this one does not know.

mod clipped;
mod factors;
mod gradients;
mod patient_batch;
mod per_channel;
mod product;
mod recorder;
#[cfg(test)]
mod tests;
mod unsupported_layer;

use crate::registry::Network;
use crate::{TrainingError, batch};
use burn::tensor::Tensor;
use std::slice;

pub(crate) use clipped::ClippedSum;
pub(crate) use gradients::into_gradients;
pub(crate) use patient_batch::PatientBatch;
pub(crate) use per_channel::{record_bias, record_scale};
pub(crate) use product::{Extents, Patches, ghost_pays, record as record_product};
pub(crate) use recorder::{Recorder, Slot, Way};
pub use unsupported_layer::UnsupportedLayer;

/// Sum over the patients of `batch` of each one's clipped gradient.
///
/// `clip` is given the square of a gradient's norm, finite, and gives what the gradient is multiplied by. A batch larger
/// than memory is given in parts of whole patients, whose sums are added. A batch without a patient has a sum of zeros.
///
/// # Errors
/// [`TrainingError::UnsupportedLayer`] and [`TrainingError::LostPrivateGradient`].
pub(crate) fn clipped_sum(
    network: &Network,
    batch: &PatientBatch,
    clip: &dyn Fn(f64) -> f64,
) -> Result<ClippedSum, TrainingError> {
    let recorder = Recorder::new(batch.rows(), Way::Kernels);
    recorded_sum(network, batch, &recorder, clip)
}

fn recorded_sum(
    network: &Network,
    batch: &PatientBatch,
    recorder: &Recorder,
    clip: &dyn Fn(f64) -> f64,
) -> Result<ClippedSum, TrainingError> {
    if batch.rows().is_empty() {
        let sum = vec![0.0; burn::module::Module::num_params(network)];
        return Ok(ClippedSum { sum, loss: 0.0, not_finite: 0 });
    }
    let device = network.device();
    let losses = |recorder: &Recorder| {
        let scores = network.forward_recorded(batch::pixels(batch.examples(), &device), recorder);
        batch::losses(scores, batch.examples())
    };
    clipped::clipped(network, recorder, losses, clip)
}

/// Refuses a network that cannot be trained privately, before training starts: a pass over one small image of zeros shows
/// which parameters have a rule.
///
/// # Errors
/// [`TrainingError::UnsupportedLayer`] names the first parameter without one.
pub(crate) fn check_private(network: &Network) -> Result<(), TrainingError> {
    let recorder = Recorder::new(slice::from_ref(&(0..1)), Way::Kernels);
    let losses = |recorder: &Recorder| {
        let zeros = Tensor::zeros(network.smallest_input(), &network.device());
        network.forward_recorded(zeros, recorder).sum()
    };
    clipped::clipped(network, &recorder, losses, &|_| 1.0).map(drop)
}
