//! Random changes of a training image, drawn from a stream; where pixels move, the mask moves along.
//!
//! Few patients at one site means a network that knows their poses by heart. All geometry is one resampling, so that
//! an image is blurred once at most, and a change that was not asked for costs nothing.

use crate::ImageExample;
use crate::normalise::Moments;
use ndarray::{Array2, Array3, ArrayView2, ArrayViewMut, ArrayViewMut2, Axis, Dimension};
use rand::RngExt as _;
use std::f32::consts::TAU;
use wardround_plan::{Augmentation, Stream};

/// Largest zoom and gain; the smallest is its inverse, and both sides are equally likely.
const FACTOR_MAX: f32 = 1.25;
/// Range of the exponent.
pub(crate) const GAMMA: (f32, f32) = (0.7, 1.5);

/// A changed copy of `example`. The same stream gives the same copy; no changes give an exact copy.
pub fn augment(example: &ImageExample, changes: &[Augmentation], stream: &mut Stream) -> ImageExample {
    let change = Change::draw(changes, stream);
    let mut changed = change.moved(example);
    for plane in changed.pixels.axis_iter_mut(Axis(0)) {
        change.recolour(plane);
    }
    changed
}

/// What was drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    pub(crate) mirror_rows: bool,
    pub(crate) mirror_columns: bool,
    pub(crate) angle: f32,
    pub(crate) zoom: f32,
    gain: f32,
    gamma: f32,
    invert: bool,
}

impl Change {
    pub(crate) const NONE: Self =
        Self { mirror_rows: false, mirror_columns: false, angle: 0.0, zoom: 1.0, gain: 1.0, gamma: 1.0, invert: false };

    pub(crate) fn draw(changes: &[Augmentation], stream: &mut Stream) -> Self {
        let mut change = Self::NONE;
        for kind in changes {
            match kind {
                Augmentation::Flip => {
                    change.mirror_rows = stream.random_bool(0.5);
                    change.mirror_columns = stream.random_bool(0.5);
                }
                Augmentation::Rotate => change.angle = stream.random_range(0.0..TAU),
                Augmentation::Scale => change.zoom = factor(stream),
                Augmentation::Gain => change.gain = factor(stream),
                Augmentation::Gamma => change.gamma = stream.random_range(GAMMA.0..=GAMMA.1),
                Augmentation::Invert => change.invert = stream.random_bool(0.5),
            }
        }
        change
    }

    fn moved(&self, example: &ImageExample) -> ImageExample {
        let mut moved = example.clone();
        if self.mirror_rows {
            moved.pixels.invert_axis(Axis(1));
            moved.classes.invert_axis(Axis(0));
        }
        if self.mirror_columns {
            moved.pixels.invert_axis(Axis(2));
            moved.classes.invert_axis(Axis(1));
        }
        if (self.angle, self.zoom) != (Self::NONE.angle, Self::NONE.zoom) {
            return self.turned(&moved);
        }
        ImageExample {
            pixels: moved.pixels.as_standard_layout().into_owned(),
            classes: moved.classes.as_standard_layout().into_owned(),
        }
    }

    fn turned(&self, example: &ImageExample) -> ImageExample {
        let (height, width) = example.classes.dim();
        let turn = Turn::new(self.angle, self.zoom, height, width);
        let classes = Array2::from_shape_fn((height, width), |(y, x)| {
            let (from_y, from_x) = turn.source(y, x);
            nearest(&example.classes, from_y, from_x)
        });
        ImageExample { pixels: turn.applied(&example.pixels), classes }
    }

    pub(crate) fn recolour(&self, mut plane: ArrayViewMut2<'_, f32>) {
        if self.gamma != Self::NONE.gamma {
            bend(plane.view_mut(), self.gamma);
        }
        let factor = if self.invert { -self.gain } else { self.gain };
        if factor != 1.0 {
            plane.mapv_inplace(|value| value * factor);
        }
    }
}

/// A factor on sizes or intensities.
pub(crate) fn factor(stream: &mut Stream) -> f32 {
    FACTOR_MAX.powf(stream.random_range(-1.0..=1.0))
}

