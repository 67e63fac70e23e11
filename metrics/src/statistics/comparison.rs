//! Which of two models is better, on the same patients.

use super::{
    BootstrapPlan, Clustering, Interval, PermutationTest, SiteIndex, StatisticsError, Units, Wilcoxon, bootstrap_mean,
    permutation_test, wilcoxon,
};

/// Two scores of one patient; `None` where a model's could not be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatientPair {
    /// Her site.
    pub site: SiteIndex,
    /// By the first model.
    pub first: Option<f64>,
    /// By the second model.
    pub second: Option<f64>,
}

/// The scores of two models on the same patients.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedScores {
    sites: Vec<SiteIndex>,
    differences: Vec<f64>,
    excluded: usize,
}

/// The first model less the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Patients scored by both.
    pub patients: usize,
    /// Patients that one or both could not score; left out.
    pub excluded: usize,
    /// Mean difference with its interval; patients or sites are drawn, as the plan of the comparison says.
    pub mean_difference: Interval,
    /// Whether differences lie around zero. Patients count as independent, also where the interval is clustered by site.
    pub wilcoxon: Wilcoxon,
    /// Whether their mean is zero; likewise.
    pub permutation: PermutationTest,
}

impl PairedScores {
    /// Takes differences, first less second, of the patients that both models scored.
    pub fn new(pairs: &[PatientPair]) -> Self {
        let scored = |pair: &PatientPair| Some((pair.site, pair.first? - pair.second?));
        let (sites, differences): (Vec<_>, Vec<_>) = pairs.iter().filter_map(scored).unzip();
        Self { excluded: pairs.len() - sites.len(), sites, differences }
    }

    /// First less second, one a patient scored by both.
    pub fn differences(&self) -> &[f64] {
        &self.differences
    }
}

/// Compares two models.
///
/// # Errors
/// [`StatisticsError`] where fewer than two patients (or sites) were scored by both, or a score is not finite.
pub fn compare(
    scores: &PairedScores,
    clustering: Clustering,
    plan: BootstrapPlan,
) -> Result<Comparison, StatisticsError> {
    let units = Units::clustered(&scores.sites, clustering)?;
    Ok(Comparison {
        patients: scores.differences.len(),
        excluded: scores.excluded,
        mean_difference: bootstrap_mean(&scores.differences, &units, plan)?,
        wilcoxon: wilcoxon(&scores.differences)?,
        permutation: permutation_test(&scores.differences, plan.resamples, plan.seed)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::StatisticsSeed;

    const SEED: StatisticsSeed = StatisticsSeed(2);

    fn pair(patient: u32, better_by: f64) -> PatientPair {
        let first = 0.5 + f64::from(patient % 7) / 20.0;
        PatientPair { site: SiteIndex(patient % 3), first: Some(first), second: Some(first - better_by) }
    }

    #[test]
    fn a_model_that_is_better_on_every_patient_is_called_better() {
        let pairs: Vec<_> = (0..30).map(|patient| pair(patient, 0.02 + f64::from(patient) / 1000.0)).collect();
        let better =
            compare(&PairedScores::new(&pairs), Clustering::Patients, BootstrapPlan::seeded(SEED)).expect("pairs");
        assert!(better.mean_difference.limits.low > 0.0, "{better:?}");
        assert!(better.wilcoxon.p < 1e-6 && better.permutation.p < 0.01, "{better:?}");
        assert_eq!((better.patients, better.excluded), (30, 0));
    }

    #[test]
    fn patients_that_one_model_could_not_score_are_left_out_and_counted() {
        let mut pairs: Vec<_> = (0..8).map(|patient| pair(patient, f64::from(patient) / 100.0)).collect();
        pairs[2].first = None;
        pairs[4].second = None;
        let scores = PairedScores::new(&pairs);
        assert_eq!(scores.differences().len(), 6);
        let compared = compare(&scores, Clustering::Sites, BootstrapPlan::seeded(SEED)).expect("pairs");
        assert_eq!((compared.patients, compared.excluded, compared.mean_difference.units), (6, 2, 3));
    }

    #[test]
    fn nobody_scored_by_both_is_refused() {
        let nobody = [PatientPair { site: SiteIndex(0), first: None, second: Some(0.5) }];
        let error = compare(&PairedScores::new(&nobody), Clustering::Patients, BootstrapPlan::seeded(SEED));
        assert!(matches!(error, Err(StatisticsError::TooFew { given: 0, .. })), "{error:?}");
    }
}
