//! A detector without anchors (CenterNet, Zhou et al. 2019, 1904.07850), on the encoder and decoder of the U-Net.
//!
//! The decoder ends at half the input's resolution. There each cell has a score for every class, high where an object has its
//! centre, and for a centre the rest of its place within the cell and the logarithm of its size. Everything is normalised
//! by groups within one image, so that it can be trained privately.

use crate::layers::{Block, Conv2d, Features, GroupNorm, UpConv2d, decoded, encoded};
use crate::unet::{Levels, smallest_input};
use burn::module::Module;
use burn::tensor::Device;
use wardround_plan::ModelSection;

/// Pixels of the input in a cell of the output, along a side.
pub(crate) const STRIDE_PX: usize = 2;
/// Maps behind those of the classes: offset down and right in cells, logarithm of height and width in cells.
pub(crate) const PLACE_MAPS: usize = 4;
/// Level at which the decoder ends; its resolution is `1 / STRIDE_PX`.
const FINEST_LEVEL: usize = 1;
/// Kernel of the head's own convolution.
const KERNEL_PX: usize = 3;

/// From images to maps of centres, offsets and sizes.
#[derive(Module, Debug)]
pub(crate) struct Centernet {
    encoder: Vec<Block>,
    up: Vec<UpConv2d>,
    decoder: Vec<Block>,
    neck: Conv2d,
    neck_norm: GroupNorm,
    head: Conv2d,
}

impl Centernet {
    /// The network of a plan, before weights are loaded into it.
    pub(crate) fn new(model: &ModelSection, device: &Device) -> Self {
        let Levels { encoder, up, decoder } = Levels::new(model, FINEST_LEVEL, device);
        let channels = (model.width as usize) << FINEST_LEVEL;
        let maps = model.classes as usize - 1 + PLACE_MAPS;
        Self {
            encoder,
            up,
            decoder,
            neck: Conv2d::new(channels, channels, KERNEL_PX, device),
            neck_norm: GroupNorm::new(channels, device),
            head: Conv2d::new(channels, maps, 1, device).with_bias(),
        }
    }

    /// `[images, classes without background + PLACE_MAPS, size / STRIDE_PX, size / STRIDE_PX]`: logits of centres, then places.
    pub(crate) fn forward(&self, images: Features) -> Features {
        let features = decoded(&self.up, &self.decoder, encoded(&self.encoder, images));
        self.head.forward(self.neck_norm.rectified(self.neck.forward(features)))
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
