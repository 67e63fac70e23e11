//! Whole sessions in memory.

pub(crate) mod fixture;
pub(crate) mod network;

mod adversary;
mod dropouts;
mod flower;
mod model_checker;
mod mutation;
mod puppet;
mod recovery;
mod statistics;
mod vectors;
