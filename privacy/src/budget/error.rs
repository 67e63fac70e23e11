//! Why the ledger says no, in words for the officer and for the coordinator's log.

use super::{Budget, LinkError, OfficerKey, ReservationId};
use crate::Charge;
use wardround_plan::{DataSetName, Digest, LedgerHead, StudyId};

/// A decision was not made. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError<E: std::error::Error> {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The log did not take the link. Whether it is there is found out by reading the log again; nothing may be released.
    #[error("the ledger cannot be written, so nothing was promised and nothing is released: {0}")]
    Log(E),
}

/// The ledger as it is stored is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A link is not what was written.
    #[error("link {seq} of the ledger was changed: {problem}. {REMEDY}")]
    Link {
        /// Its place, from 1.
        seq: u64,
        /// How.
        problem: LinkError,
    },
    /// A link does not follow the one before.
    #[error(
        "link {found} of the ledger does not follow link {after}: links are missing, or in another order. {REMEDY}"
    )]
    Order {
        /// The link before.
        after: u64,
        /// The link that came.
        found: u64,
    },
    /// A link follows, but breaks a rule that it had to keep when it was written.
    #[error("link {seq} of the ledger could not have been written: {problem}. {REMEDY}")]
    Rule {
        /// The link.
        seq: u64,
        /// The rule.
        problem: Refused,
    },
    /// The chain is sound, but does not contain what was written last.
    #[error(
        "the ledger ends at link {end} and does not contain link {anchor}, which this site has written: it was cut off, replaced, \
         or restored from an old backup. {REMEDY}"
    )]
    Cut {
        /// The last link there is.
        end: u64,
        /// The link that is known to have been written.
        anchor: LedgerHead,
    },
}

/// What to do about a ledger that is not whole.
const REMEDY: &str = "Nothing is trained. Put the newest whole copy of the ledger back; if there is none, two officers write off \
                      what it may have held (`wardround budget write-off --help`)";

