//! Where everything of a chart lies, in pixels.

use super::axis::{Axis, Span, Ticks};
use super::legend::Legend;
use super::series::{Role, Series};
use super::{Axes, CURVES_MAX};
use crate::text::{cut, estimated_width};

/// Distance of the lines of two labels.
pub(super) const LABEL_GAP: f64 = 15.0;
/// From the outermost points to the frame.
const INSET: f64 = 8.0;
/// Between the frame and a label at the end of a line, for the line that leads to it.
pub(super) const LEAD: f64 = 16.0;
/// Below the plot: the x ticks and the name of the x axis.
const FOOT: f64 = 40.0;
/// Above the plot: the name of the y axis.
const HEAD: f64 = 34.0;

/// The shapes a chart comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For a page on a screen or printed.
    Wide,
    /// For a page on a telephone.
    Narrow,
    /// For a file of its own, with its title and notes inside.
    Paper,
}

/// A chart ready to be drawn.
pub(super) struct Layout<'a> {
    pub(super) series: &'a [Series],
    pub(super) legend: Legend<'a>,
    /// One for each series; empty if there is no room for all.
    pub(super) labels: Vec<String>,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) x_ticks: Ticks,
    pub(super) y_ticks: Ticks,
}

impl Format {
    pub(super) fn width(self) -> f64 {
        match self {
            Self::Wide | Self::Paper => 760.0,
            Self::Narrow => 360.0,
        }
    }

    pub(super) fn font_size(self) -> f64 {
        12.5
    }

    /// Room above the chart for its title.
    pub(super) fn title(self) -> f64 {
        if self == Self::Paper { 34.0 } else { 4.0 }
    }

    /// From the edge to what is drawn.
    pub(super) fn margin(self) -> f64 {
        if self == Self::Paper { 16.0 } else { 2.0 }
    }

    fn plot_height(self) -> f64 {
        match self {
            Self::Wide | Self::Paper => 270.0,
            Self::Narrow => 230.0,
        }
    }

    fn label_room(self) -> f64 {
        match self {
            Self::Wide | Self::Paper => 150.0,
            Self::Narrow => 96.0,
        }
    }

    fn x_ticks(self) -> usize {
        if self == Self::Narrow { 5 } else { 10 }
    }
}

impl<'a> Layout<'a> {
    /// Lays out the chart; series beyond the limit are left to the table.
    pub(super) fn new(axes: &Axes, series: &'a [Series], format: Format) -> Self {
        let series = &series[..series.len().min(CURVES_MAX)];
        let legend = Legend::new(series, format.width() - 2.0 * format.margin(), format.font_size());
        let top = format.title() + legend.height() + HEAD;
        let bottom = top + format.plot_height();
        let (x_span, y_span) = spans(axes, series);
        let y_ticks = Ticks::inside(y_span, 5, false);
        let left = format.margin() + widest(y_ticks.iter().map(|(_, text)| text), format) + 8.0;
        let labels = labels(series, format);
        let end_room = if labels.is_empty() { 12.0 } else { LEAD + widest(labels.iter().cloned(), format) };
        let right = format.width() - format.margin() - end_room;
        Self {
            x: Axis::new(x_span, left + INSET, right - INSET),
            y: Axis::new(y_span, bottom, top),
            x_ticks: x_ticks(series, x_span, format),
            y_ticks,
            series,
            legend,
            labels,
            left,
            right,
            top,
            bottom,
        }
    }

    /// Height of the chart without notes.
    pub(super) fn height(&self) -> f64 {
        self.bottom + FOOT
    }
}

/// What the axes span; without any point, x is anything and y as wished.
fn spans(axes: &Axes, series: &[Series]) -> (Span, Span) {
    let points = || series.iter().flat_map(Series::drawable);
    let heights = || series.iter().flat_map(Series::heights);
    let unit = Span { from: 0.0, to: 1.0 };
    let y = match Span::wished(axes.y_range) {
        Some(wished) if heights().all(|y| wished.holds(y)) => wished,
        Some(wished) => Span::of(heights()).unwrap_or(wished).with(wished).rounded(5),
        None => Span::of(heights()).unwrap_or(unit).rounded(5),
    };
    (Span::of(points().map(|point| point.x)).unwrap_or(unit), y)
}

/// None without points: an axis of nothing has no numbers.
fn x_ticks(series: &[Series], span: Span, format: Format) -> Ticks {
    let mut points = series.iter().flat_map(Series::drawable).peekable();
    if points.peek().is_none() {
        return Ticks::none();
    }
    let whole = points.all(|point| point.x.fract() == 0.0);
    Ticks::inside(span, format.x_ticks(), whole)
}

fn labels(series: &[Series], format: Format) -> Vec<String> {
    let fits = (format.plot_height() / LABEL_GAP) as usize;
    if series.len() > fits {
        return Vec::new();
    }
    series.iter().map(|series| cut(series.name(), format.label_room(), format.font_size())).collect()
}

fn widest(texts: impl Iterator<Item = String>, format: Format) -> f64 {
    texts.map(|text| estimated_width(&text, format.font_size())).fold(0.0, f64::max)
}

/// What a screen reader says of the chart.
pub(super) fn spoken(axes: &Axes, series: &[Series]) -> String {
    let ends = series.iter().take(CURVES_MAX).filter_map(|series| {
        let last = series.drawable().last()?;
        let verb = if series.role() == Role::Level { "lies" } else { "ends" };
        Some(format!(" {} {verb} at {}.", series.name(), crate::numbers::score(last.y)))
    });
    let ends: String = ends.collect();
    let ends = if ends.is_empty() { " There are no values.".to_owned() } else { ends };
    format!("{} by {}.{ends}", crate::text::visible(&axes.y), crate::text::visible(&axes.x))
}
