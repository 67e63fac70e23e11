//! What a page of simulations is made from; written as JSON beside it.

use serde::{Deserialize, Serialize};

/// Simulated runs to be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimulationRecord {
    /// What they have in common.
    pub title: String,
    /// What scores are of: the metric's name, as on an axis.
    pub metric: String,
    /// In the order in which they are told.
    pub runs: Vec<RunRecord>,
    /// Names of runs that are still to come.
    pub not_begun: Vec<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its folder's.
    pub name: String,
    /// What was chosen for it, beside the seed. Runs with the same settings are repetitions of one another.
    pub settings: Vec<RunSetting>,
    /// Root of everything random.
    pub seed: u64,
    /// Whether all rounds of the study are over.
    pub complete: bool,
    /// In order.
    pub rounds: Vec<SimulatedRound>,
    /// In order.
    pub evaluations: Vec<SimulatedScores>,
    /// Score of each site at the last evaluation.
    pub sites: Vec<SimulatedSite>,
    /// ε that a ledger would count after the last round; `None` where nothing is promised.
    pub epsilon: Option<f64>,
    /// Bytes to the sites and from them, as 32-bit numbers and without masks; `None` where it is not known.
    pub traffic: Option<SimulatedTraffic>,
    /// SHA-256 of the last model, hex; empty before the first round.
    pub model_sha256: String,
    /// SHA-256 of what the sites learned from, hex.
    pub data_sha256: String,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunSetting {
    /// With its section: `privacy.epsilon`.
    pub key: String,
    /// As it was written.
    pub value: String,
}

/// A round of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SimulatedRound {
    /// From 1.
    pub round: u32,
    /// Mean of the losses that sites reported.
    pub loss: Option<f64>,
    /// Seconds it took on this machine.
    pub wall_s: f64,
    /// Virtual seconds from the start of the run to its end.
    pub ends_s: f64,
}

/// A measurement of a round's model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SimulatedScores {
    /// From 1.
    pub round: u32,
    /// Mean over the sites, each alike.
    pub mean: Option<f64>,
    /// The lowest score of a site.
    pub worst: Option<f64>,
}

/// The score of one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimulatedSite {
    /// The site.
    pub site: String,
    /// Its score.
    pub score: f64,
}

/// What a run sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulatedTraffic {
    /// To the sites.
    pub down_bytes: u64,
    /// From the sites.
    pub up_bytes: u64,
}
