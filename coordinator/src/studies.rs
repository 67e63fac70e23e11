//! What a study lead calls: submit, status, watch, stop.

use crate::driver::{DriverHandle, Request};
use crate::history;
use crate::rights::{Gate, Right};
use crate::store::{Store, StoredStudy, SubmitError};
use std::pin::Pin;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Response, Status};
use wardround_plan::{Layout, Plan, PrivacyMode, PrivacySection, StudyId, Timestamp};
use wardround_proto::{CallRefusal, digest, study, v1};
use wardround_round::coordinator::{Phase, SitePhase, Submission, View};
use wardround_round::{ModelRef, Summand};
use wardround_storage::{Blobs, StorageError};

/// Largest layout in JSON.
const LAYOUT_BYTES_MAX: usize = 1 << 20;

/// The service behind `wardround.v1.Studies`.
pub struct Studies {
    driver: DriverHandle,
    store: Store,
    models: Blobs,
    gate: Gate,
    clock: fn() -> Timestamp,
}

impl Studies {
    /// A service over the driver and what it stored.
    pub fn new(driver: DriverHandle, store: Store, models: Blobs, gate: Gate, clock: fn() -> Timestamp) -> Self {
        Self { driver, store, models, gate, clock }
    }

    async fn checked(&self, request: v1::SubmitRequest) -> Result<StoredStudy, Status> {
        let plan = Plan::from_canonical(&request.plan).map_err(|error| Status::invalid_argument(error.to_string()))?;
        plan.strategy.config.deployable().map_err(Status::invalid_argument)?;
        if request.layout.len() > LAYOUT_BYTES_MAX {
            return Err(CallRefusal::TooLarge.into());
        }
        let layout: Layout = serde_json::from_slice(&request.layout)
            .map_err(|error| Status::invalid_argument(format!("the layout cannot be read: {error}")))?;
        let digest = digest("initial_model_digest", &request.initial_model_digest)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let bytes = match self.models.len(&digest).await {
            Ok(bytes) => bytes,
            Err(StorageError::Missing { .. }) => return Err(CallRefusal::NotFound.into()),
            Err(error) => return Err(internal(error)),
        };
        if bytes != layout.len() as u64 * 4 {
            return Err(CallRefusal::WrongSize.into());
        }
        let submission = Submission { plan, layout: layout.digest(), model: ModelRef { digest, bytes } };
        Ok(StoredStudy { submission, layout, submitted_at: (self.clock)() })
    }

    async fn status_of(&self, name: &StudyId, view: &View) -> Result<v1::StudyStatus, Status> {
        let events = self.store.events(name).await.map_err(internal)?;
        let studies = self.store.studies().await.map_err(internal)?;
        let stored = studies.into_iter().find(|stored| stored.submission.plan.study.name == *name);
        let stored = stored.ok_or(CallRefusal::NotFound)?;
        let mut status = status(name, view, &stored.submission.plan);
        status.history = history::rounds(&events);
        Ok(status)
    }
}

type StatusStream = Pin<Box<dyn Stream<Item = Result<v1::StudyStatus, Status>> + Send>>;

#[tonic::async_trait]
impl v1::studies_server::Studies for Studies {
    type WatchStream = StatusStream;

    async fn submit(&self, request: tonic::Request<v1::SubmitRequest>) -> Result<Response<v1::SubmitResponse>, Status> {
        self.gate.admit(request.extensions(), Right::LeadStudies)?;
        let stored = Box::new(self.checked(request.into_inner()).await?);
        let plan = &stored.submission.plan;
        let answer = v1::SubmitResponse {
            study: plan.study.name.to_string(),
            plan_digest: plan.digest().0.as_bytes().to_vec().into(),
        };
        match self.driver.ask(|answer| Request::Submit(stored, answer)).await {
            Some(Ok(())) => Ok(Response::new(answer)),
            Some(Err(SubmitError::Taken(name))) => Err(Status::already_exists(SubmitError::Taken(name).to_string())),
            Some(Err(error)) => Err(internal(error)),
            None => Err(CallRefusal::Internal.into()),
        }
    }

