//! One slice of a person as tissue, before any scanner saw it.

use super::outline::{Outline, Point};
use super::texture::Texture;

/// Width of the border between two tissues, which is never sharp in a slice of some thickness.
const SOFT: f32 = 0.022;
/// Lattice points of a cloud and of grain from one side of the image to the middle.
const CLOUD_SCALE: f32 = 5.0;
const GRAIN_SCALE: f32 = 26.0;
/// Half the width of a vessel, in noise: vessels run where the noise changes its sign.
const VESSEL: f32 = 0.14;

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

/// All organs of a slice, what lies on top last.
#[derive(Debug)]
pub(crate) struct Section {
    /// Skin to ribs.
    pub(crate) wall: Vec<Layer>,
    /// The border that organs do not cross.
    pub(crate) hollow: Outline,
    /// Within that border.
    pub(crate) organs: Vec<Layer>,
    /// The left ventricle, which always fits.
    pub(crate) heart: Vec<Layer>,
    /// The border of what shall be found.
    pub(crate) target: Outline,
}

impl Layer {
    pub(crate) fn new(outline: Outline, tissue: Tissue) -> Self {
        Self { outline, tissue }
    }

    /// The signal with this organ over `under`.
    pub(super) fn paint(&self, under: f32, spot: &Spot) -> f32 {
        let cover = cover(&self.outline, spot.point);
        if cover == 0.0 {
            return under;
        }
        let Tissue { level, cloud, grain, vessels } = self.tissue;
        let here = level * (1.0 + 2.0 * cloud * spot.cloud + grain * spot.grain) + vessels * spot.vessel;
        under + cover * (here - under)
    }
}

impl Section {
    /// Signal at `point`.
    pub(crate) fn signal(&self, point: Point, texture: &Texture) -> f32 {
        let spot = Spot::new(point, texture);
        let paint =
            |under: f32, layers: &[Layer]| layers.iter().fold(under, |signal, layer| layer.paint(signal, &spot));
        let wall = paint(0.0, &self.wall);
        let hollow = cover(&self.hollow, point);
        let inside = if hollow > 0.0 { paint(wall, &self.organs) } else { wall };
        paint(wall + hollow * (inside - wall), &self.heart)
    }

    /// True inside the target.
    pub(crate) fn is_target(&self, point: Point) -> bool {
        self.target.depth(point) > 0.0
    }
}

/// The texture at one place, the same for all organs there.
pub(super) struct Spot {
    point: Point,
    cloud: f32,
    grain: f32,
    vessel: f32,
}

impl Spot {
    pub(super) fn new(point: Point, texture: &Texture) -> Self {
        let Point { x, y } = point;
        // Turned, so that vessels do not follow the lattice.
        let (u, v) = (8.0 * x + 6.0 * y + 31.0, 8.0 * y - 6.0 * x);
        let ridge = (1.0 - texture.grain(u, v).abs() / VESSEL).max(0.0);
        Self {
            point,
            cloud: texture.cloud(x * CLOUD_SCALE, y * CLOUD_SCALE),
            grain: texture.grain(x * GRAIN_SCALE, y * GRAIN_SCALE + 0.5),
            vessel: ridge * (0.2 + texture.grain(0.6 * u + 7.0, 0.6 * v)).clamp(0.0, 1.0),
        }
    }
}

/// Share of a place that lies inside a soft border.
fn cover(outline: &Outline, point: Point) -> f32 {
    (outline.depth(point) / SOFT + 0.5).clamp(0.0, 1.0)
}
