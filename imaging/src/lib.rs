//! Scans to tensors.

mod cases;

pub use cases::{Case, Example, Patient, SiteImages};
