//! What the site could reach without the federation: the same plan, the same number of local steps, its own scans only.

use crate::config::SiteConfig;
use crate::folder::Folder;
use crate::journal::Journal;
use crate::notice::Notice;
use crate::policy::Policy;
use crate::report::site_name;
use serde::Serialize;
use std::ops::ControlFlow;
use wardround_metrics::Summary;
use wardround_models::{Evaluator, Trainer};
use wardround_plan::{MetricName, Optimizer, Plan, RoundNumber, Timestamp};
use wardround_storage::DatabaseError;

/// The score of a model that one site trained alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// Local steps, as many as the study's rounds would have made here.
    pub steps: u64,
    /// What was measured: the plan's metric.
    pub metric: MetricName,
    /// Mean over this site's validation patients; nothing if none has a score.
    pub score: Option<f64>,
    /// Patients with a score.
    pub patients: u64,
}

/// No baseline.
#[derive(Debug, thiserror::Error)]
pub enum AloneError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Data, device, training.
    #[error("{0}")]
    Failed(String),
}

/// Step size of a site by itself where the plan's is made for clipped and noised gradients.
const LEARNING_RATE: f64 = 0.01;

/// The plan as a site by itself would follow it: what never leaves needs neither clip nor noise, and without them a private
/// plan's large steps run away. So such a plan is trained by Adam.
pub fn by_itself(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    if plan.privacy.patients().is_some() {
        (plan.training.optimizer, plan.training.learning_rate) = (Optimizer::Adam, LEARNING_RATE);
    }
    plan
}

/// Trains and measures. Nothing leaves the site. Blocks for as long as the study's local steps take.
///
/// # Errors
/// A folder that cannot serve the plan, or training that fails.
pub async fn train_alone(
    config: &SiteConfig,
    plan: Plan,
    notices: tokio::sync::mpsc::Sender<Notice>,
    now: Timestamp,
) -> Result<Baseline, AloneError> {
    let failed = |error: &dyn std::fmt::Display| AloneError::Failed(error.to_string());
    std::fs::create_dir_all(&config.state).map_err(|error| failed(&error))?;
    let keys = Journal::open(&config.state).await?.stream_key().await?.derive("alone");
    let device = config.compute.device.parse().map_err(|error| failed(&error))?;
    let site = site_name(config, now).map_err(AloneError::Failed)?;
    let folder = Folder::new(config.data.folder.clone(), Policy::new(config.policy.clone()).grouping(), site);
    let work = move || -> Result<Baseline, String> {
        let plan = by_itself(&plan);
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let patients = folder.patients(&plan).map_err(|error| words(&error))?;
        let images = folder.training_set(&plan).map_err(|error| words(&error))?;
        let trainer = Trainer::new(&plan, device).map_err(|error| words(&error))?;
        let mut weights = wardround_models::initial_weights(&plan);
        for number in 1..=plan.study.rounds {
            let round = RoundNumber::new(number).expect("counted from 1");
            let mut observer = |step: wardround_models::StepProgress| {
                let study = plan.study.name.clone();
                let _ = notices.try_send(Notice::Step { study, round, done: step.done, of: step.of, loss: step.loss });
                ControlFlow::Continue(())
            };
            weights = trainer.train(&weights, &images, round, &keys, &mut observer).map_err(|error| words(&error))?;
        }
        let evaluator = Evaluator::new(&plan, &weights, device).map_err(|error| words(&error))?;
        let scores = evaluator.evaluate(&patients.validation).map_err(|error| words(&error))?;
        let summary = Summary::of(&scores);
        let steps = u64::from(plan.study.rounds) * u64::from(plan.training.local_steps);
        Ok(Baseline { steps, metric: plan.evaluation.metrics[0], score: summary.mean, patients: summary.n })
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))?;
    done.map_err(AloneError::Failed)
}
