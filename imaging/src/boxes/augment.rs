//! Random changes of a training image and its boxes, drawn as for masks.
//!
//! A box turned by any angle is no box, and the one round it would be too large. So where a plan says `rotate`, boxes
//! turn by quarters; all other changes are those of [`crate::augment`].

use super::bbox::{BoxPx, Edges};
use super::cases::BoxExample;
use super::preparation::Objects;
use crate::augment::{Change, Turn};
use ndarray::{Array3, Axis};
use std::f32::consts::TAU;
use wardround_plan::{Augmentation, Stream};

/// A changed copy of `example`, its boxes moved along; what a zoom cuts off is clipped or ignored as in
/// [`crate::Preparation::box_example`]. The same stream gives the same copy; no changes give an exact copy.
pub fn augment_boxes(example: &BoxExample, changes: &[Augmentation], stream: &mut Stream) -> BoxExample {
    let change = Change::draw(changes, stream);
    let motion = Motion::of(&change, example.pixels.dim().2 as f32);
    let mut pixels = motion.of_pixels(&example.pixels);
    for plane in pixels.axis_iter_mut(Axis(0)) {
        change.recolour(plane);
    }
    let objects = Objects { boxes: &example.boxes, ignored: &example.ignored };
    let (boxes, ignored) = objects.seen_in(motion.side, |bbox| motion.of_box(bbox));
    BoxExample { pixels, boxes, ignored, labelled: example.labelled.clone() }
}

/// What happens to places: mirrored, turned by quarters, enlarged, in this order.
struct Motion {
    mirror_rows: bool,
    mirror_columns: bool,
    quarters: u8,
    zoom: f32,
    /// Of the square.
    side: f32,
}

impl Motion {
    fn of(change: &Change, side: f32) -> Self {
        // The angle is uniform, so its quarter is too.
        let quarters = (change.angle / TAU * 4.0) as u8 % 4;
        let Change { mirror_rows, mirror_columns, zoom, .. } = *change;
        Self { mirror_rows, mirror_columns, quarters, zoom, side }
    }

    fn of_pixels(&self, pixels: &Array3<f32>) -> Array3<f32> {
        let mut moved = pixels.clone();
        if self.mirror_rows {
            moved.invert_axis(Axis(1));
        }
        if self.mirror_columns {
            moved.invert_axis(Axis(2));
        }
        for _ in 0..self.quarters {
            moved.swap_axes(1, 2);
            moved.invert_axis(Axis(1));
        }
        let moved = moved.as_standard_layout().into_owned();
        match self.zoom == Change::NONE.zoom {
            true => moved,
            false => Turn::new(Change::NONE.angle, self.zoom, moved.dim().1, moved.dim().2).applied(&moved),
        }
    }

