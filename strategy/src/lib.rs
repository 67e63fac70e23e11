//! From the sites' messages to the next model.
//!
//! A strategy has a part at the sites ([`LocalRule`]), and a part at the server ([`ServerRule`]) that sees the mean of their
//! messages. One file for each strategy.
//!
//! Sums across sites are integers: every weight of an update becomes a fixed-point number and is added to an
//! `i64`. Integer addition has no order, so neither the order of arrival nor a retry can change a bit.

mod adaptive;
mod advance;
mod ditto;
mod fedadagrad;
mod fedadam;
mod fedavg;
mod fedavgm;
mod fednova;
mod fedprox;
mod fedyogi;
mod fixed;
mod local;
mod local_layers;
mod message;
mod registry;
mod robust;
mod scaffold;
mod server;
mod server_state;
mod strategy;
#[cfg(test)]
mod testing;

pub use advance::{AdvanceError, Collected, Verdict};
pub use ditto::Ditto;
pub use fedadagrad::FedAdagrad;
pub use fedadam::FedAdam;
pub use fedavg::FedAvg;
pub use fedavgm::FedAvgm;
pub use fednova::FedNova;
pub use fedprox::FedProx;
pub use fedyogi::FedYogi;
pub use fixed::{FoldError, TotalWeight, UPDATE_ABS_MAX, check, fold};
pub use local::{Correction, Effort, LocalError, LocalRule, LocalSteps, Proximal, Received, local_round};
pub use local_layers::LocalLayers;
pub use message::{MESSAGE_VECTORS_MAX, MessageShape};
pub use registry::RegistryError;
pub use robust::{
    BoundedSteps, Bulyan, Excluded, GeometricMedian, Influence, Krum, Median, MultiKrum, NormBound, RobustError,
    RobustRule, TrimmedMean, Updates, combine, group_means, group_ranges,
};
pub use scaffold::Scaffold;
pub use server::{RoundFacts, STATE_VECTORS_MAX, ServerRule, Slice};
pub use server_state::{Mean, ServerState, StepError};
pub use strategy::{Aggregation, Strategy, StrategyError};
