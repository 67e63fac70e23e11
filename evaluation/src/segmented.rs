//! Scores of label maps, patient by patient.

use ndarray::{Array2, ArrayViewD};
use wardround_imaging::{Case, Prediction};
use wardround_metrics::{Case as Compared, CaseError, Maps, Score, SegmentationMetric, Spacing, SpacingError, Tally};

/// Distances between the rows and columns of images, in millimetres; image files do not tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageSpacing(Spacing);

impl ImageSpacing {
    /// Checks distances between rows and between columns.
    ///
    /// # Errors
    /// [`SpacingError`] unless both are finite and above 0.
    pub fn new(rows_columns_mm: [f64; 2]) -> Result<Self, SpacingError> {
        Spacing::plane(rows_columns_mm).map(Self)
    }
}

/// One patient's cases with what was predicted.
pub(crate) type Pair<'a> = (&'a Case, &'a Prediction);

/// A patient that cannot be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SegmentedError {
    /// Maps that do not fit.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// A spacing that is none.
    #[error(transparent)]
    Spacing(#[from] SpacingError),
    /// A distance is wanted of images of unknown spacing.
    #[error(
        "`{metric}` is in millimetres, and images do not tell how far their pixels are apart; give the spacing (--spacing-mm ROWS,COLUMNS)"
    )]
    NoSpacing {
        /// What was asked for.
        metric: String,
    },
}

