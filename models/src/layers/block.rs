//! The unit of which encoders and decoders are made.

use super::{Conv2d, Features, GroupNorm, UpConv2d};
use burn::module::Module;
use burn::tensor::Device;

/// Kernel of every convolution but the last of a network.
const KERNEL_PX: usize = 3;

/// Two 3 x 3 convolutions, each normalised and rectified.
#[derive(Module, Debug)]
pub(crate) struct Block {
    first: Conv2d,
    first_norm: GroupNorm,
    second: Conv2d,
    second_norm: GroupNorm,
}

impl Block {
    /// `inputs` to `outputs` channels; all weights zero until they are loaded.
    pub(crate) fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self {
            first: Conv2d::new(inputs, outputs, KERNEL_PX, device),
            first_norm: GroupNorm::new(outputs, device),
            second: Conv2d::new(outputs, outputs, KERNEL_PX, device),
            second_norm: GroupNorm::new(outputs, device),
        }
    }

    /// Channels that go in.
    pub(crate) fn inputs(&self) -> usize {
        self.first.inputs()
    }

    pub(crate) fn forward(&self, input: Features) -> Features {
        let features = self.first_norm.rectified(self.first.forward(input));
        self.second_norm.rectified(self.second.forward(features))
    }
}

/// The way down: the features of every level, the finest first, each from those above at half the resolution.
pub(crate) fn encoded(encoder: &[Block], images: Features) -> Vec<Features> {
    let mut levels: Vec<Features> = Vec::with_capacity(encoder.len());
    for block in encoder {
        let input = levels.last().map_or_else(|| images.clone(), |finer| finer.clone().halved());
        levels.push(block.forward(input));
    }
    levels
}

/// The way up: from the coarsest of `levels`, a level finer with each block, where the features of that level are put beside.
pub(crate) fn decoded(up: &[UpConv2d], decoder: &[Block], mut levels: Vec<Features>) -> Features {
    let mut features = levels.pop().expect("a checked plan has at least one level");
    for (up, block) in up.iter().zip(decoder) {
        let skip = levels.pop().expect("there is one level more than there are steps up");
        features = block.forward(up.forward(features).beside(skip));
    }
    features
}
