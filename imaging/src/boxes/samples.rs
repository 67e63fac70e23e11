//! Boxes for the tests of every format.

use super::bbox::{BoxPx, Edges, LabelledBox};
use super::classes::ClassNames;
use super::image_boxes::ImageBoxes;
use crate::error::Size;
use proptest::sample::Index;

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

/// `text` cut to some length, with one byte changed.
pub(crate) fn damaged(text: &str, place: Index, byte: u8, length: Index) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let place = place.index(bytes.len());
    bytes[place] = byte;
    bytes.truncate(length.index(2 * bytes.len()));
    bytes
}

/// A folder with a manifest and three black images of 16 x 12, without boxes; gone when dropped.
pub(crate) struct BoxSample(tempfile::TempDir);

impl BoxSample {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let sample = Self(dir);
        sample.write("manifest.csv", "file,patient,split\np/a.png,p,train\np/b.png,p,train\nq.png,q,val\n");
        for image in Self::images() {
            let path = sample.path("images").join(&image.file);
            std::fs::create_dir_all(path.parent().expect("below images")).expect("created");
            image::GrayImage::new(image.size.width, image.size.height).save(path).expect("written");
        }
        sample
    }

    /// What it holds, without objects.
    pub(crate) fn images() -> Vec<ImageBoxes> {
        let size = Size { width: 16, height: 12 };
        let image = |file: &str| ImageBoxes { file: file.into(), size, boxes: vec![], ignored: vec![] };
        ["p/a.png", "p/b.png", "q.png"].map(image).into()
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("created");
        std::fs::write(path, text).expect("written");
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder().join(path)
    }
}
