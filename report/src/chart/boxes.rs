//! Box plots: how many values of several kinds are spread, a row each.
//!
//! The box holds the middle half of the values and is parted at the median; the whiskers reach to the lowest and the highest, so
//! that the worst site is never an omitted outlier. Quartiles interpolate between neighbours (Hyndman and Fan 1996, type 7).

use super::axis::{Axis, Span, Ticks};
use super::ink::Ink;
use super::layout::Format;
use super::legend::px;
use super::series::Role;
use crate::numbers::score;
use crate::text::{cut, estimated_width, visible};
use maud::{Markup, html};

/// Rows drawn at most; further ones are in the table only.
const BOXES_MAX: usize = 40;
/// Height of a row, and of the box in it.
const ROW: f64 = 30.0;
const BOX: f64 = 15.0;
/// Above and below the rows.
const HEAD: f64 = 12.0;
const FOOT: f64 = 44.0;
/// The part of the width that names may take.
const NAMES: f64 = 0.4;

/// Where the values of one kind lie. A value that is not finite counts in none of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spread {
    pub(crate) name: String,
    pub(crate) count: usize,
    /// Lowest, lower quartile, median, upper quartile, highest; `None` without a value.
    pub(crate) five: Option<[f64; 5]>,
}

impl Spread {
    /// Of all values.
    pub(crate) fn of(name: &str, values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let five = (!values.is_empty()).then(|| [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&values, share)));
        Self { name: visible(name), count: values.len(), five }
    }
}

/// A figure for a page: the boxes, and their numbers in a table that can be opened.
pub(crate) fn box_figure(title: &str, of: &str, spreads: &[Spread]) -> Markup {
    html! {
        figure.chart {
            figcaption { (visible(title)) }
            (svg(title, of, spreads, Format::Wide, Ink::Page))
            (svg(title, of, spreads, Format::Narrow, Ink::Page))
            @if spreads.len() > BOXES_MAX {
                p.note { (BOXES_MAX) " of " (spreads.len()) " boxes are drawn; the others are in the table." }
            }
            details { summary { "The numbers of this chart" } (table(of, spreads)) }
        }
    }
}

/// The boxes as an SVG file of their own.
pub(crate) fn box_svg(title: &str, of: &str, spreads: &[Spread]) -> String {
    super::file(&svg(title, of, spreads, Format::Paper, Ink::Paper))
}

fn svg(title: &str, of: &str, spreads: &[Spread], format: Format, ink: Ink) -> Markup {
    let drawn = &spreads[..spreads.len().min(BOXES_MAX)];
    let names = drawn.iter().map(|spread| estimated_width(&spread.name, format.font_size())).fold(0.0, f64::max);
    let left = format.margin() + names.min(format.width() * NAMES) + 12.0;
    let top = format.title() + HEAD;
    let bottom = top + ROW * drawn.len().max(1) as f64;
    let span = Span::of(drawn.iter().filter_map(|spread| spread.five).flatten());
    let axis = Axis::new(span.map_or(Span { from: 0.0, to: 1.0 }, |span| span.rounded(5)), left, right(format));
    let ticks = span.map_or(Ticks::none(), |span| Ticks::inside(span.rounded(5), 5, false));
    let content = html! {
        title { (visible(title)) }
        desc { (spoken(of, drawn)) }
        @if format == Format::Paper { (super::draw::sheet(title, bottom + FOOT)) }
        @for (value, words) in ticks.iter() {
            path d=(format!("M{:.1} {top:.1}V{bottom:.1}", axis.at(value))) stroke=(ink.rule()) {}
            text x=(px(axis.at(value))) y=(px(bottom + 16.0)) text-anchor="middle" fill=(ink.muted()) { (words) }
        }
        text x=(px(right(format))) y=(px(bottom + 34.0)) text-anchor="end" fill=(ink.muted()) { (visible(of)) }
        @for (row, spread) in drawn.iter().enumerate() {
            @let middle = top + ROW * (row as f64 + 0.5);
            text x=(px(format.margin())) y=(px(middle + 4.0)) fill=(ink.text()) {
                (cut(&spread.name, left - format.margin() - 12.0, format.font_size()))
            }
            @match spread.five {
                Some(five) => { (drawn_box(spread, five, &axis, middle, ink)) }
                None => { text x=(px(left)) y=(px(middle + 4.0)) fill=(ink.muted()) { "No values yet" } }
            }
        }
    };
    super::draw::root(format, bottom + FOOT, content)
}

