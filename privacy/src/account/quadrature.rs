//! Gauss-Legendre quadrature over short intervals.

/// A rule on [-1, 1]: nodes and weights.
pub(super) type Rule = &'static [(f64, f64)];

/// For intervals of a thousandth of the length over which an integrand changes.
pub(super) const TWO: Rule = &[(-0.577_350_269_189_625_8, 1.0), (0.577_350_269_189_625_8, 1.0)];

/// For intervals of a hundredth of it.
pub(super) const THREE: Rule =
    &[(-0.774_596_669_241_483_4, 5.0 / 9.0), (0.0, 8.0 / 9.0), (0.774_596_669_241_483_4, 5.0 / 9.0)];

/// For intervals of a tenth of it, to full precision; of half of it, to six digits.
pub(super) const SIX: Rule = &[
    (-0.932_469_514_203_152, 0.171_324_492_379_170_36),
    (-0.661_209_386_466_264_5, 0.360_761_573_048_138_6),
    (-0.238_619_186_083_196_9, 0.467_913_934_572_691_05),
    (0.238_619_186_083_196_9, 0.467_913_934_572_691_05),
    (0.661_209_386_466_264_5, 0.360_761_573_048_138_6),
    (0.932_469_514_203_152, 0.171_324_492_379_170_36),
];

/// An interval of the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Interval {
    /// Nodes of a rule with their weights, which sum to the interval's length.
    pub(super) fn nodes(self, rule: Rule) -> impl Iterator<Item = (f64, f64)> {
        let (middle, half) = (0.5 * (self.from + self.to), 0.5 * (self.to - self.from));
        rule.iter().map(move |(node, weight)| (middle + half * node, half * weight))
    }

    /// Equal parts no longer than `length`.
    pub(super) fn parts(self, length: f64) -> impl Iterator<Item = Interval> {
        let count = ((self.to - self.from) / length).ceil().max(1.0);
        let part = (self.to - self.from) / count;
        (0..count as usize)
            .map(move |k| Interval { from: self.from + part * k as f64, to: self.from + part * (k + 1) as f64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_integrates_polynomials_of_its_degree() {
        for (rule, degree) in [(TWO, 3), (THREE, 5), (SIX, 11)] {
            let interval = Interval { from: 1.0, to: 3.0 };
            let integral: f64 = interval.nodes(rule).map(|(x, weight)| weight * x.powi(degree)).sum();
            let exact = (3.0_f64.powi(degree + 1) - 1.0) / f64::from(degree + 1);
            assert!((integral / exact - 1.0).abs() < 1e-14, "degree {degree}: {integral} is not {exact}");
        }
    }

    #[test]
    fn parts_cover_the_interval() {
        let parts: Vec<Interval> = Interval { from: -1.0, to: 1.5 }.parts(1.0).collect();
        assert_eq!(parts.len(), 3);
        assert_eq!((parts[0].from, parts[2].to), (-1.0, 1.5));
        assert_eq!(parts[0].to, parts[1].from);
    }
}
