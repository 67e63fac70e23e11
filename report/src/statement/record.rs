//! What a privacy statement is made from. Nothing here is computed: whoever fills it has the numbers from a ledger and an
//! accountant. NIST SP 800-226 (2025) asks for most of it, from the promise down to the collection of the data.

use crate::Promise;
use serde::{Deserialize, Serialize};

/// What one study promises to the patients of one site, how that is kept, and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrivacyStatement {
    /// The hospital.
    pub site: String,
    /// The study.
    pub study: String,
    /// Why, as its plan says.
    pub purpose: String,
    /// SHA-256 of the plan, hex.
    pub plan_sha256: String,
    /// In words: running, finished, stopped, failed with its reason.
    pub state: String,
    /// When the statement was written, in milliseconds since the Unix epoch.
    pub written_ms: u64,
    /// What wrote it, with its version.
    pub software: String,
    /// What is promised; everything below says how it is kept.
    pub promise: Promise,
    /// `None` where nothing is promised.
    pub reading: Option<PlainReading>,
    /// Whose privacy, and what counts as one.
    pub unit: ProtectedUnit,
    /// `None` where no noise is added.
    pub mechanism: Option<NoisyTraining>,
    /// `None` where no noise is added.
    pub accounting: Option<Accounting>,
    /// What has been charged to the study so far, one line for each kind of release.
    pub charges: Vec<ChargeLine>,
    /// What is allowed, spent and left: for the study, for the data set, for all time.
    pub budgets: Vec<BudgetLine>,
    /// Who decides about budgets.
    pub officers: Officers,
    /// Whom one has to trust.
    pub trust: Trust,
    /// Data of nobody at this hospital that the study used, and what it was for; empty if none.
    pub public_data: Vec<String>,
    /// What an attack on this code or this study achieved; `None` if none was tried.
    pub audit: Option<AuditBound>,
    /// The record behind the numbers.
    pub ledger: LedgerState,
    /// What has to be true for the promise to hold, and is not checked by the code.
    pub assumptions: Vec<String>,
}

/// ε and δ in words that need no mathematics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlainReading {
    /// e^ε: by how much a patient's being in the data can change the odds of any outcome, at worst.
    pub odds_factor: f64,
    /// (e^ε - 1 + 2δ) / (e^ε + 1): by how much an attacker who has to say whether a patient is in the data can beat a coin.
    pub attack_advantage: f64,
    /// Where ε lies among what is common.
    pub band: String,
    /// ε at the same δ if a study like this one ran every year for ten years on the same patients.
    pub epsilon_ten_years: Option<f64>,
}

/// Whose privacy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtectedUnit {
    /// "patient", with what that means here.
    pub unit: String,
    /// How many of one patient's images count in one step at most.
    pub images_per_patient_max: Option<u32>,
    /// Which data sets are neighbours.
    pub adjacency: String,
}

/// Clipping, sampling and noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoisyTraining {
    /// The mechanism's name, with its paper.
    pub name: String,
    /// σ: standard deviation of the noise over C.
    pub noise_multiplier: f64,
    /// C: the L2 norm that one patient contributes at most.
    pub clip: f64,
    /// How contributions are brought below C.
    pub clip_kind: String,
    /// q
    pub sampling_rate: f64,
    /// The public number by which noisy sums are divided.
    pub expected_batch_patients: u32,
    /// T: steps that the noise is made for, spare ones included.
    pub steps_planned: u64,
    /// Of these, steps for repeated rounds.
    pub steps_spare: u64,
    /// Steps charged so far.
    pub steps_charged: u64,
    /// How the plan says that patients are chosen.
    pub sampling_planned: String,
    /// How the code that ran chose them.
    pub sampling_executed: String,
    /// How noise is drawn.
    pub noise: String,
    /// Where the random numbers come from.
    pub generator: String,
    /// In which numbers sums and norms are computed.
    pub arithmetic: String,
}

/// From noise to ε.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accounting {
    /// The accountant, with its paper.
    pub accountant: String,
    /// Its version.
    pub version: String,
    /// Width of the grid of privacy losses.
    pub grid: f64,
    /// ε of everything charged so far, at δ.
    pub epsilon_spent: f64,
    /// ε of everything the plan may charge, at δ.
    pub epsilon_planned: f64,
    /// The study's δ.
    pub delta: f64,
    /// ε of everything the plan may charge at other δ, from large to small δ.
    pub curve: Vec<CurvePoint>,
    /// A second opinion on `epsilon_planned`; looser by nature.
    pub second_opinion: Option<SecondOpinion>,
}

/// ε at one δ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// δ
    pub delta: f64,
    /// ε
    pub epsilon: f64,
}

/// ε by Rényi differential privacy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SecondOpinion {
    /// ε
    pub epsilon: f64,
    /// The best order.
    pub order: f64,
    /// Whether a better order may lie beyond those that were tried.
    pub order_at_end: bool,
}

/// One kind of release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChargeLine {
    /// What was released: training, evaluation, tuning.
    pub what: String,
    /// The mechanism in words.
    pub mechanism: String,
    /// How often.
    pub times: u64,
    /// ε of these releases alone, at the study's δ. Lines do not add up: together they cost less.
    pub epsilon_alone: f64,
}

/// What is allowed and spent of one budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetLine {
    /// Of what: this study, this data set, all time.
    pub scope: String,
    /// ε that the officers allow; `None` where no officer has set one.
    pub allowed_epsilon: Option<f64>,
    /// δ that the officers allow.
    pub allowed_delta: Option<f64>,
    /// ε spent, at that δ.
    pub spent_epsilon: f64,
    /// ε reserved for studies that run, the spent part included.
    pub reserved_epsilon: f64,
}

/// Who decides about budgets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Officers {
    /// Names with the fingerprints of their keys.
    pub named: Vec<String>,
    /// Signatures that raise a budget.
    pub signatures_to_raise: u32,
    /// Signatures that lower one.
    pub signatures_to_lower: u32,
    /// All that they have decided, in order.
    pub decisions: Vec<DecisionLine>,
}

/// One decision of the officers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionLine {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The number of its entry in the ledger.
    pub entry: u64,
    /// What, in words.
    pub what: String,
    /// Who signed.
    pub signed_by: Vec<String>,
}

/// Whom one has to trust.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trust {
    /// Who sees sums before noise is added.
    pub sees_unnoised: String,
    /// Who sees what this site sends.
    pub sees_updates: String,
    /// Other sites that may work against this one without the promise being worse.
    pub colluders: String,
    /// What happens to the promise if sites drop out.
    pub dropouts: String,
}

/// What an attack achieved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditBound {
    /// ε that the attack proves to be exceeded, at the confidence below.
    pub epsilon_at_least: f64,
    /// How sure that is: 0.95 is a confidence of 95 %.
    pub confidence: f64,
    /// What was attacked, how, and how often.
    pub how: String,
}

/// The record behind the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerState {
    /// Entries of the ledger.
    pub entries: u64,
    /// Digest of the last entry, to which all others are chained.
    pub head_sha256: String,
    /// Whether the chain was verified when the statement was written, and against what.
    pub verified: String,
}
