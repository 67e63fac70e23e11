//! From a weighted sum of updates to the next model.
//!
//! Sums across sites are integers: every weight of an update becomes a fixed-point number and is added to an
//! `i64`. Integer addition has no order, so neither the order of arrival nor a retry can change a bit.

mod fedavg;
mod fixed;

pub use fedavg::FedAvg;
pub use fixed::{FoldError, TotalWeight, UPDATE_ABS_MAX, check, fold};
