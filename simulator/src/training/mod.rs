//! The real work: every virtual site trains the plan's network on its own patients, by the trainer of a deployed site.
//!
//! Images are read once and lie in memory; a worker has one network at a time, through which sites are swapped. With
//! `privacy.mode = "site"` the steps are those of a hospital, with coins and noise from the seed. Scores are exact, also where a
//! deployment would noise them: they are the researcher's, and no hospital's.

mod data;
mod guard;

pub use data::{DataError, Grouping};

use crate::partition::picture::Holding;
use crate::scenario::Scenario;
use crate::{Job, Labels, LocalWork, Report, SiteNumber, WorkError};
use data::{Dealt, SiteData};
use guard::StepGuard;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use wardround_metrics::Summary;
use wardround_models::{Bend, ComputeDevice, Evaluator, LocalRound, Trainer, TrainingSet, initial_weights, layout};
use wardround_plan::{Digest, Layout, Plan, Task, Weights};
use wardround_privacy::{PrivateSteps, SimulatedNoise, StudyCost, Unnoised};
use wardround_strategy::{Correction, Effort};

/// The plan's network at every site of a scenario.
#[derive(Debug)]
pub struct PlanTraining {
    plan: Plan,
    layout: Arc<Layout>,
    trainer: Trainer,
    device: ComputeDevice,
    cost: Option<StudyCost>,
    sites: Vec<SiteData>,
    data: Digest,
}

/// What a worker keeps: the model it measured last, ready to measure the next site.
#[derive(Debug, Default)]
pub struct Bench(Option<(Vec<f32>, Evaluator)>);

impl PlanTraining {
    /// Deals the site folders below `data` to the scenario's sites, and tells who got what.
    ///
    /// # Errors
    /// [`DataError`]: folders that cannot be read or dealt, a device that is not there, a promise that no noise keeps.
    pub fn of_folders(
        scenario: &Scenario,
        data: &Path,
        grouping: Grouping,
        device: ComputeDevice,
    ) -> Result<(Self, Vec<Holding>), DataError> {
        let plan = scenario.plan().clone();
        let cost = plan.privacy.patients().map(|_| StudyCost::of(&plan)).transpose().map_err(DataError::Privacy)?;
        let trainer = Trainer::new(&plan, device)?;
        let Dealt { sites, holdings, data } = data::dealt(scenario, data, grouping)?;
        let layout = Arc::new(layout(&plan.model));
        Ok((Self { plan, layout, trainer, device, cost, sites, data }, holdings))
    }

    fn site(&self, site: SiteNumber) -> Result<&SiteData, WorkError> {
        self.sites.get(site.place()).ok_or_else(|| WorkError(format!("there are no data for site {site}")))
    }

    /// What the site of a job learns from.
    fn images(&self, job: &Job<'_>) -> Result<&TrainingSet, WorkError> {
        let site = self.site(job.site)?;
        Ok(match job.labels {
            Labels::Honest => site.train(),
            Labels::Flipped => site.flipped(self.plan.model.classes),
        })
    }

    /// The steps of one job; the loss of the last one.
    fn steps(&self, job: &Job<'_>, start: &Weights, of_round: &LocalRound<'_>) -> Result<(Weights, f64), WorkError> {
        let mut loss = 0.0;
        let mut listen = |step: wardround_models::StepProgress| {
            loss = step.loss;
            ControlFlow::Continue(())
        };
        let trained = match &self.cost {
            None => self.trainer.train_round(start, of_round, &mut listen),
            Some(cost) => {
                let noise = SimulatedNoise::new(of_round.keys, &format!("round {}", job.round));
                let mut steps = PrivateSteps::new(&self.plan, cost, noise).map_err(WorkError::of)?;
                self.trainer.train_private_round(start, of_round, &mut StepGuard(&mut steps), &mut listen)
            }
        };
        Ok((trained.map_err(WorkError::of)?, loss))
    }
}

impl LocalWork for PlanTraining {
    type Worker = Bench;

    fn worker(&self) -> Result<Bench, WorkError> {
        Ok(Bench::default())
    }

    fn train(
        &self,
        _: &mut Bench,
        job: &Job<'_>,
        weights: &mut [f32],
        correction: &Correction<'_>,
    ) -> Result<Report, WorkError> {
        let images = self.images(job)?;
        let start = Weights::new(self.layout.clone(), weights.to_vec()).map_err(WorkError::of)?;
        let apply = |at: &[f32], gradient: &mut [f32]| correction.apply(at, gradient);
        let (keys, bend) = (job.key(), (!correction.is_none()).then_some(Bend(&apply)));
        let of_round = LocalRound { images, round: job.round, keys: &keys, bend };
        let (trained, loss) = self.steps(job, &start, &of_round)?;
        weights.copy_from_slice(trained.values());
        let gradient_weight = self.trainer.gradient_weight(job.round);
        let effort = Effort { steps: self.plan.training.local_steps, gradient_weight };
        // With privacy the loss is the site's alone, in a deployment as here.
        Ok(Report { loss: self.cost.is_none().then_some(loss), effort })
    }

    fn gradients(&self, _: &mut Bench, job: &Job<'_>, weights: &[f32]) -> Result<Unnoised<Vec<i64>>, WorkError> {
        let cost = self.cost.as_ref().ok_or_else(|| WorkError("the plan promises its patients nothing".into()))?;
        let grid = cost.shared_grid(&self.plan, weights.len() as u64).map_err(WorkError::of)?;
        let start = Weights::new(self.layout.clone(), weights.to_vec()).map_err(WorkError::of)?;
        let (images, keys) = (self.images(job)?, job.key());
        let noise = SimulatedNoise::new(&keys, &format!("round {}", job.round));
        let mut steps = PrivateSteps::new(&self.plan, cost, noise).map_err(WorkError::of)?;
        let listen = &mut |_| ControlFlow::Continue(());
        let mut guard = StepGuard(&mut steps);
        let sum = self.trainer.clipped_gradients(&start, images, job.round, &keys, &mut guard, listen);
        steps.unnoised(&sum.map_err(WorkError::of)?, &grid).map_err(WorkError::of)
    }

    fn evaluate(&self, worker: &mut Bench, site: SiteNumber, model: &[f32]) -> Result<Option<f64>, WorkError> {
        if !worker.0.as_ref().is_some_and(|(measured, _)| measured.as_slice() == model) {
            let weights = Weights::new(self.layout.clone(), model.to_vec()).map_err(WorkError::of)?;
            let evaluator = Evaluator::new(&self.plan, &weights, self.device).map_err(WorkError::of)?;
            worker.0 = Some((model.to_vec(), evaluator));
        }
        let Some((_, evaluator)) = &worker.0 else { return Ok(None) };
        let scores = evaluator.evaluate(self.site(site)?.validation()).map_err(WorkError::of)?;
        Ok(Summary::of(&scores).mean)
    }

    fn initial(&self) -> Weights {
        initial_weights(&self.plan)
    }

    fn name(&self) -> &str {
        match self.plan.model.kind.task() {
            Task::Segment => "segmentation",
            Task::Detect => "detection",
        }
    }

    fn data(&self) -> Digest {
        self.data
    }
}
