//! Whole sessions in memory.

pub(crate) mod fixture;
pub(crate) mod network;

mod dropouts;
