//! Scores as whole numbers that can be added: what sites put into a masked sum of scores, and what is read from it.
//!
//! Without privacy each metric is two words, the patients and the sum of their scores in units of 2^-20: the sum gives the mean
//! over all patients. With privacy it is the noised histogram: the sum of `n` of them has √n times the noise of one.

use crate::{HISTOGRAM_BINS, NoisedHistogram, ReportedScore, Score};
use wardround_plan::{MetricName, Plan, PrivacyMode};

/// The largest magnitude that one site puts into a word.
pub const WORD_MAX: i64 = 1 << 44;
/// Units of a score of 1.
const UNITS: f64 = 1_048_576.0;

/// Words of a site's scores; 0 where the plan lets none leave.
pub fn words(plan: &Plan) -> usize {
    let each = match (plan.privacy.mode, plan.histogram_scale()) {
        (PrivacyMode::None, _) => 2,
        (_, Some(_)) => HISTOGRAM_BINS,
        (_, None) => 0,
    };
    each * plan.evaluation.metrics.len()
}

/// The words of what one site may tell; zeros for a metric that it tells nothing of.
///
/// # Errors
/// In words, for scores that the plan does not ask for or that no patients have.
pub fn write(plan: &Plan, scores: &[ReportedScore]) -> Result<Vec<i64>, String> {
    let mut words = vec![0; words(plan)];
    let each = words.len() / plan.evaluation.metrics.len().max(1);
    for score in scores {
        let place = plan.evaluation.metrics.iter().position(|metric| *metric == score.metric());
        let place = place.ok_or("a score is of a metric that the plan does not name")?;
        let words = &mut words[place * each..(place + 1) * each];
        match (score, plan.privacy.mode) {
            (ReportedScore::Exact(score), PrivacyMode::None) => {
                let sum = (score.mean * f64::from(score.patients) * UNITS).round_ties_even();
                words.copy_from_slice(&[i64::from(score.patients), sum as i64]);
            }
            (ReportedScore::Noised { histogram, .. }, mode) if mode != PrivacyMode::None => {
                words.copy_from_slice(histogram.counts());
            }
            _ => return Err("a score has not the form that the plan's privacy asks for".into()),
        }
    }
    let small = words.iter().all(|word| (-WORD_MAX..=WORD_MAX).contains(word));
    if small { Ok(words) } else { Err("a score is beyond what a sum can hold".into()) }
}

/// What the sum over `sites` says; a metric without patients is left out. `scale` is that of one site's noise, in patients.
pub fn read(plan: &Plan, sites: usize, scale: f64, sum: &[i64]) -> Vec<ReportedScore> {
    let metrics = &plan.evaluation.metrics;
    let each = (sum.len() / metrics.len().max(1)).max(1);
    let pooled = |(metric, words): (&MetricName, &[i64])| pooled(*metric, words, sites, scale);
    metrics.iter().zip(sum.chunks_exact(each)).filter_map(pooled).collect()
}

fn pooled(metric: MetricName, words: &[i64], sites: usize, scale: f64) -> Option<ReportedScore> {
    if let [patients, sum] = *words {
        let patients = u32::try_from(patients).ok().filter(|patients| *patients > 0)?;
        let mean = sum as f64 / UNITS / f64::from(patients);
        return Some(ReportedScore::Exact(Score { metric, mean, patients }));
    }
    // One noise of that scale has the deviation of the sum of all.
    let histogram = NoisedHistogram::new(words.to_vec(), scale * (sites as f64).sqrt()).ok()?;
    Some(ReportedScore::Noised { metric, histogram })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = include_str!("../../configs/phantoms.toml");
    const PRIVATE: &str = include_str!("../../configs/phantoms-private.toml");

    fn plan(text: &str) -> Plan {
        Plan::from_toml(text).expect("a good plan")
    }

    fn exact(mean: f64, patients: u32) -> ReportedScore {
        ReportedScore::Exact(Score { metric: MetricName::DiceForeground, mean, patients })
    }

    fn noised(counts: [i64; HISTOGRAM_BINS]) -> ReportedScore {
        let histogram = NoisedHistogram::new(counts.to_vec(), 2.0).expect("small counts");
        ReportedScore::Noised { metric: MetricName::DiceForeground, histogram }
    }

    fn sum(plan: &Plan, sites: &[Vec<ReportedScore>]) -> Vec<i64> {
        let each: Vec<Vec<i64>> = sites.iter().map(|scores| write(plan, scores).expect("good scores")).collect();
        (0..words(plan)).map(|place| each.iter().map(|words| words[place]).sum()).collect()
    }

    #[test]
    fn the_sum_of_exact_scores_is_the_mean_over_all_patients() {
        let plan = plan(OPEN);
        let sum = sum(&plan, &[vec![exact(0.9, 10)], vec![exact(0.6, 20)], vec![]]);
        let [ReportedScore::Exact(score)] = &read(&plan, 3, 0.0, &sum)[..] else { panic!("one exact score") };
        assert_eq!(score.patients, 30);
        assert!((score.mean - 0.7).abs() < 1e-6, "{}", score.mean);
    }

    #[test]
    fn no_patients_at_all_have_no_score() {
        let plan = plan(OPEN);
        assert_eq!(read(&plan, 3, 0.0, &sum(&plan, &[vec![], vec![], vec![]])), []);
    }

    #[test]
    fn a_sum_of_noised_histograms_has_their_counts_and_more_noise() {
        let plan = plan(PRIVATE);
        let sum = sum(&plan, &[vec![noised([1; 10])], vec![noised([-3; 10])], vec![noised([5; 10])], vec![]]);
        let [ReportedScore::Noised { histogram, .. }] = &read(&plan, 4, 2.0, &sum)[..] else { panic!("a histogram") };
        assert_eq!((histogram.counts(), histogram.scale()), (&[3; 10][..], 4.0));
    }

    #[test]
    fn scores_in_another_form_than_the_plan_asks_for_do_not_leave() {
        assert!(write(&plan(PRIVATE), &[exact(0.9, 10)]).is_err(), "exact scores in a private study");
        assert!(write(&plan(OPEN), &[noised([0; 10])]).is_err());
        assert!(write(&plan(OPEN), &[exact(1e9, u32::MAX)]).is_err(), "beyond a word");
        assert!(write(&plan(OPEN), &[exact(f64::NAN, 1)]).is_ok_and(|words| words[1] == 0), "NaN adds nothing");
    }

    #[test]
    fn a_plan_that_keeps_its_scores_has_no_words() {
        assert_eq!(words(&plan(&PRIVATE.replace("epsilon_share = 0.05", "epsilon_share = 0.0"))), 0);
    }
}
