//! The objects of one image: as a file has them, and as they are once held against the image.
//!
//! Annotators draw over the edge and click twice, so a box outside of its image or without area is clipped or dropped
//! and counted. A set is not refused for it.

use super::bbox::{BoxPx, Edges, LabelledBox};
use super::classes::ClassSet;
use super::fault::BoxFault;
use crate::error::Size;
use std::collections::BTreeMap;

/// Most objects of one image.
pub const BOXES_MAX: usize = 10_000;
/// A box this far over the edge, as a share of the side, was rounded and not drawn so: YOLO keeps six digits.
const ROUNDING: f64 = 1e-5;

/// One object as a file has it; its edges, in pixels from 0, may be anything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Object {
    pub(crate) class: u8,
    pub(crate) edges: RawEdges,
    pub(crate) counts: Counts,
}

/// Edges at the precision of text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RawEdges {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

/// Whether finding an object is right, or neither right nor wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    Fully,
    NeitherWay,
}

/// What a file says about one image.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Objects {
    /// The size that the file believes the image has.
    pub(crate) size: Option<Size>,
    pub(crate) objects: Vec<Object>,
    /// Objects of classes that the study does not use, by name.
    pub(crate) foreign: BTreeMap<String, usize>,
}

/// The objects of an image in its own pixels.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Placed {
    pub(crate) boxes: Vec<LabelledBox>,
    pub(crate) ignored: Vec<LabelledBox>,
    /// Boxes of which a part lay outside.
    pub(crate) clipped: usize,
    /// Boxes without area inside.
    pub(crate) dropped: usize,
    /// Boxes of classes that this site is not said to label, by class.
    pub(crate) unlabelled: BTreeMap<u8, usize>,
}

impl Objects {
    /// Adds one, refusing more than any image has.
    pub(crate) fn push(&mut self, object: Object) -> Result<(), BoxFault> {
        if self.objects.len() == BOXES_MAX {
            return Err(BoxFault::TooManyBoxes);
        }
        self.objects.push(object);
        Ok(())
    }

    /// Holds every object against an image of size `image`, at a site that labels `labelled`.
    pub(crate) fn place(&self, image: Size, labelled: &ClassSet) -> Result<Placed, BoxFault> {
        if let Some(annotated) = self.size.filter(|annotated| *annotated != image) {
            return Err(BoxFault::Size { image, annotated });
        }
        let mut placed = Placed::default();
        for object in &self.objects {
            match labelled.contains(object.class) {
                true => placed.add(object, image),
                false => *placed.unlabelled.entry(object.class).or_default() += 1,
            }
        }
        Ok(placed)
    }
}

impl Placed {
    fn add(&mut self, object: &Object, image: Size) {
        let Some(part) = object.edges.inside(image) else {
            self.dropped += 1;
            return;
        };
        self.clipped += usize::from(object.edges.leaves(image));
        let labelled = LabelledBox { class: object.class, bbox: part };
        match object.counts {
            Counts::Fully => self.boxes.push(labelled),
            Counts::NeitherWay => self.ignored.push(labelled),
        }
    }
}

impl RawEdges {
    pub(crate) fn of(bbox: &BoxPx) -> Self {
        let Edges { left, top, right, bottom } = bbox.edges();
        Self { left: left.into(), top: top.into(), right: right.into(), bottom: bottom.into() }
    }

    /// None for what is no number, turned round, or without area in the image.
    fn inside(&self, image: Size) -> Option<BoxPx> {
        let edges = Edges {
            left: self.left as f32,
            top: self.top as f32,
            right: self.right as f32,
            bottom: self.bottom as f32,
        };
        BoxPx::new(edges).ok()?.clipped(image.width as f32, image.height as f32)
    }

