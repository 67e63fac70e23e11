//! The detection metrics by name. The name is the definition: two hospitals that say `ap@0.50` mean the same number.

use super::{
    ClassId, DetectionsMax, FalseAlarmRate, FalseAlarmRates, FrocCurve, IouThreshold, IouThresholds, Observations,
    Part, PrecisionTable, Settings,
};
use crate::direction::Direction;
use crate::name::UnknownMetric;
use std::fmt;
use std::str::FromStr;

/// What can be typed; the numbers after `@` may be others.
const KNOWN: [&str; 7] = ["ap.coco", "ap.med", "ap@0.50", "ap@0.10", "cpm", "froc@1", "recall@100"];

/// A detection metric. Every one is a mean over the classes that have a finding, at most 100 detections a class and image
/// unless the name says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DetectionMetric {
    /// `ap.coco`
    ApCoco,
    /// `ap.med`
    ApMedical,
    /// `ap@0.50`, or another overlap
    ApAt(IouThreshold),
    /// `cpm`
    Cpm,
    /// `froc@1`, or another number of false alarms an image
    FrocAt(FalseAlarmRate),
    /// `recall@100`, or another number of detections
    Recall(DetectionsMax),
}

impl DetectionMetric {
    /// Examples of every name.
    pub fn known() -> &'static [&'static str] {
        &KNOWN
    }

    /// The name, in one spelling.
    pub fn name(&self) -> String {
        match self {
            Self::ApCoco => "ap.coco".into(),
            Self::ApMedical => "ap.med".into(),
            Self::ApAt(threshold) if two_decimals(*threshold) => format!("ap@{:.2}", threshold.get()),
            Self::ApAt(threshold) => format!("ap@{}", threshold.get()),
            Self::Cpm => "cpm".into(),
            Self::FrocAt(rate) => format!("froc@{}", rate.get()),
            Self::Recall(most) => format!("recall@{}", most.get()),
        }
    }

    /// What it measures, in a sentence.
    pub fn definition(&self) -> String {
        match self {
            Self::ApCoco => {
                "101-point average precision, mean over overlaps .50, .55 .. .95, as COCO defines it".into()
            }
            Self::ApMedical => {
                "101-point average precision, mean over overlaps .10, .15 .. .50, as nnDetection and MONAI define it"
                    .into()
            }
            Self::ApAt(threshold) => format!("101-point average precision at an overlap of {}", threshold.get()),
            Self::Cpm => {
                "mean sensitivity over the plan's numbers of false alarms an image, at an overlap of .10".into()
            }
            Self::FrocAt(rate) => {
                format!(
                    "sensitivity at {} false alarms an image, linear between operating points, at an overlap of .10",
                    rate.get()
                )
            }
            Self::Recall(most) => {
                format!(
                    "share of findings found by the {} surest detections of an image, mean over overlaps .50, .55 .. .95",
                    most.get()
                )
            }
        }
    }

    /// Which way it is better.
    pub fn direction(&self) -> Direction {
        Direction::HigherIsBetter
    }

    /// The metric of one class, or the mean over those with a finding; `None` where there is no finding. `rates` are the
    /// plan's false alarms an image, which `cpm` alone reads.
    pub fn measure(&self, seen: &Observations, class: Option<ClassId>, rates: &FalseAlarmRates) -> Option<f64> {
        let part = Part { class, ..Part::OVERALL };
        let precision = |thresholds| PrecisionTable::of(seen, Settings::over(thresholds)).average_precision(part);
        match self {
            Self::ApCoco => precision(IouThresholds::coco()),
            Self::ApMedical => precision(IouThresholds::medical()),
            Self::ApAt(threshold) => precision(IouThresholds::one(*threshold)),
            Self::Cpm => mean_cpm(seen, class, rates),
            Self::FrocAt(rate) => mean_cpm(seen, class, &FalseAlarmRates::one(*rate)),
            Self::Recall(most) => {
                let settings = Settings { detections_max: vec![*most], ..Settings::over(IouThresholds::coco()) };
                PrecisionTable::of(seen, settings).recall(Part { detections_max: *most, ..part })
            }
        }
    }
}

