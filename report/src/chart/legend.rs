//! Which line is which: a sample of each with its name, in as many rows as it takes.

use super::ink::{Ink, dash, width};
use super::marker::marker;
use super::series::Series;
use crate::text::{cut, estimated_width};
use maud::{Markup, html};

/// Height of a row in pixels.
const ROW: f64 = 20.0;
/// Length of the sample of a line, with the space after it.
const SAMPLE: f64 = 34.0;
/// Space between two entries.
const SPACE: f64 = 18.0;

/// A legend that was laid out.
pub(super) struct Legend<'a> {
    entries: Vec<Entry<'a>>,
    rows: usize,
}

struct Entry<'a> {
    series: &'a Series,
    text: String,
    x: f64,
    row: usize,
}

impl<'a> Legend<'a> {
    /// Lays out the series in rows of this width.
    pub(super) fn new(series: &'a [Series], room: f64, font_size: f64) -> Self {
        let (mut x, mut row) = (0.0, 0);
        let mut entries = Vec::with_capacity(series.len());
        for series in series {
            let text = cut(series.name(), room - SAMPLE, font_size);
            let length = SAMPLE + estimated_width(&text, font_size);
            if x > 0.0 && x + length > room {
                (x, row) = (0.0, row + 1);
            }
            entries.push(Entry { series, text, x, row });
            x += length + SPACE;
        }
        let rows = entries.last().map_or(0, |last| last.row + 1);
        Self { entries, rows }
    }

    pub(super) fn height(&self) -> f64 {
        self.rows as f64 * ROW
    }

    /// Draws it with its upper left corner at `left`, `top`.
    pub(super) fn draw(&self, left: f64, top: f64, ink: Ink) -> Markup {
        html! {
            @for entry in &self.entries {
                (sample(entry.series, left + entry.x, top + (entry.row as f64 + 0.5) * ROW, ink))
                text x=(px(left + entry.x + SAMPLE)) y=(px(top + (entry.row as f64 + 0.5) * ROW + 4.0)) fill=(ink.text()) {
                    (entry.text)
                }
            }
        }
    }
}

/// A pixel in text; a tenth is finer than any screen shows.
pub(super) fn px(value: f64) -> String {
    format!("{value:.1}")
}

fn sample(series: &Series, x: f64, y: f64, ink: Ink) -> Markup {
    let role = series.role();
    html! {
        path d=(format!("M{x:.1} {y:.1}h26")) fill="none" stroke=(ink.line(role)) stroke-width=(width(role))
            stroke-dasharray=(dash(role)) {}
        (marker(role, (x + 13.0, y), ink, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Curve;

    fn series(names: &[&str]) -> Vec<Series> {
        let curve = |name: &&str| Curve { name: (*name).into(), points: vec![] };
        Series::all(&names.iter().map(curve).collect::<Vec<_>>())
    }

    #[test]
    fn entries_wrap_and_stay_inside() {
        let series = series(&["hospital-north", "hospital-south", "a", "b", "hospital-with-a-very-long-name-indeed"]);
        let legend = Legend::new(&series, 200.0, 12.0);
        assert!(legend.rows >= 4);
        for entry in &legend.entries {
            assert!(entry.x + SAMPLE + estimated_width(&entry.text, 12.0) <= 200.0, "{}", entry.text);
        }
    }

    #[test]
    fn no_series_take_no_room() {
        assert_eq!(Legend::new(&[], 200.0, 12.0).height(), 0.0);
    }
}
