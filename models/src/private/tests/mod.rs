//! Against the oracle: one image at a time through ordinary autodiff, everything after that in f64.

mod audit;
mod network;
mod oracle;
mod refusals;
mod single_layers;

pub(in crate::private) use oracle::values;
