//! What a detection must satisfy to count: overlap, size and rank. Values and their floating-point steps are pycocotools' own,
//! so that a box exactly at a threshold falls on the same side.

/// Thresholds that one evaluation looks at; a bit each in a 32-bit mask.
const THRESHOLDS_MAX: usize = 32;

/// The least intersection over union at which a detection matches a true box: above 0, at most 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct IouThreshold(f64);

/// One to 32 thresholds over which a metric averages.
#[derive(Debug, Clone, PartialEq)]
pub struct IouThresholds(Vec<IouThreshold>);

/// A threshold, or a list of them, that means nothing.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ThresholdError {
    /// Outside of (0, 1].
    #[error("an overlap of {given} is no threshold: give a number above 0 and at most 1, such as 0.5")]
    Range {
        /// What was given.
        given: f64,
    },
    /// None, or too many.
    #[error("{given} overlap thresholds: give 1 to {THRESHOLDS_MAX}")]
    Count {
        /// How many.
        given: usize,
    },
}

/// True boxes and unmatched detections outside of these areas are left out. Both ends belong to the range. The area is the
/// box's own; COCO's own figures take the area of the outline where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AreaRange {
    min_px2: f64,
    max_px2: f64,
}

/// An area range that holds nothing.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("areas from {min_px2} to {max_px2} px² are no range: the least comes first, and neither is negative")]
pub struct AreaError {
    min_px2: f64,
    max_px2: f64,
}

/// How many detections of a class count in an image, the surest first; at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DetectionsMax(std::num::NonZeroU32);

/// What an evaluation looks at: every combination of these.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Overlaps.
    pub thresholds: IouThresholds,
    /// Sizes.
    pub areas: Vec<AreaRange>,
    /// Numbers of detections an image. Matching is done at the largest, as in pycocotools.
    pub detections_max: Vec<DetectionsMax>,
}

impl IouThreshold {
    /// The threshold of PASCAL VOC, for natural images.
    pub const HALF: Self = Self(0.5);
    /// The threshold of nnDetection, for small findings whose edges nobody agrees on.
    pub const TENTH: Self = Self(0.1);

