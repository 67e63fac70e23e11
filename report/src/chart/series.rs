//! A curve after it was checked: what can be drawn, what was left out, and how it is to look.

use super::Curve;
use crate::text::visible;

/// Largest absolute value that is drawn: beyond, `f64` could not tell neighbouring ticks apart.
const DRAWABLE_MAX: f64 = 1e12;

/// How a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// One of several equals; the number chooses colour, marker and dash.
    Curve(usize),
    /// The summary of the others.
    Mean,
    /// One value to compare with, drawn across the whole chart.
    Level,
}

/// A place in a chart that can be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// A line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    name: String,
    role: Role,
    /// `None` interrupts the line.
    points: Vec<Option<Point>>,
    /// How far repetitions reach around it; `None` interrupts the band, and it is empty for a line alone.
    band: Vec<Option<Reach>>,
}

/// From the lowest to the highest of several values at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reach {
    pub(crate) x: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Series {
    /// All curves as equals.
    pub(crate) fn all(curves: &[Curve]) -> Vec<Self> {
        curves.iter().enumerate().map(|(index, curve)| Self::of(curve, Role::Curve(index))).collect()
    }

    /// The curve as the mean of others.
    pub(crate) fn mean(curve: &Curve) -> Self {
        Self::of(curve, Role::Mean)
    }

    /// One of several equals, with a band around it.
    pub(crate) fn banded(curve: &Curve, index: usize, band: &[Reach]) -> Self {
        let reach = |reach: &Reach| [reach.x, reach.low, reach.high].into_iter().all(is_drawable).then_some(*reach);
        Self { band: band.iter().map(reach).collect(), ..Self::of(curve, Role::Curve(index)) }
    }

    /// A horizontal line at `y`, named. `x` is any place inside the chart.
    pub(crate) fn level(name: &str, x: f64, y: f64) -> Self {
        Self::of(&Curve { name: name.into(), points: vec![(x, y)] }, Role::Level)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn points(&self) -> &[Option<Point>] {
        &self.points
    }

    /// The points that can be drawn.
    pub(crate) fn drawable(&self) -> impl Iterator<Item = Point> {
        self.points.iter().flatten().copied()
    }

    /// The band; none for most lines.
    pub(crate) fn band(&self) -> &[Option<Reach>] {
        &self.band
    }

    /// Every height that has to be inside the chart.
    pub(crate) fn heights(&self) -> impl Iterator<Item = f64> {
        self.drawable().map(|point| point.y).chain(self.band.iter().flatten().flat_map(|reach| [reach.low, reach.high]))
    }

    /// How many points cannot be drawn.
    pub(crate) fn left_out(&self) -> usize {
        self.points.iter().filter(|point| point.is_none()).count()
    }

    fn of(curve: &Curve, role: Role) -> Self {
        let point = |&(x, y): &(f64, f64)| (is_drawable(x) && is_drawable(y)).then_some(Point { x, y });
        Self { name: visible(&curve.name), role, points: curve.points.iter().map(point).collect(), band: Vec::new() }
    }
}

fn is_drawable(value: f64) -> bool {
    value.abs() <= DRAWABLE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_counted_and_interrupts() {
        let points = vec![(1.0, 0.5), (2.0, f64::NAN), (f64::INFINITY, 0.5), (4.0, 0.7), (5.0, 1e300)];
        let series = &Series::all(&[Curve { name: "a".into(), points }])[0];
        assert_eq!(series.left_out(), 3);
        assert_eq!(series.drawable().count(), 2);
        assert_eq!(series.points()[1], None);
    }
}
