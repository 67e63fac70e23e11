//! The band around a line: from the lowest to the highest of what was repeated.

use super::ink::Ink;
use super::layout::Layout;
use super::series::{Reach, Series};
use maud::{Markup, html};

/// Pale enough that the lines of six bands on each other are still seen.
const OPACITY: &str = "0.16";

/// An area for each stretch without a gap. Its outline is drawn too, so that a single place is a visible stroke.
pub(super) fn draw(layout: &Layout, series: &Series, ink: Ink) -> Markup {
    let colour = ink.line(series.role());
    let stretches = series.band().split(Option::is_none).filter(|stretch| !stretch.is_empty());
    html! {
        @for stretch in stretches {
            path.band d=(outline(layout, stretch)) fill=(colour) fill-opacity=(OPACITY) stroke=(colour)
                stroke-opacity="0.4" stroke-width="0.8" {}
        }
    }
}

/// Along the highest values, and back along the lowest.
fn outline(layout: &Layout, stretch: &[Option<Reach>]) -> String {
    let place = |x: f64, y: f64| format!("{:.1} {:.1}", layout.x.at(x), layout.y.at(y));
    let above = stretch.iter().flatten().map(|reach| place(reach.x, reach.high));
    let below = stretch.iter().rev().flatten().map(|reach| place(reach.x, reach.low));
    format!("M{}z", above.chain(below).collect::<Vec<_>>().join("L"))
}

#[cfg(test)]
mod tests {
    use crate::chart::{Axes, Curve, Reach, Series, series_svg};

    fn svg(band: &[Reach]) -> String {
        let curve = Curve { name: "a".into(), points: band.iter().map(|reach| (reach.x, reach.low)).collect() };
        let axes = Axes { title: "t".into(), x: "round".into(), y: "Dice".into(), y_range: Some((0.0, 1.0)) };
        series_svg(&axes, &[Series::banded(&curve, 0, band)])
    }

    fn reach(x: f64, low: f64, high: f64) -> Reach {
        Reach { x, low, high }
    }

    #[test]
    fn a_gap_parts_the_band_and_a_single_place_is_a_stroke() {
        let gap = [reach(1.0, 0.1, 0.3), reach(2.0, 0.2, 0.3), reach(3.0, f64::NAN, 0.3), reach(4.0, 0.2, 0.5)];
        let svg = svg(&gap);
        assert_eq!(svg.matches("class=\"band\"").count(), 2);
        assert!(!svg.contains("NaN"));
        let corners: Vec<usize> = svg
            .split("class=\"band\" d=\"")
            .skip(1)
            .map(|path| path.split('z').next().unwrap_or("").matches('L').count())
            .collect();
        assert_eq!(corners, [3, 1], "four corners, then up and down");
    }

    #[test]
    fn the_axis_grows_to_hold_the_band() {
        let svg = svg(&[reach(1.0, 0.2, 1.7), reach(2.0, 0.3, 0.4)]);
        assert!(svg.contains(">2.0</text>"), "{svg}");
    }
}
