//! Serves rounds: driver, store, gRPC.
//!
//! The coordinator sends numbers and plans, never code. It holds no scan, and one running sum a round: an update is added
//! as it arrives and then deleted.

mod admission;
mod attendance;
mod config;
mod control;
mod driver;
mod enrolment;
mod history;
mod listener;
mod receipts;
mod rights;
mod roster;
mod serve;
mod store;
mod studies;
mod sums;
pub mod transfer;
mod upkeep;

pub use config::{ConfigError, CoordinatorConfig, Limits};
pub use control::Control;
pub use serve::{Coordinator, ServeError};
