//! Calibration: whether what a model says with 80 % comes true in 80 % of the cases.
//!
//! What is said is a [`Claim`]; claims are put into bins by their confidence ([`ReliabilityTable`]), and the expected
//! calibration error is the distance of confidence from truth, averaged over the claims (Guo et al. 2017). The same
//! predictions give different errors by what counts as the claim, so each has a name: `ece.positive` takes the probability of
//! the positive class, `ece.toplabel` that of the class called. The Brier score needs no bins ([`brier_positive`],
//! [`brier_classes`]).

mod brier;
mod claim;
mod forecast;
mod metric;
mod reliability;
mod segmentation;

pub use brier::{brier_classes, brier_positive};
pub use claim::{Claim, Probability, ProbabilityError};
pub use forecast::{Forecast, ForecastError};
pub use metric::{CalibrationMetric, PositiveClass};
pub use reliability::{BinCount, BinCountError, ReliabilityRow, ReliabilityTable};
pub use segmentation::{BandError, Segmented};
