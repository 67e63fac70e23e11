//! What the links add up to. The same rules serve what is about to be written and what is read back.

use super::error::{GAP_LINKS_MAX, OFFICERS_MAX};
use super::tally::Tally;
use super::{
    Budget, Composition, Decided, Decision, Entry, LedgerError, LedgerId, Link, OfficerKey, OfficerSignature, Proposal,
    Purpose, Refused, Reservation, ReservationId, ReservationState,
};
use crate::{Adjacency, Charge};
use std::collections::{BTreeMap, BTreeSet};
use wardround_plan::{DataSetName, Digest, LedgerHead, PlanDigest, StudyId, Timestamp};

/// Signatures for anything but a lower budget.
const SIGNATURES_TO_RAISE: usize = 2;

/// The state of a ledger: the sum of its links.
#[derive(Debug, Default)]
pub(super) struct Book {
    head: Option<LedgerHead>,
    hashes: BTreeMap<u64, Digest>,
    gaps: BTreeSet<LedgerHead>,
    opened: Option<Opened>,
    decided_at: u64,
    decisions: Vec<Decided>,
    allowed: BTreeMap<DataSetName, Allowed>,
    reservations: BTreeMap<ReservationId, Reservation>,
    /// Debits whose release is not recorded.
    unreleased: BTreeSet<u64>,
    /// What may leave, by its digest, with the link of its record.
    released: BTreeMap<Digest, LedgerHead>,
}

#[derive(Debug)]
struct Opened {
    ledger: LedgerId,
    officers: BTreeSet<OfficerKey>,
}

/// What the officers have said about one data set.
#[derive(Debug, Default)]
struct Allowed {
    budget: Option<Budget>,
    /// At least every budget since the last write-off.
    highest: Option<Budget>,
    written_off: Vec<Budget>,
}

impl Book {
    /// Takes in the next link as it was stored.
    pub(super) fn read(&mut self, link: &Link) -> Result<(), LedgerError> {
        let head = self.head();
        if Link::after(head, link.at(), link.entry().clone()) != *link {
            return Err(LedgerError::Order { after: head.seq, found: link.head().seq });
        }
        self.check(link.entry()).map_err(|problem| LedgerError::Rule { seq: link.head().seq, problem })?;
        self.apply(link);
        Ok(())
    }

    /// Whether an entry may come next; that a study fits the budget is checked by whoever admits it.
    pub(super) fn check(&self, entry: &Entry) -> Result<(), Refused> {
        match entry {
            Entry::Opened { officers, .. } => self.check_opening(officers),
            Entry::Decided { proposal, signatures } => self.check_decision(proposal, signatures),
            Entry::Reserved { data_set, charges, .. } => {
                check_charges(charges)?;
                self.budget(data_set).map(drop)
            }
            Entry::Debited { reservation, charges, .. } => {
                check_charges(charges)?;
                let open = self.open_reservation(*reservation)?;
                let fits = open.rest_tally().less(&Tally::of(charges));
                fits.map(drop).map_err(|charge| Refused::Exceeds {
                    reservation: *reservation,
                    charge,
                    left: open.rest_tally().times_of(&charge),
                })
            }
            Entry::Released { debit, .. } => {
                if self.unreleased.contains(debit) {
                    Ok(())
                } else {
                    Err(Refused::NothingToRelease(*debit))
                }
            }
            Entry::Settled { reservation } => self.open_reservation(*reservation).map(drop),
        }
    }

    /// Takes in a link that was checked.
    pub(super) fn apply(&mut self, link: &Link) {
        let (at, head) = (link.at(), link.head());
        match link.entry() {
            Entry::Opened { ledger, officers } => {
                self.opened = Some(Opened { ledger: *ledger, officers: officers.iter().copied().collect() });
                self.decided_at = head.seq;
            }
            Entry::Decided { proposal, signatures } => {
                self.decided_at = head.seq;
                let officers = signatures.iter().map(|signature| signature.officer).collect();
                let decision = proposal.decision.clone();
                self.decisions.push(Decided { at, seq: head.seq, decision, officers });
                self.decide(at, &proposal.decision);
            }
            Entry::Reserved { data_set, study, plan, charges } => {
                let id = ReservationId::of(link);
                self.reservations.insert(id, Reservation::new(id, at, (data_set, study, *plan), charges));
            }
            Entry::Debited { reservation, purpose, charges } => {
                self.unreleased.insert(head.seq);
                self.debit(at, *reservation, *purpose, charges);
            }
            Entry::Released { debit, content } => {
                self.unreleased.remove(debit);
                self.released.insert(*content, head);
            }
            Entry::Settled { reservation } => {
                if let Some(open) = self.reservations.get_mut(reservation) {
                    open.close(at, ReservationState::Settled);
                }
            }
        }
        self.hashes.insert(head.seq, head.hash);
        self.head = Some(head);
    }