/// Rotation and zoom about the centre, from a pixel of the result to its place in the source.
pub(crate) struct Turn {
    centre_y: f32,
    centre_x: f32,
    cosine: f32,
    sine: f32,
}

impl Turn {
    pub(crate) fn new(angle: f32, zoom: f32, height: usize, width: usize) -> Self {
        Self {
            centre_y: (height as f32 - 1.0) / 2.0,
            centre_x: (width as f32 - 1.0) / 2.0,
            cosine: angle.cos() / zoom,
            sine: angle.sin() / zoom,
        }
    }

    /// Every channel of `pixels` as this turn shows it; outside lies 0, the mean.
    pub(crate) fn applied(&self, pixels: &Array3<f32>) -> Array3<f32> {
        let (channels, height, width) = pixels.dim();
        let mut applied = Array3::zeros(pixels.dim());
        for y in 0..height {
            for x in 0..width {
                let (from_y, from_x) = self.source(y, x);
                let corner = Corner::of(from_y, from_x);
                for channel in 0..channels {
                    applied[[channel, y, x]] = corner.blend(pixels.index_axis(Axis(0), channel));
                }
            }
        }
        applied
    }

    fn source(&self, y: usize, x: usize) -> (f32, f32) {
        let (dy, dx) = (y as f32 - self.centre_y, x as f32 - self.centre_x);
        (self.centre_y + self.cosine * dy + self.sine * dx, self.centre_x + self.cosine * dx - self.sine * dy)
    }
}

/// The pixel above and left of a place, and how far the place is beyond it.
struct Corner {
    y: isize,
    x: isize,
    below: f32,
    right: f32,
}

impl Corner {
    fn of(y: f32, x: f32) -> Self {
        Self { y: y.floor() as isize, x: x.floor() as isize, below: y - y.floor(), right: x - x.floor() }
    }

    /// Bilinear; outside the image lies 0, the mean.
    fn blend(&self, plane: ArrayView2<'_, f32>) -> f32 {
        let at = |y: isize, x: isize| inside(y, x).and_then(|place| plane.get(place)).copied().unwrap_or(0.0);
        let row = |y| at(y, self.x) * (1.0 - self.right) + at(y, self.x + 1) * self.right;
        row(self.y) * (1.0 - self.below) + row(self.y + 1) * self.below
    }
}

fn nearest(classes: &Array2<u8>, y: f32, x: f32) -> u8 {
    let place = inside(y.round() as isize, x.round() as isize);
    place.and_then(|place| classes.get(place)).copied().unwrap_or(0)
}

fn inside(y: isize, x: isize) -> Option<[usize; 2]> {
    Some([usize::try_from(y).ok()?, usize::try_from(x).ok()?])
}

