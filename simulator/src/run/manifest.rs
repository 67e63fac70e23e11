//! What a run is: enough to know whether two runs should have the same bits.

use super::RunError;
use super::folder::MANIFEST;
use super::model_digest;
use crate::{LocalWork, Scenario};
use serde::{Deserialize, Serialize};
use std::path::Path;
use wardround_plan::{Digest, PlanDigest};

const FORMAT: u32 = 1;

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Of the files in the folder.
    pub format: u32,
    /// The version that began the run.
    pub wardround: String,
    /// What the sites do.
    pub task: String,
    /// Digest of what the sites learn from.
    pub data: Digest,
    /// Digest of plan and simulation.
    pub scenario: Digest,
    /// Digest of the plan: that of the deployment it rehearses.
    pub plan: PlanDigest,
    /// Root of everything random.
    pub seed: u64,
    /// Virtual sites.
    pub population: u32,
    /// Weights of the model.
    pub weights: usize,
    /// Digest of the model before the first round.
    pub initial: Digest,
    /// What the run promises to patients.
    pub guarantee: String,
}

impl Manifest {
    pub(crate) fn new(scenario: &Scenario, work: &impl LocalWork, initial: &[f32]) -> Self {
        let simulation = scenario.simulation();
        Self {
            format: FORMAT,
            wardround: env!("CARGO_PKG_VERSION").into(),
            task: work.name().into(),
            data: work.data(),
            scenario: scenario.digest(),
            plan: scenario.plan().digest(),
            seed: simulation.seed,
            population: simulation.population,
            weights: initial.len(),
            initial: model_digest(initial),
            guarantee: "no guarantee: coins and noise of a simulation repeat from its public seed".into(),
        }
    }

    /// The manifest in a run's folder.
    ///
    /// # Errors
    /// [`RunError::File`] and [`RunError::Broken`].
    pub fn read(dir: &Path) -> Result<Self, RunError> {
        let path = dir.join(MANIFEST);
        let bytes = std::fs::read(&path).map_err(RunError::file(&path))?;
        serde_json::from_slice(&bytes).map_err(|error| RunError::broken(&path, error))
    }

    /// Whether a run that was begun as this can go on as `now`.
    pub(crate) fn resumes_as(&self, now: &Self) -> Result<(), RunError> {
        match self.first_difference(now) {
            None => Ok(()),
            Some((key, begun, now)) => Err(RunError::Otherwise { key, begun, now }),
        }
    }

    /// The first key in which two runs differ, with both values.
    pub(crate) fn first_difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let pairs = self.told().into_iter().zip(other.told());
        let mut differing = pairs.filter(|(ours, others)| ours != others);
        differing.next().map(|((key, ours), (_, others))| (key, ours, others))
    }

    /// Every key that makes a run what it is; the guarantee is the same for all.
    fn told(&self) -> [(&'static str, String); 10] {
        [
            ("format", self.format.to_string()),
            ("wardround", self.wardround.clone()),
            ("task", self.task.clone()),
            ("plan", self.plan.to_string()),
            ("seed", self.seed.to_string()),
            ("population", self.population.to_string()),
            ("data", self.data.to_string()),
            ("scenario", self.scenario.to_string()),
            ("weights", self.weights.to_string()),
            ("initial", self.initial.to_string()),
        ]
    }
}
