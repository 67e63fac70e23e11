//! Every single run, for whoever wants to look one up.

use super::heads;
use super::record::{RunRecord, SimulationRecord};
use crate::numbers::{NONE, count, score};
use crate::text::{short_digest, visible};
use maud::{Markup, html};

/// A longer table of runs is folded on the screen.
const OPEN_MAX: usize = 30;
const HEADS: [&str; 6] = ["Run", "Seed", "Rounds", "Measured in", "Mean of sites", "Worst site"];

/// A row a run.
pub(super) fn runs(record: &SimulationRecord) -> Markup {
    html! {
        details.rounds open[record.runs.len() <= OPEN_MAX] {
            summary { (count(record.runs.len(), "run")) }
            div.scroll {
                table {
                    thead { tr { (heads(&HEADS)) th.words scope="col" { "Model" } } }
                    tbody { @for run in &record.runs { (row(run)) } }
                }
            }
        }
    }
}

fn row(run: &RunRecord) -> Markup {
    let last = run.last();
    let number = |number: Option<f64>| score(number.unwrap_or(f64::NAN));
    html! {
        tr {
            th scope="row" { (visible(&run.name)) }
            td { (run.seed) }
            td { (run.rounds.len()) @if !run.complete { ", not finished" } }
            td { @if let Some(last) = last { "round " (last.round) } @else { (NONE) } }
            td { (number(last.and_then(|last| last.mean))) }
            td { (number(last.and_then(|last| last.worst))) }
            td.words { code title=(visible(&run.model_sha256)) { (short_digest(&visible(&run.model_sha256))) } }
        }
    }
}
