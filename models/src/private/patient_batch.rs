//! What a private step learns from: patients, each with all her images of this step.

use std::ops::Range;
use wardround_imaging::Example;

/// Images of some patients, those of one patient side by side, so that they are clipped as one.
#[derive(Debug, Clone, Default)]
pub(crate) struct PatientBatch {
    examples: Vec<Example>,
    rows: Vec<Range<usize>>,
}

impl PatientBatch {
    /// From each patient's images. Where an image is there in several augmented views, every image has as many: then the
    /// mean over her rows is the mean over her images of the mean over views.
    ///
    /// A patient without an image has no gradient, which is what she would add: nothing.
    pub(crate) fn of(patients: impl IntoIterator<Item = Vec<Example>>) -> Self {
        let mut batch = Self::default();
        for images in patients.into_iter().filter(|images| !images.is_empty()) {
            let first = batch.examples.len();
            batch.examples.extend(images);
            batch.rows.push(first..batch.examples.len());
        }
        batch
    }

    /// The images, patient by patient.
    pub(crate) fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The images of each patient.
    pub(crate) fn rows(&self) -> &[Range<usize>] {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};
    use wardround_imaging::ImageExample;

    #[test]
    fn images_stay_with_their_patient() {
        let image = |value: u8| {
            let pixels = Array3::from_elem((1, 1, 1), f32::from(value));
            Example::Image(ImageExample { pixels, classes: Array2::from_elem((1, 1), value) })
        };
        let batch = PatientBatch::of([vec![image(1), image(2)], vec![], vec![image(3)]]);
        assert_eq!(batch.rows(), [0..2, 2..3], "who has no image has no rows");
        assert_eq!(batch.examples().iter().map(Example::highest_class).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(PatientBatch::of([]).rows().is_empty());
    }
}
