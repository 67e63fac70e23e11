//! A picture for the site's own report: the scan with the true and the predicted outline.
//!
//! It shows a patient. It is made at the site that owns the scan and never leaves it.

use crate::ImageCase;
use image::{ImageFormat, Rgb, RgbImage};
use ndarray::{Array2, Array3};
use std::io::Cursor;

/// Green: the outline that a person drew.
pub(crate) const TRUTH: Rgb<u8> = Rgb([40, 220, 90]);
/// Magenta: the outline of the network. Both are told apart by people who see no red or no green.
pub(crate) const PREDICTION: Rgb<u8> = Rgb([230, 60, 230]);
/// White: where both run.
const AGREED: Rgb<u8> = Rgb([255; 3]);
/// Images with a shorter longest side are shown at double size.
const SMALL_PX: usize = 400;

/// `case` in grey as PNG, the true outline green, that of `prediction` magenta, white where both run; at double size if
/// small. A prediction of another size is left out. An image without pixels gives a PNG of one black pixel.
pub fn overlay(case: &ImageCase, prediction: &Array2<u8>) -> Vec<u8> {
    let (mut picture, zoom) = canvas(&case.pixels);
    draw(&mut picture, &case.mask, zoom, TRUTH);
    if prediction.dim() == case.mask.dim() {
        draw(&mut picture, prediction, zoom, PREDICTION);
    }
    png(&picture)
}

/// `pixels` in grey, and how many pixels of the picture one of theirs has: 2 if they are few. An image without pixels
/// gives one black pixel.
pub(crate) fn canvas(pixels: &Array3<f32>) -> (RgbImage, usize) {
    let (_, height, width) = pixels.dim();
    let zoom = if height.max(width) < SMALL_PX { 2 } else { 1 };
    let grey = Grey::of(pixels);
    let mut picture = RgbImage::new((width * zoom).max(1) as u32, (height * zoom).max(1) as u32);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let value = grey.at(y as usize / zoom, x as usize / zoom);
        *pixel = Rgb([value; 3]);
    }
    (picture, zoom)
}

pub(crate) fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).expect("memory takes any PNG of 8-bit colour");
    bytes
}

/// The mean of the channels, stretched to the image's own range.
struct Grey<'a> {
    pixels: &'a Array3<f32>,
    low: f32,
    high: f32,
}

impl<'a> Grey<'a> {
    fn of(pixels: &'a Array3<f32>) -> Self {
        let finite = || pixels.iter().copied().filter(|value| value.is_finite());
        Self { pixels, low: finite().fold(f32::INFINITY, f32::min), high: finite().fold(f32::NEG_INFINITY, f32::max) }
    }

    /// Black outside.
    fn at(&self, y: usize, x: usize) -> u8 {
        let channels = self.pixels.dim().0;
        let values = (0..channels).filter_map(|channel| self.pixels.get([channel, y, x]));
        let mean = values.sum::<f32>() / channels.max(1) as f32;
        // A cast of NaN, which a constant image gives, is 0.
        ((mean - self.low) / (self.high - self.low) * 255.0).round() as u8
    }
}

/// Colours the pixels of the enlarged mask that have a neighbour of another class.
fn draw(picture: &mut RgbImage, mask: &Array2<u8>, zoom: usize, colour: Rgb<u8>) {
    let class = |y: usize, x: usize| mask.get([y / zoom, x / zoom]).copied().unwrap_or(0);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let (x, y) = (x as usize, y as usize);
        let here = class(y, x);
        let before = |at: usize| at.checked_sub(1);
        let left = before(x).map_or(0, |left| class(y, left));
        let above = before(y).map_or(0, |above| class(above, x));
        if here != 0 && [left, above, class(y, x + 1), class(y + 1, x)].iter().any(|other| *other != here) {
            *pixel = if *pixel == TRUTH { AGREED } else { colour };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(from: usize, to: usize) -> Array2<u8> {
        Array2::from_shape_fn((30, 40), |(y, x)| u8::from((from..to).contains(&y) && (from..to).contains(&x)))
    }

    fn picture(case: &ImageCase, prediction: &Array2<u8>) -> RgbImage {
        image::load_from_memory(&overlay(case, prediction)).expect("a PNG").to_rgb8()
    }

    #[test]
    fn outlines_have_their_colours_and_the_inside_stays_grey() {
        let pixels = Array3::from_shape_fn((1, 30, 40), |(_, y, x)| (y + x) as f32);
        let picture = picture(&ImageCase { pixels, mask: square(5, 15) }, &square(10, 20));
        assert_eq!(picture.dimensions(), (80, 60));
        assert_eq!(*picture.get_pixel(10, 14), TRUTH);
        assert_eq!(*picture.get_pixel(20, 30), PREDICTION);
        for (x, y) in [(14, 14), (34, 34), (60, 50)] {
            let Rgb([r, g, b]) = *picture.get_pixel(x, y);
            assert!(r == g && g == b, "{x} {y}");
        }
    }

    #[test]
    fn a_perfect_prediction_is_outlined_in_white() {
        let case = ImageCase { pixels: Array3::zeros((1, 30, 40)), mask: square(5, 15) };
        assert_eq!(*picture(&case, &square(5, 15)).get_pixel(10, 14), AGREED);
    }

    #[test]
    fn odd_input_gives_a_picture_too() {
        let empty = ImageCase { pixels: Array3::zeros((1, 0, 0)), mask: Array2::zeros((0, 0)) };
        assert_eq!(picture(&empty, &square(1, 2)).dimensions(), (1, 1));
        let constant = ImageCase { pixels: Array3::from_elem((3, 30, 40), f32::NAN), mask: square(1, 2) };
        assert_eq!(picture(&constant, &Array2::zeros((2, 2))).dimensions(), (80, 60));
        let large = ImageCase { pixels: Array3::zeros((1, 400, 10)), mask: Array2::zeros((400, 10)) };
        assert_eq!(picture(&large, &Array2::zeros((400, 10))).dimensions(), (10, 400));
    }
}
