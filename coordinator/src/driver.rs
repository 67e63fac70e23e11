//! Feeds the study machines and performs what they ask for, in order. The only `select!` of the coordinator.
//!
//! One task owns every machine, so nothing here is locked. An effect is done before the next is begun: what must be
//! durable is durable before anybody hears of it. A disk that fails stops the service, not the promise: the command
//! fails, and the study goes on from the last stored event when the service is started again.

use crate::attendance::Attendance;
use crate::receipts::{Answer, Receipts};
use crate::store::{Store, StoredStudy, SubmitError};
use crate::sums::{SumError, Sums};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use wardround_plan::{LedgerHead, SiteId, StudyId, Timestamp};
use wardround_round::coordinator::{Admission, Effect, Input, Rejection, Study, View, Witness};
use wardround_round::{FromSite, RoundId, StudyOutcome, ToSite, UpdateRef};
use wardround_secagg::roster::Roster;
use wardround_storage::DatabaseError;

/// Requests that may wait for the driver.
const INBOX_MAX: usize = 1024;

/// Tells one connection of a site from its next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttendanceId(pub u64);

/// What the services ask of the driver.
pub enum Request {
    /// A site opened its control stream; messages to it go here.
    Arrived(SiteId, AttendanceId, mpsc::Sender<ToSite>),
    /// That control stream ended.
    Left(SiteId, AttendanceId),
    /// A site said something.
    Said(SiteId, FromSite),
    /// A site wants to upload an update of so many bytes.
    Admit(SiteId, RoundId, UpdateRef, u64, oneshot::Sender<Result<Admission, Rejection>>),
    /// A site's upload of so many bytes is complete and verified; the answer is its receipt.
    Uploaded(SiteId, RoundId, UpdateRef, u64, Answer),
    /// A new study.
    Submit(Box<StoredStudy>, oneshot::Sender<Result<(), SubmitError>>),
    /// End a study; the answer is false if there is none of that name.
    Stop(StudyId, oneshot::Sender<bool>),
    /// Who is enrolled now.
    Roster(BTreeSet<SiteId>),
    /// Who signs with which key, from now on; for sessions to come.
    SigningRoster(Arc<Roster>),
}

/// The services' end of the driver.
#[derive(Clone)]
pub struct DriverHandle {
    requests: mpsc::Sender<Request>,
    views: watch::Receiver<BTreeMap<StudyId, View>>,
}

/// The driver has ended because its disk failed.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A running sum or a model.
    #[error(transparent)]
    Sum(#[from] SumError),
}

/// Owner of all study machines.
pub struct Driver {
    store: Store,
    sums: Sums,
    studies: BTreeMap<StudyId, Study>,
    attendance: Attendance,
    witness: Witness,
    roster: BTreeSet<SiteId>,
    signing_roster: Option<Arc<Roster>>,
    receipts: Receipts,
    requests: mpsc::Receiver<Request>,
    views: watch::Sender<BTreeMap<StudyId, View>>,
    clock: fn() -> Timestamp,
}

impl DriverHandle {
    /// Hands a request over; waits while the driver is behind. False if the driver has ended.
    pub async fn send(&self, request: Request) -> bool {
        self.requests.send(request).await.is_ok()
    }

    /// Hands a request over and waits for its answer; `None` if the driver has ended.
    pub async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).await.ok()?;
        answered.await.ok()
    }

    /// Every study as it is now, and a way to wait for changes.
    pub fn views(&self) -> watch::Receiver<BTreeMap<StudyId, View>> {
        self.views.clone()
    }
}

