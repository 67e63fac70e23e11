//! What a page is made from; written as JSON beside it.

use serde::{Deserialize, Serialize};

/// What a study promises to its patients, as every output has to say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// No noise was added: **no guarantee**.
    NoGuarantee,
    /// Nobody's scans left anything: a simulation, whose coins and noise repeat. **No guarantee**.
    Simulated,
    /// Each patient of each site is protected by her own site.
    Patient {
        /// ε over the whole study.
        epsilon: f64,
        /// δ over the whole study.
        delta: f64,
    },
    /// Each site as a whole is protected by whoever adds up the updates.
    Site {
        /// ε over the whole study.
        epsilon: f64,
        /// δ over the whole study.
        delta: f64,
    },
}

/// One committed round, as the coordinator recorded it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// From 1.
    pub round: u32,
    /// Milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub committed_ms: u64,
    /// Sites whose updates are in the model.
    pub included: Vec<String>,
    /// SHA-256 of the model, hex.
    pub model_sha256: String,
    /// Mean scores of this round's model: of each site, or of all together where those of single sites are hidden.
    pub scores: Vec<SiteScore>,
    /// Why a sum of hidden scores is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores_missing: Option<String>,
}

/// One score of one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteScore {
    /// The site.
    pub site: String,
    /// The metric's full name.
    pub metric: String,
    /// Mean over patients; not a number where noise leaves none.
    pub mean: f64,
    /// Patients with a score, as far as noise lets them be counted.
    pub patients: u32,
    /// Standard deviation that privacy noise gives the mean; `None` for exact scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_deviation: Option<f64>,
}

/// The study lead's report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyRecord {
    /// The study.
    pub study: String,
    /// SHA-256 of the plan, hex.
    pub plan_sha256: String,
    /// In words: running, finished, stopped, failed with its reason.
    pub state: String,
    /// What it promises.
    pub promise: Promise,
    /// Committed rounds in order.
    pub rounds: Vec<RoundRecord>,
    /// For each site, Dice alone and federated, where both are known (the demo fills this).
    pub comparison: Vec<Comparison>,
}

/// One row of the table that says whether the federation was worth it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The site.
    pub site: String,
    /// Validation patients with a score.
    pub patients: u32,
    /// Score of the model it could train alone, in the same number of local steps.
    pub alone: f64,
    /// Score of the federated model.
    pub federated: f64,
}

/// The hospital's own report; it stays at the hospital.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteRecord {
    /// The study.
    pub study: String,
    /// The site.
    pub site: String,
    /// SHA-256 of the plan, hex.
    pub plan_sha256: String,
    /// In words.
    pub state: String,
    /// What it promises.
    pub promise: Promise,
    /// What is measured, by its full name.
    pub metric: String,
    /// Mean score of each measured round on this site's validation patients.
    pub scores: Vec<RoundScore>,
    /// Score of the model this site trained alone, if it did.
    pub alone: Option<f64>,
    /// Predictions on validation images.
    pub pictures: Vec<Picture>,
}

/// The score of one round's model at one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundScore {
    /// From 1.
    pub round: u32,
    /// Mean over patients.
    pub score: f64,
    /// Patients with a score.
    pub patients: u32,
}

/// A prediction drawn over a validation image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// What it shows, without a name of file or patient.
    pub caption: String,
    /// PNG file; left out of the JSON, which is for numbers.
    #[serde(skip)]
    pub png: Vec<u8>,
}
