//! What a study's machine is told.

use super::Rejection;
use crate::{FromSite, ModelRef, RoundId, UpdateRef};
use std::collections::BTreeSet;
use std::sync::Arc;
use wardround_plan::{Digest, Plan, SiteId};
use wardround_secagg::roster::Roster;
use wardround_secagg::server::CompleteUpload;

/// A study as it was submitted: the frozen plan, the layout of its network, the model to begin with.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The plan; its name is the study's name.
    pub plan: Plan,
    /// Digest of the names and shapes of the weights.
    pub layout: Digest,
    /// The initial model.
    pub model: ModelRef,
}

/// What can happen to a study.
#[derive(Debug, Clone)]
pub enum Input {
    /// Who is enrolled now. A site that is missing here is treated as gone.
    Roster(BTreeSet<SiteId>),
    /// Who signs with which key in the secure aggregation, from the next session on.
    SigningRoster(Arc<Roster>),
    /// A site opened its control stream.
    Arrived(SiteId),
    /// A site's control stream ended.
    Left(SiteId),
    /// A site said something.
    Said(SiteId, FromSite),
    /// A site's upload of so many bytes is complete and its digest verified.
    Uploaded(SiteId, RoundId, UpdateRef, u64),
    /// An [`super::Effect::Fold`] is done: the new running sum.
    Folded(Digest),
    /// An [`super::Effect::Fold`] met a number it cannot add.
    FoldRefused(Rejection),
    /// An [`super::Effect::FoldMasked`] is done: the new running sum, and what the check of the update gave.
    MaskedFolded(Digest, CompleteUpload),
    /// An [`super::Effect::Unmask`] is done: the sum without masks, or why there is none.
    Unmasked(Result<Digest, String>),
    /// An [`super::Effect::Read`] is done: the sum's words.
    SumRead(Vec<i64>),
    /// An [`super::Effect::Apply`] is done: the next model.
    Applied(ModelRef),
    /// The study lead ends the study.
    Stop,
}

/// Whether an upload may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Welcome,
    /// This very update is in the sum already; the receipt was lost.
    AlreadyCounted,
}