impl Driver {
    /// Restores every study from the store.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn restore(
        store: Store,
        sums: Sums,
        signing_roster: Option<Arc<Roster>>,
        clock: fn() -> Timestamp,
    ) -> Result<(Self, DriverHandle), DriverError> {
        let (requests_in, requests) = mpsc::channel(INBOX_MAX);
        let mut studies = BTreeMap::new();
        for stored in store.studies().await? {
            let name = stored.submission.plan.study.name.clone();
            let events = store.events(&name).await?.into_iter().map(|recorded| recorded.event);
            tracing::info!(study = %name, "restored");
            let study = Study::restore(clock(), stored.submission, signing_roster.clone(), events);
            studies.insert(name, study);
        }
        // Before the first question can be answered, or a lead would hear that there is no such study.
        let (views, views_out) = watch::channel(views_of(&studies));
        let witness = Witness::restore(store.witnessed().await?);
        let (attendance, roster, receipts) = (Attendance::default(), BTreeSet::new(), Receipts::default());
        let driver = Self {
            store,
            sums,
            studies,
            attendance,
            witness,
            roster,
            signing_roster,
            receipts,
            requests,
            views,
            clock,
        };
        Ok((driver, DriverHandle { requests: requests_in, views: views_out }))
    }

    /// Runs until every handle is gone or the disk fails.
    ///
    /// # Errors
    /// The disk failed; nothing that was promised is lost.
    pub async fn run(mut self) -> Result<(), DriverError> {
        self.settle_all().await?;
        loop {
            let alarm = sleep_until(self.studies.values().filter_map(Study::deadline).min(), (self.clock)());
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.take(request).await?,
                    None => return Ok(()),
                },
                () = alarm => self.settle_all().await?,
            }
            self.views.send_replace(views_of(&self.studies));
        }
    }

    async fn take(&mut self, request: Request) -> Result<(), DriverError> {
        match request {
            Request::Arrived(site, attendance, messages) => {
                self.attendance.arrive(site.clone(), attendance, messages);
                tracing::info!(site = %site, "connected");
                if let Some(head) = self.witness.head(&site) {
                    self.attendance.send(&site, ToSite::Witness(head));
                }
                self.feed_all(&Input::Arrived(site)).await?;
            }
            Request::Left(site, attendance) => {
                if self.attendance.leave(&site, attendance) {
                    tracing::info!(site = %site, "disconnected");
                    self.feed_all(&Input::Left(site)).await?;
                }
            }
            Request::Said(site, message) => self.said(site, message).await?,
            Request::Admit(site, id, update, bytes, answer) => {
                let study = self.studies.get(&id.study);
                let admission = study.map(|study| study.admit(&site, &id, &update, bytes));
                // Whoever asked may be gone by now; then nobody needs the answer.
                let _ = answer.send(admission.unwrap_or(Err(Rejection::NotOpen(id))));
            }
            Request::Uploaded(site, id, update, bytes, answer) => {
                self.uploaded(site, id, (update, bytes), answer).await?;
            }
            Request::Submit(study, answer) => self.submit(*study, answer).await?,
            Request::Stop(study, answer) => {
                let known = self.studies.contains_key(&study);
                self.feed(&study, Input::Stop).await?;
                let _ = answer.send(known);
            }
            Request::Roster(roster) => {
                let before = std::mem::replace(&mut self.roster, roster.clone());
                self.feed_all(&Input::Roster(roster.clone())).await?;
                // A site can dial in before the roster that names it has been read.
                for site in self.attendance.sites() {
                    if roster.contains(&site) && !before.contains(&site) {
                        self.feed_all(&Input::Arrived(site)).await?;
                    }
                }
            }
            Request::SigningRoster(roster) => {
                self.signing_roster = Some(roster.clone());
                self.feed_all(&Input::SigningRoster(roster)).await?;
            }
        }
        Ok(())
    }

    async fn said(&mut self, site: SiteId, message: FromSite) -> Result<(), DriverError> {
        if let FromSite::Ledger(head) = message {
            return self.hear(site, head).await;
        }
        let Some(study) = message.study().cloned() else { return Ok(()) };
        self.feed(&study, Input::Said(site, message)).await
    }

    /// Kept before anything else is heard, so that the site hears it whenever it comes back.
    async fn hear(&mut self, site: SiteId, head: LedgerHead) -> Result<(), DriverError> {
        if self.witness.hear(&site, head) {
            self.store.witness(&site, head).await?;
        }
        Ok(())
    }

    async fn uploaded(
        &mut self,
        site: SiteId,
        id: RoundId,
        (update, bytes): (UpdateRef, u64),
        answer: Answer,
    ) -> Result<(), DriverError> {
        let Some(study) = self.studies.get_mut(&id.study) else {
            let _ = answer.send(Err(Rejection::NotOpen(id)));
            return Ok(());
        };
        match study.handle((self.clock)(), Input::Uploaded(site.clone(), id.clone(), update, bytes)) {
            Ok(()) => {
                self.sums.hold_upload(&site, &id, update);
                self.receipts.wait(site, id.clone(), answer);
            }
            Err(rejection) => drop(answer.send(Err(rejection))),
        }
        self.settle(&id.study).await
    }

    async fn submit(
        &mut self,
        stored: StoredStudy,
        answer: oneshot::Sender<Result<(), SubmitError>>,
    ) -> Result<(), DriverError> {
        let result = self.store.submit(&stored).await;
        if result.is_ok() {
            let name = stored.submission.plan.study.name.clone();
            tracing::info!(study = %name, plan = %stored.submission.plan.digest(), "submitted");
            self.studies.insert(name.clone(), Study::new(stored.submission, self.signing_roster.clone()));
            self.feed(&name, Input::Roster(self.roster.clone())).await?;
            for site in self.attendance.sites() {
                self.feed(&name, Input::Arrived(site)).await?;
            }
        }
        let _ = answer.send(result);
        Ok(())
    }

    async fn feed_all(&mut self, input: &Input) -> Result<(), DriverError> {
        for study in self.names() {
            self.feed(&study, input.clone()).await?;
        }
        Ok(())
    }

    async fn feed(&mut self, name: &StudyId, input: Input) -> Result<(), DriverError> {
        let Some(study) = self.studies.get_mut(name) else { return Ok(()) };
        if let Err(rejection) = study.handle((self.clock)(), input) {
            tracing::warn!(study = %name, reason = %rejection, "not accepted");
        }
        self.settle(name).await
    }

    async fn settle_all(&mut self) -> Result<(), DriverError> {
        for name in self.names() {
            if let Some(study) = self.studies.get_mut(&name) {
                study.tick((self.clock)());
            }
            self.settle(&name).await?;
        }
        Ok(())
    }

    /// Performs effects until there are none.
    async fn settle(&mut self, name: &StudyId) -> Result<(), DriverError> {
        while let Some(effect) = self.studies.get_mut(name).and_then(Study::poll_effect) {
            if let Some(answer) = self.perform(name, effect).await? {
                let study = self.studies.get_mut(name).expect("the effect came from this study");
                // What the shell reports of its own work is never rejected: see `Study::handle`.
                let _ = study.handle((self.clock)(), answer);
            }
        }
        Ok(())
    }

    async fn perform(&mut self, name: &StudyId, effect: Effect) -> Result<Option<Input>, DriverError> {
        match effect {
            Effect::Persist(recorded) => {
                self.store.append(name, &recorded).await?;
                log(name, &recorded.event);
            }
            Effect::Send(site, message) => self.attendance.send(&site, message),
            Effect::Receipt(site, id, result) => {
                self.sums.forget_upload(&site, &id).await;
                self.receipts.give(site, id, &result);
            }
            Effect::Fold(fold) => {
                return match self.sums.fold(&fold).await {
                    Ok(sum) => Ok(Some(Input::Folded(sum))),
                    Err(SumError::Update(reason)) => Ok(Some(Input::FoldRefused(Rejection::Content(reason)))),
                    Err(error) => Err(error.into()),
                };
            }
            Effect::FoldMasked(fold) => {
                let receive = |header: &[u8]| match self.studies.get(name) {
                    Some(study) => study.receive(&fold.site, header),
                    None => Err("the study is gone".into()),
                };
                return match self.sums.fold_masked(&fold, receive).await {
                    Ok((sum, complete)) => Ok(Some(Input::MaskedFolded(sum, complete))),
                    Err(SumError::Update(reason)) => Ok(Some(Input::FoldRefused(Rejection::Content(reason)))),
                    Err(error) => Err(error.into()),
                };
            }
            Effect::Unmask { sum, .. } => {
                let unmasker = match self.studies.get(name) {
                    Some(study) => study.unmasker(),
                    None => return Ok(None),
                };
                let unmasked = match unmasker {
                    Ok(unmasker) => self.sums.unmask(sum, unmasker).await,
                    Err(reason) => Err(SumError::Update(reason)),
                };
                return match unmasked {
                    Ok(sum) => Ok(Some(Input::Unmasked(Ok(sum)))),
                    Err(SumError::Update(reason)) => Ok(Some(Input::Unmasked(Err(reason)))),
                    Err(error) => Err(error.into()),
                };
            }
            Effect::Read(sum) => return Ok(Some(Input::SumRead(self.sums.words(sum).await?))),
            Effect::Apply { model, sum, of } => {
                return Ok(Some(Input::Applied(self.sums.apply(model, sum, of).await?)));
            }
            Effect::Discard(blob) => self.sums.discard(blob).await,
        }
        Ok(None)
    }

    fn names(&self) -> Vec<StudyId> {
        self.studies.keys().cloned().collect()
    }
}

