//! A picture for the site's own report: the scan with true and found boxes.
//!
//! It shows a patient. It is made at the site that owns the scan and never leaves it.

use super::bbox::{BoxPx, Detection, Edges};
use super::cases::BoxCase;
use super::figures::{FIGURE_HEIGHT, draw_text, text_width};
use crate::overlay::{PREDICTION, TRUTH, canvas, png};
use image::{Rgb, RgbImage};

/// Yellow: what counts neither way.
const IGNORED: Rgb<u8> = Rgb([240, 220, 60]);

/// `case` in grey as PNG, at double size if small: true boxes green, `detections` magenta, what counts neither way
/// yellow. Above a found box stand its class and its score in hundredths (`2:87` is class 2 at .87), above a true one
/// its class; where there is no room above, they stand inside.
pub fn overlay_boxes(case: &BoxCase, detections: &[Detection]) -> Vec<u8> {
    let (mut picture, zoom) = canvas(&case.pixels);
    let zoom = zoom as f32;
    let mut draw = |bbox: &BoxPx, colour: Rgb<u8>, text: &str| {
        let outline = Outline::of(bbox, zoom);
        outline.draw(&mut picture, colour);
        outline.label(&mut picture, colour, text);
    };
    case.ignored.iter().for_each(|region| draw(&region.bbox, IGNORED, &region.class.to_string()));
    case.boxes.iter().for_each(|labelled| draw(&labelled.bbox, TRUTH, &labelled.class.to_string()));
    // The best last, so that it lies on top.
    let mut rising: Vec<&Detection> = detections.iter().collect();
    rising.sort_by(|a, b| a.score.total_cmp(&b.score));
    rising.iter().for_each(|found| draw(&found.bbox, PREDICTION, &label(found)));
    png(&picture)
}

fn label(found: &Detection) -> String {
    // A cast of NaN is 0.
    let hundredths = (found.score * 100.0).round().clamp(0.0, 100.0) as u8;
    format!("{}:{hundredths:02}", found.class)
}

/// The pixels of a box's border, which may lie outside of the picture.
struct Outline {
    left: i64,
    top: i64,
    right: i64,
    bottom: i64,
}

impl Outline {
    fn of(bbox: &BoxPx, zoom: f32) -> Self {
        let Edges { left, top, right, bottom } = bbox.edges();
        let first = |edge: f32| (edge * zoom).round() as i64;
        let last = |first: i64, edge: f32| ((edge * zoom).round() as i64).saturating_sub(1).max(first);
        let (left, top) = (first(left), first(top));
        Self { left, top, right: last(left, right), bottom: last(top, bottom) }
    }

    fn draw(&self, picture: &mut RgbImage, colour: Rgb<u8>) {
        // Within the picture only: a box may be as large as numbers go.
        let columns = self.left.max(0)..=self.right.min(i64::from(picture.width()));
        let rows = self.top.max(0)..=self.bottom.min(i64::from(picture.height()));
        for x in columns {
            put(picture, x, self.top, colour);
            put(picture, x, self.bottom, colour);
        }
        for y in rows {
            put(picture, self.left, y, colour);
            put(picture, self.right, y, colour);
        }
    }

    fn label(&self, picture: &mut RgbImage, colour: Rgb<u8>, text: &str) {
        let above = self.top.saturating_sub(FIGURE_HEIGHT + 1);
        let y = if above >= 0 { above } else { self.top.max(0).saturating_add(2) };
        let last = (i64::from(picture.width()) - text_width(text)).max(0);
        draw_text(text, self.left.clamp(0, last), y, |x, y| put(picture, x, y, colour));
    }
}

fn put(picture: &mut RgbImage, x: i64, y: i64, colour: Rgb<u8>) {
    let place = u32::try_from(x).ok().zip(u32::try_from(y).ok());
    if let Some(pixel) = place.and_then(|(x, y)| picture.get_pixel_mut_checked(x, y)) {
        *pixel = colour;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::samples::{blood, labelled};
    use ndarray::Array3;

    fn case(height: usize, width: usize) -> BoxCase {
        let pixels = Array3::from_shape_fn((1, height, width), |(_, y, x)| (y + x) as f32);
        BoxCase { pixels, boxes: vec![], ignored: vec![], labelled: blood().all() }
    }

    fn picture(case: &BoxCase, detections: &[Detection]) -> RgbImage {
        image::load_from_memory(&overlay_boxes(case, detections)).expect("a PNG").to_rgb8()
    }

    fn found(edges: [f32; 4], score: f32) -> Detection {
        Detection { class: 2, bbox: labelled(2, edges).bbox, score }
    }

    fn count(picture: &RgbImage, colour: Rgb<u8>) -> usize {
        picture.pixels().filter(|pixel| **pixel == colour).count()
    }

    #[test]
    fn boxes_have_their_colours_and_places() {
        let boxes = vec![labelled(1, [10.0, 12.0, 20.0, 22.0])];
        let case = BoxCase { boxes, ignored: vec![labelled(3, [0.0, 40.0, 8.0, 48.0])], ..case(60, 50) };
        let picture = picture(&case, &[found([25.0, 12.0, 40.0, 30.0], 0.87)]);
        assert_eq!(picture.dimensions(), (100, 120));
        for (x, y) in [(20, 24), (39, 24), (20, 43), (39, 43)] {
            assert_eq!(*picture.get_pixel(x, y), TRUTH, "{x} {y}");
        }
        assert_eq!((*picture.get_pixel(50, 40), *picture.get_pixel(79, 59)), (PREDICTION, PREDICTION));
        assert_eq!(*picture.get_pixel(0, 90), IGNORED);
        let Rgb([r, g, b]) = *picture.get_pixel(30, 34);
        assert!(r == g && g == b);
    }

    #[test]
    fn the_label_says_class_and_score() {
        assert_eq!(label(&found([0.0; 4], 0.874)), "2:87");
        assert_eq!(label(&found([0.0; 4], 0.004)), "2:00");
        assert_eq!((label(&found([0.0; 4], 7.0)), label(&found([0.0; 4], f32::NAN))), ("2:100".into(), "2:00".into()));
        let without = picture(&case(60, 50), &[found([25.0, 12.0, 40.0, 30.0], 0.11)]);
        let with = picture(&case(60, 50), &[found([25.0, 12.0, 40.0, 30.0], 0.88)]);
        assert!(count(&with, PREDICTION) > count(&without, PREDICTION), "an 8 has more ink than a 1");
    }

    #[test]
    fn a_label_without_room_above_stays_in_the_picture() {
        let picture = picture(&case(60, 50), &[found([45.0, 0.0, 50.0, 20.0], 0.5)]);
        let border = 2 * (10 + 40) - 4;
        assert!(count(&picture, PREDICTION) > border);
    }

    #[test]
    fn odd_input_gives_a_picture_too() {
        let far = found([-1e30, -1e30, 1e30, 1e30], 0.5);
        assert_eq!(picture(&case(0, 0), &[far]).dimensions(), (1, 1));
        assert_eq!(picture(&case(30, 40), &[far, found([500.0, 500.0, 600.0, 600.0], 0.2)]).dimensions(), (80, 60));
        assert_eq!(picture(&case(400, 10), &[found([3.0, 3.0, 3.0, 3.0], 0.2)]).dimensions(), (10, 400));
    }
}
