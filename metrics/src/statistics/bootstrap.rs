//! Intervals by drawing patients anew (Efron 1979): over patients, or over sites with all their patients.

use super::units::generator;
use super::{BootstrapPlan, Limits, StatisticsError, Units, limits};
use rayon::prelude::*;

/// A metric that has no value on more than a twentieth of the resamples has no honest interval.
const UNDEFINED_SHARE_MAX: f64 = 0.05;

/// A number, its interval, and what was done to get it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The number, on all patients.
    pub estimate: f64,
    /// Its interval.
    pub limits: Limits,
    /// Patients.
    pub patients: usize,
    /// What was drawn: sites, or patients.
    pub units: usize,
    /// Resamples on which the metric has no value; left out.
    pub undefined: u32,
    /// Resamples, level, kind and seed.
    pub plan: BootstrapPlan,
}

/// The interval of any metric. `statistic` gets the patients of a resample, some more than once, and says `None` where they
/// have nothing to measure. The same on any number of threads.
///
/// # Errors
/// [`StatisticsError`] where the metric has no value on all patients, without one of them (BCa), or on too many resamples.
pub fn bootstrap(
    units: &Units,
    plan: BootstrapPlan,
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
) -> Result<Interval, StatisticsError> {
    let finite = |patients: &[usize]| statistic(patients).filter(|value| value.is_finite());
    let estimate = finite(&units.all()).ok_or(StatisticsError::NoValue)?;
    let resamples = plan.resamples.get();
    let draw = |resample: u32| finite(&units.drawn(&mut generator(plan.seed, resample)));
    let resampled: Vec<Option<f64>> = (0..resamples).into_par_iter().map(draw).collect();
    let resampled: Vec<f64> = resampled.into_iter().flatten().collect();
    let undefined = resamples - resampled.len() as u32;
    if f64::from(undefined) > UNDEFINED_SHARE_MAX * f64::from(resamples) {
        return Err(StatisticsError::Undefined { undefined, resamples });
    }
    let left_out = match plan.kind {
        super::IntervalKind::Percentile => Vec::new(),
        super::IntervalKind::Bca => units.leave_one_out(finite).ok_or(StatisticsError::NoValue)?,
    };
    let limits = limits(plan.kind, plan.level, estimate, &resampled, &left_out)?;
    Ok(Interval { estimate, limits, patients: units.patient_count(), units: units.unit_count(), undefined, plan })
}

/// The interval of the mean of one score a patient.
///
/// # Errors
/// [`StatisticsError`] where a score is not finite or there is not one a patient.
pub fn bootstrap_mean(scores: &[f64], units: &Units, plan: BootstrapPlan) -> Result<Interval, StatisticsError> {
    finite_scores(scores)?;
    if scores.len() != units.patient_count() {
        return Err(StatisticsError::Lengths { scores: scores.len(), patients: units.patient_count() });
    }
    bootstrap(units, plan, |patients| mean_of(scores, patients))
}

/// Refuses what cannot be averaged.
pub(crate) fn finite_scores(scores: &[f64]) -> Result<(), StatisticsError> {
    let refused = scores.iter().enumerate().find(|(_, score)| !score.is_finite());
    refused.map_or(Ok(()), |(patient, given)| Err(StatisticsError::NotFinite { patient, given: *given }))
}

/// The mean score of these patients; `None` of nobody.
pub(crate) fn mean_of(scores: &[f64], patients: &[usize]) -> Option<f64> {
    let sum: f64 = patients.iter().map(|patient| scores[*patient]).sum();
    (!patients.is_empty()).then(|| sum / patients.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{IntervalKind, SiteIndex, StatisticsSeed};

    const SEED: StatisticsSeed = StatisticsSeed(11);

    fn plan(kind: IntervalKind) -> BootstrapPlan {
        BootstrapPlan { kind, ..BootstrapPlan::seeded(SEED) }
    }

    /// 40 scores between 0 and 1, none like the other.
    fn scores() -> Vec<f64> {
        (0..40).map(|patient| (f64::from(patient) * 0.618_033_988).fract()).collect()
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_the_textbook() {
        let scores = scores();
        let n = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / n;
        let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / n;
        let half = 1.96 * (variance / n).sqrt();
        for kind in [IntervalKind::Percentile, IntervalKind::Bca] {
            let units = Units::patients(scores.len()).expect("enough");
            let interval = bootstrap_mean(&scores, &units, plan(kind)).expect("an interval");
            assert!((interval.estimate - mean).abs() < 1e-12);
            // The ends of 1,000 resamples are known to about a tenth of the half-width.
            assert!((interval.limits.low - (mean - half)).abs() < 0.2 * half, "seed {SEED:?}: {interval:?}");
            assert!((interval.limits.high - (mean + half)).abs() < 0.2 * half, "seed {SEED:?}: {interval:?}");
            assert_eq!((interval.patients, interval.units, interval.undefined), (40, 40, 0));
        }
    }

    #[test]
    fn a_seed_repeats_on_any_number_of_threads() {
        let scores = scores();
        let units = Units::patients(scores.len()).expect("enough");
        let run =
            |seed| bootstrap_mean(&scores, &units, BootstrapPlan::seeded(StatisticsSeed(seed))).expect("an interval");
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        assert_eq!(one.install(|| run(1)), run(1));
        assert_ne!(run(1).limits, run(2).limits);
    }

    #[test]
    fn patients_of_a_site_that_are_alike_widen_the_interval() {
        let sites: Vec<_> = (0..40).map(|patient| SiteIndex(patient / 5)).collect();
        let scores: Vec<f64> = sites.iter().map(|site| f64::from(site.0)).collect();
        let width = |units: &Units| {
            let Limits { low, high } =
                bootstrap_mean(&scores, units, plan(IntervalKind::Percentile)).expect("an interval").limits;
            high - low
        };
        let (alone, together) =
            (width(&Units::patients(40).expect("enough")), width(&Units::sites(&sites).expect("enough")));
        assert!(together > 1.8 * alone, "{together} against {alone}: the square root of 5 is expected");
    }

    #[test]
    fn a_metric_without_a_value_now_and_then_is_counted_and_too_often_refused() {
        let units = Units::patients(4).expect("enough");
        let percentile = plan(IntervalKind::Percentile);
        // All four draws miss patient 0 in (3/4)^4 = 32 % of the resamples, miss everyone but 1 in 0.4 %.
        let often = bootstrap(&units, percentile, |patients| patients.contains(&0).then_some(1.0));
        assert!(matches!(often, Err(StatisticsError::Undefined { .. })), "{often:?}");
        let seldom = bootstrap(&units, percentile, |patients| patients.iter().any(|one| *one != 1).then_some(1.0));
        let undefined = seldom.expect("an interval").undefined;
        assert!((1..20).contains(&undefined), "seed {SEED:?}: {undefined}");
        assert_eq!(bootstrap(&units, percentile, |_| None), Err(StatisticsError::NoValue));
    }

    #[test]
    fn scores_that_are_no_numbers_or_not_one_a_patient_are_refused() {
        let units = Units::patients(3).expect("enough");
        let error = bootstrap_mean(&[0.5, f64::NAN, 0.5], &units, plan(IntervalKind::Bca)).expect_err("not finite");
        assert!(error.to_string().contains("patient 1"), "{error}");
        let error = bootstrap_mean(&[0.5, 0.5], &units, plan(IntervalKind::Bca)).expect_err("one short");
        assert_eq!(error, StatisticsError::Lengths { scores: 2, patients: 3 });
    }
}
