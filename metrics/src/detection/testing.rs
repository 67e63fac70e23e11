//! Boxes for tests, in a line each.

use super::{BoxPx, ClassId, Detection, Edges, GroundTruth, ImageId, Score, TruthKind};

/// A box from its left, top, right and bottom.
pub(crate) fn boxed(edges: [i32; 4]) -> BoxPx {
    let [left, top, right, bottom] = edges.map(f64::from);
    BoxPx::new(Edges { left, top, right, bottom }).expect("the test gives a box")
}

/// A finding.
pub(crate) fn truth(image: u32, class: u32, edges: [i32; 4]) -> GroundTruth {
    GroundTruth { image: ImageId(image), class: ClassId(class), bbox: boxed(edges), kind: TruthKind::Finding }
}

/// A detection.
pub(crate) fn detection(image: u32, class: u32, edges: [i32; 4], score: f64) -> Detection {
    let score = Score::new(score).expect("the test gives a finite score");
    Detection { image: ImageId(image), class: ClassId(class), bbox: boxed(edges), score }
}
