//! A model's predictions, and what they are worth at the images' own resolution.

use crate::registry::Network;
mod found;

pub use found::{Seen, SeenError, observations, patient_ap};

use crate::{ComputeDevice, DeviceError, batch, detection, parameters};
use burn::tensor::{Device, activation};
use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayView3};
use wardround_imaging::{
    Case, Detection, Example, Patient, Prediction, Preparation, VolumeCase, VolumePreparation, prepare,
};
use wardround_metrics::PatientScore;
use wardround_metrics::dice::{Overlap, ShapeMismatch};
use wardround_plan::{Plan, Task, Weights, WeightsError};

/// Images that go through the network together: bounds memory whatever a patient has.
const BATCH_IMAGES_MAX: usize = 16;
/// Volumes that do.
const BATCH_VOLUMES_MAX: usize = 2;

/// A network with weights, ready to predict; never on an autodiff device, where graphs without a backward pass pile up.
#[derive(Debug)]
pub struct Evaluator {
    network: Network,
    plan: Plan,
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
    /// Boxes cannot be judged.
    #[error("the detector's boxes cannot be judged: {0}")]
    Boxes(#[from] SeenError),
}

impl Evaluator {
    /// The plan's network with `weights` on `device`.
    ///
    /// # Errors
    /// [`PredictionError::Device`] and [`PredictionError::Model`].
    pub fn new(plan: &Plan, weights: &Weights, device: ComputeDevice) -> Result<Self, PredictionError> {
        let device = device.burn()?;
        let network = parameters::with_weights(Network::new(&plan.model, &device), weights)?;
        Ok(Self { network, plan: plan.clone(), device })
    }

    /// The plan's metric for each patient, in their order, at the images' own resolution: `dice.foreground` where the network
    /// segments, `ap@0.50.patient` where it detects.
    ///
    /// # Errors
    /// [`PredictionError::Shape`] and [`PredictionError::Boxes`].
    pub fn evaluate(&self, patients: &[Patient]) -> Result<Vec<PatientScore>, PredictionError> {
        patients.iter().map(|patient| self.score(patient)).collect()
    }

    /// What the network says of each case, at its own resolution.
    pub fn predict(&self, cases: &[Case]) -> Vec<Prediction> {
        cases.chunks(self.batch_max()).flat_map(|cases| self.predict_batch(cases)).collect()
    }

    /// The probability of each class `[classes, rows, columns]` on the network's grid, with the true classes there; nothing
    /// where the network detects. A volume's slices lie one below the other.
    pub fn probabilities(&self, cases: &[Case]) -> Vec<(Array3<f32>, Array2<u8>)> {
        if self.plan.model.kind.task() == Task::Detect {
            return Vec::new();
        }
        let batches = cases.chunks(self.batch_max()).flat_map(|cases| {
            let examples: Vec<Example> = cases.iter().map(|case| prepare(&self.plan, case)).collect();
            let output = self.output(&examples);
            let truth = examples.iter().map(|example| batch::classes(example).collect::<Vec<u8>>());
            output.into_iter().zip(truth).collect::<Vec<_>>()
        });
        let with_truth = |(output, truth): (Array3<f32>, Vec<u8>)| {
            let (_, rows, columns) = output.dim();
            let truth = Array2::from_shape_vec((rows, columns), truth).expect("an example has a class for each pixel");
            (output, truth)
        };
        batches.map(with_truth).collect()
    }

    fn batch_max(&self) -> usize {
        if self.plan.model.input_slices.is_some() { BATCH_VOLUMES_MAX } else { BATCH_IMAGES_MAX }
    }

    fn score(&self, patient: &Patient) -> Result<PatientScore, PredictionError> {
        let predicted = self.predict(&patient.cases);
        let pairs = || patient.cases.iter().zip(&predicted);
        if self.plan.model.kind.task() == Task::Detect {
            let seen: Vec<Seen<'_>> =
                pairs().filter_map(|(case, found)| Some((case.boxes()?, found.boxes()?))).collect();
            return Ok(patient_ap(&seen)?);
        }
        let mut overlap = Overlap::default();
        for pair in pairs() {
            match pair {
                (Case::Image(case), Prediction::Classes(classes)) => overlap.add(classes.view(), case.mask.view())?,
                (Case::Volume(case), Prediction::Volume(classes)) => {
                    overlap.add(flat(classes.view()), flat(case.labels.view()))?;
                }
                _ => {}
            }
        }
        Ok(overlap.score())
    }

