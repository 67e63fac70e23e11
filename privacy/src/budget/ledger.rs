//! The ledger: every decision is in the log before it is true.

use super::standing::left;
use super::{
    Accountant, Book, Budget, Decided, Decision, DecisionError, Entry, LedgerError, LedgerId, Link, OfficerKey,
    OfficerSignature, Proposal, Purpose, Receipt, Refused, Reservation, ReservationId, Standing,
};
use crate::{Charge, Paid, Released};
use std::collections::{BTreeMap, BTreeSet};
use wardround_plan::{DataSetName, Digest, LedgerHead, PlanDigest, StudyId, Timestamp};

/// Where links are kept.
pub trait Log {
    /// Why a link was not taken.
    type Error: std::error::Error;

    /// Appends a link; durable when it returns. After an error it may be there or not.
    ///
    /// # Errors
    /// It may not be there.
    fn append(&mut self, link: &Link) -> Result<(), Self::Error>;
}

/// A site's ledger with the log behind it.
#[derive(Debug)]
pub struct Ledger<L: Log> {
    book: Book,
    log: L,
    accountant: Accountant,
    /// Data sets whose counted charges are known to be within, or over, their budget.
    within: BTreeMap<DataSetName, bool>,
    witnessed: Option<LedgerHead>,
    /// An append failed and the log was not read since.
    uncertain: bool,
}

impl<L: Log> Ledger<L> {
    /// Verifies the whole chain and adds it up. `anchor` is a head that is known to have been written: the chain must contain
    /// it, and may go on after it.
    ///
    /// # Errors
    /// [`LedgerError`]: a chain that was changed, reordered, cut off or replaced. Then nothing may be released.
    pub fn open(
        links: impl IntoIterator<Item = Link>,
        anchor: Option<LedgerHead>,
        log: L,
    ) -> Result<Self, LedgerError> {
        Self::measured_by(Accountant::exact(), links, anchor, log)
    }

    /// As [`Ledger::open`]; only tests measure in another way.
    pub(super) fn measured_by(
        accountant: Accountant,
        links: impl IntoIterator<Item = Link>,
        anchor: Option<LedgerHead>,
        log: L,
    ) -> Result<Self, LedgerError> {
        let (book, within) = (Book::default(), BTreeMap::new());
        let mut ledger = Self { book, log, accountant, within, witnessed: None, uncertain: false };
        ledger.catch_up(links)?;
        match anchor.filter(|anchor| !ledger.book.contains(*anchor)) {
            Some(anchor) => Err(LedgerError::Cut { end: ledger.head().seq, anchor }),
            None => Ok(ledger),
        }
    }

    /// Takes in links that were appended since, by another process or by an append that failed halfway.
    ///
    /// # Errors
    /// [`LedgerError`]: they do not follow what is known.
    pub fn catch_up(&mut self, links: impl IntoIterator<Item = Link>) -> Result<(), LedgerError> {
        for link in links {
            self.book.read(&link)?;
            self.within.clear();
        }
        self.uncertain = false;
        Ok(())
    }

    /// Opens an empty ledger: from now on these officers decide.
    ///
    /// # Errors
    /// A ledger that is open already; fewer than two different officers.
    pub fn pin(
        &mut self,
        now: Timestamp,
        ledger: LedgerId,
        officers: &[OfficerKey],
    ) -> Result<(), DecisionError<L::Error>> {
        let sorted: BTreeSet<OfficerKey> = officers.iter().copied().collect();
        if sorted.len() != officers.len() {
            return Err(Refused::Officers.into());
        }
        self.append(now, Entry::Opened { ledger, officers: sorted.into_iter().collect() }).map(drop)
    }

    /// Makes a signed proposal true.
    ///
    /// # Errors
    /// Signatures that are missing, of others, for something else or too old.
    pub fn decide(
        &mut self,
        now: Timestamp,
        proposal: Proposal,
        signatures: Vec<OfficerSignature>,
    ) -> Result<(), DecisionError<L::Error>> {
        self.append(now, Entry::Decided { proposal, signatures }).map(drop)
    }

