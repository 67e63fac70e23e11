//! One invented person: a chest with a heart, cut across its long axis.
//!
//! The target is the cavity of the left ventricle: bright blood in a ring of dark muscle. What makes it hard is what
//! makes it hard on real scans: the right ventricle, the aorta and a loop of bowel are as bright, the bowel has a ring
//! too, and the cavity itself holds dark papillary muscles. So neither brightness nor roundness alone will do.

use super::outline::{Outline, Point};
use super::section::{Layer, Section, Tissue};
use rand::RngExt as _;
use std::f32::consts::{PI, TAU};
use std::ops::Range;
use wardround_plan::Stream;

/// The people who come to one hospital: a range of sizes, in the units of [`Point`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Build {
    /// Radius of the left ventricle's cavity.
    pub(crate) cavity: Range<f32>,
    /// Thickness of its wall.
    pub(crate) wall: Range<f32>,
    /// Thickness of the fat below the skin.
    pub(crate) fat: Range<f32>,
}

/// One person; her slices share it.
#[derive(Debug)]
pub(crate) struct Anatomy {
    organs: Vec<Organ>,
    cavity: Outline,
    wall: f32,
    right_ventricle: Organ,
    papillary: Vec<Outline>,
    blood: Tissue,
    muscle: Tissue,
    pericardium: Tissue,
    heart_drift: Point,
}

/// An organ and how it changes from the heart's base to its apex.
#[derive(Debug)]
struct Organ {
    outline: Outline,
    tissue: Tissue,
    drift: Point,
    /// Factor on its size at the apex; 1 at the base.
    at_apex: f32,
}

impl Anatomy {
    pub(crate) fn draw(build: &Build, stream: &mut Stream) -> Self {
        let heart = Point { x: within(stream, -0.12..0.3), y: within(stream, -0.3..0.12) };
        let radius = within(stream, build.cavity.clone());
        let wall = within(stream, build.wall.clone());
        let blood = Tissue { level: within(stream, 0.6..0.82), cloud: 0.07, grain: 0.05, vessels: 0.0 };
        let muscle = Tissue { level: within(stream, 0.18..0.32), cloud: 0.05, grain: 0.04, vessels: 0.0 };
        let fat = Tissue { level: within(stream, 0.5..0.75), cloud: 0.3, grain: 0.1, vessels: 0.0 };
        let cavity = ellipse(heart, radius, 0.9..1.12, 0.05, stream);
        let organs = organs(build, heart, radius + wall, blood, stream);
        Self {
            organs,
            wall,
            right_ventricle: right_ventricle(heart, radius + wall, blood, stream),
            papillary: papillary(heart, radius, stream),
            cavity,
            blood,
            muscle,
            pericardium: fat,
            heart_drift: Point { x: within(stream, -0.06..0.1), y: within(stream, -0.03..0.1) },
        }
    }

    /// The slice at `level`: 0 at the base of the heart, 1 at its apex, where the ventricle ends in a tip.
    pub(crate) fn section(&self, level: f32) -> Section {
        let taper = (1.0 - (0.08 + 0.84 * level).powi(2)).sqrt();
        let drift = Point { x: self.heart_drift.x * level, y: self.heart_drift.y * level };
        let cavity = self.cavity.scaled(taper).moved(drift);
        // Towards the apex the cavity narrows faster than the muscle round it thins.
        let muscle = cavity.offset(self.wall * (0.7 + 0.3 * taper));
        let mut layers: Vec<Layer> = self.organs.iter().flat_map(|organ| organ.layers(level)).collect();
        layers.push(Layer::new(muscle.offset(0.05), self.pericardium));
        layers.extend(self.right_ventricle.layers(level));
        layers.push(Layer::new(muscle, self.muscle));
        layers.push(Layer::new(cavity.clone(), self.blood));
        let papillary = self.papillary.iter().map(|spot| spot.scaled(taper).moved(drift));
        layers.extend(papillary.map(|spot| Layer::new(spot, self.muscle)));
        Section { layers, target: cavity }
    }
}

impl Organ {
    fn layers(&self, level: f32) -> Option<Layer> {
        let size = 1.0 + (self.at_apex - 1.0) * level;
        let drift = Point { x: self.drift.x * level, y: self.drift.y * level };
        (size > 0.0).then(|| Layer::new(self.outline.scaled(size).moved(drift), self.tissue))
    }

