//! `dice.foreground`: overlap of everything that is not background, one score a patient.
//!
//! All images of a patient are pooled, as a volume is: `2 * sum |A and B| / (sum |A| + sum |B|)` over her slices, with `A`
//! the predicted and `B` the true foreground. Empties follow `empty = nan_both, zero_fp`: a patient without foreground in
//! both has no score and is counted; foreground where the truth has none scores 0, so that false alarms in the healthy
//! do not vanish. A site's figure is the mean over its scored patients.

use crate::PatientScore;
use ndarray::ArrayView2;

/// Class number of the background.
const BACKGROUND: u8 = 0;

/// Pixels counted over the images of one patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overlap {
    both: u64,
    predicted: u64,
    truth: u64,
}

/// Two label maps that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the prediction has {predicted_height} x {predicted_width} pixels, the mask {mask_height} x {mask_width}; restore the prediction to the image's own resolution first"
)]
pub struct ShapeMismatch {
    predicted_height: usize,
    predicted_width: usize,
    mask_height: usize,
    mask_width: usize,
}

impl Overlap {
    /// Counts one image of the patient.
    ///
    /// # Errors
    /// [`ShapeMismatch`] where the two maps differ in size; nothing is counted then.
    pub fn add(&mut self, predicted: ArrayView2<'_, u8>, truth: ArrayView2<'_, u8>) -> Result<(), ShapeMismatch> {
        if predicted.dim() != truth.dim() {
            let ((predicted_height, predicted_width), (mask_height, mask_width)) = (predicted.dim(), truth.dim());
            return Err(ShapeMismatch { predicted_height, predicted_width, mask_height, mask_width });
        }
        for (a, b) in predicted.iter().zip(truth) {
            let (a, b) = (*a != BACKGROUND, *b != BACKGROUND);
            self.both += u64::from(a && b);
            self.predicted += u64::from(a);
            self.truth += u64::from(b);
        }
        Ok(())
    }

    /// The patient's score.
    pub fn score(&self) -> PatientScore {
        match self.predicted + self.truth {
            0 => PatientScore::BothEmpty,
            marked => PatientScore::Scored(2.0 * self.both as f64 / marked as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    fn overlap(pairs: &[(Array2<u8>, Array2<u8>)]) -> Overlap {
        let mut overlap = Overlap::default();
        for (predicted, truth) in pairs {
            overlap.add(predicted.view(), truth.view()).expect("same size");
        }
        overlap
    }

    #[test]
    fn one_image_agrees_with_a_count_by_hand() {
        let pair = (array![[1, 1, 0], [0, 1, 0]], array![[0, 1, 1], [0, 1, 1]]);
        assert_eq!(overlap(&[pair]).score(), PatientScore::Scored(2.0 * 2.0 / (3.0 + 4.0)));
    }

    #[test]
    fn images_of_a_patient_are_pooled_not_averaged() {
        let large = (array![[1, 1, 1, 1]], array![[1, 1, 1, 1]]);
        let missed = (array![[0, 0, 0, 0]], array![[0, 1, 1, 0]]);
        assert_eq!(overlap(&[large, missed]).score(), PatientScore::Scored(2.0 * 4.0 / (4.0 + 6.0)));
    }

    #[test]
    fn every_class_but_the_first_is_foreground() {
        assert_eq!(overlap(&[(array![[2, 1, 0]], array![[1, 7, 0]])]).score(), PatientScore::Scored(1.0));
    }

    #[test]
    fn both_empty_has_no_score_and_a_false_alarm_scores_zero() {
        let none = array![[0, 0]];
        assert_eq!(overlap(&[(none.clone(), none.clone())]).score(), PatientScore::BothEmpty);
        assert_eq!(overlap(&[(array![[0, 1]], none.clone())]).score(), PatientScore::Scored(0.0));
        assert_eq!(overlap(&[(none.clone(), array![[0, 1]])]).score(), PatientScore::Scored(0.0));
        assert_eq!(Overlap::default().score(), PatientScore::BothEmpty, "a patient without images");
    }

    #[test]
    fn maps_of_different_size_are_refused_and_not_counted() {
        let mut overlap = Overlap::default();
        let error = overlap.add(array![[1, 1]].view(), array![[1], [1]].view()).expect_err("1 x 2 against 2 x 1");
        assert!(error.to_string().contains("1 x 2") && error.to_string().contains("2 x 1"), "{error}");
        assert_eq!(overlap, Overlap::default());
    }

    proptest! {
        #[test]
        fn the_score_is_symmetric_and_within_bounds(pixels in proptest::collection::vec((0u8..3, 0u8..3), 1..60)) {
            let map = |side: fn(&(u8, u8)) -> u8| Array2::from_shape_fn((1, pixels.len()), |(_, i)| side(&pixels[i]));
            let (a, b) = (map(|pair| pair.0), map(|pair| pair.1));
            let score = overlap(&[(a.clone(), b.clone())]).score();
            prop_assert_eq!(score, overlap(&[(b, a)]).score());
            prop_assert!(score.value().is_none_or(|dice| (0.0..=1.0).contains(&dice)));
        }
    }
}
