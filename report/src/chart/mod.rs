//! Line charts as SVG, made on the server: they need no script, print, scale and can be read aloud.
//!
//! A curve has its own colour (Okabe and Ito, told apart by colour-blind people), marker and dash, so that it is also
//! told apart in grey. Its name stands in the legend and at its end. On a page the chart takes its colours from the page
//! (`currentColor` and the variables `--muted`, `--rule`, `--paper`, `--line-1` to `--line-6`), comes in two widths of
//! which the page shows one, and has its numbers in a table below. As a file for a paper it has fixed colours.

mod axis;
mod band;
mod boxes;
mod draw;
mod ink;
mod labels;
mod layout;
mod legend;
mod lines;
mod marker;
mod series;
mod table;

pub(crate) use boxes::{Spread, box_figure, box_svg};
use ink::Ink;
use layout::Format;
use maud::{Markup, html};
pub(crate) use series::{Reach, Series};

/// Curves drawn at most; further ones are in the table only.
const CURVES_MAX: usize = 24;

/// One line of a chart: points in the order in which they are joined.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What it is of.
    pub name: String,
    /// Pairs of x and y. One that is not finite, or beyond ±10¹², is left out and interrupts the line; the chart says so.
    pub points: Vec<(f64, f64)>,
}

/// What a chart shows, in words, and how far its y axis goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Axes {
    /// What the chart shows.
    pub title: String,
    /// Name of the x axis.
    pub x: String,
    /// Name of the y axis.
    pub y: String,
    /// Both ends of the y axis. It grows if a point lies beyond, so that nothing is hidden; `None` fits the points.
    pub y_range: Option<(f64, f64)>,
}

/// A figure for a page: the chart, what was left out, and its numbers in a table that can be opened.
pub fn line_chart(axes: &Axes, curves: &[Curve]) -> Markup {
    figure(axes, &Series::all(curves))
}

/// The chart as an SVG file of its own with fixed colours on white, fit for a paper.
pub fn standalone_svg(axes: &Axes, curves: &[Curve]) -> String {
    series_svg(axes, &Series::all(curves))
}

/// [`standalone_svg`] of series that may have bands.
pub(crate) fn series_svg(axes: &Axes, series: &[Series]) -> String {
    file(&draw::svg(axes, series, Format::Paper, Ink::Paper))
}

/// A chart as a file.
fn file(chart: &Markup) -> String {
    html! { (maud::PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")) (chart) "\n" }.into_string()
}

/// [`line_chart`] of series that may be means and levels.
pub(crate) fn figure(axes: &Axes, series: &[Series]) -> Markup {
    html! {
        figure.chart {
            figcaption { (crate::text::visible(&axes.title)) }
            (draw::svg(axes, series, Format::Wide, Ink::Page))
            (draw::svg(axes, series, Format::Narrow, Ink::Page))
            @for note in notes(series) { p.note { (note) } }
            details { summary { "The numbers of this chart" } (table::numbers(axes, series)) }
        }
    }
}

/// What a reader has to know about what is not drawn.
fn notes(series: &[Series]) -> Vec<String> {
    let left_out: Vec<String> = series
        .iter()
        .filter(|series| series.left_out() > 0)
        .map(|series| format!("{} ({})", series.name(), series.left_out()))
        .collect();
    let hidden = series.len().saturating_sub(CURVES_MAX);
    let mut notes = Vec::new();
    if !left_out.is_empty() {
        notes.push(format!("Points left out because they are not finite numbers: {}.", left_out.join(", ")));
    }
    if hidden > 0 {
        notes.push(format!("{} of {} curves are drawn; the others are in the table.", CURVES_MAX, series.len()));
    }
    notes
}

#[cfg(test)]
mod tests;
