//! Work that needs no scans: to measure the engine by, and to know the answer beforehand.

mod noise;
mod quadratic;

pub use noise::{Noise, add_noise};
pub use quadratic::{Quadratic, QuadraticError};

use std::sync::Arc;
use wardround_plan::{Layout, TensorSpec, Weights};

/// A model of two tensors, `body` and `norm`, all zero: names for strategies that keep some layers at their site.
fn zeros(weights: usize) -> Weights {
    let norm = weights / 10;
    let parts = [("body", weights - norm), ("norm", norm)];
    let tensors = parts.into_iter().filter(|(_, len)| *len > 0);
    let tensors = tensors.map(|(name, len)| TensorSpec { name: name.into(), shape: vec![len] });
    let layout = Layout::new(tensors.collect()).expect("two names, none empty, and no toy has 2^31 weights");
    let len = layout.len();
    Weights::new(Arc::new(layout), vec![0.0; len]).expect("zeros are finite, and as many as there are")
}