    fn predict_batch(&self, cases: &[Case]) -> Vec<Prediction> {
        let examples: Vec<Example> = cases.iter().map(|case| prepare(&self.plan, case)).collect();
        self.output(&examples).iter().zip(cases).map(|(output, case)| self.restored(output, case)).collect()
    }

    /// What the network makes of each example, `[channels, rows, columns]`: probabilities where it segments.
    fn output(&self, examples: &[Example]) -> Vec<Array3<f32>> {
        let output = self.network.forward(batch::pixels(examples, &self.device));
        let [_, channels, rows, columns] = output.dims();
        let output = match self.plan.model.kind.task() {
            Task::Segment => activation::softmax(output, 1),
            Task::Detect => output,
        };
        let values: Vec<f32> = output.into_data().iter::<f32>().collect();
        let shape = |image: &[f32]| Array3::from_shape_vec((channels, rows, columns), image.to_vec());
        let images = values.chunks_exact(channels * rows * columns);
        images.map(|image| shape(image).expect("a chunk has as many values as the shape")).collect()
    }

    fn restored(&self, output: &Array3<f32>, case: &Case) -> Prediction {
        match case {
            Case::Image(case) => Prediction::Classes(Preparation::of(&self.plan).restore(output, case)),
            Case::Boxes(case) => {
                let found: Vec<Detection> = detection::decode(output.view());
                Prediction::Boxes(Preparation::of(&self.plan).restore_boxes(&found, case))
            }
            Case::Volume(case) => Prediction::Volume(self.restored_volume(output, case)),
        }
    }

    fn restored_volume(&self, output: &Array3<f32>, case: &VolumeCase) -> Array3<u8> {
        let preparation = VolumePreparation::of(&self.plan);
        let [slices, height, width] = preparation.size_vox.map(|side| side as usize);
        let probabilities =
            Array4::from_shape_vec((output.dim().0, slices, height, width), output.iter().copied().collect());
        preparation.restore(&probabilities.expect("a volume's slices lie one below the other"), case)
    }
}

/// The slices of a volume one below the other: overlap knows no neighbours.
fn flat(volume: ArrayView3<'_, u8>) -> ArrayView2<'_, u8> {
    let (slices, height, width) = volume.dim();
    volume.into_shape_with_order((slices * height, width)).expect("volumes are made in standard layout")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initial_weights;
    use crate::trainer::tests::plan;
    use std::sync::Arc;
    use wardround_imaging::ImageCase;

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
        Case::Image(ImageCase { pixels: Array3::from_shape_fn((1, height, width), |(_, y, x)| (x + y) as f32), mask })
    }

    #[test]
    fn a_prediction_has_the_size_of_the_image() {
        let wide = case(20, 31, 5);
        assert_eq!(everywhere(1).predict(std::slice::from_ref(&wide)), [Prediction::Classes(Array2::ones((20, 31)))]);
        assert_eq!(everywhere(0).predict(&[wide]), [Prediction::Classes(Array2::zeros((20, 31)))]);
    }

    #[test]
    fn images_of_a_patient_are_pooled_and_empties_follow_the_definition() {
        let patient = |rows: &[usize]| Patient { cases: rows.iter().map(|rows| case(20, 20, *rows)).collect() };
        let patients = [patient(&[5, 15]), patient(&[0]), patient(&[])];
        let full = everywhere(1).evaluate(&patients).expect("same sizes");
        let expected = 2.0 * 400.0 / (800.0 + 400.0);
        assert_eq!(full, [PatientScore::Scored(expected), PatientScore::Scored(0.0), PatientScore::BothEmpty]);
        let none = everywhere(0).evaluate(&patients).expect("same sizes");
        assert_eq!(none, [PatientScore::Scored(0.0), PatientScore::BothEmpty, PatientScore::BothEmpty]);
    }

    #[test]
    fn more_images_than_a_batch_holds_are_predicted_alike() {
        let evaluator =
            Evaluator::new(&plan(""), &initial_weights(&plan("")), ComputeDevice::Cpu).expect("the plan's own network");
        let cases: Vec<Case> = (0..2 * BATCH_IMAGES_MAX + 3).map(|rows| case(16, 16, rows % 16)).collect();
        let together = evaluator.predict(&cases);
        assert_eq!(together.len(), cases.len());
        for (case, predicted) in cases.iter().zip(together) {
            assert_eq!(evaluator.predict(std::slice::from_ref(case)), [predicted]);
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
