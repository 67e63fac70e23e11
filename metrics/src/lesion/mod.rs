//! Metrics of lesions: each connected part of the object is one, and what counts is which were found, not how large they are.
//!
//! Parts touch through faces, edges and corners (8 neighbours in a plane, 26 in a volume) unless it is said otherwise.

pub(crate) mod brats23;
mod components;
mod growth;
mod matching;

pub use components::Connectivity;
pub use matching::{IouAbove, IouAboveError, Lesions, Matching};

use crate::masks::Masks;
use crate::score::Score;

/// What is said of the lesions of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LesionKind {
    /// `2 found / (2 found + missed + false)`; without a lesion on either side there is nothing to measure.
    F1,
    /// Found of the true lesions.
    Sensitivity,
    /// Predicted lesions that are true.
    Precision,
    /// Number of predicted lesions that are not true; 0 in a healthy patient who was left alone.
    FalsePositives,
}

/// The score of one case.
pub(crate) fn score(masks: &Masks, kind: LesionKind, matching: Matching) -> Score {
    let lesions = Lesions::within(masks, matching, Connectivity::Full);
    let share = |part: usize, of: usize| Score::Value(part as f64 / of as f64);
    match (kind, lesions.predicted(), lesions.truth()) {
        (LesionKind::FalsePositives, _, _) => Score::Value(lesions.false_alarms as f64),
        (_, 0, 0) => Score::BothEmpty,
        (LesionKind::F1, _, _) => share(2 * lesions.found, 2 * lesions.found + lesions.missed + lesions.false_alarms),
        (LesionKind::Sensitivity, _, 0) => Score::TruthEmpty,
        (LesionKind::Sensitivity, _, truth) => share(lesions.found, truth),
        (LesionKind::Precision, 0, _) => Score::PredictionEmpty,
        (LesionKind::Precision, predicted, _) => share(lesions.right, predicted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, Maps};
    use crate::region::Region;
    use crate::spacing::Spacing;
    use ndarray::{Array2, array};

    const KINDS: [LesionKind; 4] =
        [LesionKind::F1, LesionKind::Sensitivity, LesionKind::Precision, LesionKind::FalsePositives];

    fn scores(prediction: &Array2<u8>, truth: &Array2<u8>) -> [Score; 4] {
        let maps = Maps { prediction: prediction.view().into_dyn(), truth: truth.view().into_dyn() };
        let case = Case::new(maps, Spacing::plane([1.0; 2]).expect("positive")).expect("same shape");
        let masks = Masks::of(&case, Region::Foreground);
        KINDS.map(|kind| score(&masks, kind, Matching::AnyOverlap))
    }

    #[test]
    fn found_missed_and_false_lesions_are_counted() {
        let truth = array![[1, 1, 0, 1, 0, 1, 0, 0, 0]];
        let prediction = array![[0, 1, 0, 1, 0, 0, 0, 1, 0]];
        assert_eq!(scores(&prediction, &truth), [4.0 / 6.0, 2.0 / 3.0, 2.0 / 3.0, 1.0].map(Score::Value));
    }

    #[test]
    fn one_prediction_over_two_lesions_finds_both_and_is_one_right_prediction() {
        let (prediction, truth) = (array![[1, 1, 1, 0, 0, 1]], array![[1, 0, 1, 0, 0, 0]]);
        assert_eq!(scores(&prediction, &truth), [4.0 / 5.0, 1.0, 0.5, 1.0].map(Score::Value));
    }

    #[test]
    fn empty_cases_are_named_and_false_alarms_always_counted() {
        let (none, some) = (array![[0, 0]], array![[1, 0]]);
        let (zero, one) = (Score::Value(0.0), Score::Value(1.0));
        assert_eq!(scores(&none, &none), [Score::BothEmpty, Score::BothEmpty, Score::BothEmpty, zero]);
        assert_eq!(scores(&some, &none), [zero, Score::TruthEmpty, zero, one]);
        assert_eq!(scores(&none, &some), [zero, zero, Score::PredictionEmpty, zero]);
    }
}
