//! Our own layers, thin over burn.
//!
//! A network is written once, in terms of [`Features`] and these layers. What a layer keeps for private gradients, and
//! which kernel computes it on which device, is decided here, behind that line.

mod conv;
mod features;
mod group_norm;
mod up_conv;

pub(crate) use conv::Conv2d;
pub(crate) use features::Features;
pub(crate) use group_norm::GroupNorm;
pub(crate) use up_conv::UpConv2d;
