//! The border of an organ in one slice: an ellipse, perturbed by a few Fourier terms, since no organ is an ellipse.

use rand::RngExt as _;
use std::f32::consts::TAU;
use std::sync::Arc;
use wardround_plan::Stream;

/// Directions in which the radius of an outline is tabulated.
const DIRECTIONS: usize = 128;
/// Waves round an outline: fewer than two only move it, more look like a saw.
const WAVES: [f32; 4] = [2.0, 3.0, 4.0, 5.0];
/// Largest perturbation of a radius, as a share of it; beyond it an outline could cross itself.
const WOBBLE_MAX: f32 = 0.35;

/// A place in the plane of a slice; the image spans -1..=1 on both axes, y downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

/// A closed border.
#[derive(Debug, Clone)]
pub(crate) struct Outline {
    centre: Point,
    radii: Point,
    cosine: f32,
    sine: f32,
    /// Factor on the radius in each direction.
    wobble: Arc<[f32]>,
}

impl Outline {
    /// An ellipse turned by `tilt`, perturbed by about `wobble` of its radius.
    pub(crate) fn draw(centre: Point, radii: Point, tilt: f32, wobble: f32, stream: &mut Stream) -> Self {
        let waves = WAVES.map(|wave| (wave, stream.random_range(0.0..TAU), stream.random_range(0.2..1.0) * 2.0 / wave));
        let factor = |direction: usize| {
            let angle = TAU * direction as f32 / DIRECTIONS as f32;
            let sum: f32 = waves.iter().map(|(wave, phase, share)| share * (wave * angle + phase).sin()).sum();
            1.0 + (wobble * sum).clamp(-WOBBLE_MAX, WOBBLE_MAX)
        };
        let wobble = (0..DIRECTIONS).map(factor).collect();
        Self { centre, radii, cosine: tilt.cos(), sine: tilt.sin(), wobble }
    }

    pub(crate) fn moved(&self, by: Point) -> Self {
        Self { centre: Point { x: self.centre.x + by.x, y: self.centre.y + by.y }, ..self.clone() }
    }

    pub(crate) fn scaled(&self, factor: f32) -> Self {
        Self { radii: Point { x: self.radii.x * factor, y: self.radii.y * factor }, ..self.clone() }
    }

    /// The border at a distance outside this one; inside where it is negative.
    pub(crate) fn offset(&self, by: f32) -> Self {
        let radius = |radius: f32| (radius + by).max(0.01);
        Self { radii: Point { x: radius(self.radii.x), y: radius(self.radii.y) }, ..self.clone() }
    }

    /// About how far inside the border `point` lies; negative outside.
    pub(crate) fn depth(&self, point: Point) -> f32 {
        let (dx, dy) = (point.x - self.centre.x, point.y - self.centre.y);
        let u = (self.cosine * dx + self.sine * dy) / self.radii.x;
        let v = (self.cosine * dy - self.sine * dx) / self.radii.y;
        let radius = u.hypot(v);
        let scale = self.radii.x.min(self.radii.y);
        // Far from the border the direction does not matter, and it is the costly part.
        if !(1.0 - WOBBLE_MAX..=1.0 + WOBBLE_MAX).contains(&radius) {
            return (1.0 - radius) * scale;
        }
        (self.factor(v.atan2(u)) - radius) * scale
    }

    fn factor(&self, angle: f32) -> f32 {
        let place = angle.rem_euclid(TAU) / TAU * DIRECTIONS as f32;
        let (low, share) = (place as usize, place.fract());
        let at = |direction: usize| self.wobble[direction % DIRECTIONS];
        at(low) * (1.0 - share) + at(low + 1) * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn inside_is_positive_and_outside_negative_round_the_whole_border() {
        let mut stream = Stream::seed_from_u64(1);
        let centre = Point { x: 0.2, y: -0.1 };
        let outline = Outline::draw(centre, Point { x: 0.4, y: 0.2 }, 0.5, 0.1, &mut stream);
        assert!(outline.depth(centre) > 0.15);
        for direction in 0..64 {
            let angle = TAU * direction as f32 / 64.0;
            let at = |distance: f32| Point { x: 0.2 + distance * angle.cos(), y: -0.1 + distance * angle.sin() };
            assert!(outline.depth(at(0.1)) > 0.0 && outline.depth(at(0.6)) < 0.0, "{angle}");
            let signs: Vec<bool> = (0..60).map(|step| outline.depth(at(step as f32 * 0.01)) > 0.0).collect();
            assert_eq!(signs.windows(2).filter(|pair| pair[0] != pair[1]).count(), 1, "one border in each direction");
        }
    }
}
