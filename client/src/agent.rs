//! Feeds the site machine and performs what it asks for, in order. The only `select!` of the client.
//!
//! Jobs that take long (training, transfers, evaluation) run beside the loop and report back as inputs; the machine has
//! at most one of them under way.

use crate::config::SiteConfig;
use crate::dial::{Address, DialError};
use crate::journal::Journal;
use crate::ledger::{SiteLedger, SiteLedgerError};
use crate::notice::Notice;
use crate::payments::Payments;
use crate::policy::Policy;
use crate::report;
use crate::seat::Seat;
use crate::session::{self, Dialing, Session, SessionEvent};
use crate::work::{Desk, Memory, Outcome, Reports};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, watch};
use wardround_identity::{Credentials, IdentityError, Role};
use wardround_plan::{LedgerHead, Plan, PrivacyMode, RoundNumber, SiteId, StudyId, Timestamp};
use wardround_round::participant::{Effect, Event, Input, Site, Terms, UploadFailure};
use wardround_round::{FromSite, Refusal, RefusalReason, RoundId, StudyOutcome};
use wardround_storage::{Blobs, DatabaseError, LockError, Spool, SpoolLimits, StateLock, StorageError};

/// Finished jobs and session events that may wait for the loop.
const QUEUE_MAX: usize = 64;
/// Largest model a site fetches: 2^31 weights.
const MODEL_BYTES_MAX: u64 = 8 << 30;

/// The site could not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Key or certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The certificate is not a site's.
    #[error("the certificate in the credentials folder is that of {0}, not of a site")]
    NotASite(String),
    /// The coordinator's address.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// Somebody else uses the state folder.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Models and updates.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The privacy ledger.
    #[error(transparent)]
    Ledger(#[from] SiteLedgerError),
    /// The device, or the state folder itself.
    #[error("{0}")]
    Setup(String),
}

/// A hospital's node, ready to run.
pub struct Agent {
    site: Site,
    name: SiteId,
    journal: Journal,
    state: std::path::PathBuf,
    policy: Arc<Policy>,
    desk: Desk,
    ledger: SiteLedger,
    heads: watch::Receiver<LedgerHead>,
    plans: BTreeMap<StudyId, Arc<Plan>>,
    /// Studies that are over but for the last measurement.
    ended: BTreeSet<StudyId>,
    /// The last round that was measured of each study since the start.
    measured: BTreeMap<StudyId, RoundNumber>,
    session: watch::Receiver<Option<Session>>,
    session_events: mpsc::Receiver<SessionEvent>,
    outcomes: mpsc::Receiver<Outcome>,
    cancel: Option<(RoundId, Arc<AtomicBool>)>,
    notices: mpsc::Sender<Notice>,
    clock: fn() -> Timestamp,
    _lock: StateLock,
}

impl Agent {
    /// Restores the site from its state folder and begins to dial. Notices go to `notices`; a full queue loses them.
    ///
    /// # Errors
    /// Whatever keeps the site from running, in words.
    pub async fn start(
        config: SiteConfig,
        notices: mpsc::Sender<Notice>,
        clock: fn() -> Timestamp,
    ) -> Result<Self, AgentError> {
        let credentials = Credentials::load(&config.credentials, clock())?;
        let name = match &credentials.peer().role {
            Role::Site(name) => name.clone(),
            other => return Err(AgentError::NotASite(other.to_string())),
        };
        let address: Address = config.coordinator.parse()?;
        let setup = |error: std::io::Error| AgentError::Setup(format!("{}: {error}", config.state.display()));
        std::fs::create_dir_all(&config.state).map_err(setup)?;
        let lock = StateLock::acquire(&config.state, "site")?;
        let journal = Journal::open(&config.state).await?;
        let ledger = SiteLedger::open(&config.state, &config.credentials).await?;
        let mut heads = ledger.heads();
        heads.mark_changed();
        let blobs = Blobs::open(&config.state)?;
        let limits = SpoolLimits {
            upload_bytes_max: MODEL_BYTES_MAX,
            parts_per_owner_max: 4,
            total_bytes_max: 4 * MODEL_BYTES_MAX,
        };
        let spool = Spool::open(&blobs, limits)?;
        let events = journal.events().await?.into_iter().map(|(_, event)| event);
        let site = Site::restore(events);
        let (current, session) = watch::channel(None);
        let (session_in, session_events) = mpsc::channel(QUEUE_MAX);
        let (outcomes_in, outcomes) = mpsc::channel(QUEUE_MAX);
        let policy = Arc::new(Policy::new(config.policy.clone()));
        let keys = journal.stream_key().await?;
        let payments = Payments::new(ledger.clone(), config.data.name.clone(), clock);
        let reports = Reports { outcomes: outcomes_in, notices: notices.clone() };
        let seat = Seat::new(&config, name.clone());
        let memory = Memory { spool, journal: journal.clone(), payments, keys };
        let desk = Desk::new(&config, policy.clone(), memory, seat, session.clone(), reports, clock)
            .map_err(AgentError::Setup)?;
        let folder = config.credentials.clone();
        let load = Box::new(move || Credentials::load(&folder, clock()));
        tokio::spawn(session::keep(Dialing { address, credentials: load }, current, session_in));
        Ok(Self {
            site,
            name,
            journal,
            state: config.state,
            policy,
            desk,
            ledger,
            heads,
            plans: BTreeMap::new(),
            ended: BTreeSet::new(),
            measured: BTreeMap::new(),
            session,
            session_events,
            outcomes,
            cancel: None,
            notices,
            clock,
            _lock: lock,
        })
    }

