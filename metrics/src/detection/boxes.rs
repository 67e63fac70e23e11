//! Boxes in pixels and how much two of them overlap.
//!
//! pycocotools holds left and width and adds them up again, which may round in the last bit; where edges are whole or binary
//! fractions of a pixel, as from masks and annotation tools, overlaps are equal to the last bit.

/// No picture is wider: a coordinate beyond it is a mistake, and areas below it cannot overflow.
const COORDINATE_MAX_PX: f64 = 1e9;

/// A box in pixels, axis-aligned. Right and bottom are exclusive, so the width is `right - left`. Its area may be zero: such a
/// box overlaps nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxPx {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

/// The four edges of a box, in pixels, unchecked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edges {
    /// First column inside.
    pub left: f64,
    /// First row inside.
    pub top: f64,
    /// First column outside again.
    pub right: f64,
    /// First row outside again.
    pub bottom: f64,
}

/// Four numbers that are no box.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BoxError {
    /// Not a number, infinite, or larger than any picture.
    #[error("an edge of the box is at {edge_px} px: edges are finite and within ±{COORDINATE_MAX_PX:e} px")]
    Edge {
        /// The edge refused.
        edge_px: f64,
    },
    /// Right of left, or bottom above top.
    #[error(
        "the box from ({left}, {top}) to ({right}, {bottom}) is turned around: give left, top, right, bottom, not width and height",
        left = .edges.left, top = .edges.top, right = .edges.right, bottom = .edges.bottom
    )]
    TurnedAround {
        /// What was given.
        edges: Edges,
    },
}

impl BoxPx {
    /// Checks the edges.
    ///
    /// # Errors
    /// [`BoxError`] where an edge is not finite or beyond 1e9 px, or the box ends before it begins.
    pub fn new(edges: Edges) -> Result<Self, BoxError> {
        let Edges { left, top, right, bottom } = edges;
        let beyond = |edge: &f64| !edge.is_finite() || edge.abs() > COORDINATE_MAX_PX;
        if let Some(edge_px) = [left, top, right, bottom].into_iter().find(beyond) {
            return Err(BoxError::Edge { edge_px });
        }
        if right < left || bottom < top {
            return Err(BoxError::TurnedAround { edges });
        }
        Ok(Self { left, top, right, bottom })
    }

    /// The edges.
    pub fn edges(&self) -> Edges {
        Edges { left: self.left, top: self.top, right: self.right, bottom: self.bottom }
    }

    /// Area in square pixels.
    pub fn area_px2(&self) -> f64 {
        (self.right - self.left) * (self.bottom - self.top)
    }

    /// Intersection over union, from 0 to 1.
    pub fn iou(&self, other: &Self) -> f64 {
        let both = self.intersection_px2(other);
        share(both, self.area_px2() + other.area_px2() - both)
    }

    /// The share of this box that lies in `region`, from 0 to 1: how COCO compares a detection with a crowd.
    pub fn share_inside(&self, region: &Self) -> f64 {
        share(self.intersection_px2(region), self.area_px2())
    }

    fn intersection_px2(&self, other: &Self) -> f64 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        if width <= 0.0 || height <= 0.0 { 0.0 } else { width * height }
    }
}

/// Areas so small that their product is zero have no share in anything.
fn share(part: f64, whole: f64) -> f64 {
    if part > 0.0 && whole > 0.0 { (part / whole).min(1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boxed(left: f64, top: f64, right: f64, bottom: f64) -> BoxPx {
        BoxPx::new(Edges { left, top, right, bottom }).expect("a box")
    }

    #[test]
    fn overlap_agrees_with_a_count_by_hand() {
        let (a, b) = (boxed(0.0, 0.0, 4.0, 2.0), boxed(2.0, 1.0, 6.0, 3.0));
        assert_eq!(a.iou(&b), 2.0 / 14.0);
        assert_eq!(a.share_inside(&b), 2.0 / 8.0);
    }

    #[test]
    fn boxes_that_touch_do_not_overlap() {
        assert_eq!(boxed(0.0, 0.0, 4.0, 2.0).iou(&boxed(4.0, 0.0, 5.0, 2.0)), 0.0);
    }

    #[test]
    fn a_box_of_no_area_overlaps_nothing_not_even_itself() {
        let (line, around) = (boxed(1.0, 1.0, 1.0, 9.0), boxed(0.0, 0.0, 10.0, 10.0));
        assert_eq!(line.iou(&line), 0.0);
        assert_eq!(line.iou(&around), 0.0);
        assert_eq!(line.share_inside(&around), 0.0);
        let vanishing = boxed(0.0, 0.0, 1e-200, 1e-200);
        assert_eq!(vanishing.iou(&vanishing), 0.0, "its area is too small for a number");
    }

    #[test]
    fn what_is_no_box_is_refused_with_words() {
        let edges = Edges { left: 10.0, top: 0.0, right: 4.0, bottom: 4.0 };
        let turned = BoxPx::new(edges).expect_err("ends before it begins");
        assert!(turned.to_string().contains("(10, 0) to (4, 4)"), "{turned}");
        for edge in [f64::NAN, f64::INFINITY, -2e9] {
            let error = BoxPx::new(Edges { left: edge, top: 0.0, right: 4.0, bottom: 4.0 }).expect_err("no place");
            assert!(matches!(error, BoxError::Edge { .. }), "{edge}");
        }
    }

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_within_bounds(a in proptest::array::uniform4(0.0..50.0f64), b in proptest::array::uniform4(0.0..50.0f64)) {
            let of = |[left, top, width, height]: [f64; 4]| boxed(left, top, left + width, top + height);
            let (a, b) = (of(a), of(b));
            prop_assert_eq!(a.iou(&b), b.iou(&a));
            prop_assert!((0.0..=1.0).contains(&a.iou(&b)) && (0.0..=1.0).contains(&a.share_inside(&b)));
        }
    }
}
