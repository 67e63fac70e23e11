//! Named clinical metrics. Pure: label maps in, numbers out.
//!
//! A metric's full name is its definition (`dice.foreground`), so that two hospitals that compare a number compare
//! the same thing. What happens with empty images is part of the definition, never a default of a library.

pub mod calibration;
pub mod detection;
pub mod dice;
mod direction;
mod name;
mod quantile;
pub mod statistics;

pub use direction::Direction;
pub use name::UnknownMetric;
