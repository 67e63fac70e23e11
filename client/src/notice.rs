//! What the agent tells the person who watches it.

use serde::Serialize;
use wardround_plan::{MetricName, RoundNumber, StudyId};
use wardround_round::{StudyOutcome, Summand};

/// Something worth showing. No file name, no patient.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// The control stream is open.
    Connected,
    /// The control stream ended, or could not be opened.
    Disconnected {
        /// Why, in words.
        reason: String,
        /// When it is tried again.
        retry_in_ms: u64,
    },
    /// The site decided on a study.
    Decided {
        /// The study.
        study: StudyId,
        /// Why not; nothing for yes.
        refusal: Option<String>,
    },
    /// A local step is done.
    Step {
        /// The study.
        study: StudyId,
        /// The round.
        round: RoundNumber,
        /// Steps done.
        done: u32,
        /// Steps of the round.
        of: u32,
        /// Loss of the step; it stays at the site.
        loss: f64,
    },
    /// Bytes came or went.
    Transfer {
        /// Up or down.
        direction: Direction,
        /// Bytes so far.
        done: u64,
        /// Bytes of the whole.
        of: u64,
    },
    /// The site joined a session of the secure aggregation: what it guarantees.
    Agreed {
        /// The study.
        study: StudyId,
        /// The round.
        round: RoundNumber,
        /// Updates, or scores of the round's model.
        summand: Summand,
        /// Sites in the session.
        cohort: u32,
        /// Sites that have to answer at every stage.
        threshold: u32,
        /// Sites that may be in league with the coordinator.
        assumed_corrupt: u32,
        /// Sites that may vanish.
        dropouts_tolerated: u32,
        /// Honest sites in every sum that can come out.
        honest_inputs: u32,
        /// Honest sites whose shares make up the noise that is counted on, where the noise is shared.
        noise_shares: Option<u32>,
    },
    /// The update, or the scores, are in the coordinator's sum.
    Sent {
        /// The study.
        study: StudyId,
        /// The round.
        round: RoundNumber,
        /// Update or scores.
        summand: Summand,
    },
    /// A model was measured on this site's validation patients.
    Scored {
        /// The study.
        study: StudyId,
        /// The round that made it.
        round: RoundNumber,
        /// What was measured, by its full name.
        metric: MetricName,
        /// Mean over patients.
        score: f64,
        /// Patients with a score.
        patients: u32,
    },
    /// The study is over.
    Ended {
        /// The study.
        study: StudyId,
        /// How.
        outcome: StudyOutcome,
    },
    /// Something went wrong that the site goes on after.
    Trouble {
        /// What, and what to do.
        reason: String,
    },
}

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the site.
    Up,
    /// To the site.
    Down,
}