    pub(super) fn head(&self) -> LedgerHead {
        self.head.unwrap_or(LedgerHead::EMPTY)
    }

    /// True if this head was once the head of this chain, or is the end of a gap that was written off.
    pub(super) fn contains(&self, head: LedgerHead) -> bool {
        let written = self.hashes.get(&head.seq) == Some(&head.hash);
        written || head == LedgerHead::EMPTY || self.gaps.contains(&head)
    }

    /// The link that says that this content was paid for.
    pub(super) fn release_of(&self, content: &Digest) -> Result<LedgerHead, Refused> {
        self.released.get(content).copied().ok_or(Refused::NotReleased(*content))
    }

    pub(super) fn ledger(&self) -> Result<LedgerId, Refused> {
        self.opened.as_ref().map(|opened| opened.ledger).ok_or(Refused::NotOpened)
    }

    pub(super) fn officers(&self) -> Vec<OfficerKey> {
        self.opened.iter().flat_map(|opened| opened.officers.iter().copied()).collect()
    }

    pub(super) fn decisions(&self) -> &[Decided] {
        &self.decisions
    }

    pub(super) fn budget(&self, data_set: &DataSetName) -> Result<Budget, Refused> {
        self.ledger()?;
        let budget = self.allowed.get(data_set).and_then(|allowed| allowed.budget);
        budget.ok_or_else(|| Refused::NoBudget(data_set.clone()))
    }

    pub(super) fn written_off(&self, data_set: &DataSetName) -> &[Budget] {
        self.allowed.get(data_set).map_or(&[], |allowed| &allowed.written_off)
    }

    /// Everything the officers or a study have named.
    pub(super) fn data_sets(&self) -> BTreeSet<DataSetName> {
        let reserved = self.reservations.values().map(Reservation::data_set);
        self.allowed.keys().chain(reserved).cloned().collect()
    }

    pub(super) fn reservations(&self) -> impl Iterator<Item = &Reservation> {
        self.reservations.values()
    }

    pub(super) fn reservations_of(&self, data_set: &DataSetName) -> impl Iterator<Item = &Reservation> {
        self.reservations.values().filter(move |reservation| reservation.data_set() == data_set)
    }

    pub(super) fn open_reservation_of(
        &self,
        data_set: &DataSetName,
        study: &StudyId,
        plan: PlanDigest,
    ) -> Option<&Reservation> {
        let same = |known: &&Reservation| *known.study() == *study && known.plan() == plan;
        self.reservations_of(data_set).filter(same).find(|known| known.state() == ReservationState::Open)
    }

    pub(super) fn open_reservation(&self, id: ReservationId) -> Result<&Reservation, Refused> {
        let reservation = self.reservations.get(&id).ok_or(Refused::NoReservation(id))?;
        if reservation.state() == ReservationState::Open { Ok(reservation) } else { Err(Refused::Closed(id)) }
    }

    /// Everything that counts against a budget.
    pub(super) fn counted(&self, data_set: &DataSetName, budget: &Budget) -> Tally {
        let mut counted = Tally::default();
        self.reservations_of(data_set).for_each(|known| counted.add_all(known.counted(budget.composition)));
        counted
    }

    /// Everything that was debited since the last write-off.
    pub(super) fn spent(&self, data_set: &DataSetName) -> Tally {
        let mut spent = Tally::default();
        let current = self.reservations_of(data_set).filter(|known| known.state() != ReservationState::WrittenOff);
        current.for_each(|known| spent.add_all(known.debited_tally()));
        spent
    }

