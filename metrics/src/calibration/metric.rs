//! The calibration metrics by name.

use super::{BinCount, Claim, Forecast, ReliabilityTable, brier_classes, brier_positive};
use crate::direction::Direction;
use crate::name::UnknownMetric;
use std::fmt;
use std::str::FromStr;

/// A calibration metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalibrationMetric {
    /// `ece.positive`
    EcePositive,
    /// `ece.toplabel`
    EceTopLabel,
    /// `ece.positive.equalmass`
    EcePositiveEqualMass,
    /// `ece.toplabel.equalmass`
    EceTopLabelEqualMass,
    /// `brier.positive`
    BrierPositive,
    /// `brier.classes`
    BrierClasses,
}

/// The class whose probability is looked at where a metric is of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositiveClass(pub usize);

impl CalibrationMetric {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::EcePositive,
        Self::EceTopLabel,
        Self::EcePositiveEqualMass,
        Self::EceTopLabelEqualMass,
        Self::BrierPositive,
        Self::BrierClasses,
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::EcePositive => "ece.positive",
            Self::EceTopLabel => "ece.toplabel",
            Self::EcePositiveEqualMass => "ece.positive.equalmass",
            Self::EceTopLabelEqualMass => "ece.toplabel.equalmass",
            Self::BrierPositive => "brier.positive",
            Self::BrierClasses => "brier.classes",
        }
    }

    /// What it measures, in a sentence.
    pub fn definition(self) -> &'static str {
        match self {
            Self::EcePositive => {
                "distance of the positive class's probability from how often it is so, over bins of equal width, as torchmetrics bins them"
            }
            Self::EceTopLabel => {
                "distance of the likeliest class's probability from how often it is right, over bins of equal width, as torchmetrics bins them"
            }
            Self::EcePositiveEqualMass => {
                "distance of the positive class's probability from how often it is so, over bins of equal mass, as scikit-learn bins them"
            }
            Self::EceTopLabelEqualMass => {
                "distance of the likeliest class's probability from how often it is right, over bins of equal mass, as scikit-learn bins them"
            }
            Self::BrierPositive => "mean squared distance of the positive class's probability from the truth, 0 to 1",
            Self::BrierClasses => {
                "mean squared distance of all classes' probabilities from the truth, summed over classes, 0 to 2"
            }
        }
    }

    /// Which way it is better.
    pub fn direction(self) -> Direction {
        Direction::LowerIsBetter
    }

    /// The metric of these cases; `None` without a case, or where one of them has no probability for the positive class.
    pub fn measure(self, forecasts: &[Forecast], positive: PositiveClass, bins: BinCount) -> Option<f64> {
        let positive_claims = || forecasts.iter().map(|one| one.claim_of(positive.0)).collect::<Option<Vec<Claim>>>();
        let top_labels = || forecasts.iter().map(Forecast::top_label).collect::<Vec<Claim>>();
        let table = match self {
            Self::EcePositive => ReliabilityTable::equal_width(positive_claims()?, bins),
            Self::EceTopLabel => ReliabilityTable::equal_width(top_labels(), bins),
            Self::EcePositiveEqualMass => ReliabilityTable::equal_mass(&positive_claims()?, bins),
            Self::EceTopLabelEqualMass => ReliabilityTable::equal_mass(&top_labels(), bins),
            Self::BrierPositive => return brier_positive(&positive_claims()?),
            Self::BrierClasses => return brier_classes(forecasts),
        };
        table.expected_calibration_error()
    }
}

impl FromStr for CalibrationMetric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, UnknownMetric> {
        let found = Self::ALL.into_iter().find(|metric| metric.name() == name);
        found.ok_or_else(|| UnknownMetric::new(name, "calibration", &Self::ALL.map(Self::name)))
    }
}

impl fmt::Display for CalibrationMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for metric in CalibrationMetric::ALL {
            assert_eq!(metric.to_string().parse(), Ok(metric));
        }
    }

    #[test]
    fn a_mistyped_name_is_answered_with_the_nearest_and_all() {
        let error = "ece.top-label".parse::<CalibrationMetric>().expect_err("mistyped").to_string();
        assert!(error.contains("mean `ece.toplabel`?") && error.contains("brier.classes"), "{error}");
    }

    #[test]
    fn the_toy_of_the_specification_agrees() {
        let p = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 1.0];
        let class = [0, 0, 1, 0, 1, 0, 1, 1, 1, 1];
        let forecasts = p.iter().zip(class).map(|(p, class)| Forecast::new(&[1.0 - p, *p], class).expect("a forecast"));
        let forecasts: Vec<_> = forecasts.collect();
        let ten = BinCount::new(10).expect("some");
        // Figures measured with torchmetrics.
        let measured = [
            (CalibrationMetric::EcePositive, 0.315),
            (CalibrationMetric::EceTopLabel, 0.265),
            (CalibrationMetric::BrierPositive, 0.15225),
            (CalibrationMetric::BrierClasses, 0.3045),
        ];
        for (metric, expected) in measured {
            let ours = metric.measure(&forecasts, PositiveClass(1), ten).expect("cases");
            assert!((ours - expected).abs() < 1e-12, "{metric}: {ours}");
        }
    }

    #[test]
    fn without_a_case_or_a_positive_class_there_is_no_value() {
        let one = [Forecast::new(&[0.5, 0.5], 0).expect("a forecast")];
        assert_eq!(CalibrationMetric::EcePositive.measure(&one, PositiveClass(2), BinCount::FIFTEEN), None);
        for metric in CalibrationMetric::ALL {
            assert_eq!(metric.measure(&[], PositiveClass(1), BinCount::FIFTEEN), None, "{metric}");
        }
    }
}
