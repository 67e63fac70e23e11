//! The chart around its lines: title, legend, axes.

use super::ink::Ink;
use super::layout::{Format, Layout, spoken};
use super::legend::px;
use super::series::Series;
use super::{Axes, lines, notes};
use crate::text::{cut, visible};
use maud::{Markup, html};

/// Height of a note under a chart that is a file of its own.
const NOTE: f64 = 18.0;
/// Sans serif as papers have it.
const PAPER_FONT: &str = "Helvetica, Arial, sans-serif";

/// The whole chart as an `svg` element.
pub(super) fn svg(axes: &Axes, series: &[Series], format: Format, ink: Ink) -> Markup {
    let layout = Layout::new(axes, series, format);
    let notes = if format == Format::Paper { notes(series) } else { Vec::new() };
    let height = layout.height() + NOTE * notes.len() as f64;
    let content = html! {
        title { (visible(&axes.title)) }
        desc { (spoken(axes, series)) }
        @if format == Format::Paper { (sheet(&axes.title, height)) }
        (layout.legend.draw(format.margin(), format.title(), ink))
        (frame(axes, &layout, format, ink))
        (lines::draw(&layout, ink))
        @if series.iter().all(|series| series.drawable().next().is_none()) { (nothing(&layout, ink)) }
        @for (row, note) in notes.iter().enumerate() {
            text x=(px(format.margin())) y=(px(layout.height() + NOTE * row as f64 + 4.0)) fill=(ink.muted()) {
                (cut(note, format.width() - 2.0 * format.margin(), format.font_size()))
            }
        }
    };
    root(format, height, content)
}

/// The `svg` element around a chart.
pub(super) fn root(format: Format, height: f64, content: Markup) -> Markup {
    let (width, font_size) = (format.width(), format.font_size());
    let view = format!("0 0 {width} {height}");
    match format {
        Format::Wide => html! { svg.wide role="img" viewBox=(view) font-size=(font_size) { (content) } },
        Format::Narrow => html! { svg.narrow role="img" viewBox=(view) font-size=(font_size) { (content) } },
        Format::Paper => html! {
            svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox=(view) width=(width) height=(height)
                font-size=(font_size) font-family=(PAPER_FONT) { (content) }
        },
    }
}

/// White ground and the title, which a page would have outside the chart.
pub(super) fn sheet(title: &str, height: f64) -> Markup {
    let (format, ink) = (Format::Paper, Ink::Paper);
    html! {
        rect width=(format.width()) height=(height) fill=(ink.paper()) {}
        text x=(px(format.margin())) y="24" font-size="15" font-weight="bold" fill=(ink.text()) {
            (cut(&visible(title), format.width() - 2.0 * format.margin(), 15.0))
        }
    }
}

fn frame(axes: &Axes, layout: &Layout, format: Format, ink: Ink) -> Markup {
    let (left, right, top, bottom) = (layout.left, layout.right, layout.top, layout.bottom);
    html! {
        text x=(px(format.margin())) y=(px(top - 12.0)) fill=(ink.muted()) { (visible(&axes.y)) }
        text x=(px(right)) y=(px(bottom + 35.0)) text-anchor="end" fill=(ink.muted()) { (visible(&axes.x)) }
        @for (value, words) in layout.y_ticks.iter() {
            path d=(format!("M{left:.1} {:.1}H{right:.1}", layout.y.at(value))) stroke=(ink.rule()) {}
            text x=(px(left - 8.0)) y=(px(layout.y.at(value) + 4.0)) text-anchor="end" fill=(ink.muted()) { (words) }
        }
        path d=(format!("M{left:.1} {bottom:.1}H{right:.1}")) stroke=(ink.muted()) {}
        @for (value, words) in layout.x_ticks.iter() {
            path d=(format!("M{:.1} {bottom:.1}v5", layout.x.at(value))) stroke=(ink.muted()) {}
            text x=(px(layout.x.at(value))) y=(px(bottom + 19.0)) text-anchor="middle" fill=(ink.muted()) { (words) }
        }
    }
}

fn nothing(layout: &Layout, ink: Ink) -> Markup {
    let (x, y) = ((layout.left + layout.right) / 2.0, (layout.top + layout.bottom) / 2.0);
    html! { text x=(px(x)) y=(px(y)) text-anchor="middle" fill=(ink.muted()) { "No values yet" } }
}
