//! The jobs of a site: decide, train, send, measure. Each runs beside the agent's loop and reports back.

use crate::backoff::Backoff;
use crate::config::SiteConfig;
use crate::folder::Folder;
use crate::notice::{Direction, Notice};
use crate::policy::Policy;
use crate::session::Session;
use crate::transfer::{Moved, TransferError, download, upload};
use rand::SeedableRng;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use wardround_metrics::dice::Summary;
use wardround_models::{ComputeDevice, Evaluator, Trainer, TrainingError};
use wardround_plan::{MetricName, Plan, StreamKey, Weights};
use wardround_privacy::Released;
use wardround_proto::v1::transfer_client::TransferClient;
use wardround_proto::{Announced, MESSAGE_BYTES_MAX, UploadPurpose, UploadRequest};
use wardround_round::participant::{Evaluation, Input, Measured, UploadFailure};
use wardround_round::{
    FromSite, Invitation, ModelRef, Offer, Refusal, RefusalReason, ReportedScore, RoundId, Score, UpdateRef,
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

/// Where jobs are done.
#[derive(Clone)]
pub struct Desk {
    policy: Arc<Policy>,
    folder: Folder,
    device: ComputeDevice,
    spool: Spool,
    keys: StreamKey,
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
        spool: Spool,
        keys: StreamKey,
        session: watch::Receiver<Option<Session>>,
        outcomes: mpsc::Sender<Outcome>,
        notices: mpsc::Sender<Notice>,
    ) -> Result<Self, String> {
        let device = config.compute.device.parse().map_err(|error| format!("[compute] device: {error}"))?;
        let folder = Folder::new(config.data.folder.clone(), policy.grouping());
        let sender = Owner::new("coordinator").map_err(|error| error.to_string())?;
        Ok(Self { policy, folder, device, spool, keys, session, outcomes, notices, sender })
    }

    /// Asks the policy, then the data: no scan is read for a plan that is not allowed.
    pub fn decide(&self, offer: Offer) {
        let desk = self.clone();
        tokio::task::spawn_blocking(move || {
            let decision = desk.policy.decide(&offer).and_then(|plan| {
                desk.folder.patients(&plan)?;
                Ok(Arc::new(plan))
            });
            let _ = desk.outcomes.blocking_send(Outcome::Decided { offer, decision });
        });
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

    /// Releases a stored update and sends it.
    pub fn upload(&self, plan: Arc<Plan>, id: RoundId, update: UpdateRef) {
        let desk = self.clone();
        tokio::spawn(async move {
            let result = match desk.policy.release(&plan, update) {
                Ok(released) => desk.send(&id, released).await,
                Err(refused) => Err(UploadFailure::Rejected(refused.to_string())),
            };
            if let Err(UploadFailure::Rejected(reason)) = &result {
                tracing::warn!(round = id.round.get(), %reason, "the update was not taken");
            }
            desk.finish_async(Input::Uploaded(id, result)).await;
        });
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

    async fn update(
        &self,
        plan: Arc<Plan>,
        invitation: Invitation,
        cancelled: Arc<AtomicBool>,
    ) -> Result<UpdateRef, Stopped> {
        let start = self.model(&plan, invitation.model, &cancelled).await?;
        let desk = self.clone();
        let training = tokio::task::spawn_blocking(move || desk.steps(&plan, &invitation.id, &start, &cancelled));
        let update = training.await.map_err(|_| internal("training broke off; the site's log says more"))??;
        let stored = self.spool.blobs().put_bytes(update.to_le_bytes().into()).await;
        stored.map(|digest| UpdateRef { digest }).map_err(|error| internal(&error.to_string()))
    }

    /// The local steps of one round; what comes back is what they changed.
    fn steps(&self, plan: &Plan, id: &RoundId, start: &Weights, cancelled: &AtomicBool) -> Result<Weights, Stopped> {
        let images = self.folder.training_set(plan)?;
        let trainer = Trainer::new(plan, self.device).map_err(|error| internal(&error.to_string()))?;
        let mut said = Instant::now();
        let mut observer = |step: wardround_models::StepProgress| {
            let (study, round) = (id.study.clone(), id.round);
            let notice = Notice::Step { study, round, done: step.done, of: step.of, loss: step.loss };
            let _ = self.notices.try_send(notice);
            if said.elapsed() >= PROGRESS_EVERY || step.done == step.of {
                said = Instant::now();
                self.say(FromSite::Progress { id: id.clone(), steps_done: step.done, steps_total: step.of });
            }
            if cancelled.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let keys = self.keys.derive(id.study.as_str());
        match trainer.train(start, &images, id.round, &keys, &mut observer) {
            Ok(trained) => trained.minus(start).map_err(|error| failed(&error.to_string())),
            Err(TrainingError::Stopped { .. }) => Err(Stopped::Cancelled),
            Err(error) => Err(failed(&error.to_string())),
        }
    }

    async fn scores(&self, plan: Arc<Plan>, evaluation: &Evaluation) -> Result<Measured, String> {
        let never = AtomicBool::new(false);
        let weights = self.model(&plan, evaluation.model, &never).await.map_err(|stopped| stopped.to_string())?;
        let desk = self.clone();
        let measuring = tokio::task::spawn_blocking(move || {
            let patients = desk.folder.patients(&plan).map_err(|refusal| refusal.text().to_owned())?;
            let evaluator = Evaluator::new(&plan, &weights, desk.device).map_err(|error| error.to_string())?;
            let scores = evaluator.evaluate(&patients.validation).map_err(|error| error.to_string())?;
            let summary = Summary::of(&scores);
            let score = |mean| Score { metric: MetricName::DiceForeground, mean, patients: summary.n as u32 };
            let scores: Vec<Score> = summary.mean.map(score).into_iter().collect();
            Ok(Measured { reported: scores.iter().cloned().map(ReportedScore::Exact).collect(), scores })
        });
        measuring.await.map_err(|error| error.to_string())?
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
        let rejected = |error: &dyn std::fmt::Display| UploadFailure::Rejected(error.to_string());
        let size_bytes = self.spool.blobs().len(&digest).await.map_err(|error| rejected(&error))?;
        let purpose = UploadPurpose::Update(id.clone());
        let request = UploadRequest { purpose, object: Announced { digest, size_bytes } };
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