fn right(format: Format) -> f64 {
    format.width() - format.margin() - 16.0
}

fn drawn_box(spread: &Spread, five: [f64; 5], axis: &Axis, middle: f64, ink: Ink) -> Markup {
    let [lowest, lower, median, upper, highest] = five.map(|value| axis.at(value));
    let (above, colour) = (middle - BOX / 2.0, ink.line(Role::Curve(0)));
    let whisker = |from: f64, to: f64| format!("M{from:.1} {middle:.1}H{to:.1}M{to:.1} {:.1}v8", middle - 4.0);
    html! {
        g {
            title { (words(spread)) }
            path d=(whisker(lower, lowest)) stroke=(colour) stroke-width="1.4" fill="none" {}
            path d=(whisker(upper, highest)) stroke=(colour) stroke-width="1.4" fill="none" {}
            rect x=(px(lower)) y=(px(above)) width=(px(upper - lower)) height=(px(BOX)) fill=(ink.paper())
                stroke=(colour) stroke-width="1.4" {}
            path d=(format!("M{median:.1} {above:.1}v{BOX}")) stroke=(ink.text()) stroke-width="2.4" {}
        }
    }
}

fn words(spread: &Spread) -> String {
    let Some([lowest, _, median, _, highest]) = spread.five.map(|five| five.map(score)) else {
        return format!("{}: no values", spread.name);
    };
    format!("{}: {lowest} to {highest}, median {median}", spread.name)
}

fn spoken(of: &str, spreads: &[Spread]) -> String {
    let rows: Vec<String> = spreads.iter().map(words).collect();
    format!("{}. {}.", visible(of), rows.join(". "))
}

fn table(of: &str, spreads: &[Spread]) -> Markup {
    html! {
        div.scroll {
            table.numbers {
                caption { (visible(of)) }
                thead {
                    tr {
                        th scope="col" { "" }
                        @for head in ["Values", "Lowest", "Lower quartile", "Median", "Upper quartile", "Highest"] {
                            th scope="col" { (head) }
                        }
                    }
                }
                tbody {
                    @for spread in spreads {
                        tr {
                            th scope="row" { (spread.name) }
                            td { (spread.count) }
                            @for value in spread.five.unwrap_or([f64::NAN; 5]) { td { (score(value)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Of sorted values, at least one.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, HOSTILE};

    #[test]
    fn quartiles_interpolate_as_type_7() {
        let spread = Spread::of("a", [4.0, 1.0, 3.0, 2.0, f64::NAN].into_iter());
        // R: quantile(1:4) = 1, 1.75, 2.5, 3.25, 4.
        assert_eq!((spread.count, spread.five), (4, Some([1.0, 1.75, 2.5, 3.25, 4.0])));
        assert_eq!(Spread::of("a", [7.0].into_iter()).five, Some([7.0; 5]));
        assert_eq!(Spread::of("a", [f64::INFINITY].into_iter()).five, None);
    }

    #[test]
    fn boxes_without_values_and_beyond_the_limit_are_said() {
        let spreads: Vec<Spread> =
            (0..BOXES_MAX + 2).map(|row| Spread::of(&format!("v-{row}"), [f64::NAN].into_iter())).collect();
        let page = box_figure("t", "Dice", &spreads).into_string();
        assert!(page.contains("40 of 42 boxes are drawn") && page.contains("No values yet") && page.contains(">v-41<"));
        assert!(!page.contains("NaN"));
        samples::assert_well_formed(&page);
        samples::assert_well_formed(&box_svg("t", "Dice", &[]));
    }

    #[test]
    fn a_file_is_xml_with_fixed_colours_and_names_are_only_text() {
        let spreads = [Spread::of(HOSTILE, [0.2, 0.9].into_iter()), Spread::of("b", [0.5].into_iter())];
        let svg = box_svg(HOSTILE, HOSTILE, &spreads);
        assert!(svg.starts_with("<?xml") && !svg.contains("var(") && !svg.contains("currentColor"));
        assert!(!svg.contains("<script") && !svg.contains('\u{202e}') && svg.contains("0.200 to 0.900, median 0.550"));
        samples::assert_well_formed(&svg);
    }
}
