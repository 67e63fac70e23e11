//! What a detector learns from, and what it says: boxes to maps, the loss between maps, and maps to boxes.

mod decode;
mod loss;
mod suppression;
mod targets;

pub(crate) use decode::decode;
pub(crate) use loss::per_image;
pub(crate) use targets::Targets;
