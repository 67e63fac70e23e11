//! One slice of a person as tissue, before any scanner saw it.

use super::outline::{Outline, Point};
use super::texture::Texture;

/// Width of the border between two tissues, which is never sharp in a slice of some thickness.
const SOFT: f32 = 0.022;
/// Lattice points of a cloud and of grain from one side of the image to the middle.
const CLOUD_SCALE: f32 = 5.0;
const GRAIN_SCALE: f32 = 26.0;
/// Noise above this is a vessel, seen from its end as a bright dot.
const VESSEL_FROM: f32 = 0.45;

/// How a tissue looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tissue {
    /// Mean signal, 0 (air) to 1 (fat).
    pub(crate) level: f32,
    /// Share by which the signal swings over a large scale.
    pub(crate) cloud: f32,
    /// Share by which it swings from spot to spot.
    pub(crate) grain: f32,
    /// Signal that vessels add.
    pub(crate) vessels: f32,
}

/// One organ in one slice.
#[derive(Debug)]
pub(crate) struct Layer {
    outline: Outline,
    tissue: Tissue,
}

/// All organs of a slice, the deepest first.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) layers: Vec<Layer>,
    /// The border of what shall be found.
    pub(crate) target: Outline,
}

impl Layer {
    pub(crate) fn new(outline: Outline, tissue: Tissue) -> Self {
        Self { outline, tissue }
    }
}

impl Section {
    /// Signal at `point`.
    pub(crate) fn signal(&self, point: Point, texture: &Texture) -> f32 {
        let cloud = texture.cloud(point.x * CLOUD_SCALE, point.y * CLOUD_SCALE);
        let grain = texture.grain(point.x * GRAIN_SCALE, point.y * GRAIN_SCALE + 0.5);
        let vessel = ((texture.grain(point.y * 13.0 + 31.0, point.x * 13.0) - VESSEL_FROM) * 4.0).clamp(0.0, 1.0);
        self.layers.iter().fold(0.0, |signal, layer| {
            let cover = (layer.outline.depth(point) / SOFT + 0.5).clamp(0.0, 1.0);
            if cover == 0.0 {
                return signal;
            }
            let tissue = &layer.tissue;
            let here =
                tissue.level * (1.0 + 2.0 * tissue.cloud * cloud + tissue.grain * grain) + tissue.vessels * vessel;
            signal + cover * (here - signal)
        })
    }

    /// True inside the target.
    pub(crate) fn is_target(&self, point: Point) -> bool {
        self.target.depth(point) > 0.0
    }
}
