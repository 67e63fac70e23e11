//! The numbers of a chart as a table, for those who do not see it and those who want to know exactly.

use super::Axes;
use super::series::{Point, Series};
use crate::numbers::{NONE, plain, score};
use crate::text::visible;
use maud::{Markup, html};

/// A row for each x, a column for each curve; a dash where a curve has no point.
pub(super) fn numbers(axes: &Axes, series: &[Series]) -> Markup {
    let columns: Vec<Vec<Point>> = series.iter().map(by_x).collect();
    html! {
        div.scroll {
            table.numbers {
                caption { (visible(&axes.y)) }
                thead { tr { th scope="col" { (visible(&axes.x)) } @for one in series { th scope="col" { (one.name()) } } } }
                tbody {
                    @for x in places(series) {
                        tr { th scope="row" { (plain(x)) } @for column in &columns { td { (value(column, x)) } } }
                    }
                }
            }
        }
    }
}

/// Each x once, ascending.
fn places(series: &[Series]) -> Vec<f64> {
    let mut places: Vec<f64> = series.iter().flat_map(|series| series.drawable().map(|point| point.x)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    places
}

fn by_x(series: &Series) -> Vec<Point> {
    let mut points: Vec<Point> = series.drawable().collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    points
}

/// All values at `x`: a curve that turns back has several.
fn value(column: &[Point], x: f64) -> String {
    let first = column.partition_point(|point| point.x < x);
    let values: Vec<String> =
        column[first..].iter().take_while(|point| point.x == x).map(|point| score(point.y)).collect();
    if values.is_empty() { NONE.into() } else { values.join(", ") }
}
