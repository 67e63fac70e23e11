//! What flows between layers.

use crate::kernels;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Tensor, module};

/// Feature maps on their way through a network: `[images, channels, height, width]`.
#[derive(Debug, Clone)]
pub(crate) struct Features(Tensor<4>);

impl Features {
    /// Feature maps from a tensor `[images, channels, height, width]`.
    pub(crate) fn new(tensor: Tensor<4>) -> Self {
        Self(tensor)
    }

    /// The tensor `[images, channels, height, width]`.
    pub(crate) fn into_tensor(self) -> Tensor<4> {
        self.0
    }

    /// The largest of each 2 x 2 pixels.
    pub(crate) fn halved(self) -> Self {
        if kernels::run_on(&self.0.device()) {
            return Self(kernels::halve(self.0));
        }
        Self(module::max_pool2d(self.0, MaxPoolOptions::new([2, 2])))
    }

    /// The channels of `self`, then those of `other`.
    pub(crate) fn beside(self, other: Self) -> Self {
        Self(Tensor::cat(vec![self.0, other.0], 1))
    }
}
