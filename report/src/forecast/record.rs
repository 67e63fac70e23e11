//! What a forecast is made from. Nothing here is computed.

use serde::{Deserialize, Serialize};

/// What a study would cost in noise for a promise, and for others around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetForecast {
    /// The study, or that this is a question without one.
    pub title: String,
    /// SHA-256 of the plan, hex; empty without a plan.
    pub plan_sha256: String,
    /// What was assumed, each with its name.
    pub facts: Vec<ForecastFact>,
    /// What is asked for.
    pub wanted: ForecastRow,
    /// δ of everything.
    pub delta: f64,
    /// What to expect, and what would help, in sentences.
    pub advice: Vec<String>,
    /// The same study for other ε, ascending.
    pub rows: Vec<ForecastRow>,
    /// The trade-off for several batch sizes.
    pub batches: Vec<BatchCurve>,
    /// What validation scores would cost, where they may leave the site.
    pub scores: Option<ScoreForecast>,
}

/// One assumption with its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForecastFact {
    /// Its name.
    pub name: String,
    /// Its value with the unit.
    pub value: String,
}

/// What one ε costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForecastRow {
    /// ε
    pub epsilon: f64,
    /// σ.
    pub noise_multiplier: f64,
    /// σ C / B: noise on each number of the mean gradient, in clip norms.
    pub noise_per_coordinate: f64,
    /// σ √d / (B √sites): length of the noise over the largest possible length of the mean gradient.
    pub noise_over_signal: f64,
    /// The same over √T: of the sum of all steps, if the signal is steady.
    pub noise_over_signal_in_all: f64,
    /// e^ε
    pub odds_factor: f64,
    /// (e^ε - 1 + 2δ) / (e^ε + 1)
    pub attack_advantage: f64,
    /// What to expect, in a few words.
    pub outlook: String,
}

/// Noise over signal by ε for one batch size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchCurve {
    /// Expected patients in a step.
    pub batch_patients: u32,
    /// Pairs of ε and noise over signal.
    pub points: Vec<(f64, f64)>,
}

/// What validation scores cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreForecast {
    /// How often scores leave the site.
    pub evaluations: u64,
    /// ε of one.
    pub epsilon_each: f64,
    /// Scale of the noise on each bin of the histogram, in patients.
    pub scale: f64,
    /// Half-width of each bin: so many patients more or fewer, with the confidence below.
    pub half_width_patients: u64,
    /// How sure that is, for each bin: 0.95 is 95 %.
    pub confidence: f64,
}
