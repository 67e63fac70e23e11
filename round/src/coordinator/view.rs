//! A study, as its lead sees it.

use crate::{ModelRef, RoundId, StudyOutcome};
use wardround_plan::SiteId;

/// Where a study is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for sites.
    Gathering,
    /// Sites train and send.
    Collecting,
    /// The next model is being made, or a sum of scores read.
    Applying,
    /// Over.
    Ended,
}

/// One site, as the study lead sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteView {
    /// Who.
    pub site: SiteId,
    /// What it does.
    pub phase: SitePhase,
    /// Local steps done and to do, while it trains.
    pub steps: Option<(u32, u32)>,
    /// Why it does not take part, if it does not.
    pub reason: Option<String>,
}

/// What a site does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SitePhase {
    /// Not connected.
    Absent,
    /// Connected, nothing to do.
    Waiting,
    /// Said no to the study or the round, or its update was refused.
    Refused,
    /// Trains or sends.
    Training,
    /// Its update is in the sum.
    Counted,
}

/// A study, as the study lead sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The round, while the study runs: open or about to be opened.
    pub id: RoundId,
    /// Where it is.
    pub phase: Phase,
    /// The last committed model, or the initial one.
    pub model: ModelRef,
    /// How it ended, once it has.
    pub outcome: Option<StudyOutcome>,
    /// Every enrolled site.
    pub sites: Vec<SiteView>,
}