fn mean_cpm(seen: &Observations, class: Option<ClassId>, rates: &FalseAlarmRates) -> Option<f64> {
    let curves = FrocCurve::of_classes(seen, IouThreshold::TENTH, DetectionsMax::HUNDRED);
    let wanted = curves.iter().filter(|curve| class.is_none_or(|only| only == curve.class()));
    let values: Vec<f64> = wanted.map(|curve| curve.cpm(rates)).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn two_decimals(threshold: IouThreshold) -> bool {
    format!("{:.2}", threshold.get()).parse() == Ok(threshold.get())
}

impl FromStr for DetectionMetric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, UnknownMetric> {
        let (metric, number) = name.split_once('@').map_or((name, None), |(metric, number)| (metric, Some(number)));
        let found = match (metric, number) {
            ("ap.coco", None) => Some(Self::ApCoco),
            ("ap.med", None) => Some(Self::ApMedical),
            ("cpm", None) => Some(Self::Cpm),
            ("ap", Some(number)) => read(number).and_then(|number| IouThreshold::new(number).ok()).map(Self::ApAt),
            ("froc", Some(number)) => read(number).and_then(FalseAlarmRate::new).map(Self::FrocAt),
            ("recall", Some(number)) => number.parse().ok().and_then(DetectionsMax::new).map(Self::Recall),
            _ => None,
        };
        found.ok_or_else(|| UnknownMetric::new(name, "detection", &KNOWN))
    }
}

fn read(number: &str) -> Option<f64> {
    number.parse().ok()
}

impl fmt::Display for DetectionMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{detection, truth};
    use super::*;
    use crate::detection::Images;

    fn named(name: &str) -> DetectionMetric {
        name.parse().expect("a metric")
    }

    #[test]
    fn every_known_name_is_read_and_written_back() {
        for name in DetectionMetric::known() {
            assert_eq!(named(name).to_string(), *name);
            assert!(!named(name).definition().is_empty());
        }
    }

    #[test]
    fn one_metric_has_one_spelling() {
        for (given, name) in [
            ("ap@0.5", "ap@0.50"),
            ("ap@.1", "ap@0.10"),
            ("ap@1", "ap@1.00"),
            ("ap@0.125", "ap@0.125"),
            ("froc@1.0", "froc@1"),
            ("recall@010", "recall@10"),
        ] {
            assert_eq!(named(given).name(), name);
        }
    }

    #[test]
    fn a_mistyped_name_is_answered_with_the_nearest_and_all() {
        let error = "ap.cooc".parse::<DetectionMetric>().expect_err("mistyped").to_string();
        assert!(error.contains("mean `ap.coco`?") && error.contains("recall@100"), "{error}");
        for name in [
            "",
            "ap",
            "ap@",
            "ap@0",
            "ap@2",
            "ap@NaN",
            "froc@0",
            "froc@inf",
            "recall@0",
            "recall@-1",
            "cpm@1",
            "AP.COCO",
        ] {
            assert!(name.parse::<DetectionMetric>().is_err(), "{name}");
        }
    }

    #[test]
    fn each_measures_what_its_name_says() {
        // One of two findings found, at an overlap of 1/3, after one false alarm.
        let truths = [truth(0, 0, [0, 0, 20, 20]), truth(1, 0, [0, 0, 20, 20])];
        let detections = [detection(0, 0, [50, 50, 60, 60], 0.9), detection(0, 0, [10, 0, 30, 20], 0.8)];
        let seen = Observations::new(Images::of_one_site(2), &truths, &detections).expect("fit together");
        let measured = |name: &str| named(name).measure(&seen, None, &FalseAlarmRates::luna()).expect("findings");
        let ap = 0.5 * 51.0 / 101.0;
        let close = |name: &str, expected: f64| {
            assert!((measured(name) - expected).abs() < 1e-12, "{name}: {}", measured(name))
        };
        close("ap.coco", 0.0);
        close("ap@0.10", ap);
        close("ap@0.50", 0.0);
        // Of .10, .15 .. .50 the overlap reaches .10 to .30.
        close("ap.med", ap * 5.0 / 9.0);
        close("froc@1", 0.5);
        close("froc@0.25", 0.0);
        // Nothing below half a false alarm an image.
        close("cpm", 0.5 * 5.0 / 7.0);
        close("recall@100", 0.0);
    }

    #[test]
    fn the_number_of_detections_is_that_of_the_name() {
        let truths = [truth(0, 0, [0, 0, 20, 20])];
        let detections = [detection(0, 0, [50, 50, 60, 60], 0.9), detection(0, 0, [0, 0, 20, 20], 0.8)];
        let seen = Observations::new(Images::of_one_site(1), &truths, &detections).expect("fit together");
        let measured = |name: &str| named(name).measure(&seen, None, &FalseAlarmRates::luna());
        assert_eq!((measured("recall@1"), measured("recall@2")), (Some(0.0), Some(1.0)));
    }

    #[test]
    fn without_a_finding_nothing_has_a_value() {
        let seen = Observations::new(Images::of_one_site(1), &[], &[detection(0, 0, [0, 0, 9, 9], 0.5)])
            .expect("fit together");
        for name in DetectionMetric::known() {
            assert_eq!(named(name).measure(&seen, None, &FalseAlarmRates::luna()), None, "{name}");
        }
    }
}