    fn of_box(&self, bbox: &BoxPx) -> Option<BoxPx> {
        let mut edges = bbox.edges();
        if self.mirror_rows {
            edges = Edges { top: self.side - edges.bottom, bottom: self.side - edges.top, ..edges };
        }
        if self.mirror_columns {
            edges = Edges { left: self.side - edges.right, right: self.side - edges.left, ..edges };
        }
        for _ in 0..self.quarters {
            edges = Edges {
                left: edges.top,
                right: edges.bottom,
                top: self.side - edges.right,
                bottom: self.side - edges.left,
            };
        }
        let enlarged = |edge: f32| (edge - self.side / 2.0) * self.zoom + self.side / 2.0;
        match self.zoom == Change::NONE.zoom {
            true => BoxPx::new(edges).ok(),
            false => BoxPx::new(edges).ok()?.map(enlarged, enlarged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::{ClassNames, LabelledBox};
    use proptest::prelude::*;
    use rand::SeedableRng as _;

    const SIDE: usize = 24;

    fn labelled(left: f32, top: f32, right: f32, bottom: f32) -> LabelledBox {
        LabelledBox { class: 1, bbox: BoxPx::new(Edges { left, top, right, bottom }).expect("a box") }
    }

    /// Two bright rectangles, one of them ignored.
    fn example() -> BoxExample {
        let (boxes, ignored) = (vec![labelled(2.0, 5.0, 9.0, 8.0)], vec![labelled(14.0, 12.0, 17.0, 21.0)]);
        let on = |y: usize, x: usize| {
            ((5..8).contains(&y) && (2..9).contains(&x)) || ((12..21).contains(&y) && (14..17).contains(&x))
        };
        BoxExample {
            pixels: Array3::from_shape_fn((2, SIDE, SIDE), |(_, y, x)| f32::from(u8::from(on(y, x)))),
            boxes,
            ignored,
            labelled: ClassNames::new(["a"]).expect("a name").all(),
        }
    }

    /// Pixels whose middle lies in some box.
    fn covered(example: &BoxExample) -> Array3<f32> {
        let inside = |y: usize, x: usize| {
            example.boxes.iter().chain(&example.ignored).any(|labelled| {
                let Edges { left, top, right, bottom } = labelled.bbox.edges();
                let (y, x) = (y as f32 + 0.5, x as f32 + 0.5);
                left < x && x < right && top < y && y < bottom
            })
        };
        Array3::from_shape_fn((2, SIDE, SIDE), |(_, y, x)| f32::from(u8::from(inside(y, x))))
    }

    #[test]
    fn boxes_stay_on_their_objects_through_every_mirror_and_quarter_turn() {
        let example = example();
        let mut seen = Vec::new();
        for seed in 0..64 {
            let changes = [Augmentation::Flip, Augmentation::Rotate];
            let changed = augment_boxes(&example, &changes, &mut Stream::seed_from_u64(seed));
            assert_eq!(changed.pixels, covered(&changed), "seed {seed}");
            if !seen.contains(&changed.pixels) {
                seen.push(changed.pixels);
            }
        }
        assert_eq!(seen.len(), 8, "all the symmetries of a square");
    }

    #[test]
    fn zoom_moves_boxes_with_the_pixels() {
        let example = example();
        for (zoom, expected) in [(1.25, [-0.5, 3.25, 8.25, 7.0]), (0.8, [4.0, 6.4, 9.6, 8.8])] {
            let motion = Motion { mirror_rows: false, mirror_columns: false, quarters: 0, zoom, side: SIDE as f32 };
            let Edges { left, top, right, bottom } =
                motion.of_box(&example.boxes[0].bbox).expect("still a box").edges();
            let off = [left, top, right, bottom].iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-5, "{zoom}: {off}");
            let pixels = motion.of_pixels(&example.pixels);
            let centre = [0, ((top + bottom) / 2.0) as usize, ((left + right) / 2.0) as usize];
            assert!(pixels[centre] > 0.9, "{zoom}");
            let bright = pixels.index_axis(Axis(0), 0).sum() / example.pixels.index_axis(Axis(0), 0).sum();
            assert!((bright / zoom.powi(2) - 1.0).abs() < 0.08, "{zoom}: {bright}");
        }
    }

    #[test]
    fn grey_values_change_and_boxes_do_not() {
        let example = example();
        let changes = [Augmentation::Gain, Augmentation::Gamma, Augmentation::Invert];
        let changed = augment_boxes(&example, &changes, &mut Stream::seed_from_u64(3));
        assert_ne!(changed.pixels, example.pixels);
        assert_eq!((changed.boxes, changed.ignored), (example.boxes, example.ignored));
    }

    proptest! {
        #[test]
        fn one_stream_gives_one_image_and_boxes_inside_it(seed: u64) {
            let changes =
                [Augmentation::Flip, Augmentation::Rotate, Augmentation::Scale, Augmentation::Gain, Augmentation::Gamma];
            let example = example();
            let changed = augment_boxes(&example, &changes, &mut Stream::seed_from_u64(seed));
            prop_assert_eq!(&changed, &augment_boxes(&example, &changes, &mut Stream::seed_from_u64(seed)));
            for labelled in changed.boxes.iter().chain(&changed.ignored) {
                let side = SIDE as f32;
                prop_assert_eq!(labelled.bbox.clipped(side, side), Some(labelled.bbox));
            }
            prop_assert_eq!(augment_boxes(&example, &[], &mut Stream::seed_from_u64(seed)), example);
        }
    }
}
