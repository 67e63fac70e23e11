//! One field of a blood smear that never was: round objects of three classes, and things that are none of them.
//!
//! A *cell* is a disk with a pale middle, a *blob* a larger disk as bright as a cell with a lobed nucleus, a *speck* a
//! small grain as bright as a nucleus. Ghosts (a cell's border without a cell), shards (a speck's brightness, drawn
//! out) and smudges are of no class. So neither brightness nor size alone tells a class: it takes shape and inside.

use super::outline::{Outline, Point};
use super::section::{Layer, Spot, Tissue};
use super::texture::Texture;
use rand::RngExt as _;
use std::f32::consts::{PI, TAU};
use std::ops::Range;
use wardround_plan::Stream;

/// Names of the classes; the first is class 1.
pub(super) const CLASSES: [&str; 3] = ["cell", "blob", "speck"];
const CELL: u8 = 1;
const BLOB: u8 = 2;
const SPECK: u8 = 3;

/// Places that are tried for one object before the field counts as full.
const TRIES: usize = 40;
/// Share of the sum of two radii that two objects keep between their middles: they touch, and overlap a little.
const APART: f32 = 0.9;
/// How often a new object is put against one that is there.
const TOUCHING: f64 = 0.35;

/// What one laboratory's smears are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Population {
    /// Factor on all radii.
    size: f32,
    /// Factor on the number of objects.
    density: f32,
}

/// One person's blood, the same on all her fields.
#[derive(Debug)]
pub(super) struct Blood {
    population: Population,
    ground: Tissue,
    cell: Tissue,
    nucleus: Tissue,
    cell_radius: f32,
    blobs: Range<f32>,
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    ground: Layer,
    things: Vec<Thing>,
}

/// One object, or one thing that is none.
#[derive(Debug)]
struct Thing {
    class: Option<u8>,
    centre: Point,
    radius: f32,
    outline: Outline,
    layers: Vec<Layer>,
}

/// The border of an object with its class.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) class: u8,
    pub(super) outline: &'a Outline,
}

impl Population {
    /// Of the site with this number: the first four differ, those after vary them.
    pub(super) fn draw(site: usize, stream: &mut Stream) -> Self {
        let (size, density) = [(1.0, 1.0), (0.9, 1.3), (1.2, 0.7), (1.05, 0.9)][site % 4];
        let mut vary = |value: f32| if site < 4 { value } else { value * within(stream, 0.9..1.1) };
        Self { size: vary(size), density: vary(density) }
    }
}

impl Blood {
    pub(super) fn draw(population: Population, stream: &mut Stream) -> Self {
        let tissue = |level, cloud, grain| Tissue { level, cloud, grain, vessels: 0.0 };
        let few = within(stream, 0.6..2.0);
        Self {
            population,
            ground: tissue(within(stream, 0.2..0.34), 0.3, 0.08),
            cell: tissue(within(stream, 0.44..0.64), 0.12, 0.06),
            nucleus: tissue(within(stream, 0.7..0.95), 0.1, 0.14),
            cell_radius: within(stream, 0.115..0.15) * population.size,
            blobs: few..few + 2.5,
        }
    }

    /// A field of it, with things only where `is_shown`.
    pub(super) fn field(&self, is_shown: impl Fn(Point) -> bool, stream: &mut Stream) -> Field {
        let everywhere = ellipse(Point { x: 0.0, y: 0.0 }, 9.0, 1.0..1.001, 0.0, stream);
        let mut field = Field { ground: Layer::new(everywhere, self.ground), things: Vec::new() };
        for Kind { number, sketch } in self.kinds() {
            let number = (within(stream, number) * self.population.density).round() as usize;
            for _ in 0..number {
                let sketch = sketch(self, stream);
                field.things.extend(sketch.placed(&field.things, &is_shown, stream));
            }
        }
        field
    }

    fn kinds(&self) -> [Kind; 6] {
        [
            Kind { number: 0.0..2.0, sketch: Self::smudge },
            Kind { number: 1.0..3.5, sketch: Self::shard },
            Kind { number: 1.0..3.5, sketch: Self::ghost },
            Kind { number: self.blobs.clone(), sketch: Self::blob },
            Kind { number: 7.0..13.0, sketch: Self::cell },
            Kind { number: 3.0..7.0, sketch: Self::speck },
        ]
    }

