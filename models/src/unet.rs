//! U-Net in two dimensions (Ronneberger et al. 2015), with group normalisation.
//!
//! At each level two 3 x 3 convolutions, each with group normalisation and ReLU; down by 2 x 2 maximum, up by 2 x 2
//! transposed convolution, where the features of the same level are put beside. Channels double with each level.

use crate::layers::{Block, Conv2d, Features, UpConv2d, decoded, encoded};
use burn::module::Module;
use burn::tensor::Device;
use wardround_plan::ModelSection;

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
        let Levels { encoder, up, decoder } = Levels::new(model, 0, device);
        let head = Conv2d::new(model.width as usize, model.classes as usize, 1, device).with_bias();
        Self { encoder, up, decoder, head }
    }

    /// Scores before softmax, `[images, classes, size, size]`.
    pub(crate) fn forward(&self, images: Features) -> Features {
        self.head.forward(decoded(&self.up, &self.decoder, encoded(&self.encoder, images)))
    }

    /// One image that is one pixel at the lowest level.
    pub(crate) fn smallest_input(&self) -> [usize; 4] {
        smallest_input(&self.encoder)
    }

    /// Where its weights are.
    pub(crate) fn device(&self) -> Device {
        self.head.device()
    }
}

/// The layers of an encoder over all levels of a plan and of a decoder back to one of them.
pub(crate) struct Levels {
    pub(crate) encoder: Vec<Block>,
    pub(crate) up: Vec<UpConv2d>,
    pub(crate) decoder: Vec<Block>,
}

impl Levels {
    /// With a decoder that ends at level `finest`; 0 is that of the input.
    pub(crate) fn new(model: &ModelSection, finest: usize, device: &Device) -> Self {
        let [width, depth, channels] = [model.width, model.depth, model.channels].map(|n| n as usize);
        let channels_at = |level: usize| width << level;
        let inputs_at = |level: usize| if level == 0 { channels } else { channels_at(level - 1) };
        let upwards = || (finest..depth - 1).rev();
        Self {
            encoder: (0..depth).map(|level| Block::new(inputs_at(level), channels_at(level), device)).collect(),
            up: upwards().map(|level| UpConv2d::new(channels_at(level + 1), channels_at(level), device)).collect(),
            decoder: upwards().map(|level| Block::new(2 * channels_at(level), channels_at(level), device)).collect(),
        }
    }
}

/// One image that is one pixel at the lowest level of `encoder`.
pub(crate) fn smallest_input(encoder: &[Block]) -> [usize; 4] {
    let side = 1 << (encoder.len() - 1);
    [1, encoder.first().map_or(1, Block::inputs), side, side]
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
