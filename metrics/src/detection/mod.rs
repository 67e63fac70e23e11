//! Detection: boxes found, missed and made up.
//!
//! Boxes are compared class by class and image by image ([`Observations`]), matched greedily at an overlap (`matching`), and
//! summed up as average precision ([`PrecisionTable`]), as a free-response curve ([`FrocCurve`]), or as counts that sites may
//! sum ([`BinnedCounts`]). For intervals, patients are drawn anew ([`ResampledPrecision`]).
//!
//! What has nothing to be measured on has no value: a class without a finding is excluded from means, never 0.

mod binned;
mod boxes;
mod froc;
mod images;
mod matching;
mod metric;
mod observations;
mod observed;
mod patient_share;
mod precision;
mod ranking;
mod resampled;
mod setting;
mod table;
#[cfg(test)]
mod testing;

pub use binned::{BinnedCounts, BinnedError, BinnedPrecision, SCORE_BINS};
pub use boxes::{BoxError, BoxPx, Edges};
pub use froc::{FalseAlarmRate, FalseAlarmRates, FrocCurve, OperatingPoint, RatesError};
pub use images::{Images, Labelled, TooManyImages};
pub use metric::DetectionMetric;
pub use observations::{ObservationError, Observations};
pub use observed::{ClassId, Detection, GroundTruth, ImageId, Score, ScoreError, TruthKind};
pub use patient_share::{PatientIndex, PatientShare};
pub use resampled::{PatientsError, ResampledPrecision};
pub use setting::{AreaError, AreaRange, DetectionsMax, IouThreshold, IouThresholds, Settings, ThresholdError};
pub use table::{Cell, Part, PrecisionTable};