    fn leaves(&self, image: Size) -> bool {
        let beyond = |low: f64, high: f64, side: u32| {
            let side = f64::from(side);
            low < -ROUNDING * side || high > side * (1.0 + ROUNDING)
        };
        beyond(self.left, self.right, image.width) || beyond(self.top, self.bottom, image.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClassNames;

    const IMAGE: Size = Size { width: 100, height: 50 };

    fn place(edges: [f64; 4], counts: Counts) -> Placed {
        let [left, top, right, bottom] = edges;
        let mut objects = Objects::default();
        objects.push(Object { class: 1, edges: RawEdges { left, top, right, bottom }, counts }).expect("one");
        objects.place(IMAGE, &ClassNames::new(["a"]).expect("a name").all()).expect("no size is given")
    }

    fn only_box(edges: [f64; 4]) -> (Edges, usize) {
        let placed = place(edges, Counts::Fully);
        assert_eq!((placed.boxes.len(), placed.dropped), (1, 0), "{edges:?}");
        (placed.boxes[0].bbox.edges(), placed.clipped)
    }

    #[test]
    fn a_box_over_the_edge_is_clipped_and_counted() {
        let whole = Edges { left: 0.0, top: 0.0, right: 100.0, bottom: 50.0 };
        assert_eq!(only_box([0.0, 0.0, 100.0, 50.0]), (whole, 0));
        assert_eq!(only_box([-1.0, -9.0, 101.0, 60.0]), (whole, 1));
    }

    #[test]
    fn rounding_over_the_edge_is_clipped_without_a_word() {
        let whole = Edges { left: 0.0, top: 0.0, right: 100.0, bottom: 50.0 };
        assert_eq!(only_box([-0.0005, 0.0, 100.0005, 50.0004]), (whole, 0));
        assert_eq!(only_box([0.0, -0.01, 100.0, 50.0]).1, 1);
    }

    #[test]
    fn a_box_without_area_inside_is_dropped() {
        for edges in [
            [5.0, 5.0, 5.0, 9.0],
            [5.0, 5.0, 9.0, 5.0],
            [9.0, 5.0, 5.0, 9.0],
            [100.0, 0.0, 120.0, 9.0],
            [-9.0, 0.0, 0.0, 9.0],
            [f64::NAN, 0.0, 5.0, 9.0],
            [0.0, 0.0, f64::INFINITY, 9.0],
            [0.0, 0.0, 1e300, 9.0],
        ] {
            let placed = place(edges, Counts::Fully);
            assert_eq!((placed.boxes.len(), placed.dropped, placed.clipped), (0, 1, 0), "{edges:?}");
        }
    }

    #[test]
    fn what_counts_neither_way_is_kept_apart() {
        let placed = place([1.0, 1.0, 5.0, 5.0], Counts::NeitherWay);
        assert_eq!((placed.boxes.len(), placed.ignored.len()), (0, 1));
    }

    #[test]
    fn another_size_and_a_class_that_is_not_labelled_are_noticed() {
        let names = ClassNames::new(["a", "b"]).expect("names");
        let edges = RawEdges { left: 1.0, top: 1.0, right: 2.0, bottom: 2.0 };
        let objects = vec![Object { class: 2, edges, counts: Counts::Fully }];
        let objects = Objects { size: Some(IMAGE), objects, ..Objects::default() };
        let placed = objects.place(IMAGE, &names.only(["a"]).expect("a class")).expect("the same size");
        assert_eq!((placed.boxes.len(), placed.unlabelled), (0, BTreeMap::from([(2, 1)])));
        let image = Size { width: 50, height: 100 };
        assert_eq!(objects.place(image, &names.all()), Err(BoxFault::Size { image, annotated: IMAGE }));
    }

    #[test]
    fn one_box_too_many_is_refused() {
        let mut objects = Objects::default();
        let edges = RawEdges { left: 1.0, top: 1.0, right: 2.0, bottom: 2.0 };
        let mut push = || objects.push(Object { class: 1, edges, counts: Counts::Fully });
        assert!((0..BOXES_MAX).all(|_| push().is_ok()));
        assert_eq!(push(), Err(BoxFault::TooManyBoxes));
    }
}