fn views_of(studies: &BTreeMap<StudyId, Study>) -> BTreeMap<StudyId, View> {
    studies.iter().map(|(name, study)| (name.clone(), study.view())).collect()
}

/// Sleeps until `deadline` by the wall clock; for ever if there is none.
async fn sleep_until(deadline: Option<Timestamp>, now: Timestamp) {
    match deadline {
        Some(deadline) => tokio::time::sleep(std::time::Duration::from_millis(deadline.since(now).as_ms())).await,
        None => std::future::pending().await,
    }
}

fn log(study: &StudyId, event: &wardround_round::coordinator::Event) {
    use wardround_round::coordinator::Event;
    match event {
        Event::RoundOpened { id, cohort, .. } => tracing::info!(%id, sites = cohort.len(), "round opened"),
        Event::UpdateCounted { site, .. } => tracing::info!(%study, %site, "update counted"),
        Event::MaskedCounted { site, .. } => tracing::info!(%study, %site, "masked update counted"),
        Event::UpdateRejected { site, rejection } => {
            tracing::warn!(%study, %site, reason = %rejection, "update refused")
        }
        Event::RoundRefused { site, refusal } => {
            tracing::warn!(%study, %site, reason = %refusal, "site left the round")
        }
        Event::ScoresSummed { round, sites, .. } => tracing::info!(%study, round = round.get(), sites, "scores summed"),
        Event::ScoresMissed { round, reason } => {
            tracing::warn!(%study, round = round.get(), %reason, "no sum of scores")
        }
        Event::RoundCommitted { model } => tracing::info!(%study, model = %model.digest.short(), "round committed"),
        Event::RoundAbandoned { reason } => tracing::warn!(%study, %reason, "round abandoned"),
        Event::StudyEnded { outcome: StudyOutcome::Failed(reason) } => tracing::error!(%study, %reason, "study failed"),
        Event::StudyEnded { outcome } => tracing::info!(%study, ?outcome, "study ended"),
        Event::RoundExtended { .. } | Event::ScoresReported { .. } | Event::Secagg { .. } => {}
    }
}