/// What the rules refuse.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// No officers yet.
    #[error("this site has no ledger yet: name its privacy officers first, with `wardround budget officers`")]
    NotOpened,
    /// The officers are named once.
    #[error("this ledger has its officers already; they were named when it was opened")]
    AlreadyOpened,
    /// Too few, or one twice.
    #[error("name at least two different officers and at most {OFFICERS_MAX}")]
    Officers,
    /// A proposal for another ledger.
    #[error("the proposal was made for another ledger, not for this site's")]
    OtherLedger,
    /// A proposal made before the last decision, or for a chain that this one does not contain.
    #[error(
        "the proposal was made at link {} of the ledger, and the officers decided something since, or that link is not in this \
         ledger: make the proposal again",
        .head.short()
    )]
    Stale {
        /// Where it was made.
        head: LedgerHead,
    },
    /// Somebody else signed.
    #[error("{0} is no officer of this ledger")]
    NotAnOfficer(OfficerKey),
    /// The signature is for something else.
    #[error("the signature of {0} is not for this proposal")]
    BadSignature(OfficerKey),
    /// One officer is not two.
    #[error("officer {0} has signed twice; a second officer has to sign")]
    SameOfficer(OfficerKey),
    /// More than lowering.
    #[error("{got} of {needed} signatures: one officer can lower a budget, anything else takes two")]
    TooFewSignatures {
        /// How many it takes.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// A budget that counts differently.
    #[error("budgets of data set `{0}` count neighbours another way; that cannot change while charges are counted")]
    Adjacency(DataSetName),
    /// A filter that does not exist.
    #[error(
        "an adaptive budget counts neighbours by adding or removing one patient: there is no filter for replacing one. Choose \
         another neighbourhood or a declared budget for data set `{0}`"
    )]
    NoFilter(DataSetName),
    /// A gap that is none, or wider than any.
    #[error("link {} is no gap of this ledger: it is in it, or more than {GAP_LINKS_MAX} links beyond its end", .0.short())]
    NoGap(LedgerHead),
    /// The officers allow nothing.
    #[error("no budget is approved for data set `{0}`: two officers allow one with `wardround budget approve`")]
    NoBudget(DataSetName),
    /// The study asks for more than is left.
    #[error(
        "study `{study}` asks for epsilon {} at delta {:e}; data set `{data_set}` has {} of {} left ({} with this study). Two \
         officers can raise the budget, or the plan can ask for less",
        up(*asked), .budget.delta.get(), down(*left), .budget.epsilon, up(*together)
    )]
    OverBudget {
        /// The study.
        study: StudyId,
        /// The data set.
        data_set: DataSetName,
        /// ε of the study alone.
        asked: f64,
        /// ε that is left, never more than the truth.
        left: f64,
        /// ε of everything admitted and this study.
        together: f64,
        /// What is allowed.
        budget: Budget,
    },
    /// The budget was lowered below what was promised.
    #[error(
        "the budget of data set `{data_set}` was lowered to {budget}, and what was admitted before comes to more: nothing more is \
         debited or admitted there until two officers raise it, or studies end that have used nothing"
    )]
    Frozen {
        /// The data set.
        data_set: DataSetName,
        /// What is allowed now.
        budget: Budget,
    },
    /// The same study and plan, but other charges than were reserved.
    #[error(
        "study `{0}` reserved other charges for this plan: another version of the software made that reservation; use that \
         version, or give the study another name"
    )]
    OtherCharges(StudyId),
    /// A list of charges that no plan has.
    #[error("a reservation or debit names 1 to {} mechanisms, each at least once", super::tally::CHARGES_MAX)]
    Charges,
    /// No such reservation.
    #[error("there is no reservation {0} in this ledger")]
    NoReservation(ReservationId),
    /// The study is over.
    #[error("reservation {0} is closed: its study is over, or was written off")]
    Closed(ReservationId),
    /// More than was reserved.
    #[error(
        "reservation {reservation} has {left} runs of {:?} left and is to pay for {}: this study has used up what its plan \
         reserved", .charge.mechanism, .charge.times
    )]
    Exceeds {
        /// Which reservation.
        reservation: ReservationId,
        /// The charge that does not fit.
        charge: Charge,
        /// How often it may still be run.
        left: u64,
    },
    /// A release without a debit, or a second one for the same.
    #[error("link {0} of the ledger is no debit that still waits for its release")]
    NothingToRelease(u64),
    /// Nobody paid for it.
    #[error("the ledger has no record of a release with digest {0}; what it does not record does not leave this site")]
    NotReleased(Digest),
    /// The coordinator has seen more of this ledger than there is.
    #[error(
        "this site's ledger ends at link {}, and the coordinator has seen link {} of it: it was restored from an old backup, or \
         replaced. Nothing is trained. Put the newest `ledger.sqlite` back; if it is lost, two officers write off what it may \
         have held: wardround budget write-off --gap {witnessed}", .own.short(), .witnessed.short()
    )]
    RolledBack {
        /// Where the ledger ends.
        own: LedgerHead,
        /// What the coordinator has seen.
        witnessed: LedgerHead,
    },
    /// The last append failed, and the log was not read since.
    #[error("the ledger was not read again after it could not be written")]
    Uncertain,
    /// The accountant found no bound.
    #[error("the cost cannot be bounded, so it is not admitted: {0}")]
    Unaccountable(String),
}

/// Most officers of one ledger.
pub const OFFICERS_MAX: usize = 16;
/// Most links that can be written off as lost; a witness beyond that is not believed.
pub const GAP_LINKS_MAX: u64 = 1_000_000;

/// Two digits, never less than the number.
fn up(epsilon: f64) -> String {
    format!("{:.2}", (epsilon * 100.0).ceil() / 100.0)
}

/// Two digits, never more than the number.
fn down(epsilon: f64) -> String {
    format!("{:.2}", (epsilon * 100.0).floor() / 100.0)
}
