//! Work that needs no scans: to measure the engine by, and to know the answer beforehand.

mod noise;
mod quadratic;

pub use noise::Noise;
pub use quadratic::{Quadratic, QuadraticError};