/// Raises intensities, stretched to 0..=1, to a power, and brings mean and contrast back to what they were.
pub(crate) fn bend<D: Dimension>(mut plane: ArrayViewMut<'_, f32, D>, gamma: f32) {
    let before = Moments::of(plane.iter().copied());
    let low = plane.iter().copied().fold(f32::INFINITY, f32::min);
    let high = plane.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if high <= low {
        return;
    }
    plane.mapv_inplace(|value| ((value - low) / (high - low)).powf(gamma));
    let after = Moments::of(plane.iter().copied());
    let scale = if after.deviation > 0.0 { before.deviation / after.deviation } else { 1.0 };
    plane.mapv_inplace(|value| ((f64::from(value) - after.mean) * scale + before.mean) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng as _;

    const ALL: [Augmentation; 6] = [
        Augmentation::Flip,
        Augmentation::Rotate,
        Augmentation::Scale,
        Augmentation::Gain,
        Augmentation::Gamma,
        Augmentation::Invert,
    ];

    fn example(size: usize) -> ImageExample {
        let on = |y: usize, x: usize| y > size / 2 && x > size / 3 && x < size - 2;
        ImageExample {
            pixels: Array3::from_shape_fn((2, size, size), |(c, y, x)| {
                f32::from(u8::from(on(y, x))) + ((y * 3 + x * 5 + c) % 7) as f32 / 10.0
            }),
            classes: Array2::from_shape_fn((size, size), |(y, x)| u8::from(on(y, x))),
        }
    }

    fn stream(seed: u64) -> Stream {
        Stream::seed_from_u64(seed)
    }

    #[test]
    fn mirroring_twice_is_identity() {
        let example = example(17);
        let change = Change { mirror_rows: true, mirror_columns: true, ..Change::NONE };
        let once = change.moved(&example);
        assert_ne!(once, example);
        assert_eq!(once.classes[[0, 0]], example.classes[[16, 16]]);
        assert_eq!(change.moved(&once), example);
    }

    #[test]
    fn a_quarter_turn_moves_pixels_and_mask_alike() {
        let example = example(16);
        let turned = Change { angle: TAU / 4.0, ..Change::NONE }.moved(&example);
        for y in 0..16 {
            for x in 0..16 {
                assert_eq!(turned.classes[[y, x]], example.classes[[x, 15 - y]]);
                assert!((turned.pixels[[1, y, x]] - example.pixels[[1, x, 15 - y]]).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn zoom_enlarges_the_target_by_its_square() {
        let disk = |y: usize, x: usize| (y as f32 - 31.5).hypot(x as f32 - 31.5) < 15.0;
        let example = ImageExample {
            pixels: Array3::zeros((1, 64, 64)),
            classes: Array2::from_shape_fn((64, 64), |(y, x)| u8::from(disk(y, x))),
        };
        let area = |classes: &Array2<u8>| classes.iter().filter(|class| **class == 1).count() as f32;
        let zoomed = Change { zoom: 1.25, ..Change::NONE }.moved(&example);
        assert!((area(&zoomed.classes) / area(&example.classes) - 1.5625).abs() < 0.05);
    }

    #[test]
    fn gamma_keeps_mean_and_contrast_and_order() {
        let plane = example(20).pixels.index_axis(Axis(0), 0).to_owned();
        let mut bent = plane.clone();
        bend(bent.view_mut(), 1.5);
        let (before, after) = (Moments::of(plane.iter().copied()), Moments::of(bent.iter().copied()));
        assert!((before.mean - after.mean).abs() < 1e-5 && (before.deviation - after.deviation).abs() < 1e-5);
        assert_ne!(bent, plane);
        assert!(plane.iter().zip(&bent).all(|(a, b)| (*a > plane[[0, 0]]) == (*b > bent[[0, 0]])));
        let mut flat = Array2::from_elem((3, 3), 0.5);
        bend(flat.view_mut(), 0.7);
        assert_eq!(flat, Array2::from_elem((3, 3), 0.5));
    }

    #[test]
    fn inversion_changes_the_sign_of_half_the_images() {
        let example = example(8);
        let inverted = (0..200)
            .filter(|seed| augment(&example, &[Augmentation::Invert], &mut stream(*seed)).pixels != example.pixels)
            .count();
        assert!((60..=140).contains(&inverted), "{inverted} of 200: beyond 5 standard deviations");
        let change = Change { invert: true, ..Change::NONE };
        let mut plane = example.pixels.index_axis(Axis(0), 0).to_owned();
        change.recolour(plane.view_mut());
        assert_eq!(plane, -&example.pixels.index_axis(Axis(0), 0));
    }

    #[test]
    fn a_mirrored_image_lies_in_memory_like_any_other() {
        let changed = Change { mirror_rows: true, ..Change::NONE }.moved(&example(9));
        assert!(changed.pixels.is_standard_layout() && changed.classes.is_standard_layout());
    }

    proptest! {
        #[test]
        fn no_changes_are_identity(size in 1usize..20, seed: u64) {
            let example = example(size);
            prop_assert_eq!(augment(&example, &[], &mut stream(seed)), example);
        }

        #[test]
        fn one_stream_gives_one_image_and_only_known_classes(size in 1usize..20, seed: u64) {
            let example = example(size);
            let changed = augment(&example, &ALL, &mut stream(seed));
            prop_assert_eq!(&changed, &augment(&example, &ALL, &mut stream(seed)));
            prop_assert!(changed.pixels.iter().all(|value| value.is_finite()));
            prop_assert!(changed.classes.iter().all(|class| *class <= 1));
        }
    }
}