    /// This site's name, as its certificate says it.
    pub fn name(&self) -> &SiteId {
        &self.name
    }

    /// Runs until its disk fails; drop the future to stop.
    ///
    /// # Errors
    /// The disk failed; what was stored before is whole.
    pub async fn run(mut self) -> Result<(), AgentError> {
        loop {
            let input = tokio::select! {
                Some(event) = self.session_events.recv() => self.session_input(event),
                Some(outcome) = self.outcomes.recv() => self.outcome_input(outcome),
                Ok(()) = self.heads.changed() => Input::Ledger(*self.heads.borrow_and_update()),
            };
            self.site.handle((self.clock)(), input);
            while let Some(effect) = self.site.poll_effect() {
                self.perform(effect).await?;
            }
        }
    }

    fn session_input(&mut self, event: SessionEvent) -> Input {
        match event {
            SessionEvent::Up => {
                tracing::info!("connected");
                self.tell(Notice::Connected);
                Input::Connected
            }
            SessionEvent::Said(message) => Input::Said(message),
            SessionEvent::Down { reason, retry_in } => {
                tracing::warn!(%reason, retry_in_ms = retry_in.as_millis() as u64, "not connected");
                self.tell(Notice::Disconnected { reason, retry_in_ms: retry_in.as_millis() as u64 });
                Input::Disconnected
            }
        }
    }

    fn outcome_input(&mut self, outcome: Outcome) -> Input {
        match outcome {
            Outcome::Decided { offer, decision } => {
                let refusal = decision.as_ref().err().map(|refusal| refusal.text().to_owned());
                self.tell(Notice::Decided { study: offer.study.clone(), refusal });
                let terms = decision.map(|plan| {
                    let terms = terms(&plan);
                    if let Err(error) = report::keep_plan(&self.state, &plan) {
                        tracing::warn!(%error, "the plan was not kept; no report can be made of the study");
                    }
                    self.plans.insert(offer.study.clone(), plan);
                    terms
                });
                Input::Decided(offer.study, offer.plan_digest, terms)
            }
            Outcome::Input(input) => {
                if let Input::Uploaded(id, Ok(())) = &input {
                    self.tell(Notice::Sent { study: id.study.clone(), round: id.round, summand: id.summand });
                }
                input
            }
        }
    }

