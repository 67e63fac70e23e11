//! Groups of patients: the worst of them, and the gap between the best and the worst.
//!
//! Groups below a floor are counted and not shown, for their mean says little about the model and much about few patients. The
//! gap is the largest difference of means between any two groups shown. It is never negative, so noise alone makes one: with
//! equal groups the gap is as large as their means scatter, and its interval does not reach 0.

use super::bootstrap::{finite_scores, mean_of};
use super::{BootstrapPlan, Interval, IntervalKind, StatisticsError, Units, bootstrap, bootstrap_mean};
use crate::direction::Direction;

/// Below this a mean has no interval.
const FLOOR_MIN: usize = 2;

/// The fewest patients of a group that is shown; at least 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupFloor(usize);

/// The scores of one group, one a patient.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupScores {
    /// Its name, such as `vendor = B`.
    pub name: String,
    /// One a patient.
    pub scores: Vec<f64>,
}

/// A group shown.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupMean {
    /// Its name.
    pub name: String,
    /// Its mean over patients, with interval.
    pub mean: Interval,
}

/// What may be said about groups.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupReport {
    /// Those of enough patients, the worst first.
    pub shown: Vec<GroupMean>,
    /// The best mean less the worst, positive; `None` with fewer than two groups shown.
    pub gap: Option<Interval>,
    /// Groups of too few patients.
    pub below_floor: usize,
    /// How many are enough.
    pub floor: GroupFloor,
}

impl GroupFloor {
    /// What governance asks for.
    pub const TEN: Self = Self(10);

    /// Checks a floor.
    ///
    /// # Errors
    /// [`StatisticsError::Setting`] below 2.
    pub fn new(patients: usize) -> Result<Self, StatisticsError> {
        let refused = StatisticsError::Setting {
            setting: "the floor of a group",
            given: patients as f64,
            range: "2 patients or more",
        };
        if patients >= FLOOR_MIN { Ok(Self(patients)) } else { Err(refused) }
    }

    /// The number of patients.
    pub fn get(self) -> usize {
        self.0
    }
}

impl GroupReport {
    /// The worst group shown.
    pub fn worst(&self) -> Option<&GroupMean> {
        self.shown.first()
    }
}

/// Means, the worst group and the gap. Patients are drawn within their groups; the interval of the gap is a percentile one,
/// whatever the plan says, for a maximum has no influence that BCa could correct by.
///
/// # Errors
/// [`StatisticsError`] where a score is not finite, also of a group that is not shown.
pub fn compare_groups(
    groups: &[GroupScores],
    direction: Direction,
    floor: GroupFloor,
    plan: BootstrapPlan,
) -> Result<GroupReport, StatisticsError> {
    groups.iter().try_for_each(|group| finite_scores(&group.scores))?;
    let large: Vec<&GroupScores> = groups.iter().filter(|group| group.scores.len() >= floor.0).collect();
    let shown: Result<Vec<GroupMean>, StatisticsError> = large
        .iter()
        .map(|group| {
            let units = Units::patients(group.scores.len())?;
            Ok(GroupMean { name: group.name.clone(), mean: bootstrap_mean(&group.scores, &units, plan)? })
        })
        .collect();
    let mut shown = shown?;
    shown.sort_by(|a, b| direction.worse_first(a.mean.estimate, b.mean.estimate));
    let gap = if large.len() < 2 { None } else { Some(gap(&large, plan)?) };
    Ok(GroupReport { shown, gap, below_floor: groups.len() - large.len(), floor })
}

fn gap(groups: &[&GroupScores], plan: BootstrapPlan) -> Result<Interval, StatisticsError> {
    let sizes: Vec<usize> = groups.iter().map(|group| group.scores.len()).collect();
    let scores: Vec<f64> = groups.iter().flat_map(|group| &group.scores).copied().collect();
    let percentile = BootstrapPlan { kind: IntervalKind::Percentile, ..plan };
    bootstrap(&Units::within(&sizes)?, percentile, |patients| {
        // Draws keep the sizes of groups and their order.
        let (mut rest, mut low, mut high) = (patients, f64::INFINITY, f64::NEG_INFINITY);
        for size in &sizes {
            let (of_group, others) = rest.split_at(*size);
            let mean = mean_of(&scores, of_group)?;
            (rest, low, high) = (others, low.min(mean), high.max(mean));
        }
        Some(high - low)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::StatisticsSeed;

    const SEED: StatisticsSeed = StatisticsSeed(8);

    fn group(name: &str, patients: u32, mean: f64) -> GroupScores {
        let score = |patient: u32| mean + (f64::from(patient) + 0.5) / f64::from(patients) * 0.1 - 0.05;
        GroupScores { name: name.into(), scores: (0..patients).map(score).collect() }
    }

    fn report(groups: &[GroupScores], direction: Direction) -> GroupReport {
        compare_groups(groups, direction, GroupFloor::TEN, BootstrapPlan::seeded(SEED)).expect("finite scores")
    }

    #[test]
    fn the_worst_group_and_the_gap_are_those_of_the_means() {
        let groups = [group("A", 20, 0.8), group("B", 12, 0.5), group("C", 30, 0.7)];
        let higher = report(&groups, Direction::HigherIsBetter);
        assert_eq!(higher.worst().map(|group| group.name.as_str()), Some("B"));
        let gap = higher.gap.expect("three groups");
        assert!((gap.estimate - 0.3).abs() < 1e-12);
        assert!(gap.limits.low > 0.25 && gap.limits.high < 0.35 && gap.limits.low < gap.limits.high, "{gap:?}");
        let lower = report(&groups, Direction::LowerIsBetter);
        assert_eq!(lower.worst().map(|group| group.name.as_str()), Some("A"));
    }

    #[test]
    fn groups_below_the_floor_are_counted_and_not_shown() {
        let groups = [group("A", 10, 0.8), group("B", 9, 0.1), group("C", 0, 0.0)];
        let report = report(&groups, Direction::HigherIsBetter);
        assert_eq!(report.shown.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["A"]);
        assert_eq!((report.below_floor, report.gap), (2, None));
    }

    #[test]
    fn a_floor_of_one_and_scores_that_are_no_numbers_are_refused() {
        assert!(GroupFloor::new(1).is_err() && GroupFloor::new(2).is_ok());
        let unknown = [GroupScores { name: "A".into(), scores: vec![f64::NAN] }];
        let error = compare_groups(&unknown, Direction::HigherIsBetter, GroupFloor::TEN, BootstrapPlan::seeded(SEED));
        assert!(matches!(error, Err(StatisticsError::NotFinite { .. })));
    }
}
