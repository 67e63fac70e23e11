//! U-Net in two dimensions (Ronneberger et al. 2015), with group normalisation.
//!
//! At each level two 3 x 3 convolutions, each with group normalisation and ReLU; down by 2 x 2 maximum, up by 2 x 2
//! transposed convolution, where the features of the same level are put beside. Channels double with each level.

use crate::layers::{Conv2d, Features, GroupNorm, UpConv2d};
use burn::module::Module;
use burn::tensor::Device;
use wardround_plan::ModelSection;

/// Kernel of every convolution but the last.
const KERNEL_PX: usize = 3;

/// Two convolutions, each normalised and rectified.
#[derive(Module, Debug)]
struct Block {
    first: Conv2d,
    first_norm: GroupNorm,
    second: Conv2d,
    second_norm: GroupNorm,
}

/// From images to one score a class and pixel.
#[derive(Module, Debug)]
pub(crate) struct Unet {
    encoder: Vec<Block>,
    up: Vec<UpConv2d>,
    decoder: Vec<Block>,
    head: Conv2d,
}

impl Unet {
    /// The network of a plan, before weights are loaded into it.
    pub(crate) fn new(model: &ModelSection, device: &Device) -> Self {
        let [width, depth, channels, classes] =
            [model.width, model.depth, model.channels, model.classes].map(|n| n as usize);
        let channels_at = |level: usize| width << level;
        let inputs_at = |level: usize| if level == 0 { channels } else { channels_at(level - 1) };
        let upwards = || (0..depth - 1).rev();
        Self {
            encoder: (0..depth).map(|level| Block::new(inputs_at(level), channels_at(level), device)).collect(),
            up: upwards().map(|level| UpConv2d::new(channels_at(level + 1), channels_at(level), device)).collect(),
            decoder: upwards().map(|level| Block::new(2 * channels_at(level), channels_at(level), device)).collect(),
            head: Conv2d::new(width, classes, 1, device).with_bias(),
        }
    }

    /// Scores before softmax, `[images, classes, size, size]`.
    pub(crate) fn forward(&self, images: Features) -> Features {
        let mut skipped = Vec::with_capacity(self.encoder.len());
        let mut features = images;
        for (level, block) in self.encoder.iter().enumerate() {
            let input = if level == 0 { features } else { features.halved() };
            features = block.forward(input);
            skipped.push(features.clone());
        }
        skipped.pop();
        for (up, block) in self.up.iter().zip(&self.decoder) {
            let skip = skipped.pop().expect("there is one encoder level more than decoder levels");
            features = block.forward(up.forward(features).beside(skip));
        }
        self.head.forward(features)
    }

    /// One image that is one pixel at the lowest level.
    pub(crate) fn smallest_input(&self) -> [usize; 4] {
        let side = 1 << (self.encoder.len() - 1);
        [1, self.encoder.first().map_or(1, |block| block.first.inputs()), side, side]
    }

    /// Where its weights are.
    pub(crate) fn device(&self) -> Device {
        self.head.device()
    }
}

impl Block {
    fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self {
            first: Conv2d::new(inputs, outputs, KERNEL_PX, device),
            first_norm: GroupNorm::new(outputs, device),
            second: Conv2d::new(outputs, outputs, KERNEL_PX, device),
            second_norm: GroupNorm::new(outputs, device),
        }
    }

    fn forward(&self, input: Features) -> Features {
        let features = self.first_norm.rectified(self.first.forward(input));
        self.second_norm.rectified(self.second.forward(features))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::tests::model;
    use burn::tensor::Tensor;

    #[test]
    fn the_output_has_the_input_size_and_one_channel_a_class() {
        let device = Device::flex();
        for depth in 1..=3 {
            let model = ModelSection { depth, classes: 3, channels: 2, ..model() };
            let images = Features::new(Tensor::zeros([2, 2, 16, 16], &device));
            assert_eq!(Unet::new(&model, &device).forward(images).into_tensor().dims(), [2, 3, 16, 16]);
        }
    }
}
