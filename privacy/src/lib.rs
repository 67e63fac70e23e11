//! What leaves a site. Nothing that was computed from patients crosses the border except as a [`Released`] value,
//! and only this crate can make one.

mod account;
mod charge;
mod forecast;
mod release;
mod units;

pub use account::*;
pub use charge::{Adjacency, Charge, Mechanism};
pub use forecast::{NoisyRun, Outlook, discrete_laplace_half_width};
pub use release::{Guarantee, PolicyStance, Released, Unprotected, UnprotectedRefused};
pub use units::{ClipNorm, Delta, Epsilon, LaplaceScale, NoiseMultiplier, SamplingRate, UnitError};
