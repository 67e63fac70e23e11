//! One invented person, in three dimensions: a bent body with a thick front and a thin back, as a hippocampus has.
//!
//! What makes it hard is what makes it hard on real scans: the two parts are told apart by place and hardly by
//! brightness, and round bodies near by are as bright.

use super::super::texture::Texture;
use rand::RngExt as _;
use std::ops::Range;
use wardround_plan::Stream;

/// Width of the border between two tissues in millimetres.
const SOFT_MM: f32 = 0.8;
/// Lattice points of the clouds in a millimetre.
const CLOUDS_PER_MM: f32 = 0.22;
/// Bodies that look like the target and are none.
const DECOYS: usize = 4;

/// A place in millimetres from the middle of the picture: to the right, the front and the head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) z: f32,
}

/// One person.
#[derive(Debug)]
pub(super) struct Body {
    target: Bent,
    ventricle: Ellipsoid,
    decoys: Vec<Ellipsoid>,
    matter: f32,
    fluid: f32,
    front: f32,
    back: f32,
    texture: Texture,
}

#[derive(Debug)]
struct Ellipsoid {
    centre: Place,
    radii: Place,
}

/// A tube along the y axis that is bent to the side and rises.
#[derive(Debug)]
struct Bent {
    centre: Place,
    half_length: f32,
    radius: f32,
    bend: f32,
    rise: f32,
    /// Where the front part begins, as a share of the half length.
    split: f32,
}

impl Body {
    pub(super) fn draw(stream: &mut Stream) -> Self {
        let front = within(stream, 0.6..0.72);
        let target = Bent::draw(stream);
        let beside = if stream.random() { 1.0 } else { -1.0 };
        let ventricle = Ellipsoid {
            centre: Place {
                x: target.centre.x + beside * within(stream, 5.0..7.0),
                y: target.centre.y + within(stream, -3.0..3.0),
                z: target.centre.z + within(stream, 0.0..4.0),
            },
            radii: Place { x: within(stream, 1.5..3.0), y: within(stream, 5.0..9.0), z: within(stream, 2.0..3.5) },
        };
        Self {
            target,
            ventricle,
            decoys: (0..DECOYS).map(|_| Ellipsoid::decoy(stream)).collect(),
            matter: within(stream, 0.36..0.46),
            fluid: within(stream, 0.06..0.14),
            front,
            back: front - within(stream, 0.0..0.05),
            texture: Texture::draw(stream),
        }
    }

    /// Signal at a place, about 0 to 1.
    pub(super) fn signal(&self, at: Place) -> f32 {
        let cloud = self.texture.cloud(CLOUDS_PER_MM * (at.x + 0.8 * at.z) + 31.0, CLOUDS_PER_MM * (at.y - 0.6 * at.z));
        let over =
            |under: f32, depth: f32, level: f32| under + (depth / SOFT_MM + 0.5).clamp(0.0, 1.0) * (level - under);
        let mut signal = over(self.matter, self.ventricle.depth(at), self.fluid);
        for decoy in &self.decoys {
            signal = over(signal, decoy.depth(at), self.front);
        }
        let own = if self.target.is_front(at) { self.front } else { self.back };
        over(signal, self.target.depth(at), own) * (1.0 + 0.2 * cloud)
    }

    /// 0 background, 1 the front part, 2 the back part.
    pub(super) fn class(&self, at: Place) -> u8 {
        match (self.target.depth(at) > 0.0, self.target.is_front(at)) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 2,
        }
    }
}

impl Bent {
    fn draw(stream: &mut Stream) -> Self {
        let mut about = |far: f32| within(stream, -far..far);
        let centre = Place { x: about(2.0), y: about(2.0), z: about(2.0) };
        let (bend, rise) = (about(2.0), about(1.5));
        Self {
            centre,
            half_length: within(stream, 7.0..9.0),
            radius: within(stream, 2.6..3.4),
            bend,
            rise,
            split: within(stream, -0.1..0.3),
        }
    }

    /// Millimetres below the surface, less than 0 outside.
    fn depth(&self, at: Place) -> f32 {
        let along = (at.y - self.centre.y) / self.half_length;
        if along.abs() >= 1.0 {
            return -self.half_length * (along.abs() - 1.0) - SOFT_MM;
        }
        let x = self.centre.x + self.bend * (along * along - 1.0 / 3.0);
        let z = self.centre.z + self.rise * along;
        let radius = self.radius * (1.0 + 0.25 * along) * (1.0 - along.powi(4)).sqrt();
        radius - (at.x - x).hypot(at.z - z)
    }

    fn is_front(&self, at: Place) -> bool {
        at.y > self.centre.y + self.split * self.half_length
    }
}

impl Ellipsoid {
    fn decoy(stream: &mut Stream) -> Self {
        let mut about = |far: f32| within(stream, -far..far);
        let centre = Place { x: about(11.0), y: about(11.0), z: about(10.0) };
        let mut radius = || within(stream, 2.2..4.2);
        Self { centre, radii: Place { x: radius(), y: radius(), z: radius() } }
    }

    /// About the millimetres below the surface, less than 0 outside.
    fn depth(&self, at: Place) -> f32 {
        let Place { x, y, z } = self.radii;
        let part = |at: f32, centre: f32, radius: f32| ((at - centre) / radius).powi(2);
        let far = part(at.x, self.centre.x, x) + part(at.y, self.centre.y, y) + part(at.z, self.centre.z, z);
        (1.0 - far.sqrt()) * x.min(y).min(z)
    }
}

fn within(stream: &mut Stream, range: Range<f32>) -> f32 {
    stream.random_range(range)
}
