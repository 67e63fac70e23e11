//! The networks a plan can name: compiled in, so that a coordinator sends numbers and never an architecture.

use crate::centernet::Centernet;
use crate::layers::Features;
use crate::parameters;
use crate::private::Recorder;
use crate::unet::Unet;
use crate::unet3d::Unet3d;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use wardround_plan::{Layout, ModelKind, ModelSection};

/// One network of the registry.
// A process has a handful of them at most, and each owns far more than its own few hundred bytes.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub(crate) enum Network {
    Unet2d(Unet),
    Unet3d(Unet3d),
    Centernet2d(Centernet),
}

impl Network {
    /// The network of a plan, before weights are loaded into it.
    pub(crate) fn new(model: &ModelSection, device: &Device) -> Self {
        match model.kind {
            ModelKind::Unet2d => Self::Unet2d(Unet::new(model, device)),
            ModelKind::Unet3d => Self::Unet3d(Unet3d::new(model, device)),
            ModelKind::Centernet2d => Self::Centernet2d(Centernet::new(model, device)),
        }
    }

    /// What the network makes of `[images, channels, rows, size]`: a volume's slices are one below the other. Scores before
    /// softmax `[images, classes, rows, size]` where it segments, maps as in [`crate::centernet`] where it detects.
    pub(crate) fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        self.features(Features::new(images)).into_tensor()
    }

    /// The same, and the backward pass leaves the gradient of every patient with `recorder` instead of the sum for autodiff.
    pub(crate) fn forward_recorded(&self, images: Tensor<4>, recorder: &Recorder) -> Tensor<4> {
        self.features(Features::recorded(images, recorder)).into_tensor()
    }

    fn features(&self, images: Features) -> Features {
        match self {
            Self::Unet2d(unet) => unet.forward(images),
            Self::Unet3d(unet) => unet.forward(images),
            Self::Centernet2d(detector) => detector.forward(images),
        }
    }

    /// Extents of the smallest batch it takes.
    pub(crate) fn smallest_input(&self) -> [usize; 4] {
        match self {
            Self::Unet2d(unet) => unet.smallest_input(),
            Self::Unet3d(unet) => unet.smallest_input(),
            Self::Centernet2d(detector) => detector.smallest_input(),
        }
    }

    /// Where its weights are.
    pub(crate) fn device(&self) -> Device {
        match self {
            Self::Unet2d(unet) => unet.device(),
            Self::Unet3d(unet) => unet.device(),
            Self::Centernet2d(detector) => detector.device(),
        }
    }
}

/// Names and shapes of the network's weights, in the order in which they lie in [`wardround_plan::Weights`].
pub fn layout(model: &ModelSection) -> Layout {
    let tensors = parameters::of(&Network::new(model, &Device::flex()));
    let specs = tensors.into_iter().map(|parameter| parameter.spec).collect();
    Layout::new(specs).expect("a network's fields have different names, and a checked plan bounds width and depth")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn model() -> ModelSection {
        ModelSection {
            kind: ModelKind::Unet2d,
            width: 4,
            depth: 2,
            classes: 2,
            channels: 1,
            input_px: 16,
            input_slices: None,
        }
    }

    #[test]
    fn the_layout_follows_the_fields_of_the_network() {
        let layout = layout(&model());
        let lines: Vec<String> = layout.tensors().iter().map(|t| format!("{} {:?}", t.name, t.shape)).collect();
        let expected = [
            "encoder.0.first.weight [4, 1, 3, 3]",
            "encoder.0.first_norm.scale [4]",
            "encoder.0.first_norm.shift [4]",
            "encoder.0.second.weight [4, 4, 3, 3]",
            "encoder.0.second_norm.scale [4]",
            "encoder.0.second_norm.shift [4]",
            "encoder.1.first.weight [8, 4, 3, 3]",
            "encoder.1.first_norm.scale [8]",
            "encoder.1.first_norm.shift [8]",
            "encoder.1.second.weight [8, 8, 3, 3]",
            "encoder.1.second_norm.scale [8]",
            "encoder.1.second_norm.shift [8]",
            "up.0.weight [8, 4, 2, 2]",
            "up.0.bias [4]",
            "decoder.0.first.weight [4, 8, 3, 3]",
            "decoder.0.first_norm.scale [4]",
            "decoder.0.first_norm.shift [4]",
            "decoder.0.second.weight [4, 4, 3, 3]",
            "decoder.0.second_norm.scale [4]",
            "decoder.0.second_norm.shift [4]",
            "head.weight [2, 4, 1, 1]",
            "head.bias [2]",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn every_number_of_the_section_that_shapes_the_network_changes_the_digest() {
        let digest = |model: ModelSection| layout(&model).digest();
        let others = [
            ModelSection { width: 8, ..model() },
            ModelSection { depth: 3, ..model() },
            ModelSection { classes: 3, ..model() },
            ModelSection { channels: 3, ..model() },
        ];
        for other in others {
            assert_ne!(digest(other.clone()), digest(model()), "{other:?}");
        }
        assert_eq!(digest(ModelSection { input_px: 32, ..model() }), digest(model()), "no weight depends on the size");
    }

    #[test]
    fn the_plans_that_come_with_the_house_are_good() {
        let plans = [
            include_str!("../../configs/cardiac.toml"),
            include_str!("../../configs/nuclei.toml"),
            include_str!("../../configs/phantoms.toml"),
        ];
        for text in plans {
            let plan = wardround_plan::Plan::from_toml(text).expect("a plan in configs/");
            assert!(layout(&plan.model).len() > 10_000, "{}", plan.study.name);
        }
    }
}