    /// Checks a threshold.
    ///
    /// # Errors
    /// [`ThresholdError::Range`] unless above 0 and at most 1.
    pub fn new(threshold: f64) -> Result<Self, ThresholdError> {
        let good = threshold > 0.0 && threshold <= 1.0;
        if good { Ok(Self(threshold)) } else { Err(ThresholdError::Range { given: threshold }) }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl IouThresholds {
    /// Checks a list.
    ///
    /// # Errors
    /// [`ThresholdError::Count`] unless there are 1 to 32.
    pub fn new(thresholds: Vec<IouThreshold>) -> Result<Self, ThresholdError> {
        let good = (1..=THRESHOLDS_MAX).contains(&thresholds.len());
        if good { Ok(Self(thresholds)) } else { Err(ThresholdError::Count { given: thresholds.len() }) }
    }

    /// One.
    pub fn one(threshold: IouThreshold) -> Self {
        Self(vec![threshold])
    }

    /// .50, .55 .. .95: what COCO averages over.
    pub fn coco() -> Self {
        Self::steps(0.5, 0.95)
    }

    /// .10, .15 .. .50: what nnDetection and MONAI average over.
    pub fn medical() -> Self {
        Self::steps(0.1, 0.5)
    }

    /// In the order given.
    pub fn as_slice(&self) -> &[IouThreshold] {
        &self.0
    }

    /// `numpy.linspace`, in steps of .05: the last is the end itself.
    fn steps(start: f64, end: f64) -> Self {
        let steps = ((end - start) / 0.05).round();
        let step = (end - start) / steps;
        let inner = (0..steps as usize).map(|index| IouThreshold(index as f64 * step + start));
        Self(inner.chain([IouThreshold(end)]).collect())
    }
}

impl AreaRange {
    /// Every size. COCO's own stops at 10^10 px².
    pub const ALL: Self = Self { min_px2: 0.0, max_px2: f64::INFINITY };
    /// Up to 32 x 32 pixels.
    pub const SMALL: Self = Self { min_px2: 0.0, max_px2: 1024.0 };
    /// 32 x 32 to 96 x 96 pixels.
    pub const MEDIUM: Self = Self { min_px2: 1024.0, max_px2: 9216.0 };
    /// 96 x 96 pixels and more.
    pub const LARGE: Self = Self { min_px2: 9216.0, max_px2: f64::INFINITY };

    /// From the least to the largest area, in square pixels.
    ///
    /// # Errors
    /// [`AreaError`] where they are turned around, negative or not numbers.
    pub fn new(min_px2: f64, max_px2: f64) -> Result<Self, AreaError> {
        if 0.0 <= min_px2 && min_px2 <= max_px2 {
            Ok(Self { min_px2, max_px2 })
        } else {
            Err(AreaError { min_px2, max_px2 })
        }
    }

    /// Whether a box of this area counts.
    pub fn holds(&self, area_px2: f64) -> bool {
        self.min_px2 <= area_px2 && area_px2 <= self.max_px2
    }
}

impl DetectionsMax {
    /// What COCO and most challenges count.
    pub const HUNDRED: Self = Self::of(100);

    /// At least 1; `None` for 0.
    pub fn new(detections: u32) -> Option<Self> {
        std::num::NonZeroU32::new(detections).map(Self)
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    const fn of(detections: u32) -> Self {
        match std::num::NonZeroU32::new(detections) {
            Some(detections) => Self(detections),
            None => Self(std::num::NonZeroU32::MIN),
        }
    }
}

impl Settings {
    /// The settings of the COCO challenge: .50:.95, four sizes, 1, 10 and 100 detections.
    pub fn coco() -> Self {
        Self {
            thresholds: IouThresholds::coco(),
            areas: vec![AreaRange::ALL, AreaRange::SMALL, AreaRange::MEDIUM, AreaRange::LARGE],
            detections_max: vec![DetectionsMax::of(1), DetectionsMax::of(10), DetectionsMax::HUNDRED],
        }
    }

    /// Every size and at most 100 detections.
    pub fn over(thresholds: IouThresholds) -> Self {
        Self { thresholds, areas: vec![AreaRange::ALL], detections_max: vec![DetectionsMax::HUNDRED] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_numpys_to_the_last_bit() {
        // numpy.linspace(.5, 0.95, 10).tolist() and numpy.linspace(.1, 0.5, 9).tolist(), numpy 2.4.6
        let coco = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.8999999999999999, 0.95];
        let medical = [0.1, 0.15000000000000002, 0.2, 0.25, 0.30000000000000004, 0.35, 0.4, 0.45000000000000007, 0.5];
        let numbers = |list: IouThresholds| list.as_slice().iter().map(|one| one.get()).collect::<Vec<_>>();
        assert_eq!(numbers(IouThresholds::coco()), coco);
        assert_eq!(numbers(IouThresholds::medical()), medical);
    }

    #[test]
    fn thresholds_outside_of_their_range_are_refused() {
        for given in [0.0, -0.5, 1.0000001, 50.0, f64::NAN] {
            assert!(matches!(IouThreshold::new(given), Err(ThresholdError::Range { .. })), "{given}");
        }
        assert_eq!(IouThreshold::new(1.0).map(IouThreshold::get), Ok(1.0));
        assert_eq!(IouThresholds::new(vec![]), Err(ThresholdError::Count { given: 0 }));
        assert!(IouThresholds::new(vec![IouThreshold::HALF; THRESHOLDS_MAX]).is_ok());
        assert!(IouThresholds::new(vec![IouThreshold::HALF; THRESHOLDS_MAX + 1]).is_err());
    }

    #[test]
    fn both_ends_belong_to_an_area_range() {
        assert!(AreaRange::SMALL.holds(1024.0) && AreaRange::MEDIUM.holds(1024.0) && !AreaRange::LARGE.holds(1024.0));
        assert!(AreaRange::ALL.holds(0.0) && AreaRange::ALL.holds(1e18));
        for (min, max) in [(5.0, 4.0), (-1.0, 4.0), (f64::NAN, 1.0), (0.0, f64::NAN)] {
            assert!(AreaRange::new(min, max).is_err(), "{min} to {max}");
        }
    }
}
