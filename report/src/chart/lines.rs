//! The lines of a chart, their markers and the labels at their ends.

use super::band;
use super::ink::{Ink, dash, width};
use super::labels::spread;
use super::layout::{LABEL_GAP, LEAD, Layout};
use super::legend::px;
use super::marker::marker;
use super::series::{Point, Role, Series};
use crate::numbers::{plain, score};
use maud::{Markup, html};
use std::cmp::Reverse;

/// Markers of one line at most; a longer line marks every second, third ... point.
const MARKERS_MAX: usize = 20;

/// All lines on their bands, levels lowest and means on top, then the labels.
pub(super) fn draw(layout: &Layout, ink: Ink) -> Markup {
    let mut ordered: Vec<&Series> = layout.series.iter().collect();
    ordered.sort_by_key(|series| match series.role() {
        Role::Level => (0, Reverse(0)),
        Role::Curve(index) => (1, Reverse(index)),
        Role::Mean => (2, Reverse(0)),
    });
    html! {
        @for series in &ordered { (band::draw(layout, series, ink)) }
        @for series in ordered { g { (line(layout, series, ink)) } }
        (end_labels(layout, ink))
    }
}

fn line(layout: &Layout, series: &Series, ink: Ink) -> Markup {
    let role = series.role();
    html! {
        path d=(trace(layout, series)) fill="none" stroke=(ink.line(role)) stroke-width=(width(role))
            stroke-dasharray=(dash(role)) stroke-linejoin="round" {}
        @for point in marked(series) { (marker(role, place(layout, point), ink, Some(&words(series, point)))) }
    }
}

/// The line as path data. It is interrupted where a point was left out; a level crosses the whole chart.
fn trace(layout: &Layout, series: &Series) -> String {
    if series.role() == Role::Level {
        let across = |point: Point| format!("M{:.1} {:.1}H{:.1}", layout.left, layout.y.at(point.y), layout.right);
        return series.drawable().map(across).collect();
    }
    let mut path = String::new();
    let mut pen = 'M';
    for point in series.points() {
        let Some(point) = point else {
            pen = 'M';
            continue;
        };
        let (x, y) = place(layout, *point);
        path.push_str(&format!("{pen}{x:.1} {y:.1}"));
        pen = 'L';
    }
    path
}

/// The points that get a marker: evenly chosen, always the last and those that no line reaches.
fn marked(series: &Series) -> Vec<Point> {
    let points = series.points();
    let every = points.len().div_ceil(MARKERS_MAX).max(1);
    let is_marked = |index: usize| {
        let is_gap = |neighbour: Option<usize>| neighbour.and_then(|at| points.get(at)).is_none_or(Option::is_none);
        let is_alone = is_gap(index.checked_sub(1)) && is_gap(index.checked_add(1));
        index.is_multiple_of(every) || index + 1 == points.len() || is_alone
    };
    let chosen = points.iter().enumerate().filter(|(index, _)| is_marked(*index));
    chosen.filter_map(|(_, point)| *point).collect()
}

/// Labels beside the last point of each line, moved apart, with a thin line to those that had to move.
fn end_labels(layout: &Layout, ink: Ink) -> Markup {
    let labelled: Vec<(&Series, &String, Point)> = layout
        .series
        .iter()
        .zip(&layout.labels)
        .filter_map(|(series, label)| Some((series, label, series.drawable().last()?)))
        .collect();
    let wished: Vec<f64> = labelled.iter().map(|(_, _, end)| layout.y.at(end.y)).collect();
    let places = spread(&wished, LABEL_GAP, layout.top, layout.bottom).unwrap_or_default();
    html! {
        @for ((series, label, end), y) in labelled.into_iter().zip(places) {
            (lead(layout, series, end, y, ink))
            text.label x=(px(layout.right + LEAD)) y=(px(y + 4.0)) fill=(ink.text()) { (label) }
        }
    }
}

/// Dotted from the last point to the frame, so that it is not taken for data, and from there to the label.
fn lead(layout: &Layout, series: &Series, end: Point, y: f64, ink: Ink) -> Markup {
    let (from_x, from_y) = place(layout, end);
    let start = if series.role() == Role::Level { layout.right } else { (from_x + 6.0).min(layout.right) };
    let (bend, stop) = (layout.right - 1.0, layout.right + LEAD - 4.0);
    let (colour, along) = (ink.line(series.role()), format!("M{:.1} {from_y:.1}H{bend:.1}", start.min(bend)));
    html! {
        path d=(along) stroke=(colour) stroke-width="0.9" stroke-dasharray="1 2" {}
        path d=(format!("M{bend:.1} {from_y:.1}L{stop:.1} {y:.1}")) stroke=(colour) stroke-width="1" {}
    }
}

fn place(layout: &Layout, point: Point) -> (f64, f64) {
    (layout.x.at(point.x), layout.y.at(point.y))
}

fn words(series: &Series, point: Point) -> String {
    format!("{}, {}: {}", series.name(), plain(point.x), score(point.y))
}
