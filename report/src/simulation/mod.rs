//! Simulated runs side by side: which setting learns faster, what privacy costs, who is left behind, what it takes.
//!
//! Runs with the same settings are repetitions. Their mean is shown with the lowest and the highest, never with an interval that
//! three seeds could not support.

mod charts;
mod group;
mod page;
mod record;
#[cfg(test)]
pub(crate) mod sample;
mod table;

pub use charts::simulation_charts;
pub use page::simulation_page;
pub use record::{
    RunRecord, RunSetting, SimulatedRound, SimulatedScores, SimulatedSite, SimulatedTraffic, SimulationRecord,
};
pub use table::simulation_csv;
