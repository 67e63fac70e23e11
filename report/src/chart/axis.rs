//! One axis: which numbers it spans, where they lie, and which get a tick.

use crate::numbers::decimal;

/// Below this share of its values a span is only rounding noise; the axis is widened.
const SPAN_MIN: f64 = 1e-9;
/// Ticks at most, whatever the span.
const TICKS_MAX: f64 = 50.0;

/// A stretch of numbers, `from < to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) from: f64,
    pub(super) to: f64,
}

/// Places on an axis that are named; their step is 1, 2 or 5 times a power of ten.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ticks {
    values: Vec<f64>,
    decimals: usize,
}

/// An axis laid along pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    span: Span,
    start: f64,
    end: f64,
}

impl Span {
    /// The span of all values, widened by a half to both sides where they are all the same. `None` without a value.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (from, to) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), value| (from.min(value), to.max(value)));
        (from <= to).then(|| Self::between(from, to))
    }

    fn between(from: f64, to: f64) -> Self {
        let size = from.abs().max(to.abs()).max(1.0);
        if to - from > size * SPAN_MIN {
            Self { from, to }
        } else {
            Self { from: from - size / 2.0, to: to + size / 2.0 }
        }
    }

    /// A span that someone wished for, if it is one.
    pub(super) fn wished(ends: Option<(f64, f64)>) -> Option<Self> {
        let (a, b) = ends.filter(|(a, b)| a.is_finite() && b.is_finite() && a != b)?;
        Some(Self::between(a.min(b), a.max(b)))
    }

    /// Whether the value lies inside.
    pub(super) fn holds(self, value: f64) -> bool {
        (self.from..=self.to).contains(&value)
    }

    /// The smallest span that holds both.
    pub(super) fn with(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    /// Widened to the next ticks, so that every line ends inside.
    pub(super) fn rounded(self, about: usize) -> Self {
        let step = step(self.to - self.from, about);
        Self { from: (self.from / step).floor() * step, to: (self.to / step).ceil() * step }
    }
}

impl Ticks {
    /// No ticks.
    pub(super) fn none() -> Self {
        Self { values: Vec::new(), decimals: 0 }
    }

    /// About this many ticks inside the span; with `whole`, none between whole numbers (there is no round 1.5).
    pub(super) fn inside(span: Span, about: usize, whole: bool) -> Self {
        let fine = step(span.to - span.from, about);
        let step = if whole { fine.max(1.0) } else { fine };
        // A little slack: 0.3 / 0.1 is just below 3.
        let first = (span.from / step - 1e-6).ceil();
        let last = (span.to / step + 1e-6).floor();
        let count = (last - first + 1.0).clamp(0.0, TICKS_MAX) as usize;
        let values = (0..count).map(|index| (first + index as f64) * step).collect();
        Self { values, decimals: (-step.log10().floor()).clamp(0.0, 12.0) as usize }
    }

    /// Each tick with its text.
    pub(super) fn iter(&self) -> impl Iterator<Item = (f64, String)> {
        self.values.iter().map(|value| (*value, decimal(*value, self.decimals)))
    }
}

impl Axis {
    /// Lays the span from pixel `start` to pixel `end`.
    pub(super) fn new(span: Span, start: f64, end: f64) -> Self {
        Self { span, start, end }
    }

    /// The pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.start + (value - self.span.from) / (self.span.to - self.span.from) * (self.end - self.start)
    }
}

/// The nice step that divides `length` into about this many parts.
fn step(length: f64, about: usize) -> f64 {
    let rough = length / about.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let nice = [1.0, 2.0, 5.0].into_iter().find(|nice| rough <= nice * power * 1.000_001).unwrap_or(10.0);
    nice * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(from: f64, to: f64, about: usize, whole: bool) -> Vec<String> {
        Ticks::inside(Span { from, to }, about, whole).iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(texts(0.0, 1.0, 5, false), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(0.13, 0.87, 4, false), ["0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(texts(-1.0, 1.0, 4, false), ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(texts(0.0, 3000.0, 6, false), ["0", "500", "1000", "1500", "2000", "2500", "3000"]);
    }

    #[test]
    fn rounds_have_whole_ticks() {
        assert_eq!(texts(1.0, 3.0, 8, true), ["1", "2", "3"]);
        assert_eq!(texts(0.5, 1.5, 8, true), ["1"]);
        assert_eq!(texts(1.0, 40.0, 8, true), ["5", "10", "15", "20", "25", "30", "35", "40"]);
    }

    #[test]
    fn a_span_without_a_whole_number_has_no_whole_tick() {
        assert!(texts(0.2, 0.8, 5, true).is_empty());
    }

    #[test]
    fn no_values_no_span() {
        assert_eq!(Span::of([f64::NAN, f64::INFINITY].into_iter()), None);
    }

    #[test]
    fn a_single_value_is_widened() {
        assert_eq!(Span::of([3.0].into_iter()), Some(Span { from: 1.5, to: 4.5 }));
        assert_eq!(Span::of([0.0, 0.0].into_iter()), Some(Span { from: -0.5, to: 0.5 }));
    }

    #[test]
    fn wishes_may_be_reversed_but_not_absurd() {
        assert_eq!(Span::wished(Some((1.0, 0.0))), Some(Span { from: 0.0, to: 1.0 }));
        assert_eq!(Span::wished(Some((1.0, 1.0))), None);
        assert_eq!(Span::wished(Some((f64::NAN, 1.0))), None);
    }

    proptest! {
        #[test]
        fn any_span_has_few_ticks_inside_it(from in -1e12..1e12_f64, length in 0.0..1e12_f64, about in 1..12_usize) {
            let span = Span::of([from, from + length].into_iter()).expect("finite");
            let round = span.rounded(about);
            let slack = (span.to - span.from) * 1e-3;
            prop_assert!(round.from <= span.from + slack && round.to >= span.to - slack);
            let ticks = Ticks::inside(span, about, false);
            prop_assert!(ticks.values.len() <= about + 1, "{ticks:?}");
            for value in ticks.values {
                prop_assert!(value >= span.from - slack && value <= span.to + slack);
            }
        }

        #[test]
        fn an_axis_keeps_the_order(a in 0.0..1.0_f64, b in 0.0..1.0_f64) {
            let axis = Axis::new(Span { from: 0.0, to: 1.0 }, 300.0, 10.0);
            prop_assert_eq!(a < b, axis.at(a) > axis.at(b));
        }
    }
}
