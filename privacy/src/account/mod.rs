//! Accountants: from what was run to ε and δ. Every figure is an upper bound on the truth.
//!
//! [`epsilon_pld`] is the tight one, for charges that are fixed beforehand.

mod calibrate;
mod charges;
mod composition;
mod error;
mod gaussian;
mod lattice;
mod losses;
mod pair;
mod pld;
mod quadrature;
mod side;
mod sketch;
mod special;
mod step;

pub use calibrate::{Target, calibrate_noise};
pub use charges::{MECHANISMS_MAX, STEPS_MAX};
pub use error::AccountError;
pub use gaussian::{gaussian_delta, gaussian_epsilon, gaussian_noise};
pub use pld::{PldEpsilon, epsilon_pld};
