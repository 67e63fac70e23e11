//! From resamples to an interval: percentile and BCa (Efron and Tibshirani 1993, sections 13.3 and 14.3), as scipy 1.17
//! computes them.

use super::{IntervalKind, Level, StatisticsError, normal};
use crate::quantile::quantile_of_sorted;

/// The ends of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Reads an interval. `resampled` are the statistic's values on resamples, `leave_one_out` those without each unit, sample by
/// sample, which only BCa reads.
///
/// # Errors
/// [`StatisticsError`] where there is no resample, or BCa has none on one side of the estimate.
pub fn limits(
    kind: IntervalKind,
    level: Level,
    estimate: f64,
    resampled: &[f64],
    leave_one_out: &[Vec<f64>],
) -> Result<Limits, StatisticsError> {
    let mut sorted = resampled.to_vec();
    sorted.sort_by(f64::total_cmp);
    let tail = (1.0 - level.get()) / 2.0;
    let (low, high) = match kind {
        IntervalKind::Percentile => (tail, 1.0 - tail),
        IntervalKind::Bca => corrected(tail, bias(estimate, &sorted)?, acceleration(leave_one_out)),
    };
    let at = |share| quantile_of_sorted(&sorted, share).ok_or(StatisticsError::NoValue);
    Ok(Limits { low: at(low)?, high: at(high)? })
}

/// z0: where the estimate lies among the resamples, in standard deviations.
fn bias(estimate: f64, sorted: &[f64]) -> Result<f64, StatisticsError> {
    let below = sorted.partition_point(|value| *value < estimate);
    let up_to = sorted.partition_point(|value| *value <= estimate);
    let bias = normal::quantile((below + up_to) as f64 / (2 * sorted.len()) as f64);
    if bias.is_finite() { Ok(bias) } else { Err(StatisticsError::OneSided) }
}

/// a: the skewness of what each unit contributes; 0 where none makes a difference.
fn acceleration(leave_one_out: &[Vec<f64>]) -> f64 {
    let (mut cubes, mut squares) = (0.0, 0.0);
    for sample in leave_one_out {
        let n = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / n;
        let influence = |value: &f64| (n - 1.0) * (mean - value);
        cubes += sample.iter().map(|value| influence(value).powi(3)).sum::<f64>() / n.powi(3);
        squares += sample.iter().map(|value| influence(value).powi(2)).sum::<f64>() / n.powi(2);
    }
    if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 }
}

/// The two shares of the resamples between which the corrected interval lies.
fn corrected(tail: f64, bias: f64, acceleration: f64) -> (f64, f64) {
    let z = normal::quantile(tail);
    let share = |z: f64| normal::cumulative(bias + (bias + z) / (1.0 - acceleration * (bias + z)));
    (share(z), share(-z))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: IntervalKind, estimate: f64, resampled: &[f64]) -> Result<Limits, StatisticsError> {
        limits(kind, Level::NINETY_FIVE, estimate, resampled, &[vec![1.0, 1.0, 1.0]])
    }

    #[test]
    fn without_bias_and_skewness_both_kinds_agree() {
        let resampled: Vec<f64> = (0..=1000).map(f64::from).collect();
        let [percentile, bca] =
            [IntervalKind::Percentile, IntervalKind::Bca].map(|kind| of(kind, 500.0, &resampled).expect("a spread"));
        assert!((percentile.low - 25.0).abs() < 1e-9 && (percentile.high - 975.0).abs() < 1e-9);
        assert!((percentile.low - bca.low).abs() < 1e-9 && (percentile.high - bca.high).abs() < 1e-9);
    }

    #[test]
    fn what_does_not_vary_has_an_interval_of_no_width() {
        assert_eq!(of(IntervalKind::Bca, 0.5, &[0.5; 100]), Ok(Limits { low: 0.5, high: 0.5 }));
    }

    #[test]
    fn an_estimate_beyond_all_resamples_has_no_corrected_interval() {
        assert_eq!(of(IntervalKind::Bca, 2.0, &[0.5, 0.6, 0.7]), Err(StatisticsError::OneSided));
        assert!(of(IntervalKind::Percentile, 2.0, &[0.5, 0.6, 0.7]).is_ok());
        assert_eq!(of(IntervalKind::Percentile, 2.0, &[]), Err(StatisticsError::NoValue));
    }
}
