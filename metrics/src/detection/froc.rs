//! The free-response curve: findings found against false alarms an image (Bunch et al. 1977), and the mean sensitivity at a
//! few false alarm rates, called CPM (Setio et al. 2017, the LUNA16 challenge).
//!
//! Matching is COCO's, at one overlap; a second detection of a finding is a false alarm. Sensitivity between two operating
//! points is interpolated linearly and beyond the last one stays where it is, as `numpy.interp` does for LUNA16 and MONAI. Two
//! things are ours: equal scores are one operating point, and the lowest score is one too, which MONAI 1.6 drops.

use super::observations::ClassSpan;
use super::ranking::Ranking;
use super::{AreaRange, ClassId, DetectionsMax, IouThreshold, IouThresholds, Observations, Score, Settings};

/// Rates at which one curve is read.
const RATES_MAX: usize = 64;

/// False alarms an image at which sensitivity is read: finite, above 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct FalseAlarmRate(f64);

/// Rates over which sensitivity is averaged: rising.
#[derive(Debug, Clone, PartialEq)]
pub struct FalseAlarmRates(Vec<FalseAlarmRate>);

/// Rates that are no list to read a curve at.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "false alarms an image are given as {given:?}: give 1 to {RATES_MAX} rising numbers above 0, such as 0.125 .. 8"
)]
pub struct RatesError {
    given: Vec<f64>,
}

/// What a model does with every detection from one score upwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperatingPoint {
    /// False alarms over images.
    pub false_alarms_an_image: f64,
    /// Findings found over findings, 0 to 1.
    pub sensitivity: f64,
}

/// The curve of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct FrocCurve {
    class: ClassId,
    /// Falling; one an operating point after the first, which counts no detection.
    scores: Vec<f64>,
    points: Vec<OperatingPoint>,
    findings: u64,
    images: u32,
}

