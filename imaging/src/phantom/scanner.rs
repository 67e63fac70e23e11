//! One hospital's scanner: what it does to the same tissue.

use super::anatomy::Build;
use super::outline::Point;
use super::section::Section;
use super::texture::Texture;
use ndarray::Array2;
use rand::RngExt as _;
use std::f32::consts::TAU;
use wardround_plan::Stream;

/// How far the receiving coil reaches: signal falls with the distance from it.
const COIL_REACH: f32 = 1.1;

/// A scanner with its settings, and the people who are sent to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scanner {
    /// Factor on the signal.
    gain: f32,
    /// Signal of nothing.
    offset: f32,
    /// Exponent of the display curve.
    gamma: f32,
    /// Bright is stored as dark, as in DICOM's MONOCHROME1.
    inverted: bool,
    /// Standard deviation of the noise in each of the two channels of the receiver.
    noise: f32,
    /// Standard deviation of the blur in pixels of a 128 pixel image.
    blur_px: f32,
    /// Radius of the round window outside of which nothing is stored.
    shutter: Option<f32>,
    /// Factor on sizes: how much of the body the picture holds.
    zoom: f32,
    /// Who comes.
    pub(crate) build: Build,
}

/// What stays the same through all slices of one patient.
#[derive(Debug)]
pub(crate) struct Sitting {
    pub(super) texture: Texture,
    /// Where the receiving coil lies: on the chest, never twice at the same place.
    pub(super) coil: Point,
}

impl Sitting {
    pub(crate) fn draw(stream: &mut Stream) -> Self {
        let coil = Point { x: stream.random_range(-0.6..0.4), y: stream.random_range(-0.9..-0.5) };
        Self { texture: Texture::draw(stream), coil }
    }
}

impl Scanner {
    /// The scanner of the site with this number. The first four differ as much as scanners do; those after vary them.
    pub(crate) fn draw(site: usize, stream: &mut Stream) -> Self {
        let mut scanner = typical(site % 4);
        if site >= 4 {
            let mut vary = |value: &mut f32, by: f32| *value *= stream.random_range(1.0 - by..1.0 + by);
            vary(&mut scanner.gain, 0.15);
            vary(&mut scanner.gamma, 0.2);
            vary(&mut scanner.noise, 0.4);
            vary(&mut scanner.blur_px, 0.3);
            vary(&mut scanner.zoom, 0.08);
        }
        scanner
    }

    /// The picture of a section, `size` pixels a side, as stored.
    pub(crate) fn picture(&self, section: &Section, sitting: &Sitting, size: usize, stream: &mut Stream) -> Array2<u8> {
        self.exposed(|point| section.signal(point, &sitting.texture), sitting.coil, size, stream)
    }

    /// The picture of any signal, lit from `lamp` unevenly, as stored.
    pub(super) fn exposed(
        &self,
        signal: impl Fn(Point) -> f32,
        lamp: Point,
        size: usize,
        stream: &mut Stream,
    ) -> Array2<u8> {
        let signal = Array2::from_shape_fn((size, size), |place| {
            let point = self.point(place, size);
            let reach = (-(point.x - lamp.x).hypot(point.y - lamp.y) / COIL_REACH).exp();
            signal(point) * (0.45 + 1.1 * reach)
        });
        let blurred = blur(&signal, self.blur_px * size as f32 / 128.0);
        let mut picture = Array2::zeros((size, size));
        for (place, stored) in picture.indexed_iter_mut() {
            *stored = self.stored(blurred[place], self.is_open(place, size), stream);
        }
        picture
    }

    /// What shall be found in that picture; what the shutter hides cannot be.
    pub(crate) fn mask(&self, section: &Section, size: usize) -> Array2<u8> {
        Array2::from_shape_fn((size, size), |place| {
            u8::from(self.is_open(place, size) && section.is_target(self.point(place, size)))
        })
    }

    fn stored(&self, signal: f32, open: bool, stream: &mut Stream) -> u8 {
        let (real, imaginary) = normal_pair(stream);
        if !open {
            return 0;
        }
        // Magnitude of a complex signal with noise in both parts: noise in the dark is never negative (Rice).
        let (real, imaginary) = (signal + self.noise * real, self.noise * imaginary);
        let received = (real * real + imaginary * imaginary).sqrt();
        let shown = self.offset + self.gain * received.powf(self.gamma);
        let shown = if self.inverted { 1.0 - shown } else { shown };
        (shown * 255.0).round() as u8
    }

    /// Whether `point` is in the picture, and further than `margin` from its edge.
    pub(super) fn shows(&self, point: Point, margin: f32) -> bool {
        let (x, y) = (point.x * self.zoom, point.y * self.zoom);
        let in_frame = x.abs().max(y.abs()) <= 1.0 - margin;
        in_frame && self.shutter.is_none_or(|radius| x.hypot(y) <= radius - margin)
    }

