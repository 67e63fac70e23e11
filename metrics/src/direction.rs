//! Which way a metric is better.

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// As with average precision.
    HigherIsBetter,
    /// As with distances and calibration errors.
    LowerIsBetter,
    /// Values have a sign, and none is best: as with a volume's error.
    NearZeroIsBetter,
}

impl Direction {
    /// Orders two values of the metric, the worse first.
    pub fn worse_first(self, a: f64, b: f64) -> std::cmp::Ordering {
        match self {
            Self::HigherIsBetter => a.total_cmp(&b),
            Self::LowerIsBetter => b.total_cmp(&a),
            Self::NearZeroIsBetter => b.abs().total_cmp(&a.abs()),
        }
    }
}
