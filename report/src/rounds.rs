//! The rounds one by one: how long, who, and which model came out.

use crate::numbers::{count, duration};
use crate::records::RoundRecord;
use crate::text::{short_digest, visible};
use maud::{Markup, html};

/// A longer table is folded on the screen.
const OPEN_MAX: usize = 30;

/// The table of rounds.
pub(crate) fn table(rounds: &[RoundRecord]) -> Markup {
    if rounds.is_empty() {
        return html! { p.note { "No round is committed yet." } };
    }
    html! {
        details.rounds open[rounds.len() <= OPEN_MAX] {
            summary { (count(rounds.len(), "committed round")) }
            div.scroll {
                table {
                    thead {
                        tr {
                            th scope="col" { "Round" }
                            th scope="col" { "Duration" }
                            th.words scope="col" { "Included sites" }
                            th.words scope="col" { "Model" }
                        }
                    }
                    tbody { @for round in rounds { (row(round)) } }
                }
            }
        }
    }
}

fn row(round: &RoundRecord) -> Markup {
    html! {
        tr {
            th scope="row" { (round.round) }
            td { (duration(round.started_ms, round.committed_ms)) }
            td.words { (round.included.len()) ": " (visible(&round.included.join(", "))) }
            td.words { code title=(visible(&round.model_sha256)) { (short_digest(&visible(&round.model_sha256))) } }
        }
    }
}
