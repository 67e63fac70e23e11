//! The pictures: convergence with bands over seeds, privacy against utility, how sites are spread.

use super::group::{Group, Over, named};
use super::record::{RunRecord, RunSetting, SimulationRecord};
use crate::chart::{Axes, Curve, Series, Spread, box_figure, box_svg, figure, series_svg};
use maud::Markup;

/// A chart of lines before it is drawn.
pub(super) struct Lines {
    file: &'static str,
    axes: Axes,
    series: Vec<Series>,
}

/// The pictures as SVG files fit for a paper, with the names of the files.
pub fn simulation_charts(record: &SimulationRecord) -> Vec<(&'static str, String)> {
    let groups = Group::all(record);
    let lines = convergence(record, &groups).into_iter().chain(privacy(record, &groups));
    let mut files: Vec<_> = lines.map(|lines| (lines.file, series_svg(&lines.axes, &lines.series))).collect();
    files.push(("sites.svg", box_svg(SITES, &record.metric, &spreads(&groups))));
    files
}

impl Lines {
    pub(super) fn figure(&self) -> Markup {
        figure(&self.axes, &self.series)
    }
}

/// Mean of sites, worst site and loss by round.
pub(super) fn convergence(record: &SimulationRecord, groups: &[Group]) -> Vec<Lines> {
    let y = |word: &str| format!("{}, {word}", record.metric);
    let scores = |number: fn(&super::SimulatedScores) -> Option<f64>| {
        move |run: &RunRecord| run.evaluations.iter().map(|one| (one.round, number(one))).collect::<Vec<_>>()
    };
    let losses = |run: &RunRecord| run.rounds.iter().map(|round| (round.round, round.loss)).collect::<Vec<_>>();
    vec![
        lines("scores.svg", "Mean of sites by round", &y("mean of sites"), groups, scores(|one| one.mean)),
        lines("worst-site.svg", "Worst site by round", &y("worst site"), groups, scores(|one| one.worst)),
        lines("loss.svg", "Training loss by round", "mean loss of the sites that trained", groups, losses),
    ]
}

/// The last scores against ε; `None` where no ε was swept. What has no ε is a level to compare with.
pub(super) fn privacy(record: &SimulationRecord, groups: &[Group]) -> Option<Lines> {
    let mut rests: Vec<Vec<&RunSetting>> = Vec::new();
    for group in groups.iter().filter(|group| group.sets_epsilon() && group.epsilon().is_some()) {
        if !rests.contains(&group.rest()) {
            rests.push(group.rest());
        }
    }
    let curves = rests.iter().enumerate().map(|(index, rest)| against_epsilon(groups, rest, index));
    let x = groups.iter().filter_map(Group::epsilon).reduce(f64::max)?;
    let bare = groups.iter().filter(|group| group.sets_epsilon() && group.epsilon().is_none());
    let levels = bare.filter_map(|group| Some(Series::level(&without(group), x, last_mean(group)?.mean)));
    let axes = Axes {
        title: "Privacy against utility".into(),
        x: "ε after the last round".into(),
        y: format!("{}, mean of sites", record.metric),
        y_range: None,
    };
    let series: Vec<Series> = curves.chain(levels).collect();
    (!rests.is_empty()).then_some(Lines { file: "privacy.svg", axes, series })
}

/// How the sites are spread.
pub(super) fn sites(record: &SimulationRecord, groups: &[Group]) -> Markup {
    box_figure(SITES, &record.metric, &spreads(groups))
}

/// The last score of each run.
pub(super) fn last_mean(group: &Group) -> Option<Over> {
    group.over(|run| run.last()?.mean)
}

fn without(group: &Group) -> String {
    let rest = group.rest();
    if rest.is_empty() { "no ε".into() } else { format!("no ε, {}", named(rest.into_iter())) }
}

fn against_epsilon(groups: &[Group], rest: &[&RunSetting], index: usize) -> Series {
    let of_rest = groups.iter().filter(|group| group.sets_epsilon() && group.rest() == rest);
    let mut places: Vec<(f64, Over)> =
        of_rest.filter_map(|group| Some((group.epsilon()?, last_mean(group)?))).collect();
    places.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    banded(&named(rest.iter().copied()), &places, index)
}

fn lines(
    file: &'static str,
    title: &str,
    y: &str,
    groups: &[Group],
    rounds: impl Fn(&RunRecord) -> Vec<(u32, Option<f64>)>,
) -> Lines {
    let series = groups.iter().enumerate().map(|(index, group)| banded(&group.name(), &group.by_round(&rounds), index));
    let axes = Axes { title: title.into(), x: "round".into(), y: y.into(), y_range: None };
    Lines { file, axes, series: series.collect() }
}

fn banded(name: &str, places: &[(f64, Over)], index: usize) -> Series {
    let points = places.iter().map(|(x, over)| (*x, over.mean)).collect();
    let band: Vec<_> = places.iter().map(|(x, over)| over.reach(*x)).collect();
    Series::banded(&Curve { name: name.into(), points }, index, &band)
}

fn spreads(groups: &[Group]) -> Vec<Spread> {
    groups.iter().map(|group| Spread::of(&group.name(), group.site_scores())).collect()
}

const SITES: &str = "Sites at the last measurement";

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::samples;

    #[test]
    fn every_picture_is_a_file_of_its_own() {
        let charts = simulation_charts(&sample::sweep());
        let names: Vec<&str> = charts.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["scores.svg", "worst-site.svg", "loss.svg", "privacy.svg", "sites.svg"]);
        for (name, svg) in &charts {
            assert!(svg.starts_with("<?xml") && !svg.contains("var("), "{name}");
            samples::assert_well_formed(svg);
        }
        assert_eq!(charts[0].1.matches("class=\"band\"").count(), 4);
        assert!(charts[3].1.contains("no ε, scaffold"));
    }

    #[test]
    fn without_a_swept_epsilon_there_is_no_privacy_curve() {
        let mut record = sample::sweep();
        record.runs.retain(|run| run.epsilon.is_none());
        assert!(simulation_charts(&record).iter().all(|(name, _)| *name != "privacy.svg"));
        record = sample::sweep();
        record.runs.iter_mut().for_each(|run| run.settings.retain(|setting| setting.key != "privacy.epsilon"));
        assert!(simulation_charts(&record).iter().all(|(name, _)| *name != "privacy.svg"));
    }

    #[test]
    fn nothing_at_all_still_makes_pictures_that_say_so() {
        let record = SimulationRecord { runs: vec![], ..sample::sweep() };
        let charts = simulation_charts(&record);
        assert_eq!(charts.len(), 4);
        charts.iter().for_each(|(_, svg)| samples::assert_well_formed(svg));
    }
}
