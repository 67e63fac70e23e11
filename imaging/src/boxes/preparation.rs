//! From an image with boxes to a detector's input, and from its detections back onto the image.
//!
//! The input is that of [`Preparation::example`]: the same window, resampling and normalisation, so that one encoder
//! may serve segmentation and detection.

use super::bbox::{BoxPx, Detection, LabelledBox};
use super::cases::{BoxCase, BoxExample};
use crate::Preparation;

/// Smallest share of an object's area that still counts as the object. Below it only a sliver at the edge is left,
/// which nobody could name: it is ignored, neither object nor background.
pub(super) const VISIBLE_MIN: f32 = 0.25;

impl Preparation {
    /// The input for `case`. An object outside the field of view is left out; one that the edge cuts is clipped, and
    /// moved to the ignored ones where less than a quarter of it is left.
    pub fn box_example(&self, case: &BoxCase) -> BoxExample {
        let (_, height, width) = case.pixels.dim();
        let (rows, columns) = self.axes(height, width);
        let frame = Frame::of(self, height, width);
        let objects = Objects { boxes: &case.boxes, ignored: &case.ignored };
        let (boxes, ignored) = objects.seen_in(self.size_px as f32, |bbox| frame.to_input(bbox));
        let pixels = self.pixels(&case.pixels, &rows, &columns);
        BoxExample { pixels, boxes, ignored, labelled: case.labelled.clone() }
    }

    /// `detections` in the input's pixels, in the pixels of `case` and clipped to it, in their order. Those that lie in
    /// the padding alone are left out.
    pub fn restore_boxes(&self, detections: &[Detection], case: &BoxCase) -> Vec<Detection> {
        let (_, height, width) = case.pixels.dim();
        let frame = Frame::of(self, height, width);
        let restored = |detection: &Detection| {
            let bbox = frame.to_image(&detection.bbox)?.clipped(width as f32, height as f32)?;
            Some(Detection { bbox, ..*detection })
        };
        detections.iter().filter_map(restored).collect()
    }
}

/// Objects before they are moved into another frame.
pub(super) struct Objects<'a> {
    pub(super) boxes: &'a [LabelledBox],
    pub(super) ignored: &'a [LabelledBox],
}

impl Objects<'_> {
    /// The objects and the ignored ones in a square of `side` pixels, after `moved`.
    pub(super) fn seen_in(
        &self,
        side: f32,
        moved: impl Fn(&BoxPx) -> Option<BoxPx>,
    ) -> (Vec<LabelledBox>, Vec<LabelledBox>) {
        let seen = |labelled: &LabelledBox| {
            let whole = moved(&labelled.bbox)?;
            let part = whole.clipped(side, side)?;
            Some((LabelledBox { bbox: part, ..*labelled }, part.area() >= VISIBLE_MIN * whole.area()))
        };
        let (kept, slivers): (Vec<_>, Vec<_>) = self.boxes.iter().filter_map(seen).partition(|(_, kept)| *kept);
        let ignored = self.ignored.iter().filter_map(seen).chain(slivers);
        (kept.into_iter().map(|(part, _)| part).collect(), ignored.map(|(part, _)| part).collect())
    }
}

/// Where the input lies on the image.
struct Frame {
    left: f64,
    top: f64,
    /// Pixels of the input for one of the image.
    scale: f64,
}

impl Frame {
    fn of(preparation: &Preparation, height: usize, width: usize) -> Self {
        let window = preparation.window(height, width);
        Self { left: window.left, top: window.top, scale: f64::from(preparation.size_px) / window.side }
    }

    fn to_input(&self, bbox: &BoxPx) -> Option<BoxPx> {
        let along = |begin: f64| move |edge: f32| ((f64::from(edge) - begin) * self.scale) as f32;
        bbox.map(along(self.left), along(self.top))
    }

