//! What leaves a site. Nothing that was computed from patients crosses the border except as a [`Released`] value,
//! and only this crate can make one.
//!
//! Today there is one way to make a release, and its name says what it is: [`Released::released_without_privacy`].
//! Clipping, noise, accounting and the ledger move in here; their constructor will ask for the ledger's receipt
//! where this one asks for the hospital's consent.

mod release;

pub use release::{Guarantee, PolicyStance, Released, Unprotected, UnprotectedRefused};