impl FalseAlarmRate {
    /// `None` unless finite and above 0.
    pub fn new(rate: f64) -> Option<Self> {
        (rate.is_finite() && rate > 0.0).then_some(Self(rate))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FalseAlarmRates {
    /// Checks the rates.
    ///
    /// # Errors
    /// [`RatesError`] unless there are 1 to 64 of them, finite, above 0 and rising.
    pub fn new(given: &[f64]) -> Result<Self, RatesError> {
        let good = (1..=RATES_MAX).contains(&given.len()) && given.is_sorted_by(|a, b| a < b);
        let rates: Option<Vec<_>> = given.iter().map(|rate| FalseAlarmRate::new(*rate)).collect();
        let refused = || RatesError { given: given.iter().copied().take(RATES_MAX).collect() };
        rates.filter(|_| good).map(Self).ok_or_else(refused)
    }

    /// One.
    pub fn one(rate: FalseAlarmRate) -> Self {
        Self(vec![rate])
    }

    /// 1/8, 1/4 .. 8: LUNA16 and nnDetection.
    pub fn luna() -> Self {
        Self([0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0].map(FalseAlarmRate).into())
    }

    /// 1/4, 1/2 .. 8: CAMELYON16, and MONAI's default.
    pub fn camelyon() -> Self {
        Self([0.25, 0.5, 1.0, 2.0, 4.0, 8.0].map(FalseAlarmRate).into())
    }

    /// Rising.
    pub fn as_slice(&self) -> &[FalseAlarmRate] {
        &self.0
    }
}

impl FrocCurve {
    /// The curves of all classes that have a finding, ascending by class.
    pub fn of_classes(seen: &Observations, threshold: IouThreshold, most: DetectionsMax) -> Vec<Self> {
        let settings = Settings {
            thresholds: IouThresholds::one(threshold),
            areas: vec![AreaRange::ALL],
            detections_max: vec![most],
        };
        seen.classes.iter().filter_map(|span| Self::of_class(seen, span, &settings)).collect()
    }

    fn of_class(seen: &Observations, span: &ClassSpan, settings: &Settings) -> Option<Self> {
        let findings = seen.findings(span, &AreaRange::ALL);
        if findings == 0 {
            return None;
        }
        let images = seen.images.labelling(span.class);
        let (mut scores, mut points) =
            (Vec::new(), vec![OperatingPoint { false_alarms_an_image: 0.0, sensitivity: 0.0 }]);
        let (mut found, mut alarms) = (0u64, 0u64);
        let ranking = Ranking::of(seen, span, settings);
        for (score, outcome) in ranking.scored(0).filter(|(_, outcome)| outcome.found + outcome.false_alarm > 0) {
            found += u64::from(outcome.found);
            alarms += u64::from(outcome.false_alarm);
            if scores.last() == Some(&score) {
                points.pop();
            } else {
                scores.push(score);
            }
            let false_alarms_an_image = alarms as f64 / f64::from(images);
            points.push(OperatingPoint { false_alarms_an_image, sensitivity: found as f64 / findings as f64 });
        }
        Some(Self { class: span.class, scores, points, findings, images })
    }

    /// The class.
    pub fn class(&self) -> ClassId {
        self.class
    }

    /// Findings it rests on; at least 1.
    pub fn findings(&self) -> u64 {
        self.findings
    }

    /// Images it rests on: those whose site labels the class.
    pub fn images(&self) -> u32 {
        self.images
    }

    /// From no detection at all to every one; false alarms and sensitivity never fall.
    pub fn points(&self) -> &[OperatingPoint] {
        &self.points
    }

    /// What the model does with every detection of `score` and surer.
    pub fn at_score(&self, score: Score) -> OperatingPoint {
        self.points[self.scores.partition_point(|one| *one >= score.get())]
    }

    /// Sensitivity at this many false alarms an image: interpolated between operating points, that of the last beyond it.
    /// 0 below the first.
    pub fn sensitivity_at(&self, false_alarms_an_image: f64) -> f64 {
        let after = self.points.partition_point(|point| point.false_alarms_an_image <= false_alarms_an_image);
        let Some(before) = after.checked_sub(1).map(|place| self.points[place]) else { return 0.0 };
        let Some(after) = self.points.get(after) else { return before.sensitivity };
        let step = after.false_alarms_an_image - before.false_alarms_an_image;
        let slope = (after.sensitivity - before.sensitivity) / step;
        slope * (false_alarms_an_image - before.false_alarms_an_image) + before.sensitivity
    }

    /// Mean sensitivity over the rates: the competition performance metric.
    pub fn cpm(&self, rates: &FalseAlarmRates) -> f64 {
        let sum: f64 = rates.0.iter().map(|rate| self.sensitivity_at(rate.0)).sum();
        sum / rates.0.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{detection, truth};
    use super::*;
    use crate::detection::{Detection, Images, Labelled};

    const HIT: [i32; 4] = [0, 0, 10, 10];
    const ELSEWHERE: [i32; 4] = [50, 50, 60, 60];

    fn curve(images: Images, detections: &[Detection]) -> FrocCurve {
        let truths = [truth(0, 0, HIT), truth(1, 0, HIT)];
        let seen = Observations::new(images, &truths, detections).expect("fit together");
        FrocCurve::of_classes(&seen, IouThreshold::TENTH, DetectionsMax::HUNDRED).remove(0)
    }

    fn one_of_two() -> FrocCurve {
        curve(
            Images::of_one_site(2),
            &[detection(0, 0, ELSEWHERE, 0.9), detection(0, 0, HIT, 0.8), detection(1, 0, ELSEWHERE, 0.7)],
        )
    }

    #[test]
    fn the_curve_agrees_with_a_count_by_hand() {
        let expected = [(0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (1.0, 0.5)];
        let points: Vec<_> =
            one_of_two().points().iter().map(|one| (one.false_alarms_an_image, one.sensitivity)).collect();
        assert_eq!(points, expected);
    }

    #[test]
    fn between_points_it_is_interpolated_and_beyond_them_it_stays() {
        let rising = curve(
            Images::of_one_site(2),
            &[detection(0, 0, HIT, 0.8), detection(1, 0, ELSEWHERE, 0.7), detection(1, 0, HIT, 0.7)],
        );
        assert_eq!(rising.sensitivity_at(0.0), 0.5, "found without a false alarm");
        assert_eq!(rising.sensitivity_at(0.25), 0.75);
        assert_eq!((rising.sensitivity_at(0.5), rising.sensitivity_at(8.0)), (1.0, 1.0));
        assert_eq!(rising.cpm(&FalseAlarmRates::new(&[0.25, 8.0]).expect("rising")), 0.875);
    }

    #[test]
    fn equal_scores_are_one_operating_point() {
        let tied = curve(Images::of_one_site(2), &[detection(0, 0, ELSEWHERE, 0.5), detection(0, 0, HIT, 0.5)]);
        assert_eq!(tied.points().len(), 2);
        assert_eq!(tied.points()[1], OperatingPoint { false_alarms_an_image: 0.5, sensitivity: 0.5 });
    }

    #[test]
    fn at_a_score_everything_as_sure_counts() {
        let curve = one_of_two();
        let at = |score: f64| curve.at_score(Score::new(score).expect("finite"));
        assert_eq!(at(0.95), OperatingPoint { false_alarms_an_image: 0.0, sensitivity: 0.0 });
        assert_eq!(at(0.8), OperatingPoint { false_alarms_an_image: 0.5, sensitivity: 0.5 });
        assert_eq!(at(0.0), OperatingPoint { false_alarms_an_image: 1.0, sensitivity: 0.5 });
    }

    #[test]
    fn only_images_whose_site_labels_the_class_are_counted() {
        let mut images = Images::of_one_site(2);
        images.add_site(8, Labelled::Only([].into())).expect("few");
        let curve = curve(images, &[detection(0, 0, ELSEWHERE, 0.9), detection(5, 0, ELSEWHERE, 0.9)]);
        assert_eq!(curve.images(), 2);
        assert_eq!(curve.points().last().map(|point| point.false_alarms_an_image), Some(0.5));
    }

    #[test]
    fn a_class_without_a_finding_has_no_curve() {
        let seen = Observations::new(Images::of_one_site(1), &[], &[detection(0, 0, HIT, 0.5)]).expect("fit together");
        assert!(FrocCurve::of_classes(&seen, IouThreshold::TENTH, DetectionsMax::HUNDRED).is_empty());
    }

    #[test]
    fn rates_that_do_not_rise_are_refused() {
        for given in [vec![], vec![0.0, 1.0], vec![2.0, 1.0], vec![1.0, 1.0], vec![f64::NAN], vec![1.0, f64::INFINITY]]
        {
            let error = FalseAlarmRates::new(&given).expect_err("no list of rates");
            assert!(error.to_string().contains("rising"), "{error}");
        }
        let most: Vec<f64> = (1..=RATES_MAX as u32).map(f64::from).collect();
        assert!(FalseAlarmRates::new(&most).is_ok());
        assert!(FalseAlarmRates::new(&[most, vec![1e3]].concat()).is_err());
    }
}
