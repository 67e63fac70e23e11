//! The site's privacy ledger as a file: what [`wardround_privacy::Ledger`] decides, made durable before it is true.
//!
//! `ledger.sqlite` in the state folder holds the links, `ledger.anchor` in the credentials folder says where they ended. Every
//! call reads what other processes appended, decides, appends and syncs; a call that is dropped goes on to its end, so budget may
//! be lost but never regained. Blocking work runs on the runtime's blocking threads; from a blocking thread use
//! `Handle::block_on`.

mod anchor;
mod error;
#[cfg(test)]
mod tests;
mod turn;

pub use error::SiteLedgerError;

use anchor::Anchor;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use turn::LedgerFile;
use wardround_plan::{DataSetName, Digest, LedgerHead, PlanDigest, StudyId, Timestamp};
use wardround_privacy::{
    Charge, Decided, Decision, Ledger, LedgerError, LedgerId, Link, OfficerKey, OfficerSignature, Paid, Proposal,
    Purpose, Receipt, Released, Reservation, ReservationId, Standing,
};

/// A site's ledger. Clones share it.
#[derive(Clone)]
pub struct SiteLedger {
    ledger: Arc<Mutex<Ledger<LedgerFile>>>,
    heads: Arc<watch::Sender<LedgerHead>>,
}

/// Whether an anchor that the ledger does not contain keeps it shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anchoring {
    Required,
    /// For officers who write off what was lost.
    Forgone,
}

impl SiteLedger {
    /// Opens the ledger of a site, or makes an empty one where there never was any, and verifies every link.
    ///
    /// # Errors
    /// A ledger that is not what was written; files that cannot be used.
    pub async fn open(state: &Path, credentials: &Path) -> Result<Self, SiteLedgerError> {
        Self::open_anchored(state, credentials, Anchoring::Required).await
    }

    /// Opens a ledger that lost its last links, so that officers can write them off. Also gives the anchor it should contain.
    ///
    /// # Errors
    /// Links that are not what was written, or files that cannot be used.
    pub async fn open_with_gap(
        state: &Path,
        credentials: &Path,
    ) -> Result<(Self, Option<LedgerHead>), SiteLedgerError> {
        let anchor = Anchor::in_folder(credentials).head()?;
        let ledger = Self::open_anchored(state, credentials, Anchoring::Forgone).await?;
        let lost = match anchor {
            Some(anchor) => ledger.turn(move |ledger| Ok((!ledger.contains(anchor)).then_some(anchor))).await?,
            None => None,
        };
        Ok((ledger, lost))
    }

    /// Names the officers of an empty ledger.
    ///
    /// # Errors
    /// See [`Ledger::pin`].
    pub async fn pin(&self, now: Timestamp, id: LedgerId, officers: Vec<OfficerKey>) -> Result<(), SiteLedgerError> {
        self.turn(move |ledger| Ok(ledger.pin(now, id, &officers)?)).await
    }

    /// Makes a signed proposal true.
    ///
    /// # Errors
    /// See [`Ledger::decide`].
    pub async fn decide(
        &self,
        now: Timestamp,
        proposal: Proposal,
        signatures: Vec<OfficerSignature>,
    ) -> Result<(), SiteLedgerError> {
        self.turn(move |ledger| Ok(ledger.decide(now, proposal, signatures)?)).await
    }

    /// Sets a study's whole cost aside; before a scan is read.
    ///
    /// # Errors
    /// See [`Ledger::reserve`].
    pub async fn reserve(
        &self,
        now: Timestamp,
        data_set: DataSetName,
        study: StudyId,
        plan: PlanDigest,
        charges: Vec<Charge>,
    ) -> Result<ReservationId, SiteLedgerError> {
        self.turn(move |ledger| Ok(ledger.reserve(now, &data_set, &study, plan, &charges)?)).await
    }