    fn cell(&self, stream: &mut Stream) -> Sketch {
        let radius = self.cell_radius * within(stream, 0.85..1.15);
        let outline = ellipse(ORIGIN, radius, 0.85..1.18, 0.05, stream);
        let pale = Tissue { level: self.cell.level * within(stream, 0.6..0.85), ..self.cell };
        let middle = outline.scaled(within(stream, 0.35..0.55));
        Sketch { class: Some(CELL), radius, parts: vec![(outline.clone(), self.cell), (middle, pale)], outline }
    }

    fn blob(&self, stream: &mut Stream) -> Sketch {
        let radius = self.cell_radius * within(stream, 1.25..1.6);
        let outline = ellipse(ORIGIN, radius, 0.85..1.18, 0.07, stream);
        let body = Tissue { level: self.cell.level * within(stream, 0.8..1.05), grain: 0.12, ..self.cell };
        let mut parts = vec![(outline.clone(), body)];
        let first = within(stream, 0.0..TAU);
        for lobe in 0..stream.random_range(2..=3u8) {
            let angle = first + f32::from(lobe) * within(stream, 1.3..2.2);
            let distance = radius * within(stream, 0.2..0.4);
            let centre = Point { x: distance * angle.cos(), y: distance * angle.sin() };
            parts.push((ellipse(centre, radius * within(stream, 0.3..0.42), 0.7..1.4, 0.1, stream), self.nucleus));
        }
        Sketch { class: Some(BLOB), radius, parts, outline }
    }

    fn speck(&self, stream: &mut Stream) -> Sketch {
        let radius = self.cell_radius * within(stream, 0.36..0.5);
        let outline = ellipse(ORIGIN, radius, 0.8..1.25, 0.1, stream);
        let tissue = Tissue { level: self.nucleus.level * within(stream, 0.75..1.05), ..self.nucleus };
        Sketch { class: Some(SPECK), radius, parts: vec![(outline.clone(), tissue)], outline }
    }

    /// A border of a cell with nothing in it.
    fn ghost(&self, stream: &mut Stream) -> Sketch {
        let radius = self.cell_radius * within(stream, 0.7..1.4);
        let outline = ellipse(ORIGIN, radius, 0.85..1.18, 0.06, stream);
        let hollow = outline.offset(-within(stream, 0.022..0.034));
        let parts = vec![(outline.clone(), self.cell), (hollow, self.ground)];
        Sketch { class: None, radius, parts, outline }
    }

    /// As bright as a speck or a nucleus, and drawn out.
    fn shard(&self, stream: &mut Stream) -> Sketch {
        let radius = self.cell_radius * within(stream, 0.8..1.6);
        let outline = ellipse(ORIGIN, radius * 0.45, 6.0..10.0, 0.08, stream);
        let tissue = Tissue { level: within(stream, self.cell.level..self.nucleus.level), ..self.nucleus };
        Sketch { class: None, radius, parts: vec![(outline.clone(), tissue)], outline }
    }

    /// Stain between ground and cell, larger than anything.
    fn smudge(&self, stream: &mut Stream) -> Sketch {
        let radius = self.cell_radius * within(stream, 1.3..2.4);
        let outline = ellipse(ORIGIN, radius, 0.6..1.6, 0.15, stream);
        let level = self.ground.level + (self.cell.level - self.ground.level) * within(stream, 0.4..0.9);
        let tissue = Tissue { level, cloud: 0.5, ..self.ground };
        Sketch { class: None, radius, parts: vec![(outline.clone(), tissue)], outline }
    }
}

/// One kind of thing.
struct Kind {
    /// Fewest and most in a field.
    number: Range<f32>,
    /// Draws one about the origin.
    sketch: fn(&Blood, &mut Stream) -> Sketch,
}

/// A thing about the origin, before it has a place.
struct Sketch {
    class: Option<u8>,
    radius: f32,
    outline: Outline,
    parts: Vec<(Outline, Tissue)>,
}

impl Sketch {
    /// At a free place; none where the field is full.
    fn placed(self, others: &[Thing], is_shown: &impl Fn(Point) -> bool, stream: &mut Stream) -> Option<Thing> {
        let free = |centre: Point| {
            others.iter().all(|other| {
                let distance = (centre.x - other.centre.x).hypot(centre.y - other.centre.y);
                distance >= APART * (self.radius + other.radius)
            })
        };
        let place = (0..TRIES).map(|_| place(self.radius, others, stream));
        let centre = place.filter(|centre| is_shown(*centre)).find(|centre| free(*centre))?;
        let layers = self.parts.into_iter().map(|(outline, tissue)| Layer::new(outline.moved(centre), tissue));
        let (class, radius) = (self.class, self.radius);
        Some(Thing { class, centre, radius, outline: self.outline.moved(centre), layers: layers.collect() })
    }
}

