//! The numbers of a chart as a table, for those who do not see it and those who want to know exactly.

use super::Axes;
use super::series::{Point, Role, Series};
use crate::numbers::{NONE, plain, score};
use crate::text::visible;
use maud::{Markup, html};

/// A row for each x, a column for each curve; a dash where a curve has no point. A level is the same in every row.
pub(super) fn numbers(axes: &Axes, series: &[Series]) -> Markup {
    let columns: Vec<Column> = series.iter().map(Column::of).collect();
    html! {
        div.scroll {
            table.numbers {
                caption { (visible(&axes.y)) }
                thead { tr { th scope="col" { (visible(&axes.x)) } @for one in series { th scope="col" { (one.name()) } } } }
                tbody {
                    @for x in places(series) {
                        tr { th scope="row" { (plain(x)) } @for column in &columns { td { (column.at(x)) } } }
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

enum Column {
    /// Ascending by x.
    Points(Vec<Point>),
    Same(String),
}

impl Column {
    fn of(series: &Series) -> Self {
        let mut points: Vec<Point> = series.drawable().collect();
        if series.role() == Role::Level {
            return Self::Same(points.first().map_or_else(|| NONE.into(), |point| score(point.y)));
        }
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        Self::Points(points)
    }

    /// All values at `x`: a curve that turns back has several.
    fn at(&self, x: f64) -> String {
        let points = match self {
            Self::Points(points) => &points[points.partition_point(|point| point.x < x)..],
            Self::Same(value) => return value.clone(),
        };
        let values: Vec<String> = points.iter().take_while(|point| point.x == x).map(|point| score(point.y)).collect();
        if values.is_empty() { NONE.into() } else { values.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Curve;

    #[test]
    fn every_point_is_in_the_table() {
        let curves = [
            Curve { name: "a".into(), points: vec![(1.0, 0.1), (3.0, 0.3), (1.0, 0.2)] },
            Curve { name: "b".into(), points: vec![(2.5, 0.4), (3.0, f64::NAN)] },
        ];
        let series: Vec<Series> = Series::all(&curves).into_iter().chain([Series::level("alone", 1.0, 0.7)]).collect();
        let axes = Axes { title: "t".into(), x: "round".into(), y: "Dice".into(), y_range: None };
        let table = numbers(&axes, &series).into_string();
        for (x, cells) in [("1", ["0.100, 0.200", "–"]), ("2.500", ["–", "0.400"]), ("3", ["0.300", "–"])] {
            let [a, b] = cells;
            let row = format!("<th scope=\"row\">{x}</th><td>{a}</td><td>{b}</td><td>0.700</td></tr>");
            assert!(table.contains(&row), "{row} in {table}");
        }
    }
}
