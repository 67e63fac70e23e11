//! A model's predictions, and what they are worth at the images' own resolution.

use crate::registry::Network;
use crate::{ComputeDevice, DeviceError, batch, parameters};
use burn::tensor::{Device, activation};
use ndarray::{Array2, Array3};
use wardround_imaging::{Case, Example, Patient, Preparation};
use wardround_metrics::dice::{Overlap, PatientScore, ShapeMismatch};
use wardround_plan::{Plan, Weights, WeightsError};

/// Images that go through the network together: bounds memory whatever a patient has.
const BATCH_IMAGES_MAX: usize = 16;

/// A network with weights, ready to predict; never on an autodiff device, where graphs without a backward pass pile up.
#[derive(Debug)]
pub struct Evaluator {
    network: Network,
    preparation: Preparation,
    device: Device,
}

/// Why a model cannot predict.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PredictionError {
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The model is another plan's.
    #[error("the model does not fit the plan: {0}")]
    Model(#[from] WeightsError),
    /// A restored prediction and its mask differ in size.
    #[error(transparent)]
    Shape(#[from] ShapeMismatch),
}

impl Evaluator {
    /// The plan's network with `weights` on `device`.
    ///
    /// # Errors
    /// [`PredictionError::Device`] and [`PredictionError::Model`].
    pub fn new(plan: &Plan, weights: &Weights, device: ComputeDevice) -> Result<Self, PredictionError> {
        let device = device.burn()?;
        let network = parameters::with_weights(Network::new(&plan.model, &device), weights)?;
        Ok(Self { network, preparation: Preparation::of(plan), device })
    }

    /// `dice.foreground` of each patient, in their order, at the images' own resolution.
    ///
    /// # Errors
    /// [`PredictionError::Shape`]
    pub fn evaluate(&self, patients: &[Patient]) -> Result<Vec<PatientScore>, PredictionError> {
        patients.iter().map(|patient| self.score(patient)).collect()
    }

    /// The class of each pixel of `case`, at its own resolution.
    pub fn predict(&self, case: &Case) -> Array2<u8> {
        self.predict_all(std::slice::from_ref(case)).pop().unwrap_or_else(|| Array2::zeros(case.mask.dim()))
    }

    fn score(&self, patient: &Patient) -> Result<PatientScore, PredictionError> {
        let mut overlap = Overlap::default();
        for (predicted, case) in self.predict_all(&patient.cases).iter().zip(&patient.cases) {
            overlap.add(predicted.view(), case.mask.view())?;
        }
        Ok(overlap.score())
    }

    fn predict_all(&self, cases: &[Case]) -> Vec<Array2<u8>> {
        let batches = cases.chunks(BATCH_IMAGES_MAX).map(|cases| {
            let examples: Vec<Example> = cases.iter().map(|case| self.preparation.example(case)).collect();
            let restore = |(probabilities, case): (Array3<f32>, &Case)| self.preparation.restore(&probabilities, case);
            self.probabilities(&examples).into_iter().zip(cases).map(restore).collect::<Vec<_>>()
        });
        batches.flatten().collect()
    }

    /// Probability of each class, `[classes, size, size]`, of each example.
    fn probabilities(&self, examples: &[Example]) -> Vec<Array3<f32>> {
        let scores = self.network.forward(batch::pixels(examples, &self.device));
        let [_, classes, height, width] = scores.dims();
        let values: Vec<f32> = activation::softmax(scores, 1).into_data().iter::<f32>().collect();
        let images = values.chunks_exact(classes * height * width);
        images
            .map(|image| {
                Array3::from_shape_vec((classes, height, width), image.to_vec())
                    .expect("a chunk has as many values as the shape")
            })
            .collect()
    }
}
