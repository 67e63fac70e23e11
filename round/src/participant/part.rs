//! What a site knows of one study.

use super::{Evaluation, Terms};
use crate::{Invitation, ModelRef, ReportedScore, RoundId, Summand, UpdateRef};
use std::collections::BTreeMap;
use wardround_plan::{Digest, PlanDigest, RoundNumber};

/// What the site knows of one study.
#[derive(Default)]
pub(super) struct Part {
    /// Accepted by the policy on this connection.
    pub(super) terms: Option<Terms>,
    /// The plan that was last decided on.
    pub(super) plan: Option<PlanDigest>,
    pub(super) trained: Option<Trained>,
    /// Models whose scores went into a sum, and for which round.
    pub(super) told: BTreeMap<Digest, RoundNumber>,
    pub(super) last_evaluated: Option<(Evaluation, Vec<ReportedScore>)>,
    pub(super) ended: bool,
}

/// An update that is stored. It serves every attempt at its round that starts from the same model.
#[derive(Clone)]
pub(super) struct Trained {
    pub(super) plan: Option<PlanDigest>,
    pub(super) round: RoundNumber,
    pub(super) model: ModelRef,
    pub(super) update: UpdateRef,
}

impl Part {
    /// Whether the scores of a model may go into a sum: only of rounds that are measured, and once for each model, so that two
    /// sums over different sites differ by no site's scores.
    pub(super) fn may_tell(&self, invitation: &Invitation) -> bool {
        let round = invitation.id.round;
        let told = self.told.get(&invitation.model.digest);
        self.terms.is_some_and(|terms| terms.measures(round)) && told.is_none_or(|told| *told == round)
    }

    /// Whether masking for this round uses up what was trained.
    pub(super) fn gives_up(&self, id: &RoundId) -> bool {
        id.summand == Summand::Update && self.trained.as_ref().is_some_and(|trained| trained.round <= id.round)
    }
}