    /// Sets a study's whole cost aside. Asking again for the same study and plan gives the same reservation.
    ///
    /// A plan whose cost is exactly what is left is admitted: costs are upper bounds, and the comparison is `<=`.
    ///
    /// # Errors
    /// No budget, or not enough of it left, in words.
    pub fn reserve(
        &mut self,
        now: Timestamp,
        data_set: &DataSetName,
        study: &StudyId,
        plan: PlanDigest,
        charges: &[Charge],
    ) -> Result<ReservationId, DecisionError<L::Error>> {
        self.usable()?;
        let budget = self.book.budget(data_set)?;
        if let Some(open) = self.book.open_reservation_of(data_set, study, plan) {
            let same = open.declares(charges).then_some(open.id());
            return same.ok_or_else(|| Refused::OtherCharges(study.clone()).into());
        }
        let charges = charges.to_vec();
        let entry = Entry::Reserved { data_set: data_set.clone(), study: study.clone(), plan, charges };
        self.book.check(&entry)?;
        self.admit(&budget, &entry)?;
        let link = self.append(now, entry)?;
        self.within.insert(data_set.clone(), true);
        Ok(ReservationId::of(&link))
    }

    /// Pays for one release. The receipt exists only once the debit is in the log.
    ///
    /// # Errors
    /// More than the reservation has left; a budget that was lowered below what is reserved; a log that does not take it.
    pub fn debit(
        &mut self,
        now: Timestamp,
        reservation: ReservationId,
        purpose: Purpose,
        charges: &[Charge],
    ) -> Result<Receipt, DecisionError<L::Error>> {
        self.usable()?;
        let open = self.book.open_reservation(reservation)?;
        let (data_set, study) = (open.data_set().clone(), open.study().clone());
        self.thaw(&data_set)?;
        let link = self.append(now, Entry::Debited { reservation, purpose, charges: charges.to_vec() })?;
        Ok(Receipt::new(study, reservation, purpose, charges, link.head()))
    }

    /// Records what a debit paid for by the digest of its content, and lets it go. Once recorded, the same content may be sent
    /// as often as it takes: it is one release.
    ///
    /// # Errors
    /// A debit of another ledger or one with a record already; a log that does not take it. Then it stays here.
    pub fn record<T>(
        &mut self,
        now: Timestamp,
        paid: Paid<T>,
        content: Digest,
    ) -> Result<Released<T>, DecisionError<L::Error>> {
        let (value, receipt) = paid.into_parts();
        if !self.book.contains(receipt.link()) {
            return Err(Refused::NothingToRelease(receipt.link().seq).into());
        }
        let link = self.append(now, Entry::Released { debit: receipt.link().seq, content })?;
        Ok(Released::paid_for(value, link.head()))
    }

    /// Lets content go again that was recorded before, for example before a crash. `content` is the digest of `value`'s bytes.
    ///
    /// # Errors
    /// [`Refused::NotReleased`]
    pub fn released<T>(&self, value: T, content: Digest) -> Result<Released<T>, Refused> {
        Ok(Released::paid_for(value, self.book.release_of(&content)?))
    }

    /// A study is over: nothing more will be debited. What comes back of its reservation depends on the composition; see
    /// [`Composition`](super::Composition).
    ///
    /// # Errors
    /// A reservation that is closed already, or a log that does not take it.
    pub fn settle(&mut self, now: Timestamp, reservation: ReservationId) -> Result<(), DecisionError<L::Error>> {
        self.append(now, Entry::Settled { reservation }).map(drop)
    }

    /// Compares with the last head that the coordinator has seen. Until it fits, nothing is reserved or debited.
    ///
    /// # Errors
    /// [`Refused::RolledBack`], with what to do.
    pub fn witnessed(&mut self, head: LedgerHead) -> Result<(), Refused> {
        self.witnessed = Some(head);
        self.check_witness()
    }

    /// The log, for a shell that has to prepare it.
    pub fn log_mut(&mut self) -> &mut L {
        &mut self.log
    }

    /// A proposal for the ledger as it is now, to be signed.
    ///
    /// # Errors
    /// [`Refused::NotOpened`]
    pub fn propose(&self, decision: Decision) -> Result<Proposal, Refused> {
        Ok(Proposal { ledger: self.book.ledger()?, head: self.head(), decision })
    }

