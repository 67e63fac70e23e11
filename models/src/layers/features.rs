//! What flows between layers.

use crate::kernels;
use crate::private::Recorder;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Tensor, module};

/// Feature maps on their way through a network: `[images, channels, height, width]`.
#[derive(Debug, Clone)]
pub(crate) struct Features {
    tensor: Tensor<4>,
    recorder: Option<Recorder>,
}

impl Features {
    /// Feature maps from a tensor `[images, channels, height, width]`.
    pub(crate) fn new(tensor: Tensor<4>) -> Self {
        Self { tensor, recorder: None }
    }

    /// The same; every layer they pass leaves the gradients of its parameters with `recorder`, for each patient.
    pub(crate) fn recorded(tensor: Tensor<4>, recorder: &Recorder) -> Self {
        Self { tensor, recorder: Some(recorder.clone()) }
    }

    /// The tensor `[images, channels, height, width]`.
    pub(crate) fn into_tensor(self) -> Tensor<4> {
        self.tensor
    }

    /// Where gradients of single patients go, in a private pass.
    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// True where our kernels are used.
    pub(crate) fn on_kernels(&self) -> bool {
        self.recorder.as_ref().is_none_or(Recorder::allows_kernels) && kernels::run_on(&self.tensor.device())
    }

    /// What a layer makes of them.
    pub(crate) fn map(self, layer: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Self {
        Self { tensor: layer(self.tensor), recorder: self.recorder }
    }

    /// The largest of each 2 x 2 pixels.
    pub(crate) fn halved(self) -> Self {
        if self.on_kernels() {
            return self.map(kernels::halve);
        }
        self.map(|tensor| module::max_pool2d(tensor, MaxPoolOptions::new([2, 2])))
    }

    /// The channels of `self`, then those of `other`.
    pub(crate) fn beside(self, other: Self) -> Self {
        self.map(|tensor| Tensor::cat(vec![tensor, other.tensor], 1))
    }
}
