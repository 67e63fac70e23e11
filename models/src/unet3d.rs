//! U-Net in three dimensions (Cicek et al. 2016), with group normalisation: that of two dimensions, with volumes' layers.

use crate::layers::{Conv2d, Features, UpConv3d, VolumeBlock};
use burn::module::Module;
use burn::tensor::Device;
use wardround_plan::ModelSection;

/// From volumes to one score a class and voxel.
#[derive(Module, Debug)]
pub(crate) struct Unet3d {
    encoder: Vec<VolumeBlock>,
    up: Vec<UpConv3d>,
    decoder: Vec<VolumeBlock>,
    head: Conv2d,
    slices: usize,
}

impl Unet3d {
    /// The network of a plan, before weights are loaded into it.
    pub(crate) fn new(model: &ModelSection, device: &Device) -> Self {
        let [width, depth, channels, classes] =
            [model.width, model.depth, model.channels, model.classes].map(|n| n as usize);
        let channels_at = |level: usize| width << level;
        let inputs_at = |level: usize| if level == 0 { channels } else { channels_at(level - 1) };
        let upwards = || (0..depth - 1).rev();
        let block = |inputs, level| VolumeBlock::new(inputs, channels_at(level), device);
        Self {
            encoder: (0..depth).map(|level| block(inputs_at(level), level)).collect(),
            up: upwards().map(|level| UpConv3d::new(channels_at(level + 1), channels_at(level), device)).collect(),
            decoder: upwards().map(|level| block(2 * channels_at(level), level)).collect(),
            head: Conv2d::new(width, classes, 1, device).with_bias(),
            slices: model.input_slices.unwrap_or(1) as usize,
        }
    }

    /// Scores before softmax, `[volumes, classes, slices * size, size]`, of `[volumes, channels, slices * size, size]`.
    pub(crate) fn forward(&self, volumes: Features) -> Features {
        let mut slices = self.slices;
        let mut levels: Vec<Features> = Vec::with_capacity(self.encoder.len());
        for block in &self.encoder {
            let input = match levels.last() {
                None => volumes.clone(),
                Some(finer) => {
                    slices /= 2;
                    finer.clone().halved_in_depth_too(2 * slices)
                }
            };
            levels.push(block.forward(input, slices));
        }
        let mut features = levels.pop().expect("a checked plan has at least one level");
        for (up, block) in self.up.iter().zip(&self.decoder) {
            let skip = levels.pop().expect("there is one level more than there are steps up");
            features = up.forward(features, slices).beside(skip);
            slices *= 2;
            features = block.forward(features, slices);
        }
        self.head.forward(features)
    }

    /// One volume that is one voxel high and wide at the lowest level.
    pub(crate) fn smallest_input(&self) -> [usize; 4] {
        let side = 1 << (self.encoder.len() - 1);
        [1, self.encoder.first().map_or(1, VolumeBlock::inputs), self.slices * side, side]
    }

    /// Where its weights are.
    pub(crate) fn device(&self) -> Device {
        self.head.device()
    }
}
