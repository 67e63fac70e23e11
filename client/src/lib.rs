//! The hospital's agent: policy, state, training, transport.

pub mod backoff;
pub mod transfer;