    async fn status(&self, request: tonic::Request<v1::StatusRequest>) -> Result<Response<v1::StatusResponse>, Status> {
        self.gate.admit(request.extensions(), Right::LeadStudies)?;
        let wanted = request.into_inner().study.map(|name| study("study", &name)).transpose();
        let wanted = wanted.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let views = self.driver.views().borrow().clone();
        let mut studies = Vec::new();
        for (name, view) in views.iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == *name)) {
            studies.push(self.status_of(name, view).await?);
        }
        if studies.is_empty() && wanted.is_some() {
            return Err(CallRefusal::NotFound.into());
        }
        Ok(Response::new(v1::StatusResponse { studies }))
    }

    async fn watch(&self, request: tonic::Request<v1::WatchRequest>) -> Result<Response<StatusStream>, Status> {
        self.gate.admit(request.extensions(), Right::LeadStudies)?;
        let name =
            study("study", &request.into_inner().study).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let stored = self.store.studies().await.map_err(internal)?;
        let stored = stored.into_iter().find(|stored| stored.submission.plan.study.name == name);
        let plan = stored.ok_or(CallRefusal::NotFound)?.submission.plan;
        let views = WatchStream::new(self.driver.views());
        let stream = views.filter_map(move |views| views.get(&name).map(|view| Ok(status(&name, view, &plan))));
        Ok(Response::new(Box::pin(stream)))
    }

    async fn stop(&self, request: tonic::Request<v1::StopRequest>) -> Result<Response<v1::StudyStatus>, Status> {
        self.gate.admit(request.extensions(), Right::LeadStudies)?;
        let name =
            study("study", &request.into_inner().study).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let mut views = self.driver.views();
        match self.driver.ask(|answer| Request::Stop(name.clone(), answer)).await {
            Some(true) => {}
            Some(false) => return Err(CallRefusal::NotFound.into()),
            None => return Err(CallRefusal::Internal.into()),
        }
        let ended = views.wait_for(|views| views.get(&name).is_some_and(|view| view.outcome.is_some())).await;
        let view = ended.map_err(internal)?.get(&name).cloned().ok_or(CallRefusal::NotFound)?;
        Ok(Response::new(self.status_of(&name, &view).await?))
    }
}

fn status(name: &StudyId, view: &View, plan: &Plan) -> v1::StudyStatus {
    use wardround_round::StudyOutcome;
    let (state, text) = match &view.outcome {
        None if view.phase == Phase::Gathering => (v1::StudyState::Gathering, String::new()),
        None => (v1::StudyState::Running, String::new()),
        Some(StudyOutcome::Finished) => (v1::StudyState::Finished, String::new()),
        Some(StudyOutcome::Stopped) => (v1::StudyState::Stopped, String::new()),
        Some(StudyOutcome::Failed(reason)) => (v1::StudyState::Failed, reason.clone()),
    };
    let phase = match view.phase {
        Phase::Gathering => v1::RoundPhase::WaitingForSites,
        Phase::Collecting if view.id.summand == Summand::Scores => v1::RoundPhase::Scoring,
        Phase::Collecting => v1::RoundPhase::Collecting,
        Phase::Applying => v1::RoundPhase::Aggregating,
        Phase::Ended => v1::RoundPhase::Unspecified,
    };
    v1::StudyStatus {
        study: name.to_string(),
        plan_digest: plan.digest().0.as_bytes().to_vec().into(),
        state: state.into(),
        round: view.id.round.get().min(plan.study.rounds),
        rounds: plan.study.rounds,
        attempt: view.id.attempt.get(),
        phase: phase.into(),
        sites: view.sites.iter().map(site_status).collect(),
        model_digest: view.model.digest.as_bytes().to_vec().into(),
        model_bytes: view.model.bytes,
        history: Vec::new(),
        text,
        promise: promise(&plan.privacy),
    }
}

fn promise(privacy: &PrivacySection) -> Option<v1::Promise> {
    let unit = match privacy.mode {
        PrivacyMode::Site | PrivacyMode::Distributed => "patient",
        PrivacyMode::Client => "site",
        PrivacyMode::None => return None,
    };
    Some(v1::Promise { unit: unit.into(), epsilon: privacy.epsilon?, delta: privacy.delta? })
}

fn site_status(seen: &wardround_round::coordinator::SiteView) -> v1::SiteStatus {
    let state = match seen.phase {
        SitePhase::Absent => v1::SiteState::Away,
        SitePhase::Waiting => v1::SiteState::Ready,
        SitePhase::Refused => v1::SiteState::Refused,
        SitePhase::Training => v1::SiteState::Training,
        SitePhase::Counted => v1::SiteState::Included,
    };
    let (steps_done, steps_total) = seen.steps.unwrap_or_default();
    v1::SiteStatus {
        site: seen.site.to_string(),
        state: state.into(),
        steps_done,
        steps_total,
        reason: seen.reason.clone().unwrap_or_default(),
    }
}

fn internal(error: impl std::fmt::Display) -> Status {
    tracing::error!(%error, "a call failed");
    CallRefusal::Internal.into()
}
