//! What leaves a site. Nothing that was computed from patients crosses the border except as a [`Released`] value,
//! and only this crate can make one.

mod account;
mod budget;
mod charge;
mod release;
mod units;

pub use account::*;
pub use budget::{
    AccountStanding, Accountant, Budget, Composition, Decision, DecisionError, Entry, GAP_LINKS_MAX, LINK_BYTES_MAX,
    Ledger, LedgerError, LedgerId, Link, LinkError, Log, OFFICERS_MAX, OfficerKey, OfficerKeyError, OfficerSecret,
    OfficerSignature, Proposal, Purpose, Receipt, Refused, Reservation, ReservationId, ReservationState, Standing,
    StudyStanding,
};
pub use charge::{Adjacency, Charge, Mechanism};
pub use release::{Guarantee, PolicyStance, Released, Unprotected, UnprotectedRefused};
pub use units::{ClipNorm, Delta, Epsilon, LaplaceScale, NoiseMultiplier, SamplingRate, UnitError};
