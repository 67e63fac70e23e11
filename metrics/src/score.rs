//! What a metric says of one case. Empty cases have names, so that none hides as a NaN, an infinity or a zero.

/// A metric's answer for one case (one volume, or one image).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Score {
    /// Measured; finite.
    Value(f64),
    /// Neither the prediction nor the truth has the object: nothing to measure.
    BothEmpty,
    /// The truth has the object and the prediction missed it whole; the metric has no number for that.
    PredictionEmpty,
    /// The prediction has an object where the truth has none; the metric has no number for that.
    TruthEmpty,
    /// The metric is not meant for such a case (specificity of a patient who has the disease).
    NotApplicable,
}

impl Score {
    /// The number, where there is one.
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::BothEmpty | Self::PredictionEmpty | Self::TruthEmpty | Self::NotApplicable => None,
        }
    }
}

/// Scores of several cases: their mean, and beside it how many had no number and why.
///
/// A patient with many images is the tally of her images; a site is the tally of its patients' means.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tally {
    /// Mean of the values; `None` where there is none.
    pub mean: Option<f64>,
    /// Cases with a value.
    pub values: u64,
    /// Cases without the object on either side.
    pub both_empty: u64,
    /// Objects missed whole.
    pub prediction_empty: u64,
    /// Objects where there are none.
    pub truth_empty: u64,
    /// Cases the metric is not meant for.
    pub not_applicable: u64,
}

impl Tally {
    /// Counts `scores` and takes the mean of those that are values.
    pub fn of(scores: &[Score]) -> Self {
        let count = |kind: Score| scores.iter().filter(|score| **score == kind).count() as u64;
        let values: Vec<f64> = scores.iter().filter_map(|score| score.value()).collect();
        Self {
            mean: (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64),
            values: values.len() as u64,
            both_empty: count(Score::BothEmpty),
            prediction_empty: count(Score::PredictionEmpty),
            truth_empty: count(Score::TruthEmpty),
            not_applicable: count(Score::NotApplicable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_over_values_and_the_rest_is_counted() {
        let scores = [
            Score::Value(1.0),
            Score::BothEmpty,
            Score::Value(4.0),
            Score::PredictionEmpty,
            Score::PredictionEmpty,
            Score::TruthEmpty,
            Score::NotApplicable,
        ];
        let expected =
            Tally { mean: Some(2.5), values: 2, both_empty: 1, prediction_empty: 2, truth_empty: 1, not_applicable: 1 };
        assert_eq!(Tally::of(&scores), expected);
    }

    #[test]
    fn without_values_there_is_no_mean() {
        assert_eq!(Tally::of(&[]), Tally::default());
        assert_eq!(Tally::of(&[Score::TruthEmpty]).mean, None);
    }
}
