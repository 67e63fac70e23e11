//! Runs that differ only in their seed, and what they have in common: a mean and how far they reach.

use super::record::{RunRecord, RunSetting, SimulatedScores, SimulationRecord};
use crate::chart::Reach;
use std::collections::BTreeMap;

/// The key whose values make a privacy-utility curve.
const EPSILON: &str = "privacy.epsilon";

/// Repetitions of one another.
pub(super) struct Group<'a> {
    pub(super) settings: &'a [RunSetting],
    pub(super) runs: Vec<&'a RunRecord>,
}

/// Mean, lowest and highest over repetitions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Over {
    pub(super) mean: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl<'a> Group<'a> {
    /// All runs, grouped, in the order in which the groups first appear.
    pub(super) fn all(record: &'a SimulationRecord) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for run in &record.runs {
            match groups.iter_mut().find(|group| group.settings == run.settings) {
                Some(group) => group.runs.push(run),
                None => groups.push(Self { settings: &run.settings, runs: vec![run] }),
            }
        }
        groups
    }

    /// Its settings in words.
    pub(super) fn name(&self) -> String {
        named(self.settings.iter())
    }

    /// Its settings beside ε.
    pub(super) fn rest(&self) -> Vec<&'a RunSetting> {
        self.settings.iter().filter(|setting| setting.key != EPSILON).collect()
    }

    /// Whether ε is among its settings.
    pub(super) fn sets_epsilon(&self) -> bool {
        self.settings.iter().any(|setting| setting.key == EPSILON)
    }

    /// The largest ε of its runs; `None` where nothing is promised.
    pub(super) fn epsilon(&self) -> Option<f64> {
        self.runs.iter().filter_map(|run| run.epsilon).reduce(f64::max)
    }

    /// A number of each run, where every one has it: a mean over those that happen to have one would compare unlike things.
    pub(super) fn over(&self, number: impl Fn(&RunRecord) -> Option<f64>) -> Option<Over> {
        let numbers: Option<Vec<f64>> = self.runs.iter().map(|run| number(run).filter(|n| n.is_finite())).collect();
        Over::of(&numbers?)
    }

    /// The same in every round in which all runs have it.
    pub(super) fn by_round(&self, rounds: impl Fn(&RunRecord) -> Vec<(u32, Option<f64>)>) -> Vec<(f64, Over)> {
        let mut values: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for (round, value) in self.runs.iter().flat_map(|run| rounds(run)) {
            values.entry(round).or_default().extend(value.filter(|value| value.is_finite()));
        }
        let whole = values.into_iter().filter(|(_, values)| values.len() == self.runs.len());
        whole.filter_map(|(round, values)| Some((f64::from(round), Over::of(&values)?))).collect()
    }

    /// Scores of every site of every run at its last evaluation.
    pub(super) fn site_scores(&self) -> impl Iterator<Item = f64> {
        self.runs.iter().flat_map(|run| run.sites.iter().map(|site| site.score))
    }
}

impl Over {
    fn of(numbers: &[f64]) -> Option<Self> {
        let low = numbers.iter().copied().reduce(f64::min)?;
        let high = numbers.iter().copied().reduce(f64::max)?;
        Some(Self { mean: numbers.iter().sum::<f64>() / numbers.len() as f64, low, high })
    }

    pub(super) fn reach(&self, x: f64) -> Reach {
        Reach { x, low: self.low, high: self.high }
    }
}

impl RunRecord {
    /// The last measurement.
    pub(super) fn last(&self) -> Option<&SimulatedScores> {
        self.evaluations.last()
    }

    /// Seconds on this machine.
    pub(super) fn wall_s(&self) -> f64 {
        self.rounds.iter().map(|round| round.wall_s).sum()
    }

    /// Virtual seconds.
    pub(super) fn virtual_s(&self) -> Option<f64> {
        self.rounds.last().map(|round| round.ends_s)
    }
}

/// Settings in words, short enough for the end of a line: keys without their sections, and a kind by its name alone.
pub(super) fn named<'s>(settings: impl Iterator<Item = &'s RunSetting>) -> String {
    let words = |RunSetting { key, value }: &RunSetting| match key.rsplit('.').next().unwrap_or(key) {
        _ if key == EPSILON => format!("ε {value}"),
        "kind" => value.clone(),
        last => format!("{last} {value}"),
    };
    let words: Vec<String> = settings.map(words).collect();
    if words.is_empty() { "all runs".into() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn runs_that_differ_only_in_their_seed_are_one_group() {
        let record = sample::sweep();
        let names: Vec<String> = Group::all(&record).iter().map(Group::name).collect();
        let expected = ["ε 3, fedavg", "ε 3, scaffold", "ε none, fedavg", "ε none, scaffold"];
        assert_eq!(names, expected);
        assert!(Group::all(&record).iter().all(|group| group.runs.len() == 2));
    }

    #[test]
    fn a_mean_is_of_all_repetitions_or_of_none() {
        let mut record = sample::sweep();
        let scores = |run: &RunRecord| run.evaluations.iter().map(|one| (one.round, one.mean)).collect::<Vec<_>>();
        let before = Group::all(&record)[0].by_round(scores);
        assert_eq!(before.len(), 2);
        let (round, over) = before[1];
        assert_eq!(round, 4.0);
        assert!((over.mean - 0.61).abs() < 1e-12 && (over.low, over.high) == (0.6, 0.62), "{over:?}");
        record.runs[0].evaluations.pop();
        assert_eq!(Group::all(&record)[0].by_round(scores).len(), 1, "one seed has not reached round 4");
        record.runs[0].epsilon = Some(f64::NAN);
        assert_eq!(Group::all(&record)[0].over(|run| run.epsilon), None);
    }
}
