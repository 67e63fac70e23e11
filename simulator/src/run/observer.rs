//! Who watches a run: a live view, a test, nobody.

use super::{EvaluationRecord, Manifest, RoundRecord};
use std::ops::ControlFlow;
use std::time::Duration;

/// Hears how a run goes. Every method may be left out.
pub trait Observer: Sync {
    /// The run begins or goes on, with so many rounds done of all.
    fn began(&self, manifest: &Manifest, done: u32, rounds: u32) {
        let _ = (manifest, done, rounds);
    }

    /// So many of an attempt's sites have trained. Called from every worker.
    fn site_done(&self, done: usize, of: usize) {
        let _ = (done, of);
    }

    /// A round is over. To break is to stop after a checkpoint; the run can be resumed.
    fn round_done(&self, progress: &Progress<'_>) -> ControlFlow<()> {
        let _ = progress;
        ControlFlow::Continue(())
    }
}

/// A round that is over.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// What happened in it.
    pub round: &'a RoundRecord,
    /// How good its model is, where it was measured.
    pub evaluation: Option<&'a EvaluationRecord>,
    /// Rounds of the study.
    pub rounds: u32,
    /// Wall-clock time of the round.
    pub wall: Duration,
    /// The new model.
    pub model: &'a [f32],
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Observer for Nobody {}
