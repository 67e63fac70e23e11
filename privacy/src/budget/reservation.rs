//! What one study has set aside, and what it has paid of it.

use super::tally::Tally;
use super::{Composition, Purpose, ReservationId};
use crate::Charge;
use std::collections::BTreeMap;
use wardround_plan::{DataSetName, PlanDigest, RoundNumber, StudyId, Timestamp};

/// One study's share of a data set's budget.
#[derive(Debug, Clone)]
pub struct Reservation {
    id: ReservationId,
    data_set: DataSetName,
    study: StudyId,
    plan: PlanDigest,
    state: ReservationState,
    declared: Tally,
    rest: Tally,
    debited: Tally,
    trained: BTreeMap<RoundNumber, u64>,
    reserved_at: Timestamp,
    changed_at: Timestamp,
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// It can be debited.
    Open,
    /// Its study is over.
    Settled,
    /// It was written off with a gap of the ledger.
    WrittenOff,
}

impl Reservation {
    pub(super) fn new(
        id: ReservationId,
        at: Timestamp,
        (data_set, study, plan): (&DataSetName, &StudyId, PlanDigest),
        charges: &[Charge],
    ) -> Self {
        let declared = Tally::of(charges);
        Self {
            id,
            data_set: data_set.clone(),
            study: study.clone(),
            plan,
            state: ReservationState::Open,
            rest: declared.clone(),
            declared,
            debited: Tally::default(),
            trained: BTreeMap::new(),
            reserved_at: at,
            changed_at: at,
        }
    }

    pub(super) fn debit(&mut self, at: Timestamp, purpose: Purpose, charges: &[Charge]) {
        let spent = Tally::of(charges);
        self.rest = self.rest.less(&spent).expect("the debit was checked against the rest");
        self.debited.add_all(&spent);
        if let Purpose::Training { round, .. } = purpose {
            *self.trained.entry(round).or_default() += 1;
        }
        self.changed_at = at;
    }

    pub(super) fn close(&mut self, at: Timestamp, state: ReservationState) {
        self.state = state;
        self.changed_at = at;
    }

    /// What counts against the budget.
    ///
    /// Declared: a study that has released anything counts whole for ever, even if it stopped early. Whether it stopped may
    /// depend on what it released, and privacy loss distributions may be composed only for a list that was fixed before: what
    /// comes back must not depend on results. A study that released nothing gives everything back.
    pub(super) fn counted(&self, composition: Composition) -> &Tally {
        match (self.state, composition) {
            (ReservationState::Open, _) => &self.declared,
            (ReservationState::Settled, Composition::Declared) if !self.debited.is_empty() => &self.declared,
            // Declared: nothing was debited. Adaptive: a Rényi filter counts what was debited.
            (ReservationState::Settled, _) => &self.debited,
            (ReservationState::WrittenOff, _) => &NOTHING,
        }
    }

    pub(super) fn declared_tally(&self) -> &Tally {
        &self.declared
    }

    pub(super) fn debited_tally(&self) -> &Tally {
        &self.debited
    }

    pub(super) fn rest_tally(&self) -> &Tally {
        &self.rest
    }

    pub(super) fn declares(&self, charges: &[Charge]) -> bool {
        let other = Tally::of(charges);
        let same = |one: &Tally, other: &Tally| one.less(other).is_ok_and(|rest| rest.is_empty());
        same(&self.declared, &other)
    }

    /// Its number.
    pub fn id(&self) -> ReservationId {
        self.id
    }

    /// Whose patients.
    pub fn data_set(&self) -> &DataSetName {
        &self.data_set
    }

    /// The study.
    pub fn study(&self) -> &StudyId {
        &self.study
    }

    /// Its plan.
    pub fn plan(&self) -> PlanDigest {
        self.plan
    }

    /// Where it stands.
    pub fn state(&self) -> ReservationState {
        self.state
    }

    /// Everything the study said it would run.
    pub fn declared(&self) -> &[Charge] {
        self.declared.charges()
    }

    /// What it has paid for.
    pub fn debited(&self) -> &[Charge] {
        self.debited.charges()
    }

    /// What it may still debit.
    pub fn rest(&self) -> &[Charge] {
        if self.state == ReservationState::Open { self.rest.charges() } else { &[] }
    }

    /// Different rounds that were paid for.
    pub fn rounds(&self) -> u64 {
        self.trained.len() as u64
    }

    /// Debits for a round that had been paid for before: lost to crashes and to rounds that were tried again.
    pub fn lost(&self) -> u64 {
        self.trained.values().map(|debits| debits - 1).sum()
    }

    /// When it was made.
    pub fn reserved_at(&self) -> Timestamp {
        self.reserved_at
    }

    /// When it was last debited or closed.
    pub fn changed_at(&self) -> Timestamp {
        self.changed_at
    }
}

/// What a written-off reservation counts for: the budget it was part of counts whole instead.
static NOTHING: Tally = Tally::EMPTY;