    async fn perform(&mut self, effect: Effect) -> Result<(), AgentError> {
        match effect {
            Effect::Persist(at, event) => {
                self.journal.append(at, &event).await?;
                self.report(&event);
                self.settle_after(&event);
            }
            Effect::Say(message) => self.say(message),
            Effect::CheckLedger(head) => self.check_ledger(head).await,
            Effect::Decide(offer) => self.desk.decide(offer),
            Effect::Train(invitation) => {
                let id = invitation.id.clone();
                let allowed = self.policy.decide_round(&invitation, &self.name);
                let cancelled = Arc::new(AtomicBool::new(false));
                self.cancel = Some((id.clone(), cancelled.clone()));
                match allowed.and_then(|()| self.plan(&id.study)) {
                    Ok(plan) => self.desk.train(plan, invitation, cancelled),
                    Err(refusal) => self.desk.finish(Input::Trained(id, Err(refusal))),
                }
            }
            Effect::CancelTraining(id) => {
                if let Some((_, cancelled)) = self.cancel.as_ref().filter(|(running, _)| *running == id) {
                    cancelled.store(true, Ordering::Relaxed);
                }
            }
            Effect::Secagg(id, message) => self.desk.inboxes().deliver(&id, message),
            Effect::EndSecagg(id) => self.desk.inboxes().close(&id),
            Effect::Upload(id, model, update) => match self.plan(&id.study) {
                Ok(plan) => self.desk.upload(plan, id, model, update),
                Err(refusal) => self.desk.finish(not_sent(id, &refusal)),
            },
            Effect::SumScores(id, model, scores) => match self.plan(&id.study) {
                Ok(plan) => self.desk.sum_scores(plan, id, model, scores),
                Err(refusal) => self.desk.finish(not_sent(id, &refusal)),
            },
            Effect::Evaluate(evaluation) => match self.plan(&evaluation.study) {
                Ok(plan) => self.desk.evaluate(plan, evaluation),
                Err(_) => self.desk.finish(Input::Evaluated(evaluation, None)),
            },
            Effect::Report(evaluation, scores) => {
                let Ok(plan) = self.plan(&evaluation.study) else { return Ok(()) };
                // A plan that hides each site's update does not show it each site's patients.
                if scores.is_empty() || plan.secagg.enabled {
                    return Ok(());
                }
                match self.desk.release_scores(&plan, scores).await {
                    Ok(released) => self.say(FromSite::Scores {
                        study: evaluation.study,
                        round: evaluation.round,
                        scores: released.into_value(),
                    }),
                    Err(refused) => tracing::info!(reason = %refused, "scores stay here"),
                }
            }
            Effect::Discard(update) => self.desk.discard(update).await,
        }
        Ok(())
    }

    /// A study that is over is settled once nothing of it is left to be measured.
    fn settle_after(&mut self, event: &Event) {
        let over = match event {
            Event::Ended { study, outcome: StudyOutcome::Finished, .. } if self.measured_last(study) => study,
            Event::Ended { study, outcome: StudyOutcome::Finished, .. } => {
                self.ended.insert(study.clone());
                return;
            }
            Event::Ended { study, .. } => study,
            Event::Evaluated { study, round, .. } => {
                self.measured.insert(study.clone(), *round);
                if !self.ended.contains(study) {
                    return;
                }
                study
            }
            Event::Decided { .. } | Event::Trained { .. } | Event::Masking { .. } | Event::Sent { .. } => return,
        };
        if let Ok(plan) = self.plan(over) {
            self.desk.settle(plan);
        }
    }

    fn measured_last(&self, study: &StudyId) -> bool {
        let rounds = self.plans.get(study).map(|plan| plan.study.rounds);
        self.measured.get(study).map(|round| round.get()) == rounds
    }

    /// A ledger that was rolled back refuses every reservation and debit from here on; the person who watches hears why.
    async fn check_ledger(&self, head: LedgerHead) {
        if let Err(error) = self.ledger.witnessed(head).await {
            tracing::error!(reason = %error, "the coordinator has seen another ledger of this site");
            self.tell(Notice::Trouble { reason: error.to_string() });
        }
    }

    /// Lost where there is no connection; the machine says it again when it matters.
    fn say(&self, message: FromSite) {
        if let Some(session) = self.session.borrow().as_ref() {
            session.say(message);
        }
    }

    fn plan(&self, study: &StudyId) -> Result<Arc<Plan>, Refusal> {
        let unknown = || Refusal::new(RefusalReason::PlanNotAllowed, "this site has not accepted the study");
        self.plans.get(study).cloned().ok_or_else(unknown)
    }

    fn report(&self, event: &Event) {
        match event {
            Event::Evaluated { study, round, scores, .. } => {
                for score in scores {
                    self.tell(Notice::Scored {
                        study: study.clone(),
                        round: *round,
                        metric: score.metric,
                        score: score.mean,
                        patients: score.patients,
                    });
                }
            }
            Event::Ended { study, outcome, .. } => {
                self.tell(Notice::Ended { study: study.clone(), outcome: outcome.clone() });
            }
            Event::Decided { .. } | Event::Trained { .. } | Event::Masking { .. } | Event::Sent { .. } => {}
        }
    }

    fn tell(&self, notice: Notice) {
        // Whoever watches may be slow or gone; the site goes on.
        let _ = self.notices.try_send(notice);
    }
}

fn not_sent(id: RoundId, refusal: &Refusal) -> Input {
    Input::Uploaded(id, Err(UploadFailure::Rejected(refusal.text().to_owned())))
}

fn terms(plan: &Plan) -> Terms {
    let evaluate_every = std::num::NonZeroU32::new(plan.evaluation.every).unwrap_or(std::num::NonZeroU32::MIN);
    Terms {
        evaluate_every,
        rounds: plan.study.rounds,
        hides_scores: plan.secagg.enabled,
        one_sum: plan.privacy.mode == PrivacyMode::Distributed,
    }
}
