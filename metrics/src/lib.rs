//! Named clinical metrics. Pure: label maps and boxes in, numbers out.
//!
//! A metric's full name is its definition (`dice.foreground`), so that two hospitals that compare a number compare
//! the same thing. What happens with empty images is part of the definition, never a default of a library.

pub mod calibration;
mod case;
pub mod detection;
pub mod dice;
mod direction;
pub mod lesion;
mod masks;
mod name;
pub mod overlap;
mod patient;
mod quantile;
mod region;
mod score;
pub mod segmentation;
mod spacing;
pub mod statistics;
mod surface;
mod volume;

pub use case::{AXIS_MAX, Case, CaseError, Maps};
pub use direction::Direction;
pub use name::UnknownMetric;
pub use patient::{PatientScore, Summary};
pub use region::{Class, Region};
pub use score::{Score, Tally};
pub use segmentation::SegmentationMetric;
pub use spacing::{PlaneSpacing, Spacing, SpacingError, VolumeSpacing};
pub use surface::{Tolerance, ToleranceError};