/// The score of one patient. Overlap is counted over all her images together; everything else is the mean over her images or
/// volumes that have a number.
pub(crate) fn score(
    metric: &SegmentationMetric,
    patient: &[Pair<'_>],
    spacing: Option<ImageSpacing>,
) -> Result<Score, SegmentedError> {
    if metric.pools_images() {
        return pooled(metric, patient);
    }
    let scores: Vec<Score> =
        patient.iter().map(|pair| of_case(metric, pair, spacing)).collect::<Result<_, SegmentedError>>()?;
    let tally = Tally::of(&scores);
    Ok(match tally.mean {
        Some(mean) => Score::Value(mean),
        None => *scores.iter().max_by_key(|score| tells(**score)).unwrap_or(&Score::BothEmpty),
    })
}

/// Which reason of several is told: a miss says more than nothing to find.
fn tells(score: Score) -> u8 {
    match score {
        Score::PredictionEmpty => 3,
        Score::TruthEmpty => 2,
        Score::NotApplicable => 1,
        Score::BothEmpty | Score::Value(_) => 0,
    }
}

fn of_case(
    metric: &SegmentationMetric,
    pair: &Pair<'_>,
    spacing: Option<ImageSpacing>,
) -> Result<Score, SegmentedError> {
    match pair {
        (Case::Image(case), Prediction::Classes(classes)) => {
            let spacing = match spacing {
                Some(ImageSpacing(spacing)) => spacing,
                None if metric.is_in_millimetres() => {
                    return Err(SegmentedError::NoSpacing { metric: metric.to_string() });
                }
                None => pixels(),
            };
            compared(metric, classes.view().into_dyn(), case.mask.view().into_dyn(), spacing)
        }
        (Case::Volume(case), Prediction::Volume(classes)) => {
            let spacing = Spacing::volume(case.spacing.zyx())?;
            compared(metric, classes.view().into_dyn(), case.labels.view().into_dyn(), spacing)
        }
        _ => Ok(Score::NotApplicable),
    }
}

/// All her pixels in one map: what lies where does not matter for an overlap, and background on both sides adds nothing.
fn pooled(metric: &SegmentationMetric, patient: &[Pair<'_>]) -> Result<Score, SegmentedError> {
    let (mut predicted, mut truth): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    for pair in patient {
        match pair {
            (Case::Image(case), Prediction::Classes(classes)) if classes.dim() == case.mask.dim() => {
                predicted.extend(classes.iter());
                truth.extend(case.mask.iter());
            }
            (Case::Volume(case), Prediction::Volume(classes)) if classes.dim() == case.labels.dim() => {
                predicted.extend(classes.iter());
                truth.extend(case.labels.iter());
            }
            // What differs in size is told apart by the metric's own check.
            _ => return of_case(metric, pair, None),
        }
    }
    let side = (predicted.len() as f64).sqrt().ceil() as usize;
    let square = |mut labels: Vec<u8>| {
        labels.resize(side * side, 0);
        Array2::from_shape_vec((side, side), labels).expect("as many labels as the square has places")
    };
    let (predicted, truth) = (square(predicted), square(truth));
    compared(metric, predicted.view().into_dyn(), truth.view().into_dyn(), pixels())
}

fn compared(
    metric: &SegmentationMetric,
    prediction: ArrayViewD<'_, u8>,
    truth: ArrayViewD<'_, u8>,
    spacing: Spacing,
) -> Result<Score, SegmentedError> {
    Ok(metric.score(&Compared::new(Maps { prediction, truth }, spacing)?))
}

/// For metrics that no distance enters.
fn pixels() -> Spacing {
    Spacing::plane([1.0, 1.0]).expect("one is a distance")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, array};
    use wardround_imaging::ImageCase;

    fn image(truth: Array2<u8>, predicted: Array2<u8>) -> (Case, Prediction) {
        let pixels = Array3::zeros((1, truth.nrows(), truth.ncols()));
        (Case::Image(ImageCase { pixels, mask: truth }), Prediction::Classes(predicted))
    }

    fn scored(
        name: &str,
        images: &[(Case, Prediction)],
        spacing: Option<ImageSpacing>,
    ) -> Result<Score, SegmentedError> {
        let pairs: Vec<Pair<'_>> = images.iter().map(|(case, predicted)| (case, predicted)).collect();
        score(&name.parse().expect("a metric"), &pairs, spacing)
    }

    #[test]
    fn overlap_is_counted_over_all_images_of_a_patient() {
        let large = image(array![[1, 1, 1, 1]], array![[1, 1, 1, 1]]);
        let missed = image(array![[0, 1, 1, 0, 0]], array![[0, 0, 0, 0, 0]]);
        assert_eq!(scored("dice.foreground", &[large, missed], None), Ok(Score::Value(0.8)));
    }

    #[test]
    fn nothing_anywhere_is_no_score_and_a_false_alarm_is_zero() {
        let none = || image(array![[0, 0]], array![[0, 0]]);
        assert_eq!(scored("dice.foreground", &[none(), none()], None), Ok(Score::BothEmpty));
        let alarm = image(array![[0, 0]], array![[0, 1]]);
        assert_eq!(scored("dice.foreground", &[none(), alarm], None), Ok(Score::Value(0.0)));
        assert_eq!(scored("dice.foreground", &[], None), Ok(Score::BothEmpty));
    }

    #[test]
    fn distances_want_a_spacing_and_are_the_mean_over_images() {
        let shifted = |by: usize| {
            let row = |at: usize| Array2::from_shape_fn((9, 9), |(y, x)| u8::from(y == 4 && x == at));
            image(row(2), row(2 + by))
        };
        let error = scored("hd95.voxel_maxdirected", &[shifted(1)], None).expect_err("no spacing");
        assert!(error.to_string().contains("--spacing-mm"), "{error}");
        let half = ImageSpacing::new([1.0, 0.5]).ok();
        assert_eq!(scored("hd95.voxel_maxdirected", &[shifted(1), shifted(3)], half), Ok(Score::Value(1.0)));
        let missed = image(array![[0, 1]], array![[0, 0]]);
        assert_eq!(scored("hd95.voxel_maxdirected", &[missed], half), Ok(Score::PredictionEmpty));
    }

    #[test]
    fn maps_of_different_size_are_refused() {
        let uneven = image(array![[0, 1]], array![[0], [1]]);
        assert!(matches!(scored("dice.foreground", &[uneven], None), Err(SegmentedError::Case(_))));
    }
}
