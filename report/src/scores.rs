//! The scores of a study, ordered for reading: a curve for each site, and their mean.

use crate::chart::{Axes, Curve, standalone_svg};
use crate::records::{RoundRecord, SiteScore, StudyRecord};
use std::collections::BTreeSet;

/// Full names of metrics that begin so are shares, whose axis goes from 0 to 1, and what people call them.
const SHARES: [(&str, &str); 2] = [("dice", "Dice"), ("ap", "AP")];

/// The scores of one metric in one round.
pub(crate) struct Measured<'a> {
    pub(crate) round: u32,
    scores: Vec<&'a SiteScore>,
}

impl Measured<'_> {
    /// The mean of the sites' means: each site counts once, however many patients it has.
    pub(crate) fn mean(&self) -> f64 {
        self.scores.iter().map(|score| score.mean).sum::<f64>() / self.scores.len() as f64
    }

    pub(crate) fn sites(&self) -> usize {
        self.scores.len()
    }

    pub(crate) fn patients(&self) -> u64 {
        self.scores.iter().map(|score| u64::from(score.patients)).sum()
    }
}

/// The metrics of a study by name, shares first.
pub(crate) fn metrics(study: &StudyRecord) -> Vec<&str> {
    let names: BTreeSet<&str> = all_scores(study).map(|score| score.metric.as_str()).collect();
    let (mut shares, other): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| share(name).is_some());
    shares.extend(other);
    shares
}

/// The last round in which a site gave a finite score of this metric.
pub(crate) fn latest<'a>(study: &'a StudyRecord, metric: &str) -> Option<Measured<'a>> {
    study.rounds.iter().rev().map(|round| measured(round, metric)).find(|measured| measured.sites() > 0)
}

/// A curve for each site, by name.
pub(crate) fn site_curves(study: &StudyRecord, metric: &str) -> Vec<Curve> {
    let of_metric = all_scores(study).filter(|score| score.metric == metric);
    let sites: BTreeSet<&str> = of_metric.map(|score| score.site.as_str()).collect();
    sites.into_iter().map(|site| site_curve(study, metric, site)).collect()
}

/// The mean of the sites in every round that was measured.
pub(crate) fn mean_curve(study: &StudyRecord, metric: &str) -> Curve {
    let measured = study.rounds.iter().map(|round| measured(round, metric));
    let points = measured.filter(|m| m.sites() > 0).map(|m| (f64::from(m.round), m.mean())).collect();
    Curve { name: "mean of sites".into(), points }
}

/// The words around a chart of this metric.
pub(crate) fn axes(metric: &str) -> Axes {
    let shown = share(metric).map_or_else(|| metric.to_owned(), |title| format!("{title} ({metric})"));
    let y_range = share(metric).map(|_| (0.0, 1.0));
    Axes { title: format!("{shown} on each site’s validation patients"), x: "round".into(), y: shown, y_range }
}

/// What people call a metric.
pub(crate) fn title(metric: &str) -> String {
    share(metric).unwrap_or(metric).to_owned()
}

fn share(metric: &str) -> Option<&'static str> {
    let kind = metric.split(['.', '@']).next()?;
    SHARES.into_iter().find(|(name, _)| *name == kind).map(|(_, title)| title)
}

fn all_scores(study: &StudyRecord) -> impl Iterator<Item = &SiteScore> {
    study.rounds.iter().flat_map(|round| &round.scores)
}

fn measured<'a>(round: &'a RoundRecord, metric: &str) -> Measured<'a> {
    let counts = |score: &&SiteScore| score.metric == metric && score.mean.is_finite();
    Measured { round: round.round, scores: round.scores.iter().filter(counts).collect() }
}

fn site_curve(study: &StudyRecord, metric: &str, site: &str) -> Curve {
    let of_round = |round: &RoundRecord| {
        let score = round.scores.iter().find(|score| score.site == site && score.metric == metric)?;
        Some((f64::from(round.round), score.mean))
    };
    Curve { name: site.into(), points: study.rounds.iter().filter_map(of_round).collect() }
}

/// The curves of a study's first metric as an SVG file fit for a paper; `None` where nothing was measured.
pub fn study_chart(study: &StudyRecord) -> Option<String> {
    let metric = *metrics(study).first()?;
    let mut curves = site_curves(study, metric);
    if curves.len() > 1 {
        curves.push(mean_curve(study, metric));
    }
    Some(standalone_svg(&axes(metric), &curves))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn each_site_counts_once_in_the_mean() {
        let mut study = samples::study();
        study.rounds.truncate(1);
        study.rounds[0].scores = vec![samples::score("a", 0.5, 1), samples::score("b", 0.7, 99)];
        let latest = latest(&study, samples::DICE).expect("a round was measured");
        assert!((latest.mean() - 0.6).abs() < 1e-12);
        assert_eq!(latest.patients(), 100);
    }

    #[test]
    fn a_score_that_is_no_number_is_not_in_the_mean() {
        let mut study = samples::study();
        study.rounds.truncate(1);
        study.rounds[0].scores = vec![samples::score("a", f64::NAN, 0), samples::score("b", 0.7, 9)];
        assert_eq!(mean_curve(&study, samples::DICE).points, [(1.0, 0.7)]);
        assert_eq!(site_curves(&study, samples::DICE).len(), 2);
    }

    #[test]
    fn the_latest_round_is_one_that_was_measured() {
        let mut study = samples::study();
        let rounds = study.rounds.len();
        study.rounds[rounds - 1].scores.clear();
        assert_eq!(latest(&study, samples::DICE).expect("measured").round as usize, rounds - 1);
        study.rounds.clear();
        assert!(latest(&study, samples::DICE).is_none());
    }

    #[test]
    fn dice_comes_first_and_has_its_whole_axis() {
        let mut study = samples::study();
        let mut other = samples::score("a", 3.0, 4);
        other.metric = "a.first.by.name".into();
        study.rounds[0].scores.push(other);
        assert_eq!(metrics(&study), [samples::DICE, "a.first.by.name"]);
        assert_eq!(axes(samples::DICE).y_range, Some((0.0, 1.0)));
        assert_eq!(axes("hd95").y_range, None);
    }
}
