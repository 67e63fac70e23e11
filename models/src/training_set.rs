//! What a site learns from, brought into the network's form.

use crate::TrainingError;
use std::ops::Range;
use wardround_imaging::{Example, Patient, prepare};
use wardround_plan::Plan;

/// A site's training patients as the network sees them; prepared once for a study, not once a round.
#[derive(Debug, Clone)]
pub struct TrainingSet {
    examples: Vec<Example>,
    /// The images of each patient, in one row.
    patients: Vec<Range<usize>>,
}

impl TrainingSet {
    /// Prepares every image of the patients once: cropped, resized and normalised as the plan says.
    ///
    /// # Errors
    /// [`TrainingError::NoImages`] and [`TrainingError::UnknownClass`].
    pub fn prepare(plan: &Plan, patients: &[Patient]) -> Result<Self, TrainingError> {
        let cases = patients.iter().flat_map(|patient| &patient.cases);
        let ends = patients.iter().scan(0, |end, patient| {
            let first = *end;
            *end += patient.cases.len();
            Some(first..*end)
        });
        let set = Self::of(plan, cases.map(|case| prepare(plan, case)).collect())?;
        Ok(Self { patients: ends.collect(), ..set })
    }

    /// The same images with every class exchanged for the opposite one, of `classes`: what a site that poisons by wrong labels
    /// learns from.
    pub fn with_flipped_labels(&self, classes: u32) -> Self {
        let last = u8::try_from(classes.saturating_sub(1)).unwrap_or(u8::MAX);
        let flip = |example: &Example| example.with_classes(|class| last.saturating_sub(class));
        Self { examples: self.examples.iter().map(flip).collect(), patients: self.patients.clone() }
    }

    /// Patients in it, with those that have no image.
    pub fn patients(&self) -> usize {
        self.patients.len()
    }

    /// The numbers of one patient's images.
    pub(crate) fn of_patient(&self, patient: usize) -> Range<usize> {
        self.patients.get(patient).cloned().unwrap_or_default()
    }

    /// Images in it.
    pub fn images(&self) -> usize {
        self.examples.len()
    }

    /// The image with this number.
    pub(crate) fn image(&self, number: usize) -> &Example {
        &self.examples[number]
    }

    /// Examples that are each a patient.
    pub(crate) fn of(plan: &Plan, examples: Vec<Example>) -> Result<Self, TrainingError> {
        let classes = plan.model.classes;
        let highest = examples.iter().map(Example::highest_class).max();
        match highest {
            None => Err(TrainingError::NoImages),
            Some(class) if u32::from(class) >= classes => Err(TrainingError::UnknownClass { class, classes }),
            Some(_) => Ok(Self { patients: (0..examples.len()).map(|image| image..image + 1).collect(), examples }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::tests::plan;
    use ndarray::{Array2, Array3};
    use wardround_imaging::ImageExample;

    #[test]
    fn flipped_labels_are_flipped_and_twice_is_as_before() {
        let classes = Array2::from_shape_fn((16, 16), |(y, _)| u8::from(y < 3));
        let example = Example::Image(ImageExample { pixels: Array3::zeros((1, 16, 16)), classes });
        let set = TrainingSet::of(&plan(""), vec![example.clone()]).expect("a good example");
        let flipped = set.with_flipped_labels(2);
        assert_eq!(flipped.image(0), &example.with_classes(|class| 1 - class));
        assert_eq!(flipped.with_flipped_labels(2).image(0), &example);
    }

    #[test]
    fn no_image_and_a_class_outside_the_plan_are_refused() {
        assert!(matches!(TrainingSet::of(&plan(""), vec![]), Err(TrainingError::NoImages)));
        assert!(matches!(TrainingSet::prepare(&plan(""), &[Patient::default()]), Err(TrainingError::NoImages)));
        let classes = Array2::from_elem((16, 16), 2);
        let example = Example::Image(ImageExample { pixels: Array3::zeros((1, 16, 16)), classes });
        let refused = TrainingSet::of(&plan(""), vec![example]).expect_err("class 2 of 2");
        assert_eq!(refused, TrainingError::UnknownClass { class: 2, classes: 2 });
    }
}
