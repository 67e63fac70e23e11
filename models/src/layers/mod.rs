//! Our own layers, thin over burn.
//!
//! A network is written once, in terms of [`Features`] and these layers. What a layer keeps for private gradients, and
//! which kernel computes it on which device, is decided here, behind that line.

mod block;
mod conv;
mod features;
mod group_norm;
mod linear;
mod up_conv;
mod volume;

pub(crate) use block::{Block, decoded, encoded};
pub(crate) use conv::Conv2d;
pub(crate) use features::Features;
pub(crate) use group_norm::GroupNorm;
#[cfg(test)]
pub(crate) use linear::Linear;
pub(crate) use up_conv::UpConv2d;
pub(crate) use volume::{UpConv3d, VolumeBlock};

use burn::module::Param;
use burn::tensor::Tensor;

/// The values of a parameter as a constant of a private pass, in which autodiff gives it no gradient.
fn constant<const D: usize>(parameter: &Param<Tensor<D>>) -> Tensor<D> {
    parameter.val().inner().autodiff()
}