    /// How many officers have to sign a decision now.
    pub fn signatures_needed(&self, decision: &Decision) -> usize {
        self.book.signatures_needed(decision)
    }

    /// Where a data set stands.
    ///
    /// # Errors
    /// [`Refused::Unaccountable`]: a cost that the accountant cannot bound.
    pub fn standing(&self, data_set: &DataSetName) -> Result<Standing, Refused> {
        Standing::of(&self.book, &self.accountant, data_set)
    }

    /// The budget of a data set.
    ///
    /// # Errors
    /// [`Refused::NotOpened`], [`Refused::NoBudget`]
    pub fn budget(&self, data_set: &DataSetName) -> Result<Budget, Refused> {
        self.book.budget(data_set)
    }

    /// Every data set that officers or studies have named.
    pub fn data_sets(&self) -> BTreeSet<DataSetName> {
        self.book.data_sets()
    }

    /// Every reservation, in order.
    pub fn reservations(&self) -> impl Iterator<Item = &Reservation> {
        self.book.reservations()
    }

    /// Who decides; empty before the ledger was opened.
    pub fn officers(&self) -> Vec<OfficerKey> {
        self.book.officers()
    }

    /// All they have decided, in order.
    pub fn decisions(&self) -> &[Decided] {
        self.book.decisions()
    }

    /// The last link.
    pub fn head(&self) -> LedgerHead {
        self.book.head()
    }

    /// True if `head` was once this ledger's head, or was written off as lost.
    pub fn contains(&self, head: LedgerHead) -> bool {
        self.book.contains(head)
    }

    /// Everything that counts, and the new study, must cost no more than the budget.
    fn admit(&self, budget: &Budget, entry: &Entry) -> Result<(), Refused> {
        let Entry::Reserved { data_set, study, charges, .. } = entry else { return Ok(()) };
        let counted = self.book.counted(data_set, budget);
        let asked = super::tally::Tally::of(charges);
        let mut all = counted.clone();
        all.add_all(&asked);
        let together = self.accountant.cost(&all, budget)?;
        if together <= budget.epsilon {
            return Ok(());
        }
        let reserved = self.accountant.cost(&counted, budget)?;
        if reserved > budget.epsilon {
            return Err(Refused::Frozen { data_set: data_set.clone(), budget: *budget });
        }
        Err(Refused::OverBudget {
            study: study.clone(),
            data_set: data_set.clone(),
            asked: self.accountant.cost(&asked, budget)?.get(),
            left: left(budget, reserved).get(),
            together: together.get(),
            budget: *budget,
        })
    }

    /// Refuses where officers lowered a budget below what was admitted under it. All studies of the data set stand still then,
    /// not only the last: which of them should stop is the officers' decision.
    fn thaw(&mut self, data_set: &DataSetName) -> Result<(), Refused> {
        let budget = self.book.budget(data_set)?;
        let within = match self.within.get(data_set) {
            Some(known) => *known,
            None => self.accountant.cost(&self.book.counted(data_set, &budget), &budget)? <= budget.epsilon,
        };
        self.within.insert(data_set.clone(), within);
        if within { Ok(()) } else { Err(Refused::Frozen { data_set: data_set.clone(), budget }) }
    }

    fn usable(&self) -> Result<(), Refused> {
        if self.uncertain {
            return Err(Refused::Uncertain);
        }
        self.check_witness()
    }

    fn check_witness(&self) -> Result<(), Refused> {
        match self.witnessed.filter(|head| !self.book.contains(*head)) {
            Some(witnessed) => Err(Refused::RolledBack { own: self.head(), witnessed }),
            None => Ok(()),
        }
    }

    /// Checks an entry by the book, stores it, and takes it in.
    fn append(&mut self, now: Timestamp, entry: Entry) -> Result<Link, DecisionError<L::Error>> {
        if self.uncertain {
            return Err(Refused::Uncertain.into());
        }
        self.book.check(&entry)?;
        let link = Link::after(self.head(), now, entry);
        if let Err(error) = self.log.append(&link) {
            self.uncertain = true;
            return Err(DecisionError::Log(error));
        }
        self.book.apply(&link);
        if !matches!(link.entry(), Entry::Debited { .. } | Entry::Released { .. }) {
            self.within.clear();
        }
        Ok(link)
    }
}
