//! The jobs of a site: decide, train, send, measure. Each runs beside the agent's loop and reports back.

mod contributing;
mod measuring;
mod releasing;
mod training;

pub use contributing::Inboxes;

use self::releasing::Leaving;
use crate::backoff::Backoff;
use crate::config::SiteConfig;
use crate::folder::Folder;
use crate::journal::Journal;
use crate::notice::{Direction, Notice};
use crate::payments::Payments;
use crate::policy::Policy;
use crate::seat::Seat;
use crate::session::Session;
use crate::transfer::{Moved, TransferError, download, upload};
use rand::SeedableRng;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use wardround_models::ComputeDevice;
use wardround_plan::{Plan, StreamKey, Timestamp, Weights};
use wardround_privacy::Released;
use wardround_proto::v1::transfer_client::TransferClient;
use wardround_proto::{Announced, MESSAGE_BYTES_MAX, UploadPurpose, UploadRequest};
use wardround_round::participant::{Evaluation, Input, UploadFailure};
use wardround_round::{
    FromSite, Invitation, ModelRef, Offer, Refusal, RefusalReason, ReportedScore, RoundId, UpdateRef,
};
use wardround_storage::{Owner, Spool};

/// Shortest time between two messages about the local steps.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// What comes back from a job.
pub enum Outcome {
    /// The policy and the data have been asked.
    Decided {
        /// What was offered.
        offer: Offer,
        /// The plan, or why not.
        decision: Result<Arc<Plan>, Refusal>,
    },
    /// For the machine as it is.
    Input(Input),
}

/// Where jobs report to.
pub struct Reports {
    /// The agent's loop.
    pub outcomes: mpsc::Sender<Outcome>,
    /// Whoever watches.
    pub notices: mpsc::Sender<Notice>,
}

/// What a site keeps, as its jobs use it.
pub struct Memory {
    /// Models and updates.
    pub spool: Spool,
    /// What happened.
    pub journal: Journal,
    /// The privacy ledger.
    pub payments: Payments,
    /// The site's own random streams.
    pub keys: StreamKey,
}

/// Where jobs are done.
#[derive(Clone)]
pub struct Desk {
    policy: Arc<Policy>,
    folder: Folder,
    device: ComputeDevice,
    spool: Spool,
    journal: Journal,
    keys: StreamKey,
    payments: Payments,
    seat: Seat,
    inboxes: Inboxes,
    clock: fn() -> Timestamp,
    session: watch::Receiver<Option<Session>>,
    outcomes: mpsc::Sender<Outcome>,
    notices: mpsc::Sender<Notice>,
    sender: Owner,
}

impl Desk {
    /// A desk with everything a job needs.
    pub fn new(
        config: &SiteConfig,
        policy: Arc<Policy>,
        memory: Memory,
        seat: Seat,
        session: watch::Receiver<Option<Session>>,
        reports: Reports,
        clock: fn() -> Timestamp,
    ) -> Result<Self, String> {
        let Reports { outcomes, notices } = reports;
        let Memory { spool, journal, payments, keys } = memory;
        let device = config.compute.device.parse().map_err(|error| format!("[compute] device: {error}"))?;
        let folder = Folder::new(config.data.folder.clone(), policy.grouping(), seat.name().clone());
        let sender = Owner::new("coordinator").map_err(|error| error.to_string())?;
        let inboxes = Inboxes::default();
        Ok(Self {
            policy,
            folder,
            device,
            spool,
            journal,
            keys,
            payments,
            seat,
            inboxes,
            clock,
            session,
            outcomes,
            notices,
            sender,
        })
    }

    /// Asks the policy, then the ledger, then the data: no scan is read for a plan that is not allowed or cannot be paid.
    pub fn decide(&self, offer: Offer) {
        let desk = self.clone();
        tokio::spawn(async move {
            let decision = desk.decision(&offer).await;
            // The loop ends only with the process.
            let _ = desk.outcomes.send(Outcome::Decided { offer, decision }).await;
        });
    }

    async fn decision(&self, offer: &Offer) -> Result<Arc<Plan>, Refusal> {
        let plan = Arc::new(self.policy.decide(offer)?);
        if plan.secagg.enabled {
            self.seat.site().map_err(|problem| Refusal::new(RefusalReason::PrivacyRequired, problem))?;
        }
        if plan.privacy.patients().is_none() {
            self.blocking(move |desk| desk.folder.patients(&plan).map(|_| plan)).await?
        } else {
            self.payments.reserve(&plan).await?;
            let of = plan.clone();
            match self.blocking(move |desk| desk.serves(&of)).await.and_then(|data| data) {
                Ok(()) => Ok(plan),
                Err(refusal) => {
                    // Nothing was spent; what was set aside goes back.
                    self.payments.settle(&plan).await;
                    Err(refusal)
                }
            }
        }
    }

