//! The worst site of each setting beside the mean of all.

use super::charts::last_mean;
use super::group::{Group, Over};
use super::heads;
use super::record::RunRecord;
use crate::numbers::{NONE, difference, score};
use crate::text::visible;
use maud::{Markup, html};

const HEADS: [&str; 7] =
    ["Setting", "Seeds", "Mean of sites", "lowest–highest", "Worst site", "lowest–highest", "Worst − mean"];

/// A row a setting.
pub(super) fn fairness(groups: &[Group]) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { (heads(&HEADS)) } }
                tbody { @for group in groups { (row(group)) } }
            }
        }
        p.note { "At the last measurement; means over seeds. The worst site may be another one with every seed." }
    }
}

fn row(group: &Group) -> Markup {
    let worst = |run: &RunRecord| run.last()?.worst;
    let gap = |run: &RunRecord| Some(run.last()?.mean? - run.last()?.worst?);
    html! {
        tr {
            th scope="row" { (visible(&group.name())) }
            td { (group.runs.len()) }
            (over(last_mean(group)))
            (over(group.over(worst)))
            td { (difference(group.over(gap).map_or(f64::NAN, |gap| -gap.mean))) }
        }
    }
}

/// Two cells: the mean, and how far the seeds reach.
fn over(over: Option<Over>) -> Markup {
    let [mean, low, high] = over.map_or([f64::NAN; 3], |over| [over.mean, over.low, over.high]).map(score);
    html! { td { (mean) } td { @if over.is_some() { (low) "–" (high) } @else { (NONE) } } }
}
