//! The costly layers on the processor, forward and backward, in safe Rust.
//!
//! burn's processor backend turns a 3 x 3 convolution into a matrix product over copied patches, and its weight gradient
//! into a convolution with a kernel as large as the image; with the few channels of a medical U-Net both move more data than
//! they compute. These kernels stream padded planes instead, and are wired into burn's autodiff by [`operation`]. On any
//! other device the layers use burn's own operations.
//!
//! Results do not depend on the number of threads: every sum is taken in one order by one task.

mod conv;
mod conv_gradient;
mod group_norm;
mod layers;
mod operation;
mod padded;
mod pool;

pub(crate) use layers::{Affine, Normalisation, conv3x3, conv3x3_each, group_norm_relu, group_norm_relu_each, halve};
pub(crate) use operation::run_on;
