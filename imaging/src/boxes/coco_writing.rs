//! Boxes as COCO's JSON, exact to the last bit for [`super::coco`].

use super::bbox::LabelledBox;
use super::boxes_of_image::RawEdges;
use super::classes::{ClassNames, ClassSet};
use super::image_boxes::ImageBoxes;
use serde::Serialize;

/// `images` as COCO's JSON, with the objects of `labelled` only; ids of categories are the study's classes.
pub(crate) fn write_coco(images: &[ImageBoxes], names: &ClassNames, labelled: &ClassSet) -> String {
    let category = |class: u8| names.name(class).map(|name| WrittenCategory { id: class, name });
    let image = |(id, image): (usize, &ImageBoxes)| WrittenImage {
        id,
        file_name: format!("images/{}", image.file),
        width: image.size.width,
        height: image.size.height,
    };
    let objects = images.iter().enumerate().flat_map(|(image_id, image)| {
        let fully = image.boxes.iter().map(|labelled| (labelled, 0));
        let crowds = image.ignored.iter().map(|labelled| (labelled, 1));
        let all = fully.chain(crowds).filter(|(object, _)| labelled.contains(object.class));
        all.map(move |(labelled, iscrowd)| (image_id, labelled, iscrowd))
    });
    let document = WrittenDocument {
        categories: labelled.iter().filter_map(category).collect(),
        images: images.iter().enumerate().map(image).collect(),
        annotations: objects.enumerate().map(|(id, object)| WrittenAnnotation::of(id, object)).collect(),
    };
    serde_json::to_string(&document).expect("numbers and text are JSON")
}

#[derive(Serialize)]
struct WrittenDocument<'a> {
    categories: Vec<WrittenCategory<'a>>,
    images: Vec<WrittenImage>,
    annotations: Vec<WrittenAnnotation>,
}

#[derive(Serialize)]
struct WrittenCategory<'a> {
    id: u8,
    name: &'a str,
}

#[derive(Serialize)]
struct WrittenImage {
    id: usize,
    file_name: String,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct WrittenAnnotation {
    id: usize,
    image_id: usize,
    category_id: u8,
    bbox: [f64; 4],
    area: f64,
    iscrowd: u8,
}

impl WrittenAnnotation {
    fn of(id: usize, (image_id, labelled, iscrowd): (usize, &LabelledBox, u8)) -> Self {
        let RawEdges { left, top, right, bottom } = RawEdges::of(&labelled.bbox);
        // Exact in double precision, so that the way back adds up to the same edges.
        let (width, height) = (right - left, bottom - top);
        let bbox = [left, top, width, height];
        Self { id, image_id, category_id: labelled.class, bbox, area: width * height, iscrowd }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::coco::CocoFile;
    use crate::boxes::samples::{blood, image_boxes};
    use std::collections::BTreeSet;

    #[test]
    fn what_is_written_is_read_again() {
        let images = image_boxes();
        let text = write_coco(&images, &blood(), &blood().all());
        let file = CocoFile::read(text.as_bytes(), &blood()).expect("our own");
        assert_eq!(file.listed, BTreeSet::from([1, 2, 3]));
        assert_eq!(file.images.len(), images.len());
        for image in images {
            let placed = file.images[&image.file].place(image.size, &blood().all()).expect("the same size");
            assert_eq!((placed.boxes, placed.ignored), (image.boxes, image.ignored));
            assert_eq!((placed.clipped, placed.dropped), (0, 0));
        }
    }

    #[test]
    fn only_labelled_classes_are_listed() {
        let text = write_coco(&[], &blood(), &blood().only(["WBC"]).expect("a class"));
        assert!(text.contains("WBC") && !text.contains("RBC"), "{text}");
    }
}
