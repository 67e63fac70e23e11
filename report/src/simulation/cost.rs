//! What each setting takes: ε, bytes on the wire, virtual and wall-clock time.

use super::SimulatedTraffic;
use super::group::{Group, Over};
use super::record::RunRecord;
use super::{heads, lasted};
use crate::numbers::{NONE, decimal, rounded_up};
use crate::page::EPSILON_DECIMALS;
use crate::text::visible;
use maud::{Markup, html};

const BYTES_PER_MB: f64 = 1e6;
const HEADS: [&str; 6] = ["Setting", "ε", "To sites, MB", "From sites, MB", "Virtual time", "On this machine"];

/// A row a setting.
pub(super) fn cost(groups: &[Group]) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { (heads(&HEADS)) } }
                tbody { @for group in groups { (row(group)) } }
            }
        }
        p.note {
            "Of one run, mean over seeds. Models and updates are counted as 32-bit numbers, to every site that was asked and from \
             every site that answered, in every attempt; what secure aggregation, scores and the protocol add is not in it. \
             1 MB is 10⁶ bytes. ε is that of the last round, – where nothing is promised."
        }
    }
}

fn row(group: &Group) -> Markup {
    let traffic = |number: fn(&SimulatedTraffic) -> u64| {
        move |run: &RunRecord| Some(number(run.traffic.as_ref()?) as f64 / BYTES_PER_MB)
    };
    let mean = |over: Option<Over>| over.map_or(f64::NAN, |over| over.mean);
    html! {
        tr {
            th scope="row" { (visible(&group.name())) }
            td { (group.epsilon().map_or(NONE.into(), |epsilon| rounded_up(epsilon, EPSILON_DECIMALS))) }
            td { (decimal(mean(group.over(traffic(|traffic| traffic.down_bytes))), 1)) }
            td { (decimal(mean(group.over(traffic(|traffic| traffic.up_bytes))), 1)) }
            td { (lasted(group.over(RunRecord::virtual_s).map(|over| over.mean))) }
            td { (lasted(group.over(|run| Some(run.wall_s())).map(|over| over.mean))) }
        }
    }
}