/// Anywhere, or against one of `others`.
fn place(radius: f32, others: &[Thing], stream: &mut Stream) -> Point {
    let anywhere = Point { x: within(stream, SPAN), y: within(stream, SPAN) };
    if others.is_empty() || !stream.random_bool(TOUCHING) {
        return anywhere;
    }
    let other = &others[stream.random_range(0..others.len())];
    let distance = (radius + other.radius) * within(stream, APART..1.02);
    let angle = within(stream, 0.0..TAU);
    Point { x: other.centre.x + distance * angle.cos(), y: other.centre.y + distance * angle.sin() }
}

impl Field {
    /// Signal at `point`.
    pub(super) fn signal(&self, point: Point, texture: &Texture) -> f32 {
        let spot = Spot::new(point, texture);
        let ground = self.ground.paint(0.0, &spot);
        self.things.iter().flat_map(|thing| &thing.layers).fold(ground, |signal, layer| layer.paint(signal, &spot))
    }

    /// The objects, in the order in which they were painted.
    pub(super) fn targets(&self) -> impl Iterator<Item = Target<'_>> {
        self.things.iter().filter_map(|thing| Some(Target { class: thing.class?, outline: &thing.outline }))
    }
}

fn ellipse(centre: Point, radius: f32, aspect: Range<f32>, wobble: f32, stream: &mut Stream) -> Outline {
    let aspect = within(stream, aspect).sqrt();
    let tilt = within(stream, 0.0..PI);
    Outline::draw(centre, Point { x: radius * aspect, y: radius / aspect }, tilt, wobble, stream)
}

fn within(stream: &mut Stream, range: Range<f32>) -> f32 {
    stream.random_range(range)
}

const ORIGIN: Point = Point { x: 0.0, y: 0.0 };
/// A zoomed-out picture shows a little more than -1..=1.
const SPAN: Range<f32> = -1.15..1.15;

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn field(site: usize, seed: u64) -> Field {
        let mut stream = Stream::seed_from_u64(seed);
        let population = Population::draw(site, &mut stream);
        Blood::draw(population, &mut stream).field(|point| point.x.abs().max(point.y.abs()) < 0.9, &mut stream)
    }

    #[test]
    fn every_class_and_things_of_none_occur_and_some_touch() {
        let fields: Vec<Field> = (0..20).map(|seed| field(seed as usize % 4, seed)).collect();
        let things = || fields.iter().flat_map(|field| &field.things);
        for class in [None, Some(CELL), Some(BLOB), Some(SPECK)] {
            assert!(things().filter(|thing| thing.class == class).count() >= 20, "{class:?}");
        }
        let touches = |field: &Field| {
            let near = |a: &Thing, b: &Thing| {
                (a.centre.x - b.centre.x).hypot(a.centre.y - b.centre.y) < 1.05 * (a.radius + b.radius)
            };
            let targets: Vec<&Thing> = field.things.iter().filter(|thing| thing.class.is_some()).collect();
            targets.iter().enumerate().any(|(index, a)| targets[..index].iter().any(|b| near(a, b)))
        };
        assert!(fields.iter().filter(|field| touches(field)).count() >= 15);
    }

    #[test]
    fn no_object_hides_another_and_all_are_shown() {
        for seed in 0..20 {
            let field = field(seed as usize % 4, seed);
            for (index, a) in field.things.iter().enumerate() {
                assert!(a.centre.x.abs().max(a.centre.y.abs()) < 0.9, "seed {seed}");
                for b in &field.things[..index] {
                    let distance = (a.centre.x - b.centre.x).hypot(a.centre.y - b.centre.y);
                    assert!(distance >= APART * (a.radius + b.radius), "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn sites_differ_in_size_and_density() {
        let number = |site: usize| (0..20).map(|seed| field(site, seed).targets().count()).sum::<usize>();
        assert!(number(1) * 2 > number(2) * 3, "{} {}", number(1), number(2));
        let mut stream = Stream::seed_from_u64(1);
        assert_ne!(Population::draw(5, &mut stream), Population::draw(1, &mut stream));
    }
}
