//! What a private step costs, measured.

use super::{PatientBatch, clipped_sum, into_gradients};
use crate::optimizer::{learning_rate, optimizer};
use crate::registry::{Network, layout};
use crate::{ComputeDevice, TrainingError, TrainingSet, initial_weights, parameters};
use std::sync::Arc;
use wardround_plan::{Plan, RoundNumber};

/// Makes the local steps of a plan with clipped gradients and **no noise**, as the trainer makes its own, and throws the
/// model away: it would not be private. Only benchmarks call this. Every `images_of_each` images are a patient.
///
/// # Errors
/// [`TrainingError`]
#[doc(hidden)]
pub fn clipped_steps_without_noise(
    plan: &Plan,
    images: &TrainingSet,
    images_of_each: usize,
    observer: &mut (dyn FnMut() + Send),
) -> Result<(), TrainingError> {
    rayon::scope(|_| {
        let network = Network::new(&plan.model, &ComputeDevice::Cpu.burn()?.autodiff());
        let mut network = parameters::with_weights(network, &initial_weights(plan)).map_err(TrainingError::Start)?;
        super::check_private(&network)?;
        let mut optimizer = optimizer(&plan.training);
        let expected = f64::from(plan.training.batch_images) / images_of_each as f64;
        for step in 0..plan.training.local_steps {
            let drawn =
                (0..plan.training.batch_images as usize).map(|image| images.image(image % images.images()).clone());
            let drawn: Vec<_> = drawn.collect();
            let batch = PatientBatch::of(drawn.chunks(images_of_each).map(<[_]>::to_vec));
            let clipped = clipped_sum(&network, &batch, &|squared: f64| (1.0 / squared.sqrt()).min(1.0))?;
            let mean: Vec<f64> = clipped.sum.iter().map(|value| value / expected).collect();
            let gradients = into_gradients(&network, &mean);
            network = optimizer.step(learning_rate(plan, RoundNumber::FIRST, step), network, gradients);
            observer();
        }
        let trained = parameters::weights(&network, Arc::new(layout(&plan.model)));
        trained.map(drop).map_err(TrainingError::Start)
    })
}