    fn fixed(outline: Outline, tissue: Tissue) -> Self {
        Self { outline, tissue, drift: Point { x: 0.0, y: 0.0 }, at_apex: 1.0 }
    }
}

/// All but the heart, from the skin inwards; what comes later covers what came before.
fn organs(build: &Build, heart: Point, heart_radius: f32, blood: Tissue, stream: &mut Stream) -> Vec<Organ> {
    let mut organs = chest(build, stream);
    organs.extend(lungs(heart, stream));
    organs.extend(belly(stream));
    organs.extend(spine(blood, stream));
    organs.extend(bowel(heart, heart_radius, blood, stream));
    organs
}

/// Skin, fat, muscle and the hollow within.
fn chest(build: &Build, stream: &mut Stream) -> Vec<Organ> {
    let centre = Point { x: within(stream, -0.06..0.06), y: within(stream, -0.02..0.1) };
    let radii = Point { x: within(stream, 0.84..1.0), y: within(stream, 0.68..0.86) };
    let skin = Outline::draw(centre, radii, within(stream, -0.25..0.25), 0.03, stream);
    let fat = within(stream, build.fat.clone());
    let ribs = fat + within(stream, 0.05..0.09);
    vec![
        Organ::fixed(skin.clone(), Tissue { level: within(stream, 0.7..0.95), cloud: 0.1, grain: 0.06, vessels: 0.0 }),
        Organ::fixed(skin.offset(-fat), Tissue { level: 0.3, cloud: 0.2, grain: 0.14, vessels: 0.3 }),
        Organ::fixed(
            skin.offset(-ribs),
            Tissue { level: within(stream, 0.3..0.5), cloud: 0.3, grain: 0.08, vessels: 0.0 },
        ),
    ]
}

fn lungs(heart: Point, stream: &mut Stream) -> Vec<Organ> {
    let air = Tissue { level: within(stream, 0.04..0.1), cloud: 0.03, grain: 0.02, vessels: 0.45 };
    let mut lung = |x: f32, width: Range<f32>| Organ {
        outline: {
            let centre = Point { x: heart.x + x + within(stream, -0.06..0.06), y: within(stream, -0.2..0.0) };
            let radii = Point { x: within(stream, width), y: within(stream, 0.36..0.5) };
            Outline::draw(centre, radii, within(stream, -0.4..0.4), 0.08, stream)
        },
        tissue: air,
        drift: Point { x: 0.0, y: within(stream, -0.12..0.0) },
        at_apex: within(stream, 0.75..1.0),
    };
    vec![lung(-0.5, 0.22..0.34), lung(0.36, 0.24..0.36)]
}

/// Liver on the left of the picture and stomach on its right, both growing as the slices go down.
fn belly(stream: &mut Stream) -> Vec<Organ> {
    let liver = {
        let centre = Point { x: within(stream, -0.5..-0.25), y: within(stream, 0.22..0.4) };
        let radii = Point { x: within(stream, 0.3..0.45), y: within(stream, 0.18..0.28) };
        Outline::draw(centre, radii, within(stream, -0.5..0.2), 0.09, stream)
    };
    let stomach = {
        let centre = Point { x: within(stream, 0.2..0.5), y: within(stream, 0.3..0.45) };
        let radii = Point { x: within(stream, 0.15..0.28), y: within(stream, 0.1..0.18) };
        Outline::draw(centre, radii, within(stream, -0.6..0.6), 0.1, stream)
    };
    let wall = Tissue { level: 0.25, cloud: 0.05, grain: 0.05, vessels: 0.0 };
    let up = Point { x: 0.0, y: within(stream, -0.14..-0.04) };
    let grown = within(stream, 1.15..1.45);
    let moving = |outline, tissue| Organ { outline, tissue, drift: up, at_apex: grown };
    let tissue = |level, vessels| Tissue { level, cloud: 0.08, grain: 0.06, vessels };
    vec![
        moving(liver.offset(0.02), wall),
        moving(liver, tissue(within(stream, 0.34..0.52), 0.35)),
        moving(stomach.offset(0.03), wall),
        moving(stomach, tissue(within(stream, 0.08..0.62), 0.0)),
    ]
}

