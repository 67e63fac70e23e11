//! What a site asks of a session, whatever the coordinator proposes: it can be stricter, never laxer.

use crate::session::{Thresholds, recommended_threshold};
use crate::wire::{ConfigDigest, ModelDigest, Round, StudyId};

/// The site's own minimum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Fewest participants; below three nothing is ever summed.
    pub cohort_min: u32,
    /// How high the threshold has to be.
    pub threshold: ThresholdFloor,
    /// Fewest sites that are assumed to be in league with the coordinator.
    pub corrupt_min: u32,
    /// Fewest honest inputs that every sum has; below two nothing is ever summed.
    pub honest_min: u32,
    /// Attempts at one round.
    pub attempts_max: u32,
    /// Which graphs of masks are allowed.
    pub graph: GraphPolicy,
    /// How much noise the sum has to carry.
    pub noise: NoisePolicy,
}

/// The lowest threshold that a site accepts; 2t > n + c holds in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThresholdFloor {
    /// t ≥ ⌊2n/3⌋ + 1
    TwoThirds,
    /// Whatever 2t > n + c allows: more dropouts, for fewer assumed traitors.
    OneSum,
}

/// Which graphs a site accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphPolicy {
    /// Everyone shares masks with everyone: holds against a coordinator that cheats.
    Complete,
    /// Also graphs that hold against an honest-but-curious coordinator only.
    AlsoHonestButCurious,
}

/// How much noise a site asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NoisePolicy {
    /// None: the sum itself may be learned, or this site noises its update itself.
    NotRequired,
    /// The standard deviation in the sum is at least so many times what one site can change.
    AtLeast {
        /// The noise multiplier that the site's ledger was charged for.
        multiplier: f64,
    },
}

/// What this site trained: a session for anything else is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trained {
    /// The study.
    pub study: StudyId,
    /// The round.
    pub round: Round,
    /// The bytes that it trained from, hashed by itself.
    pub model: ModelDigest,
    /// The configuration that its policy allowed.
    pub config: ConfigDigest,
    /// Coordinates of its update.
    pub coordinates: u64,
}

/// What a session that passed every check guarantees: what `site run` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// n
    pub cohort: u32,
    /// t, c
    pub thresholds: Thresholds,
    /// n - t, over all stages.
    pub dropouts_tolerated: u32,
    /// t - c: honest inputs in every sum that can come out.
    pub honest_inputs: u32,
    /// m, where the sum is noised: the honest shares that the noise is counted from.
    pub noise_shares: Option<u32>,
}

impl Default for Policy {
    /// Complete graph, one traitor at least, two honest inputs, ⌊2n/3⌋ + 1 answers, a second attempt.
    fn default() -> Self {
        Self {
            cohort_min: 3,
            threshold: ThresholdFloor::TwoThirds,
            corrupt_min: 1,
            honest_min: 2,
            attempts_max: 2,
            graph: GraphPolicy::Complete,
            noise: NoisePolicy::NotRequired,
        }
    }
}

impl ThresholdFloor {
    /// The lowest threshold among `participants` (in a graph: of a neighbourhood).
    pub(crate) fn lowest(self, participants: u32) -> u32 {
        match self {
            Self::TwoThirds => recommended_threshold(participants),
            Self::OneSum => participants / 2 + 1,
        }
    }
}
