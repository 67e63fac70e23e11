//! What a site does in a round, as the engine sees it: a model in, a trained model out.

use crate::{Attempt, SiteNumber};
use wardround_plan::{Digest, Plan, Purpose, RoundNumber, Stream, StreamKey, Weights};
use wardround_privacy::Unnoised;
use wardround_strategy::{Correction, Effort, Strategy};

/// The work of any site. One value serves all sites and all workers at once.
pub trait LocalWork: Sync {
    /// What one worker keeps from site to site: buffers, a network. It must not carry anything from one site to the next
    /// that changes a bit, or results would depend on who trained where.
    type Worker: Send;

    /// A fresh worker. Called once for each worker, and again after a site's work panicked in it.
    ///
    /// # Errors
    /// The machine lacks something; the run ends.
    fn worker(&self) -> Result<Self::Worker, WorkError>;

    /// Makes one site's local steps from `weights`, in place. Each step's gradient goes through [`Correction::apply`] before
    /// the optimiser sees it. A strategy may call it more than once for one job.
    ///
    /// # Errors
    /// The site's fault; the round goes on without it.
    fn train(
        &self,
        worker: &mut Self::Worker,
        job: &Job<'_>,
        weights: &mut [f32],
        correction: &Correction<'_>,
    ) -> Result<Report, WorkError>;

    /// The sum of the clipped gradients of one step from `weights`, in steps of the plan's grid: what a site sends with
    /// `privacy.mode = "distributed"`, before it adds its share of the noise.
    ///
    /// # Errors
    /// The site's fault; the round goes on without it. Work that has no gradients of single patients leaves this as it is.
    fn gradients(
        &self,
        worker: &mut Self::Worker,
        job: &Job<'_>,
        weights: &[f32],
    ) -> Result<Unnoised<Vec<i64>>, WorkError> {
        let _ = (worker, job, weights);
        Err(WorkError(format!("`{}` has no gradients of single patients for shared noise", self.name())))
    }

    /// How good `model` is at `site`, more being better; `None` where there is nothing to measure on.
    ///
    /// # Errors
    /// The site's fault; the evaluation goes on without it.
    fn evaluate(&self, worker: &mut Self::Worker, site: SiteNumber, model: &[f32]) -> Result<Option<f64>, WorkError>;

    /// The model that the first round starts from.
    fn initial(&self) -> Weights;

    /// What this is, in a word or two, for the manifest of a run.
    fn name(&self) -> &str;

    /// The strategy of the run: the plan's, unless the work brings one of its own from outside our crates. Name it in
    /// [`LocalWork::name`] then, so that no run is resumed with another.
    ///
    /// # Errors
    /// A strategy that does not fit; the run does not begin.
    fn strategy(&self, plan: &Plan) -> Result<Strategy, WorkError> {
        Strategy::from_config(&plan.strategy.config, self.initial().layout()).map_err(WorkError::of)
    }

    /// Digest of everything that the sites learn from and are measured on: a run is not resumed with other data.
    fn data(&self) -> Digest;
}

/// One site's work in a round.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// Who.
    pub site: SiteNumber,
    /// Which round.
    pub round: RoundNumber,
    /// Which attempt at it.
    pub attempt: Attempt,
    /// Whether the site tells the truth about its patients.
    pub labels: Labels,
    /// The root of what the site draws; see [`Job::stream`] and [`Job::key`].
    pub(crate) keys: &'a StreamKey,
}

/// What a site trains with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// The labels it was given.
    Honest,
    /// Wrong ones: the poisoning `label_flip`.
    Flipped,
}

/// What a site says about its training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Loss at the end, where there is one.
    pub loss: Option<f64>,
    /// The work behind it.
    pub effort: Effort,
}

/// Why a site's work has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WorkError(pub String);

impl WorkError {
    /// In the words of another error.
    pub fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl Job<'_> {
    /// A stream of this site and round. It is the same for every attempt at the round: work that is done again is the same
    /// work.
    pub fn stream(&self, purpose: Purpose) -> Stream {
        self.keys.stream(purpose, self.round, u64::from(self.site.get()))
    }

    /// The site's own key, for work that draws many streams.
    pub fn key(&self) -> StreamKey {
        self.keys.derive(&format!("site {}", self.site))
    }
}