    /// Whether the folder can serve a private plan.
    fn serves(&self, plan: &Plan) -> Result<(), Refusal> {
        let patients = self.folder.patients(plan)?.train.len() as f64;
        let delta = plan.privacy.patients().map_or(0.0, |terms| terms.delta);
        let text = "the plan's delta is too large for this site: it must be less than one in its number of patients";
        if delta * patients < 1.0 { Ok(()) } else { Err(Refusal::new(RefusalReason::PrivacyRequired, text)) }
    }

    /// The study is over: what was set aside for it and not spent can go back.
    pub fn settle(&self, plan: Arc<Plan>) {
        let desk = self.clone();
        tokio::spawn(async move { desk.payments.settle(&plan).await });
    }

    /// Runs on a thread that may wait.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(Self) -> T + Send + 'static) -> Result<T, Refusal> {
        let desk = self.clone();
        let done = tokio::task::spawn_blocking(move || work(desk)).await;
        done.map_err(|_| Refusal::new(RefusalReason::Internal, "a job broke off; the site's log says more"))
    }

    /// Fetches the model, trains, and stores the update.
    pub fn train(&self, plan: Arc<Plan>, invitation: Invitation, cancelled: Arc<AtomicBool>) {
        let desk = self.clone();
        tokio::spawn(async move {
            let id = invitation.id.clone();
            let input = match desk.update(plan, invitation, cancelled).await {
                Ok(update) => Input::Trained(id, Ok(update)),
                Err(Stopped::Cancelled) => Input::TrainingCancelled(id),
                Err(Stopped::Refused(refusal)) => {
                    tracing::error!(round = id.round.get(), reason = %refusal, "no update");
                    let _ = desk.notices.try_send(Notice::Trouble { reason: refusal.text().to_owned() });
                    Input::Trained(id, Err(refusal))
                }
            };
            desk.finish_async(input).await;
        });
    }

    /// Where messages of the secure aggregation go.
    pub fn inboxes(&self) -> &Inboxes {
        &self.inboxes
    }

    /// Releases a stored update and brings it into the sum: masked, unless the plan says that the coordinator sees it.
    pub fn upload(&self, plan: Arc<Plan>, id: RoundId, model: ModelRef, update: UpdateRef) {
        let desk = self.clone();
        // Here and not in the job: that the round is over may be heard before the job has begun.
        let inbox = self.inboxes.open(&id);
        tokio::spawn(async move {
            let result = match desk.release_update(&plan, update).await {
                Ok(Leaving::WithNoise(unnoised)) => desk.contribute_gradients(&plan, &id, model, unnoised, inbox).await,
                Ok(Leaving::AsItIs(released)) if plan.secagg.enabled => {
                    desk.contribute_update(&plan, &id, model, released, inbox).await
                }
                Ok(Leaving::AsItIs(released)) => desk.send(&id, released).await,
                Err(refusal) => Err(UploadFailure::Refused(refusal)),
            };
            desk.uploaded(id, result).await;
        });
    }

    /// Releases scores of a model into a masked sum.
    pub fn sum_scores(&self, plan: Arc<Plan>, id: RoundId, model: ModelRef, scores: Vec<ReportedScore>) {
        let desk = self.clone();
        let inbox = self.inboxes.open(&id);
        tokio::spawn(async move {
            let result = match desk.release_scores(&plan, scores).await {
                Ok(released) => desk.contribute_scores(&plan, &id, model, released, inbox).await,
                Err(refusal) => Err(UploadFailure::Refused(refusal)),
            };
            desk.uploaded(id, result).await;
        });
    }

    async fn uploaded(&self, id: RoundId, result: Result<(), UploadFailure>) {
        self.inboxes.close(&id);
        if let Some(reason) = result.as_ref().err().and_then(UploadFailure::reason) {
            tracing::warn!(study = %id.study, round = id.round.get(), summand = ?id.summand, %reason, "not taken");
        }
        self.finish_async(Input::Uploaded(id, result)).await;
    }

    /// Fetches a model and measures it on the validation patients.
    pub fn evaluate(&self, plan: Arc<Plan>, evaluation: Evaluation) {
        let desk = self.clone();
        tokio::spawn(async move {
            let scores = desk.scores(plan, &evaluation).await;
            if let Err(reason) = &scores {
                tracing::error!(round = evaluation.round.get(), %reason, "the model was not measured");
                let _ = desk.notices.try_send(Notice::Trouble { reason: reason.clone() });
            }
            desk.finish_async(Input::Evaluated(evaluation, scores.ok())).await;
        });
    }

    /// Reports without having worked.
    pub fn finish(&self, input: Input) {
        let desk = self.clone();
        tokio::spawn(async move { desk.finish_async(input).await });
    }

    /// Deletes a stored update that is of no more use.
    pub async fn discard(&self, update: UpdateRef) {
        if let Err(error) = self.spool.blobs().delete(&update.digest).await {
            tracing::warn!(%error, "an update of no more use was not deleted");
        }
    }

    async fn finish_async(&self, input: Input) {
        // The loop ends only with the process.
        let _ = self.outcomes.send(Outcome::Input(input)).await;
    }

    /// Fetches a model, over as many connections as it takes.
    async fn model(&self, plan: &Plan, model: ModelRef, cancelled: &AtomicBool) -> Result<Weights, Stopped> {
        let object = Announced { digest: model.digest, size_bytes: model.bytes };
        let mut pause = Pause::new();
        loop {
            let session = self.session().await.ok_or(Stopped::Cancelled)?;
            let moved = |moved: Moved| self.moved(Direction::Down, moved);
            match download(&mut client(&session), &self.spool, &self.sender, object, moved).await {
                Ok(()) => break,
                Err(_) if cancelled.load(Ordering::Relaxed) => return Err(Stopped::Cancelled),
                Err(error) if error.is_resumable() => pause.after(&error).await,
                Err(error) => return Err(internal(&error.to_string())),
            }
        }
        let bytes = self.spool.blobs().get_bytes(&model.digest).await.map_err(|error| internal(&error.to_string()))?;
        let layout = Arc::new(wardround_models::layout(&plan.model));
        Weights::from_le_bytes(layout, &bytes).map_err(|error| internal(&format!("the coordinator's model: {error}")))
    }

    /// Only what was released can be sent: the argument's type says so.
    async fn send(&self, id: &RoundId, update: Released<UpdateRef>) -> Result<(), UploadFailure> {
        let digest = update.into_value().digest;
        let size_bytes = self.spool.blobs().len(&digest).await;
        let size_bytes = size_bytes.map_err(|error| UploadFailure::Rejected(error.to_string()))?;
        self.send_file(id, Announced { digest, size_bytes }).await
    }

    async fn send_file(&self, id: &RoundId, object: Announced) -> Result<(), UploadFailure> {
        let purpose = UploadPurpose::Summand(id.clone());
        let request = UploadRequest { purpose, object };
        let rejected = |error: &dyn std::fmt::Display| UploadFailure::Rejected(error.to_string());
        let mut pause = Pause::new();
        loop {
            // Without a connection the machine waits for the next invitation, which tells whether the update is still wanted.
            let Some(session) = self.session.borrow().clone() else { return Err(UploadFailure::Broken) };
            let moved = |moved: Moved| self.moved(Direction::Up, moved);
            match upload(&mut client(&session), self.spool.blobs(), &request, moved).await {
                Ok(()) => return Ok(()),
                Err(TransferError::Broken(_)) => return Err(UploadFailure::Broken),
                Err(error) if error.is_resumable() => pause.after(&error).await,
                Err(error) => return Err(rejected(&error)),
            }
        }
    }

    /// The open session; waits for one. `None` when the process ends.
    async fn session(&self) -> Option<Session> {
        let mut session = self.session.clone();
        let open = session.wait_for(Option::is_some).await.ok()?;
        open.clone()
    }

    fn say(&self, message: FromSite) {
        if let Some(session) = self.session.borrow().as_ref() {
            session.say(message);
        }
    }

    fn moved(&self, direction: Direction, moved: Moved) {
        let _ = self.notices.try_send(Notice::Transfer { direction, done: moved.done_bytes, of: moved.total_bytes });
    }
}

/// Why there is no update.
enum Stopped {
    Cancelled,
    Refused(Refusal),
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cancelled => f.write_str("stopped"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

/// Waits between attempts at a transfer.
struct Pause {
    backoff: Backoff,
    rng: rand::rngs::StdRng,
}

impl Pause {
    fn new() -> Self {
        Self { backoff: Backoff::default(), rng: rand::rngs::StdRng::from_rng(&mut rand::rng()) }
    }

    async fn after(&mut self, error: &TransferError) {
        let wait = self.backoff.failed(&mut self.rng);
        tracing::info!(%error, wait_ms = wait.as_millis() as u64, "a transfer goes on later");
        tokio::time::sleep(wait).await;
    }
}

fn client(session: &Session) -> TransferClient<tonic::transport::Channel> {
    TransferClient::new(session.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

fn internal(text: &str) -> Stopped {
    Stopped::Refused(Refusal::new(RefusalReason::Internal, text))
}

fn failed(text: &str) -> Stopped {
    Stopped::Refused(Refusal::new(RefusalReason::TrainingFailed, text))
}
