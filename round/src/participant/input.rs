//! What a site's machine is told.

use crate::{ModelRef, Refusal, ReportedScore, RoundId, Score, ToSite, UpdateRef};
use std::num::NonZeroU32;
use wardround_plan::{LedgerHead, PlanDigest, RoundNumber, StudyId};

/// What can happen to a site.
#[derive(Debug, Clone)]
pub enum Input {
    /// The control stream is open.
    Connected,
    /// The control stream ended. Training goes on.
    Disconnected,
    /// The coordinator said something.
    Said(ToSite),
    /// The policy has decided on an offer.
    Decided(StudyId, PlanDigest, Result<Terms, Refusal>),
    /// Training is done, or failed for good.
    Trained(RoundId, Result<UpdateRef, Refusal>),
    /// Training stopped early because its round is over.
    TrainingCancelled(RoundId),
    /// Masked words of this round leave from now on; the shell has stored [`super::Event::Masking`].
    Masking(RoundId, ModelRef),
    /// The upload is done, or not.
    Uploaded(RoundId, Result<(), UploadFailure>),
    /// The site's privacy ledger has come this far, durably.
    Ledger(LedgerHead),
    /// A model was measured; `None` where that failed, which the shell has logged.
    Evaluated(Evaluation, Option<Measured>),
}

/// What the site needs to know of a plan to follow its rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Rounds from one evaluation to the next.
    pub evaluate_every: NonZeroU32,
    /// The last round, which is always evaluated.
    pub rounds: u32,
    /// Whether scores leave in a masked sum only.
    pub hides_scores: bool,
    /// Whether an update may go into one sum only, since its noise is shared and was paid for once.
    pub one_sum: bool,
}

/// Why an upload did not end with a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadFailure {
    /// The connection broke; the upload goes on where it stopped after the next invitation.
    Broken,
    /// The coordinator does not want it.
    Rejected(String),
    /// This site takes no part in the sum that is proposed.
    Refused(Refusal),
}

impl UploadFailure {
    /// Why the update will not be in this sum; nothing where it is tried again.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Broken => None,
            Self::Rejected(reason) => Some(reason),
            Self::Refused(refusal) => Some(refusal.text()),
        }
    }
}

/// A committed model to be measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The study.
    pub study: StudyId,
    /// The round that made the model.
    pub round: RoundNumber,
    /// The model.
    pub model: ModelRef,
}

/// What was measured, and what may be told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Exact; stays at the site.
    pub scores: Vec<Score>,
    /// For the coordinator; empty where nothing may be told.
    pub reported: Vec<ReportedScore>,
}

impl Terms {
    pub(super) fn measures(&self, round: RoundNumber) -> bool {
        round.get().is_multiple_of(self.evaluate_every.get()) || round.get() >= self.rounds
    }
}