    /// One officer may lower; anything else takes two.
    pub(super) fn signatures_needed(&self, decision: &Decision) -> usize {
        let lowers = match decision {
            Decision::Budget { data_set, budget } => self.budget(data_set).is_ok_and(|now| budget.is_within(&now)),
            Decision::WriteOff { .. } => false,
        };
        if lowers { 1 } else { SIGNATURES_TO_RAISE }
    }

    fn check_opening(&self, officers: &[OfficerKey]) -> Result<(), Refused> {
        if self.head.is_some() {
            return Err(Refused::AlreadyOpened);
        }
        let sorted = officers.windows(2).all(|pair| pair[0] < pair[1]);
        if !sorted || !(SIGNATURES_TO_RAISE..=OFFICERS_MAX).contains(&officers.len()) {
            return Err(Refused::Officers);
        }
        Ok(())
    }

    fn check_decision(&self, proposal: &Proposal, signatures: &[OfficerSignature]) -> Result<(), Refused> {
        let opened = self.opened.as_ref().ok_or(Refused::NotOpened)?;
        if proposal.ledger != opened.ledger {
            return Err(Refused::OtherLedger);
        }
        if proposal.head.seq < self.decided_at || !self.contains(proposal.head) {
            return Err(Refused::Stale { head: proposal.head });
        }
        self.check_content(&proposal.decision)?;
        check_signatures(&opened.officers, proposal, signatures)?;
        let (needed, got) = (self.signatures_needed(&proposal.decision), signatures.len());
        if got < needed { Err(Refused::TooFewSignatures { needed, got }) } else { Ok(()) }
    }

    fn check_content(&self, decision: &Decision) -> Result<(), Refused> {
        match decision {
            Decision::Budget { data_set, budget }
                if budget.composition == Composition::Adaptive && budget.adjacency != Adjacency::AddOrRemoveOne =>
            {
                Err(Refused::NoFilter(data_set.clone()))
            }
            Decision::Budget { data_set, budget } => match self.budget(data_set) {
                Ok(now) if now.adjacency != budget.adjacency => Err(Refused::Adjacency(data_set.clone())),
                _ => Ok(()),
            },
            Decision::WriteOff { gap } => {
                let too_far = gap.seq > self.head().seq.saturating_add(GAP_LINKS_MAX);
                if too_far || self.contains(*gap) { Err(Refused::NoGap(*gap)) } else { Ok(()) }
            }
        }
    }

    fn decide(&mut self, at: Timestamp, decision: &Decision) {
        match decision {
            Decision::Budget { data_set, budget } => {
                let allowed = self.allowed.entry(data_set.clone()).or_default();
                allowed.highest = Some(allowed.highest.map_or(*budget, |highest| highest.covering(*budget)));
                allowed.budget = Some(*budget);
            }
            Decision::WriteOff { gap } => {
                self.gaps.insert(*gap);
                for allowed in self.allowed.values_mut() {
                    allowed.written_off.extend(allowed.highest.take());
                    allowed.budget = None;
                }
                let open = self.reservations.values_mut();
                open.for_each(|known| known.close(at, ReservationState::WrittenOff));
            }
        }
    }

    fn debit(&mut self, at: Timestamp, reservation: ReservationId, purpose: Purpose, charges: &[Charge]) {
        if let Some(open) = self.reservations.get_mut(&reservation) {
            open.debit(at, purpose, charges);
        }
    }
}

fn check_charges(charges: &[Charge]) -> Result<(), Refused> {
    let some = charges.iter().all(|charge| charge.times > 0) && !charges.is_empty();
    if some && Tally::is_sane(charges) { Ok(()) } else { Err(Refused::Charges) }
}

fn check_signatures(
    officers: &BTreeSet<OfficerKey>,
    proposal: &Proposal,
    signatures: &[OfficerSignature],
) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    for signature in signatures {
        if !officers.contains(&signature.officer) {
            return Err(Refused::NotAnOfficer(signature.officer));
        }
        if !seen.insert(signature.officer) {
            return Err(Refused::SameOfficer(signature.officer));
        }
        if !signature.is_for(proposal) {
            return Err(Refused::BadSignature(signature.officer));
        }
    }
    Ok(())
}
