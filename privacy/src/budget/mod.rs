//! The budget of a hospital's patients: what officers allow, what studies have set aside, what was paid. Pure; a shell keeps the
//! [`Log`].
//!
//! # What it promises
//! A release needs a [`Receipt`], and a receipt exists only once its debit is in the log. So whatever happens, replaying the log
//! gives at least what was released: a crash loses budget and never regains any. Debits are within a reservation, reservations
//! within the officers' [`Budget`], and budgets are raised only by two officers' signatures, which are verified again at every
//! replay: rewriting the file does not raise a budget.
//!
//! ```text
//! officers: Opened ─► Decided(budget) ─────────────► Decided(lower, higher, write off)
//! a study:                 Reserved(whole cost) ─► Debited ─► Debited ─► … ─► Settled
//!                          before a scan is read    before noise is drawn     when it is over
//! ```
//!
//! # Against whom
//! A coordinator can make a site spend only what its officers allow. A crash, a full disk or a second process changes nothing
//! that was promised. A log that was changed, reordered, cut off or replaced is noticed: by the hash chain, by an anchor that
//! the site keeps elsewhere, and by the coordinator, which is told each head and says it back (a *witness*). Whoever controls the
//! site's machine *and* the coordinator can forget debits; so can whoever controls the machine and replaces the whole program.
//!
//! # Decisions, and why
//! - **Declared** budgets add up privacy loss distributions (Doroshenko et al. 2022) of everything that was admitted, whole. A
//!   study that paid for anything keeps its whole cost after its end: whether it stopped early may depend on results, and a sum
//!   of loss distributions holds only for a list that was fixed beforehand. One that paid for nothing gives it back.
//! - **Adaptive** budgets are a Rényi filter (Feldman and Zrnic 2021): only what was debited counts once a study is over, and
//!   plans may be chosen in view of earlier results. A study's own charges are fixed when it is reserved.
//! - **A budget that is lowered below what is reserved** freezes its data set: no further debit, of any study, until two officers
//!   raise it or enough comes back. Fail closed: the officers said less than was promised, so nothing more is given.
//! - **A round that is trained again is paid for again**: it would be a second release of the same patients.
//! - **Lost links** (a ledger restored from an old backup) may have held new studies and debits. Officers can write the gap off:
//!   every budget counts as used up, every study is over, and new budgets come on top.

mod accountant;
mod book;
mod error;
mod exact;
mod ledger;
mod link;
mod officer;
mod receipt;
mod reservation;
mod standing;
mod tally;
mod terms;
#[cfg(test)]
mod tests;

pub use error::{DecisionError, GAP_LINKS_MAX, LedgerError, OFFICERS_MAX, Refused};
pub use ledger::{Ledger, Log};
pub use link::{Entry, LINK_BYTES_MAX, Link, LinkError, Purpose, ReservationId};
pub use officer::{
    Decided, Decision, LedgerId, OfficerKey, OfficerKeyError, OfficerSecret, OfficerSignature, Proposal,
};
pub use receipt::Receipt;
pub use reservation::{Reservation, ReservationState};
pub use standing::{AccountStanding, Standing, StudyStanding};
pub use terms::{Budget, Composition};

use accountant::Accountant;
use book::Book;
use link::exact_text;