    /// Pays for one release; before its noise is drawn.
    ///
    /// # Errors
    /// See [`Ledger::debit`].
    pub async fn debit(
        &self,
        now: Timestamp,
        reservation: ReservationId,
        purpose: Purpose,
        charges: Vec<Charge>,
    ) -> Result<Receipt, SiteLedgerError> {
        self.turn(move |ledger| Ok(ledger.debit(now, reservation, purpose, &charges)?)).await
    }

    /// Puts on record what a debit paid for, and lets it go; see [`Ledger::record`].
    ///
    /// # Errors
    /// See [`Ledger::record`]. Then it stays here.
    pub async fn record<T: Send + 'static>(
        &self,
        now: Timestamp,
        paid: Paid<T>,
        content: Digest,
    ) -> Result<Released<T>, SiteLedgerError> {
        self.turn(move |ledger| Ok(ledger.record(now, paid, content)?)).await
    }

    /// Lets go again what is on record.
    ///
    /// # Errors
    /// Content that is not.
    pub async fn released<T: Send + 'static>(&self, value: T, content: Digest) -> Result<Released<T>, SiteLedgerError> {
        self.turn(move |ledger| Ok(ledger.released(value, content)?)).await
    }

    /// A study is over.
    ///
    /// # Errors
    /// See [`Ledger::settle`].
    pub async fn settle(&self, now: Timestamp, reservation: ReservationId) -> Result<(), SiteLedgerError> {
        self.turn(move |ledger| Ok(ledger.settle(now, reservation)?)).await
    }

    /// Compares with the last head that the coordinator has seen; see [`Ledger::witnessed`].
    ///
    /// # Errors
    /// The ledger was rolled back: nothing is reserved or debited until that is mended.
    pub async fn witnessed(&self, head: LedgerHead) -> Result<(), SiteLedgerError> {
        self.blocking(move |ledger| {
            // Remembered even if the file cannot be read now; the turn compares with what other processes appended meanwhile.
            let _ = ledger.witnessed(head);
            take_turn(ledger, |ledger| Ok(ledger.witnessed(head)?))
        })
        .await
    }

    /// Where a data set stands.
    ///
    /// # Errors
    /// A ledger that is not what was written, or a cost without a bound.
    pub async fn standing(&self, data_set: DataSetName) -> Result<Standing, SiteLedgerError> {
        self.turn(move |ledger| Ok(ledger.standing(&data_set)?)).await
    }

    /// Where every data set stands that officers or studies have named.
    ///
    /// # Errors
    /// As [`SiteLedger::standing`].
    pub async fn standings(&self) -> Result<Vec<Standing>, SiteLedgerError> {
        self.turn(|ledger| Ok(ledger.data_sets().iter().map(|name| ledger.standing(name)).collect::<Result<_, _>>()?))
            .await
    }

    /// The open reservations, as stored: what a study declared stays true when a newer version would calibrate another noise.
    ///
    /// # Errors
    /// A ledger that is not what was written.
    pub async fn reservations(&self) -> Result<Vec<Reservation>, SiteLedgerError> {
        self.turn(|ledger| Ok(ledger.reservations().cloned().collect())).await
    }

    /// A proposal for the ledger as it is now, and how many officers have to sign it.
    ///
    /// # Errors
    /// No officers are named yet.
    pub async fn propose(&self, decision: Decision) -> Result<(Proposal, usize), SiteLedgerError> {
        self.turn(move |ledger| {
            let needed = ledger.signatures_needed(&decision);
            Ok((ledger.propose(decision)?, needed))
        })
        .await
    }

    /// Who decides.
    ///
    /// # Errors
    /// A ledger that is not what was written.
    pub async fn officers(&self) -> Result<Vec<OfficerKey>, SiteLedgerError> {
        self.turn(|ledger| Ok(ledger.officers())).await
    }

    /// All they have decided, in order.
    ///
    /// # Errors
    /// A ledger that is not what was written.
    pub async fn decisions(&self) -> Result<Vec<Decided>, SiteLedgerError> {
        self.turn(|ledger| Ok(ledger.decisions().to_vec())).await
    }

    /// The last link, of any process.
    ///
    /// # Errors
    /// A ledger that is not what was written.
    pub async fn head(&self) -> Result<LedgerHead, SiteLedgerError> {
        self.turn(|ledger| Ok(ledger.head())).await
    }

    /// The last link that this process knows, and each one after; for the coordinator to witness.
    pub fn heads(&self) -> watch::Receiver<LedgerHead> {
        self.heads.subscribe()
    }

    async fn open_anchored(state: &Path, credentials: &Path, anchoring: Anchoring) -> Result<Self, SiteLedgerError> {
        let file = LedgerFile::new(Handle::current(), state, credentials, anchoring);
        let opened = tokio::task::spawn_blocking(move || open(file)).await;
        let ledger = opened.map_err(|_| SiteLedgerError::Ending)??;
        let (heads, _) = watch::channel(ledger.head());
        Ok(Self { ledger: Arc::new(Mutex::new(ledger)), heads: Arc::new(heads) })
    }

    /// Waits for a turn, reads what is new, and acts.
    async fn turn<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Ledger<LedgerFile>) -> Result<T, SiteLedgerError> + Send + 'static,
    ) -> Result<T, SiteLedgerError> {
        self.blocking(move |ledger| take_turn(ledger, act)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger<LedgerFile>) -> Result<T, SiteLedgerError> + Send + 'static,
    ) -> Result<T, SiteLedgerError> {
        let this = self.clone();
        let work = move || {
            let mut ledger = this.lock();
            let result = work(&mut ledger);
            let head = ledger.head();
            this.heads.send_if_modified(|known| std::mem::replace(known, head) != head);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| SiteLedgerError::Ending)?
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Ledger<LedgerFile>> {
        // A panic in between leaves the book at its last link: links are taken in whole.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(mut file: LedgerFile) -> Result<Ledger<LedgerFile>, SiteLedgerError> {
    file.begin()?;
    let read = read_all(&mut file);
    file.end();
    let (links, anchor) = read?;
    Ok(Ledger::open(links, anchor, file)?)
}

fn read_all(file: &mut LedgerFile) -> Result<(Vec<Link>, Option<LedgerHead>), SiteLedgerError> {
    let links = file.links(0)?;
    let anchor = file.anchor()?;
    match (anchor, links.len()) {
        (Some(_), 0) => Err(file.no_ledger()),
        // The first link's anchor may be the one that a crash left out.
        (None, 2..) if file.needs_anchor() => Err(file.no_anchor(links.len() as u64)),
        _ => Ok((links, anchor)),
    }
}

fn take_turn<T>(
    ledger: &mut Ledger<LedgerFile>,
    act: impl FnOnce(&mut Ledger<LedgerFile>) -> Result<T, SiteLedgerError>,
) -> Result<T, SiteLedgerError> {
    ledger.log_mut().begin()?;
    let result = catch_up(ledger).and_then(|()| act(ledger));
    ledger.log_mut().end();
    result
}

/// Reads what other processes appended. What was known must still be there.
fn catch_up(ledger: &mut Ledger<LedgerFile>) -> Result<(), SiteLedgerError> {
    let known = ledger.head();
    let mut links = ledger.log_mut().links(known.seq)?;
    if known != LedgerHead::EMPTY {
        if links.first().is_none_or(|first| first.head() != known) {
            return Err(SiteLedgerError::Exchanged { path: ledger.log_mut().path().to_owned() });
        }
        links.remove(0);
    }
    ledger.catch_up(links)?;
    let end = ledger.head().seq;
    match ledger.log_mut().anchor()?.filter(|anchor| !ledger.contains(*anchor)) {
        Some(anchor) => Err(LedgerError::Cut { end, anchor }.into()),
        None => Ok(()),
    }
}
