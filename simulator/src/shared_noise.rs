//! `privacy.mode = "distributed"` in a simulation: every site adds a share of the noise to its gradients, in whole numbers, and only
//! the sum of all has enough of it.
//!
//! Shares, grid and session terms are those of a deployment ([`wardround_round::masking`]), counted from the sites that arrived, as
//! a session among them would; masks would cancel, so there are none. The sum is the same for any number of workers.

use crate::LocalWork;
use crate::crew::{Crew, Ended, RoundWork};
use crate::rule::Training;
use crate::run::{RunError, model_digest};
use wardround_plan::Plan;
use wardround_privacy::StudyCost;
use wardround_round::masking::SumTerms;
use wardround_round::{ModelRef, Summand};
use wardround_secagg::session::Thresholds;

/// As in a deployment: a sum with one honest site is that site's gradients.
const HONEST_MIN: u32 = 2;
const WEIGHT_BYTES: u64 = 4;

/// What the study costs its patients, from which all noise follows.
#[derive(Debug, Clone)]
pub(crate) struct SharedRule {
    cost: StudyCost,
}

/// How a round of gradients ended.
pub(crate) struct SharedStep {
    pub(crate) ended: Vec<Ended>,
    /// How each weight is to move; `None` where too few sites had gradients.
    pub(crate) change: Option<Vec<f64>>,
}

impl SharedRule {
    /// Of `plan`.
    ///
    /// # Errors
    /// [`RunError::Privacy`] for a promise that no noise keeps.
    pub(crate) fn of(plan: &Plan) -> Result<Self, RunError> {
        Ok(Self { cost: StudyCost::of(plan).map_err(|error| RunError::Privacy(error.to_string()))? })
    }

    /// One step of all sites that arrived. Nobody trains where so few arrived that no session would open.
    ///
    /// # Errors
    /// [`RunError::Privacy`] and [`RunError::Worker`].
    pub(crate) fn step<W: LocalWork>(
        &self,
        crew: &mut Crew<'_, W>,
        training: &Training<'_>,
        work: &RoundWork<'_>,
    ) -> Result<SharedStep, RunError> {
        let (plan, arrived) = (training.plan, training.jobs.len());
        let Some((threshold, corrupt)) = plan.secagg.threshold(u32::try_from(arrived).unwrap_or(u32::MAX)) else {
            return Ok(SharedStep { ended: few(arrived), change: None });
        };
        let thresholds = Thresholds { threshold, corrupt, honest_min: HONEST_MIN };
        let terms = self.terms(plan, work.received.model, thresholds).map_err(RunError::Privacy)?;
        let missing = || RunError::Privacy("the plan shares no noise".into());
        let (noise, shares) = (terms.noise.ok_or_else(missing)?, terms.proposed_noise().ok_or_else(missing)?);
        let (ended, sum) = crew.sum_gradients(training.jobs, work, &shares)?;
        let taken = ended.iter().filter(|ended| matches!(ended, Ended::Taken(_))).count();
        let enough = taken >= (threshold as usize).max(plan.study.min_sites as usize);
        // The public number of patients in a step, of each site in the sum.
        let patients = f64::from(plan.training.expected_batch_patients.unwrap_or(1)) * taken as f64;
        let per_unit = -plan.learning_rate(training.round, 0) / patients * noise.grid().step();
        let change = enough.then(|| sum.iter().map(|word| *word as f64 * per_unit).collect());
        Ok(SharedStep { ended, change })
    }

    fn terms(&self, plan: &Plan, model: &[f32], thresholds: Thresholds) -> Result<SumTerms, String> {
        let model = ModelRef { digest: model_digest(model), bytes: model.len() as u64 * WEIGHT_BYTES };
        SumTerms::of(plan, Some(&self.cost), Summand::Update, &model, thresholds)
    }
}

fn few(arrived: usize) -> Vec<Ended> {
    let reason = format!("{arrived} sites are too few to share noise among them");
    vec![Ended::Failed(reason); arrived]
}
