//! How a run is carried out, and how it ended.

use std::num::NonZeroUsize;
use std::time::Duration;
use wardround_plan::Digest;

/// How a run is carried out. Nothing here changes a bit of its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Workers; as many as the machine has cores if absent.
    pub workers: Option<NonZeroUsize>,
    /// Whether every round's sum is made by the real machines of secure aggregation.
    pub secagg: Secagg,
    /// A checkpoint is made after a round if the last one is older than this; always after the last round.
    pub checkpoint_after: Duration,
}

/// How a round's updates are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Secagg {
    /// As exact integers.
    #[default]
    Off,
    /// Masked, by the machines of a deployment, in memory: the same integers, and much slower.
    Full,
}

impl Default for Options {
    fn default() -> Self {
        Self { workers: None, secagg: Secagg::Off, checkpoint_after: Duration::from_secs(1) }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Rounds that are over.
    pub rounds: u32,
    /// Whether these are all of the study.
    pub ending: Ending,
    /// The last model.
    pub model: Vec<f32>,
    /// Its digest.
    pub digest: Digest,
    /// Virtual seconds from start to end.
    pub clock_s: f64,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All rounds are over.
    Complete,
    /// The observer stopped it; it can be resumed.
    Stopped,
}
