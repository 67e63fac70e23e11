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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initial_weights;
    use crate::trainer::tests::plan;
    use ndarray::Array3;
    use std::sync::Arc;

    /// A network that says class 1 everywhere, or nowhere: nothing but the bias of its last layer.
    fn everywhere(class: usize) -> Evaluator {
        let layout: Arc<_> = initial_weights(&plan("")).layout().clone();
        let mut values = vec![0.0; layout.len()];
        let bias = values.len() - 2 + class;
        values[bias] = 5.0;
        let weights = Weights::new(layout, values).expect("finite");
        Evaluator::new(&plan(""), &weights, ComputeDevice::Cpu).expect("the plan's own network")
    }

    /// The first `foreground` rows of `height` are class 1.
    fn case(height: usize, width: usize, foreground: usize) -> Case {
        let mask = Array2::from_shape_fn((height, width), |(y, _)| u8::from(y < foreground));
        Case { pixels: Array3::from_shape_fn((1, height, width), |(_, y, x)| (x + y) as f32), mask }
    }

    #[test]
    fn a_prediction_has_the_size_of_the_image() {
        let wide = case(20, 31, 5);
        assert_eq!(everywhere(1).predict(&wide), Array2::<u8>::ones((20, 31)));
        assert_eq!(everywhere(0).predict(&wide), Array2::<u8>::zeros((20, 31)));
    }

    #[test]
    fn images_of_a_patient_are_pooled_and_empties_follow_the_definition() {
        let patient = |rows: &[usize]| Patient { cases: rows.iter().map(|rows| case(20, 20, *rows)).collect() };
        let patients = [patient(&[5, 15]), patient(&[0]), patient(&[])];
        let full = everywhere(1).evaluate(&patients).expect("same sizes");
        let expected = 2.0 * 400.0 / (800.0 + 400.0);
        assert_eq!(full, [PatientScore::Dice(expected), PatientScore::Dice(0.0), PatientScore::BothEmpty]);
        let none = everywhere(0).evaluate(&patients).expect("same sizes");
        assert_eq!(none, [PatientScore::Dice(0.0), PatientScore::BothEmpty, PatientScore::BothEmpty]);
    }

    #[test]
    fn more_images_than_a_batch_holds_are_predicted_alike() {
        let evaluator =
            Evaluator::new(&plan(""), &initial_weights(&plan("")), ComputeDevice::Cpu).expect("the plan's own network");
        let cases: Vec<Case> = (0..2 * BATCH_IMAGES_MAX + 3).map(|rows| case(16, 16, rows % 16)).collect();
        let together = evaluator.predict_all(&cases);
        assert_eq!(together.len(), cases.len());
        for (case, predicted) in cases.iter().zip(together) {
            assert_eq!(evaluator.predict(case), predicted);
        }
    }

    #[test]
    fn the_model_of_another_plan_is_refused() {
        let other = wardround_plan::ModelSection { width: 8, ..plan("").model };
        let layout = Arc::new(crate::layout(&other));
        let weights = Weights::new(layout.clone(), vec![0.0; layout.len()]).expect("finite");
        let refused = Evaluator::new(&plan(""), &weights, ComputeDevice::Cpu).map(drop);
        assert_eq!(refused, Err(PredictionError::Model(WeightsError::Layout)));
    }
}
