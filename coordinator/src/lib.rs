//! Serves rounds: driver, store, gRPC.

pub mod transfer;