    pub(super) fn is_open(&self, place: (usize, usize), size: usize) -> bool {
        let Point { x, y } = centred(place, size);
        self.shutter.is_none_or(|radius| x.hypot(y) <= radius)
    }

    pub(super) fn point(&self, place: (usize, usize), size: usize) -> Point {
        let Point { x, y } = centred(place, size);
        Point { x: x / self.zoom, y: y / self.zoom }
    }
}

fn typical(kind: usize) -> Scanner {
    let build = |cavity, wall, fat| Build { cavity, wall, fat };
    let common = build(0.13..0.23, 0.04..0.1, 0.05..0.14);
    match kind {
        0 => Scanner {
            gain: 0.75,
            offset: 0.01,
            gamma: 1.0,
            inverted: false,
            noise: 0.03,
            blur_px: 0.5,
            shutter: None,
            zoom: 1.0,
            build: common,
        },
        1 => Scanner {
            gain: 0.4,
            offset: 0.03,
            gamma: 1.4,
            inverted: false,
            noise: 0.05,
            blur_px: 0.7,
            shutter: Some(0.94),
            zoom: 0.9,
            build: build(0.17..0.27, 0.04..0.08, 0.04..0.1),
        },
        2 => Scanner {
            gain: 0.8,
            offset: 0.02,
            gamma: 0.8,
            inverted: true,
            noise: 0.04,
            blur_px: 0.6,
            shutter: None,
            zoom: 1.05,
            build: build(0.12..0.2, 0.05..0.12, 0.07..0.16),
        },
        _ => Scanner {
            gain: 0.6,
            offset: 0.12,
            gamma: 0.65,
            inverted: false,
            noise: 0.07,
            blur_px: 1.0,
            shutter: Some(0.86),
            zoom: 1.1,
            build: build(0.12..0.21, 0.05..0.1, 0.05..0.12),
        },
    }
}

/// The middle of a pixel, where the image spans -1..=1.
fn centred((y, x): (usize, usize), size: usize) -> Point {
    let at = |place: usize| (2.0 * place as f32 + 1.0) / size as f32 - 1.0;
    Point { x: at(x), y: at(y) }
}

/// Two independent standard normal numbers (Box and Muller).
pub(super) fn normal_pair(stream: &mut Stream) -> (f32, f32) {
    let radius = (-2.0 * (1.0 - stream.random::<f32>()).ln()).sqrt();
    let angle = TAU * stream.random::<f32>();
    (radius * angle.cos(), radius * angle.sin())
}

/// Gaussian blur, rows then columns; the border is repeated.
fn blur(image: &Array2<f32>, sigma: f32) -> Array2<f32> {
    let reach = (3.0 * sigma).ceil().max(1.0) as isize;
    let weights: Vec<f32> = (-reach..=reach).map(|d| (-(d * d) as f32 / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f32 = weights.iter().sum();
    let along = |image: &Array2<f32>, dy: isize, dx: isize| {
        let (height, width) = image.dim();
        let clamp = |place: usize, by: isize, extent: usize| place.saturating_add_signed(by).min(extent - 1);
        Array2::from_shape_fn((height, width), |(y, x)| {
            let tap = |(offset, weight): (isize, &f32)| {
                weight * image[[clamp(y, dy * offset, height), clamp(x, dx * offset, width)]]
            };
            (-reach..=reach).zip(&weights).map(tap).sum::<f32>() / sum
        })
    };
    along(&along(image, 0, 1), 1, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn the_first_four_scanners_differ_and_one_inverts() {
        let scanners: Vec<_> = (0..4).map(|site| Scanner::draw(site, &mut Stream::seed_from_u64(1))).collect();
        assert!((0..4).all(|a| (0..a).all(|b| scanners[a] != scanners[b])));
        assert_eq!(scanners.iter().filter(|scanner| scanner.inverted).count(), 1);
        assert_ne!(Scanner::draw(5, &mut Stream::seed_from_u64(1)), scanners[1]);
    }

    #[test]
    fn blur_keeps_the_mean_and_lowers_a_peak() {
        let mut image = Array2::zeros((31, 31));
        image[[15, 15]] = 1.0;
        let blurred = blur(&image, 1.5);
        assert!((blurred.sum() - 1.0).abs() < 1e-4 && blurred[[15, 15]] < 0.1);
        assert!((blurred[[15, 12]] - blurred[[12, 15]]).abs() < 1e-7);
    }

    /// Mean and variance of 100,000 numbers: within 5 standard errors, which fails once in a million seeds.
    #[test]
    fn noise_is_standard_normal() {
        let mut stream = Stream::seed_from_u64(7);
        let values: Vec<f64> =
            (0..50_000).map(|_| normal_pair(&mut stream)).flat_map(|(a, b)| [a.into(), b.into()]).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 5.0 * 1e-5f64.sqrt() && (variance - 1.0).abs() < 5.0 * 2e-5f64.sqrt(),
            "{mean} {variance}"
        );
    }
}
