//! One measure of some patients.

use crate::Measure;
use wardround_metrics::Score;
use wardround_metrics::statistics::{Interval, StatisticsError};

/// One measure: a score for each patient, and the figure for all.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What was measured.
    pub measure: Measure,
    /// The class of a detector, where it is of one class alone.
    pub class: Option<u8>,
    /// Each patient's, in their order.
    pub scores: Vec<Score>,
    /// The figure for all with its interval over patients; why there is none where there is none.
    pub interval: Result<Interval, StatisticsError>,
}

impl Column {
    /// The figure for all: the mean of patients, or what all patients' boxes give together.
    pub fn mean(&self) -> Option<f64> {
        if let Ok(interval) = &self.interval {
            return Some(interval.estimate);
        }
        let values: Vec<f64> = self.scores.iter().filter_map(|score| score.value()).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Patients with a score.
    pub fn scored(&self) -> usize {
        self.scores.iter().filter(|score| score.value().is_some()).count()
    }

    /// How many patients had no score, and why, in the order of the reasons.
    pub fn left_out(&self) -> Vec<(usize, &'static str)> {
        let reasons = [
            (Score::BothEmpty, "nothing to find and nothing found"),
            (Score::PredictionEmpty, "missed whole"),
            (Score::TruthEmpty, "found where there is nothing"),
            (Score::NotApplicable, "not meant for such a patient"),
        ];
        let count = |kind: Score| self.scores.iter().filter(|score| **score == kind).count();
        reasons.into_iter().map(|(kind, words)| (count(kind), words)).filter(|(count, _)| *count > 0).collect()
    }

    /// Patients by their score, the worst first; those without one are left out, but a miss is worse than any score.
    pub fn worst_first(&self) -> Vec<usize> {
        let direction = self.measure.direction();
        let missed = |patient: &usize| matches!(self.scores[*patient], Score::PredictionEmpty | Score::TruthEmpty);
        let mut scored: Vec<(usize, f64)> =
            self.scores.iter().enumerate().filter_map(|(patient, score)| Some((patient, score.value()?))).collect();
        scored.sort_by(|a, b| direction.worse_first(a.1, b.1));
        let missed = (0..self.scores.len()).filter(missed);
        missed.chain(scored.into_iter().map(|(patient, _)| patient)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_metrics::statistics::{BootstrapPlan, StatisticsSeed, Units, bootstrap_mean};
    use wardround_plan::Task;

    fn column(name: &str, scores: &[Score]) -> Column {
        let values: Vec<f64> = scores.iter().filter_map(|score| score.value()).collect();
        let plan = BootstrapPlan::seeded(StatisticsSeed(1));
        let interval = Units::patients(values.len()).and_then(|units| bootstrap_mean(&values, &units, plan));
        Column {
            measure: Measure::of_task(name, Task::Segment).expect("a name"),
            class: None,
            scores: scores.to_vec(),
            interval,
        }
    }

    #[test]
    fn a_miss_is_worse_than_any_score_and_distances_are_worse_when_long() {
        let scores = [Score::Value(2.0), Score::BothEmpty, Score::Value(9.0), Score::PredictionEmpty];
        let column = column("hd95.voxel_maxdirected", &scores);
        assert_eq!(column.worst_first(), [3, 2, 0]);
        assert_eq!((column.scored(), column.left_out().len()), (2, 2));
    }

    #[test]
    fn one_patient_has_a_mean_and_no_interval() {
        let column = column("dice.foreground", &[Score::Value(0.5)]);
        assert!(column.interval.is_err());
        assert_eq!(column.mean(), Some(0.5));
        assert_eq!(self::column("dice.foreground", &[Score::BothEmpty]).mean(), None);
    }
}
