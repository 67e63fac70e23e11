//! What the two sides say to each other on the control stream.

use crate::{ModelRef, Refusal, ReportedScore, RoundId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use wardround_plan::{Digest, LedgerHead, PlanDigest, RoundNumber, SiteId, StudyId, Timestamp};

/// From a site to the coordinator.
#[derive(Debug, Clone, PartialEq)]
pub enum FromSite {
    /// The site takes part in the study, or says why not.
    StudyAnswer {
        /// The study.
        study: StudyId,
        /// The plan it decided about.
        plan: PlanDigest,
        /// Yes, or no with a reason.
        answer: Result<(), Refusal>,
    },
    /// The site has begun to train, or says why it does not, or no longer.
    RoundAnswer {
        /// The round.
        id: RoundId,
        /// Yes, or no with a reason.
        answer: Result<(), Refusal>,
    },
    /// How far the site's local steps are. Both numbers follow from the plan, none from a patient.
    Progress {
        /// The round.
        id: RoundId,
        /// Steps done.
        steps_done: u32,
        /// Steps of the round.
        steps_total: u32,
    },
    /// Validation scores of a committed model.
    Scores {
        /// The study.
        study: StudyId,
        /// The round whose model was measured.
        round: RoundNumber,
        /// One score a metric.
        scores: Vec<ReportedScore>,
    },
    /// How far the site's privacy ledger is, to be witnessed: a number and a hash, nothing of what it says.
    Ledger(LedgerHead),
    /// The site has an update for a sum that hides it.
    Ready(RoundId),
    /// A message of the secure aggregation, as the crate `secagg` encoded it.
    Secagg(RoundId, Vec<u8>),
}

/// From the coordinator to a site.
#[derive(Debug, Clone, PartialEq)]
pub enum ToSite {
    /// Asks for the site's decision on a study.
    Offer(Offer),
    /// Asks for an update.
    Invitation(Invitation),
    /// A round is over.
    Closed(Closing),
    /// The study is over.
    Ended(Ending),
    /// The furthest head of the site's privacy ledger that the coordinator has seen; before any offer of a connection.
    Witness(LedgerHead),
    /// A message of the secure aggregation, as the crate `secagg` encoded it.
    Secagg(RoundId, Vec<u8>),
}

impl FromSite {
    /// The study that a message is about; `None` for what concerns the site as a whole.
    pub fn study(&self) -> Option<&StudyId> {
        match self {
            Self::StudyAnswer { study, .. } | Self::Scores { study, .. } => Some(study),
            Self::RoundAnswer { id, .. } | Self::Progress { id, .. } | Self::Ready(id) | Self::Secagg(id, _) => {
                Some(&id.study)
            }
            Self::Ledger(_) => None,
        }
    }
}

/// A study, offered to a site.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The study.
    pub study: StudyId,
    /// The plan in its canonical form, as bytes: the site parses them itself.
    pub plan: Vec<u8>,
    /// The digest that the site's policy must list.
    pub plan_digest: PlanDigest,
    /// Digest of the names and shapes of the weights.
    pub layout: Digest,
}

/// A call for one update.
#[derive(Debug, Clone, PartialEq)]
pub struct Invitation {
    /// The round.
    pub id: RoundId,
    /// All sites that are invited.
    pub cohort: BTreeSet<SiteId>,
    /// The model to start from.
    pub model: ModelRef,
    /// After this instant an update comes too late.
    pub closes_at: Timestamp,
}

/// The end of a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Closing {
    /// The round.
    pub id: RoundId,
    /// The model it made; `None` where it was abandoned.
    pub model: Option<ModelRef>,
}

/// The end of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// The study.
    pub study: StudyId,
    /// How it ended.
    pub outcome: StudyOutcome,
    /// The last committed round; `None` if there was none.
    pub round: Option<RoundNumber>,
    /// The last committed model, or the initial one.
    pub model: ModelRef,
}

/// How a study ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudyOutcome {
    /// All rounds are committed.
    Finished,
    /// The study lead stopped it.
    Stopped,
    /// It could not go on.
    Failed(String),
}
