//! Named clinical metrics. Pure: label maps in, numbers out.
//!
//! A metric's full name is its definition (`dice.foreground`), so that two hospitals that compare a number compare
//! the same thing. What happens with empty images is part of the definition, never a default of a library.

pub mod dice;

mod case;
pub mod lesion;
mod masks;
pub mod overlap;
mod region;
mod score;
pub mod segmentation;
mod spacing;
mod surface;
mod volume;

pub use case::{AXIS_MAX, Case, CaseError, Maps};
pub use region::{Class, Region};
pub use score::{Score, Tally};
pub use segmentation::SegmentationMetric;
pub use spacing::{PlaneSpacing, Spacing, SpacingError, VolumeSpacing};
pub use surface::{Tolerance, ToleranceError};
