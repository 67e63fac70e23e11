//! What happened at the site, as it is stored.

use crate::{ModelRef, Refusal, ReportedScore, RoundId, Score, StudyOutcome, UpdateRef};
use serde::{Deserialize, Serialize};
use wardround_plan::{PlanDigest, RoundNumber, StudyId};

/// One thing that happened at the site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The site decided on a study.
    Decided {
        /// The study.
        study: StudyId,
        /// Its plan.
        plan: PlanDigest,
        /// Why not; `None` for yes.
        refusal: Option<Refusal>,
    },
    /// Training is done; the update is stored.
    Trained {
        /// The round.
        id: RoundId,
        /// The model it started from.
        model: ModelRef,
        /// The update.
        update: UpdateRef,
        /// The plan that it was made by; not known of updates from before this was written down.
        #[serde(default)]
        plan: Option<PlanDigest>,
    },
    /// Masked words leave from now on: what must not be in two sums is in this one.
    Masking {
        /// The round.
        id: RoundId,
        /// The model that was trained from, or measured.
        model: ModelRef,
    },
    /// The coordinator has the update in its sum.
    Sent {
        /// The round.
        id: RoundId,
    },
    /// A committed model was measured on this site's validation patients.
    Evaluated {
        /// The study.
        study: StudyId,
        /// The round that made the model.
        round: RoundNumber,
        /// The model.
        model: ModelRef,
        /// The scores, exact. They stay here.
        scores: Vec<Score>,
        /// What may be told of them. Noise is in it, and is drawn once: telling it again tells nothing new.
        #[serde(default)]
        reported: Vec<ReportedScore>,
    },
    /// The study is over.
    Ended {
        /// The study.
        study: StudyId,
        /// How.
        outcome: StudyOutcome,
        /// The last model.
        model: ModelRef,
    },
}
