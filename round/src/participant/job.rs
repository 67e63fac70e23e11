//! What a site does, one after the other.

use super::Evaluation;
use crate::{Invitation, ModelRef, RoundId, UpdateRef};

/// One job.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Job {
    Train(Invitation),
    Upload(RoundId, ModelRef, UpdateRef),
    Evaluate(Evaluation),
    SumScores(RoundId, Evaluation),
}

impl Job {
    /// The round a job works for; an evaluation outlives its round.
    pub(super) fn round(&self) -> Option<&RoundId> {
        match self {
            Self::Train(invitation) => Some(&invitation.id),
            Self::Upload(id, ..) | Self::SumScores(id, _) => Some(id),
            Self::Evaluate(_) => None,
        }
    }
}

pub(super) fn same_study_round_work(a: &Job, b: &Job) -> bool {
    a.round().zip(b.round()).is_some_and(|(a, b)| a.study == b.study)
}
