//! Boxes for the tests of every format.

use super::bbox::{BoxPx, Edges, LabelledBox};
use super::classes::ClassNames;
use super::image_boxes::ImageBoxes;
use crate::error::Size;

pub(crate) fn blood() -> ClassNames {
    ClassNames::new(["RBC", "WBC", "Platelets"]).expect("good names")
}

pub(crate) fn labelled(class: u8, edges: [f32; 4]) -> LabelledBox {
    let [left, top, right, bottom] = edges;
    LabelledBox { class, bbox: BoxPx::new(Edges { left, top, right, bottom }).expect("a box") }
}

/// An image with whole and broken pixels and a crowd, one whose boxes touch every edge, and one without objects.
pub(crate) fn image_boxes() -> Vec<ImageBoxes> {
    let image = |file: &str, width, height, boxes, ignored| {
        let size = Size { width, height };
        ImageBoxes { file: file.into(), size, boxes, ignored }
    };
    vec![
        image(
            "p1/a & b.png",
            640,
            480,
            vec![labelled(2, [259.0, 176.0, 491.0, 376.0]), labelled(1, [85.61, 2.33, 187.74, 120.06])],
            vec![labelled(3, [1.0, 2.0, 30.5, 40.25])],
        ),
        image(
            "p2/c.png",
            97,
            131,
            vec![labelled(1, [0.0, 0.0, 97.0, 131.0]), labelled(3, [0.0, 13.0, 4.0, 131.0])],
            vec![],
        ),
        image("none.png", 33, 7, vec![], vec![]),
    ]
}