/// Vertebra with its canal, and the aorta before it: as bright and as round as the target, but thin-walled.
fn spine(blood: Tissue, stream: &mut Stream) -> Vec<Organ> {
    let centre = Point { x: within(stream, -0.12..0.12), y: within(stream, 0.5..0.6) };
    let bone = ellipse(centre, within(stream, 0.11..0.15), 1.1..1.3, 0.06, stream);
    let below = Point { x: centre.x, y: centre.y + 0.17 };
    let canal = ellipse(below, within(stream, 0.05..0.07), 1.0..1.3, 0.02, stream);
    let beside = Point { x: centre.x + within(stream, 0.12..0.22), y: centre.y - within(stream, 0.06..0.14) };
    let aorta = ellipse(beside, within(stream, 0.06..0.1), 0.9..1.1, 0.02, stream);
    let plain = |level, grain| Tissue { level, cloud: 0.08, grain, vessels: 0.0 };
    vec![
        Organ::fixed(bone.offset(0.02), plain(0.12, 0.03)),
        Organ::fixed(bone, plain(within(stream, 0.35..0.6), 0.1)),
        Organ::fixed(canal.offset(0.025), plain(0.15, 0.03)),
        Organ::fixed(canal, plain(0.8, 0.05)),
        Organ::fixed(aorta.offset(0.015), plain(0.2, 0.03)),
        Organ::fixed(aorta, blood),
    ]
}

/// A loop of bowel somewhere below the heart: fluid as bright as blood in a dark wall.
fn bowel(heart: Point, heart_radius: f32, blood: Tissue, stream: &mut Stream) -> Vec<Organ> {
    let radius = within(stream, 0.07..0.15);
    let angle = within(stream, 0.15 * PI..0.85 * PI);
    let distance = heart_radius + radius + within(stream, 0.1..0.3);
    let centre = Point { x: heart.x + distance * angle.cos(), y: heart.y + distance * angle.sin() };
    let fluid = ellipse(centre, radius, 0.75..1.35, 0.07, stream);
    let drift = Point { x: within(stream, -0.1..0.1), y: within(stream, -0.05..0.05) };
    let at_apex = within(stream, 0.7..1.3);
    let thick = within(stream, 0.02..0.05);
    let wall = Tissue { level: within(stream, 0.2..0.35), cloud: 0.04, grain: 0.04, vessels: 0.0 };
    let fluid_tissue = Tissue { level: blood.level * within(stream, 0.8..1.15), ..blood };
    vec![
        Organ { outline: fluid.offset(thick), tissue: wall, drift, at_apex },
        Organ { outline: fluid, tissue: fluid_tissue, drift, at_apex },
    ]
}

/// Half hidden by the muscle ring that is painted over it: a crescent, which is gone at the apex.
fn right_ventricle(heart: Point, heart_radius: f32, blood: Tissue, stream: &mut Stream) -> Organ {
    let angle = PI + within(stream, -0.7..0.9);
    let distance = heart_radius * within(stream, 0.75..1.0);
    let centre = Point { x: heart.x + distance * angle.cos(), y: heart.y + distance * angle.sin() };
    let radii = Point { x: heart_radius * within(stream, 0.65..0.95), y: heart_radius * within(stream, 0.85..1.2) };
    Organ {
        outline: Outline::draw(centre, radii, angle, 0.07, stream),
        tissue: Tissue { level: blood.level * within(stream, 0.88..1.1), ..blood },
        drift: Point { x: within(stream, 0.0..0.08), y: within(stream, 0.0..0.1) },
        at_apex: within(stream, 0.2..0.6),
    }
}

/// Two muscles in the cavity that belong to it, as radiologists draw it.
fn papillary(heart: Point, radius: f32, stream: &mut Stream) -> Vec<Outline> {
    let first = within(stream, 0.0..TAU);
    [first, first + within(stream, 1.5..2.6)]
        .map(|angle| {
            let distance = radius * within(stream, 0.5..0.65);
            let centre = Point { x: heart.x + distance * angle.cos(), y: heart.y + distance * angle.sin() };
            ellipse(centre, radius * within(stream, 0.1..0.2), 0.8..1.25, 0.1, stream)
        })
        .into()
}

fn ellipse(centre: Point, radius: f32, aspect: Range<f32>, wobble: f32, stream: &mut Stream) -> Outline {
    let aspect = within(stream, aspect).sqrt();
    let tilt = within(stream, 0.0..PI);
    Outline::draw(centre, Point { x: radius * aspect, y: radius / aspect }, tilt, wobble, stream)
}

fn within(stream: &mut Stream, range: Range<f32>) -> f32 {
    stream.random_range(range)
}
