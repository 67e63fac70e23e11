//! What a run writes down: one line of JSON for each event, one row of CSV for each asked site.
//!
//! Nothing here depends on the machine: wall-clock times are in a file of their own, which is not compared.

use crate::{Attempt, SiteNumber};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use wardround_plan::{Digest, RoundNumber};

/// One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A round ended with a new model.
    Round(RoundRecord),
    /// An attempt at a round had too few updates.
    Abandoned(AttemptRecord),
    /// A model was measured at every site that was there.
    Evaluated(EvaluationRecord),
}

/// An attempt at a round, in counts and virtual time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// The round.
    pub round: RoundNumber,
    /// Which attempt at it.
    pub attempt: Attempt,
    /// Sites invited.
    pub asked: u32,
    /// Updates in the model.
    pub summed: u32,
    /// Sites that vanished.
    pub dropped: u32,
    /// Sites after the deadline.
    pub late: u32,
    /// Sites whose training failed.
    pub failed: u32,
    /// Sites whose update cannot be added.
    pub refused: u32,
    /// Virtual seconds from the run's start to the invitation.
    pub begins_s: f64,
    /// Virtual seconds from the run's start to the last update or the deadline.
    pub ends_s: f64,
    /// Mean of the losses that sites reported.
    pub loss: Option<f64>,
}

/// A round that ended with a new model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// The attempt that succeeded.
    #[serde(flatten)]
    pub attempt: AttemptRecord,
    /// Digest of the new model.
    pub model: Digest,
    /// With `privacy.mode = "client"`: the clip norm of the next round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_clip: Option<f64>,
    /// With a strategy that chooses some updates: whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<Vec<SiteNumber>>,
}

/// A model measured at the sites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// The round whose model it is.
    pub round: RoundNumber,
    /// Sites that had something to measure on.
    pub sites: u32,
    /// Sites whose measurement failed.
    pub failed: u32,
    /// Mean over the sites, each alike.
    pub mean: Option<f64>,
    /// The lowest score of a site.
    pub worst: Option<f64>,
    /// Whose it is.
    pub worst_site: Option<SiteNumber>,
}

/// How an asked site ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SiteRow<'a> {
    pub(crate) site: SiteNumber,
    pub(crate) outcome: &'static str,
    pub(crate) loss: Option<f64>,
    pub(crate) steps: Option<u32>,
    /// Virtual seconds from the invitation to the update.
    pub(crate) after_s: Option<f64>,
    pub(crate) reason: &'a str,
}

/// The heads of the tables.
pub(crate) const SITES_HEAD: &str = "round,attempt,site,outcome,loss,steps,after_s,reason\n";
pub(crate) const SCORES_HEAD: &str = "round,site,score\n";
pub(crate) const TIMING_HEAD: &str = "round,wall_ms,sites_per_s\n";

impl SiteRow<'_> {
    /// Appends the row to `table`.
    pub(crate) fn write(&self, round: RoundNumber, attempt: Attempt, table: &mut String) {
        let Self { site, outcome, loss, steps, after_s, reason } = self;
        let _ = write!(table, "{round},{},{site},{outcome},", attempt.get());
        cell(table, *loss);
        cell(table, *steps);
        cell(table, *after_s);
        if !reason.is_empty() {
            let _ = write!(table, "\"{}\"", reason.replace('"', "\"\""));
        }
        table.push('\n');
    }
}

/// A cell that may be empty, with its comma.
fn cell(table: &mut String, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        let _ = write!(table, "{value}");
    }
    table.push(',');
}

impl Event {
    /// One line.
    pub(crate) fn line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("numbers and text become JSON; no float here is not finite");
        line.push('\n');
        line
    }

    /// The round it belongs to.
    pub fn round(&self) -> RoundNumber {
        match self {
            Self::Round(record) => record.attempt.round,
            Self::Abandoned(record) => record.round,
            Self::Evaluated(record) => record.round,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_with_commas_and_quotes_stays_one_cell() {
        let row = SiteRow {
            site: SiteNumber::new(3),
            outcome: "failed",
            loss: None,
            steps: Some(2),
            after_s: None,
            reason: "no \"x\", no y",
        };
        let mut table = String::new();
        row.write(RoundNumber::FIRST, Attempt::FIRST, &mut table);
        assert_eq!(table, "1,1,3,failed,,2,,\"no \"\"x\"\", no y\"\n");
    }
}
