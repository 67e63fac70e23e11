//! The right to make one release.

use super::{Purpose, ReservationId};
use crate::Charge;
use wardround_plan::{LedgerHead, StudyId};

/// Proof that charges were debited, durably, before anything was released for them. Made only by
/// [`Ledger::debit`](super::Ledger::debit), and not to be copied: it pays once.
///
/// ```compile_fail
/// fn twice(receipt: wardround_privacy::Receipt) -> [wardround_privacy::Receipt; 2] {
///     [receipt.clone(), receipt]
/// }
/// ```
#[derive(Debug, PartialEq)]
#[must_use = "the charges are paid; what they were paid for should be released, or the budget is lost"]
pub struct Receipt {
    study: StudyId,
    reservation: ReservationId,
    purpose: Purpose,
    charges: Vec<Charge>,
    link: LedgerHead,
}

impl Receipt {
    pub(super) fn new(
        study: StudyId,
        reservation: ReservationId,
        purpose: Purpose,
        charges: &[Charge],
        link: LedgerHead,
    ) -> Self {
        Self { study, reservation, purpose, charges: charges.to_vec(), link }
    }

    /// The study that pays.
    pub fn study(&self) -> &StudyId {
        &self.study
    }

    /// From which reservation.
    pub fn reservation(&self) -> ReservationId {
        self.reservation
    }

    /// What it pays for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// What may be run, as it was debited.
    pub fn charges(&self) -> &[Charge] {
        &self.charges
    }

    /// The link of the ledger that says so.
    pub fn link(&self) -> LedgerHead {
        self.link
    }
}
