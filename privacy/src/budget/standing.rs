//! What the ledger says about one data set, for officers and their statements.

use super::{Accountant, Book, Budget, Refused, Reservation, ReservationState};
use crate::Epsilon;
use crate::budget::tally::Tally;
use serde::Serialize;
use wardround_plan::{DataSetName, LedgerHead, PlanDigest, StudyId, Timestamp};

/// Where a data set stands. Read from a chain that was verified link by link up to `head`.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The data set.
    pub data_set: DataSetName,
    /// The budget and what is used of it; `None` where none is approved.
    pub account: Option<AccountStanding>,
    /// Budgets that were written off with gaps of the ledger. They count on top: the ε and δ of all of them add up.
    pub written_off: Vec<Budget>,
    /// Every study since the first, in the order of their reservations.
    pub studies: Vec<StudyStanding>,
    /// The last link that was verified.
    pub head: LedgerHead,
}

/// A budget and what is used of it. Every ε is an upper bound at the budget's δ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccountStanding {
    /// What the officers allow.
    pub budget: Budget,
    /// ε that counts against the budget, as its composition measures it.
    pub reserved: Epsilon,
    /// ε of what was debited, by privacy loss distributions.
    pub spent_pld: Epsilon,
    /// The same by Rényi differential privacy, as a second opinion; nothing where that accountant has no bound.
    pub spent_rdp: Option<Epsilon>,
    /// The budget's ε less what is reserved. A study of that ε may fit or not: ε of two studies at one δ is not their sum. What
    /// counts is the sum of their loss distributions.
    pub left: Epsilon,
    /// True where the budget was lowered below what is reserved: nothing more is debited.
    pub frozen: bool,
}

/// One study's share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StudyStanding {
    /// The study.
    pub study: StudyId,
    /// Its plan.
    pub plan: PlanDigest,
    /// Where its reservation stands.
    pub state: ReservationState,
    /// ε of everything it declared, alone; nothing where no budget is approved.
    pub declared: Option<Epsilon>,
    /// ε of what it paid for, alone.
    pub spent: Option<Epsilon>,
    /// Different rounds that it paid for.
    pub rounds: u64,
    /// Debits for a round that was paid for before.
    pub lost: u64,
    /// When it was reserved.
    pub reserved_at: Timestamp,
    /// When it was last debited or closed.
    pub changed_at: Timestamp,
}

impl Standing {
    pub(super) fn of(book: &Book, accountant: &Accountant, data_set: &DataSetName) -> Result<Self, Refused> {
        let budget = book.budget(data_set).ok();
        let studies = book.reservations_of(data_set).map(|known| study(accountant, known, budget.as_ref()));
        Ok(Self {
            data_set: data_set.clone(),
            account: budget.map(|budget| account(book, accountant, data_set, budget)).transpose()?,
            written_off: book.written_off(data_set).to_vec(),
            studies: studies.collect::<Result<_, _>>()?,
            head: book.head(),
        })
    }
}

fn account(
    book: &Book,
    accountant: &Accountant,
    data_set: &DataSetName,
    budget: Budget,
) -> Result<AccountStanding, Refused> {
    let spent = book.spent(data_set);
    let reserved = accountant.cost(&book.counted(data_set, &budget), &budget)?;
    Ok(AccountStanding {
        budget,
        reserved,
        spent_pld: accountant.by_pld(&spent, &budget)?,
        spent_rdp: accountant.by_rdp(&spent, &budget),
        left: left(&budget, reserved),
        frozen: reserved > budget.epsilon,
    })
}

fn study(accountant: &Accountant, known: &Reservation, budget: Option<&Budget>) -> Result<StudyStanding, Refused> {
    let epsilon = |tally: &Tally| budget.map(|budget| accountant.cost(tally, budget)).transpose();
    Ok(StudyStanding {
        study: known.study().clone(),
        plan: known.plan(),
        state: known.state(),
        declared: epsilon(known.declared_tally())?,
        spent: epsilon(known.debited_tally())?,
        rounds: known.rounds(),
        lost: known.lost(),
        reserved_at: known.reserved_at(),
        changed_at: known.changed_at(),
    })
}

pub(super) fn left(budget: &Budget, reserved: Epsilon) -> Epsilon {
    Epsilon::new((budget.epsilon.get() - reserved.get()).max(0.0)).expect("not negative")
}
