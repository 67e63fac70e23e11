//! Scores: exact at the site that measured them, and as they were let go.

use serde::{Deserialize, Serialize};
use wardround_plan::MetricName;

/// Equal bins of a histogram over a metric's range from 0 to 1.
pub const HISTOGRAM_BINS: usize = 10;

/// One metric on a site's validation patients, exact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Which.
    pub metric: MetricName,
    /// Mean over patients; finite.
    pub mean: f64,
    /// Patients with a score.
    pub patients: u32,
}

/// One metric as a site tells it to others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case", deny_unknown_fields)]
pub enum ReportedScore {
    /// Exact, in a study without privacy.
    Exact(Score),
    /// How many patients scored what, with noise.
    Noised {
        /// Which.
        metric: MetricName,
        /// The patients.
        histogram: NoisedHistogram,
    },
}

/// Noisy numbers of patients in [`HISTOGRAM_BINS`] equal bins from 0 to 1. A number can be negative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Histogram", into = "Histogram")]
pub struct NoisedHistogram {
    counts: Vec<i64>,
    scale: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Histogram {
    counts: Vec<i64>,
    scale: f64,
}

/// No histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a histogram has {HISTOGRAM_BINS} counts of at most 2^40 and a finite noise scale above 0")]
pub struct HistogramError;

/// Keeps sums of counts exact.
const COUNT_MAX: u64 = 1 << 40;

impl NoisedHistogram {
    /// Counts with discrete Laplace noise of this scale.
    ///
    /// # Errors
    /// Another number of bins, counts beyond 2^40, a scale that is none.
    pub fn new(counts: Vec<i64>, scale: f64) -> Result<Self, HistogramError> {
        let small = counts.len() == HISTOGRAM_BINS && counts.iter().all(|count| count.unsigned_abs() <= COUNT_MAX);
        let good = small && scale.is_finite() && scale > 0.0;
        good.then_some(Self { counts, scale }).ok_or(HistogramError)
    }

    /// The bin of a value; below 0 the first, 1 and above the last.
    pub fn bin(value: f64) -> usize {
        ((value * HISTOGRAM_BINS as f64).max(0.0) as usize).min(HISTOGRAM_BINS - 1)
    }

    /// The noisy counts.
    pub fn counts(&self) -> &[i64] {
        &self.counts
    }

    /// The noise's scale, in patients.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Patients, as the noise lets them be seen.
    pub fn patients(&self) -> u32 {
        self.likely().sum::<f64>().min(f64::from(u32::MAX)) as u32
    }

    /// Mean of the bins' middles; `None` where the noise leaves no patient.
    pub fn mean(&self) -> Option<f64> {
        let total: f64 = self.likely().sum();
        let sum: f64 = self.likely().zip(middles()).map(|(count, middle)| count * middle).sum();
        (total > 0.0).then(|| sum / total)
    }

    /// Standard deviation that the noise gives the mean, to first order; the bins' width adds at most half a bin.
    pub fn mean_deviation(&self) -> Option<f64> {
        let (mean, total) = (self.mean()?, self.likely().sum::<f64>());
        let spread: f64 = middles().map(|middle| (middle - mean).powi(2)).sum();
        Some(std::f64::consts::SQRT_2 * self.scale * spread.sqrt() / total)
    }

    /// A count below zero is noise.
    fn likely(&self) -> impl Iterator<Item = f64> {
        self.counts.iter().map(|count| (*count).max(0) as f64)
    }
}

fn middles() -> impl Iterator<Item = f64> {
    (0..HISTOGRAM_BINS).map(|bin| (bin as f64 + 0.5) / HISTOGRAM_BINS as f64)
}

impl ReportedScore {
    /// Which metric.
    pub fn metric(&self) -> MetricName {
        match self {
            Self::Exact(score) => score.metric,
            Self::Noised { metric, .. } => *metric,
        }
    }
}

impl TryFrom<Histogram> for NoisedHistogram {
    type Error = HistogramError;

    fn try_from(histogram: Histogram) -> Result<Self, HistogramError> {
        Self::new(histogram.counts, histogram.scale)
    }
}

impl From<NoisedHistogram> for Histogram {
    fn from(histogram: NoisedHistogram) -> Self {
        Self { counts: histogram.counts, scale: histogram.scale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: [i64; HISTOGRAM_BINS]) -> NoisedHistogram {
        NoisedHistogram::new(counts.to_vec(), 2.0).expect("ten small counts")
    }

    #[test]
    fn a_mean_is_that_of_the_middles_and_negative_counts_are_none() {
        let seen = histogram([0, 0, 0, 0, 0, 0, 0, -3, 1, 3]);
        assert_eq!(seen.patients(), 4);
        assert!((seen.mean().expect("patients") - (0.85 + 3.0 * 0.95) / 4.0).abs() < 1e-12);
        assert!(seen.mean_deviation().is_some_and(|deviation| deviation > 0.0));
    }

    #[test]
    fn noise_that_hides_every_patient_leaves_no_mean() {
        assert_eq!(histogram([-1; HISTOGRAM_BINS]).mean(), None);
        assert_eq!(histogram([0; HISTOGRAM_BINS]).mean_deviation(), None);
    }

    #[test]
    fn every_value_has_a_bin() {
        let bins = [-1.0, 0.0, 0.0999, 0.1, 0.95, 1.0, 7.0, f64::NAN].map(NoisedHistogram::bin);
        assert_eq!(bins, [0, 0, 0, 1, 9, 9, 9, 0]);
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        assert!(NoisedHistogram::new(vec![0; 3], 1.0).is_err());
        assert!(NoisedHistogram::new(vec![0; HISTOGRAM_BINS], f64::NAN).is_err());
        assert!(NoisedHistogram::new(vec![i64::MIN; HISTOGRAM_BINS], 1.0).is_err());
        assert!(serde_json::from_str::<NoisedHistogram>(r#"{"counts":[1],"scale":1.0}"#).is_err());
    }
}
