//! Simulated runs side by side: which setting learns faster, what privacy costs, who is left behind, what it takes.
//!
//! Runs with the same settings are repetitions. Their mean is shown with the lowest and the highest, never with an interval that
//! three seeds could not support.

mod charts;
mod cost;
mod fairness;
mod group;
mod page;
mod record;
mod runs;
#[cfg(test)]
pub(crate) mod sample;
mod table;

use crate::numbers::{NONE, duration};
use maud::{Markup, html};

pub use charts::simulation_charts;
pub use page::simulation_page;
pub use record::{
    RunRecord, RunSetting, SimulatedRound, SimulatedScores, SimulatedSite, SimulatedTraffic, SimulationRecord,
};
pub use table::simulation_csv;

/// The first row of a table.
fn heads(names: &[&str]) -> Markup {
    html! { @for name in names { th scope="col" { (name) } } }
}

/// Seconds as people read them.
fn lasted(seconds: Option<f64>) -> String {
    let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    seconds.map_or(NONE.into(), |seconds| duration(0, (seconds * 1e3).round() as u64))
}