    fn to_image(&self, bbox: &BoxPx) -> Option<BoxPx> {
        let along = |begin: f64| move |edge: f32| (f64::from(edge) / self.scale + begin) as f32;
        bbox.map(along(self.left), along(self.top))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::{ClassNames, Edges};
    use crate::{ImageCase, ImageExample};
    use ndarray::{Array2, Array3};
    use proptest::prelude::*;

    fn bbox(left: f32, top: f32, right: f32, bottom: f32) -> BoxPx {
        BoxPx::new(Edges { left, top, right, bottom }).expect("a box")
    }

    fn case(height: usize, width: usize, boxes: &[BoxPx]) -> BoxCase {
        let boxes = boxes.iter().map(|bbox| LabelledBox { class: 1, bbox: *bbox }).collect();
        let pixels = Array3::from_shape_fn((1, height, width), |(_, y, x)| ((y * 7 + x * 3) % 11) as f32);
        let labelled = ClassNames::new(["a"]).expect("a name").all();
        BoxCase { pixels, boxes, ignored: Vec::new(), labelled }
    }

    fn preparation(size_px: u32, field_of_view: f64) -> Preparation {
        Preparation { channels: 1, size_px, field_of_view, classes: 2 }
    }

    fn places(boxes: &[LabelledBox]) -> Vec<BoxPx> {
        boxes.iter().map(|labelled| labelled.bbox).collect()
    }

    #[test]
    fn pixels_are_those_of_segmentation() {
        let case = case(30, 50, &[]);
        let masked = ImageCase { pixels: case.pixels.clone(), mask: Array2::zeros((30, 50)) };
        for preparation in [preparation(20, 1.0), preparation(64, 0.7)] {
            let ImageExample { pixels, .. } = preparation.example(&masked);
            assert_eq!(preparation.box_example(&case).pixels, pixels);
        }
    }

    #[test]
    fn boxes_are_scaled_and_moved_with_the_padding() {
        let example =
            preparation(40, 1.0).box_example(&case(40, 80, &[bbox(0.0, 0.0, 80.0, 40.0), bbox(8.0, 4.0, 10.0, 9.0)]));
        assert_eq!(places(&example.boxes), [bbox(0.0, 10.0, 40.0, 30.0), bbox(4.0, 12.0, 5.0, 14.5)]);
    }

    /// The window of half the side of 100 x 100 is 25..75.
    #[test]
    fn the_edge_clips_objects_and_ignores_slivers_of_them() {
        let boxes = [
            bbox(0.0, 0.0, 25.0, 25.0),
            bbox(15.0, 30.0, 35.0, 40.0),
            bbox(15.0, 50.0, 27.0, 60.0),
            bbox(30.0, 30.0, 40.0, 40.0),
        ];
        let example = preparation(50, 0.5).box_example(&case(100, 100, &boxes));
        assert_eq!(places(&example.boxes), [bbox(0.0, 5.0, 10.0, 15.0), bbox(5.0, 5.0, 15.0, 15.0)]);
        assert_eq!(places(&example.ignored), [bbox(0.0, 25.0, 2.0, 35.0)]);
    }

    #[test]
    fn detections_in_the_padding_are_left_out_and_others_keep_class_and_score() {
        let case = case(40, 80, &[]);
        let detection = |bbox, score| Detection { class: 3, bbox, score };
        let found = [detection(bbox(0.0, 0.0, 40.0, 9.0), 0.9), detection(bbox(4.0, 8.0, 5.0, 14.5), 0.4)];
        let restored = preparation(40, 1.0).restore_boxes(&found, &case);
        assert_eq!(restored, [detection(bbox(8.0, 0.0, 10.0, 9.0), 0.4)]);
    }

    #[test]
    fn an_image_without_pixels_gives_an_input_without_boxes() {
        let example = preparation(16, 1.0).box_example(&case(0, 0, &[]));
        assert!(example.pixels.iter().all(|value| *value == 0.0) && example.boxes.is_empty());
        let detection = Detection { class: 1, bbox: bbox(0.0, 0.0, 4.0, 4.0), score: 1.0 };
        assert!(preparation(16, 1.0).restore_boxes(&[detection], &case(0, 0, &[])).is_empty());
    }

    proptest! {
        #[test]
        fn a_box_comes_back_to_its_place(
            height in 20usize..300, width in 20usize..300, size in 16u32..256,
            left in 0.0f32..0.8, top in 0.0f32..0.8, wide in 0.01f32..0.2, high in 0.01f32..0.2,
        ) {
            let (y, x) = (height as f32, width as f32);
            let there = bbox(left * x, top * y, (left + wide) * x, (top + high) * y);
            let case = case(height, width, &[there]);
            let preparation = preparation(size, 1.0);
            let example = preparation.box_example(&case);
            let found = Detection { class: 1, bbox: example.boxes[0].bbox, score: 1.0 };
            let back = preparation.restore_boxes(&[found], &case)[0].bbox.edges();
            let Edges { left, top, right, bottom } = there.edges();
            for (a, b) in [(left, back.left), (top, back.top), (right, back.right), (bottom, back.bottom)] {
                prop_assert!((a - b).abs() < 1e-3, "{} {}", a, b);
            }
        }
    }
}
