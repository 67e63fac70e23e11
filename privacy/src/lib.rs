//! What leaves a site. Nothing that was computed from patients crosses the border except as a [`Released`] value,
//! and only this crate can make one.

mod account;
mod charge;
mod release;
mod units;

pub use account::*;
pub use charge::{Adjacency, Charge, Mechanism};
pub use release::{Guarantee, PolicyStance, Released, Unprotected, UnprotectedRefused};
pub use units::{ClipNorm, Delta, Epsilon, LaplaceScale, NoiseMultiplier, SamplingRate, UnitError};
