//! YOLO's text, one file an image and one line an object: class from 0, then the middle, width and height as shares of
//! the image's sides (docs.ultralytics.com/datasets/detect). An image without objects has an empty file or none.
//!
//! Numbers mean nothing by themselves, so `classes.txt` must say which class each is; without it a set is refused
//! rather than guessed, since every tool counts its classes in its own order.

use super::boxes_of_image::{Counts, Object, Objects, RawEdges};
use super::classes::{ClassNames, Known};
use super::fault::BoxFault;
use super::image_boxes::ImageBoxes;
use crate::error::{Fault, ImagingError, Size};
use std::fmt::Write as _;

/// The classes of a YOLO set: names by number, and what each is to the study.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct YoloClasses(Vec<(String, Known)>);

impl YoloClasses {
    /// One name a line.
    ///
    /// # Errors
    /// A name that is nearly a class.
    pub(crate) fn read(text: &[u8], classes: &ClassNames) -> Result<Self, ImagingError> {
        let text = String::from_utf8_lossy(text);
        let known = |name: &str| match classes.find(name) {
            Known::Nearly(class) => Err(classes.nearly(name, class)),
            known => Ok((name.trim().to_owned(), known)),
        };
        text.trim_start_matches('\u{feff}').trim_end().lines().map(known).collect::<Result<_, _>>().map(Self)
    }

    /// Whether some number means this class.
    pub(crate) fn lists(&self, class: u8) -> bool {
        self.0.iter().any(|(_, known)| *known == Known::As(class))
    }
}

/// The objects of an image of size `image`.
///
/// # Errors
/// A line that is not five numbers, a class without a name, too many lines.
pub(crate) fn read_yolo(text: &[u8], classes: &YoloClasses, image: Size) -> Result<Objects, BoxFault> {
    let mut objects = Objects::default();
    for (line, text) in (1..).zip(String::from_utf8_lossy(text).trim_start_matches('\u{feff}').lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let (number, edges) = object(text, image).ok_or(BoxFault::YoloLine { line })?;
        match classes.0.get(number).ok_or(BoxFault::NamelessNumber { line })? {
            (_, Known::As(class)) => objects.push(Object { class: *class, edges, counts: Counts::Fully })?,
            (name, _) => *objects.foreign.entry(name.clone()).or_default() += 1,
        }
    }
    Ok(objects)
}

fn object(line: &str, image: Size) -> Option<(usize, RawEdges)> {
    let mut words = line.split_whitespace();
    let class = words.next()?.parse().ok()?;
    let numbers: Vec<f64> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
    let &[x, y, width, height] = numbers.as_slice() else { return None };
    let (across, down) = (f64::from(image.width), f64::from(image.height));
    let edges = RawEdges {
        left: (x - width / 2.0) * across,
        top: (y - height / 2.0) * down,
        right: (x + width / 2.0) * across,
        bottom: (y + height / 2.0) * down,
    };
    Some((class, edges))
}

/// `names` as `classes.txt`.
pub(crate) fn write_classes(names: &ClassNames) -> String {
    names.names().iter().map(|name| format!("{name}\n")).collect()
}

/// `image` as YOLO's text, in nine digits: a hundred-thousandth of a pixel on the largest image.
///
/// # Errors
/// [`BoxFault::NoCrowds`] where the image has regions to ignore, for which YOLO has no word.
pub(crate) fn write_yolo(image: &ImageBoxes) -> Result<String, Fault> {
    if !image.ignored.is_empty() {
        return Err(BoxFault::NoCrowds.into());
    }
    let mut text = String::new();
    let (across, down) = (f64::from(image.size.width), f64::from(image.size.height));
    for labelled in &image.boxes {
        let RawEdges { left, top, right, bottom } = RawEdges::of(&labelled.bbox);
        let number = labelled.class.saturating_sub(1);
        let (x, y) = ((left + right) / 2.0 / across, (top + bottom) / 2.0 / down);
        let (width, height) = ((right - left) / across, (bottom - top) / down);
        writeln!(text, "{number} {x:.9} {y:.9} {width:.9} {height:.9}").expect("text grows");
    }
    Ok(text)
}

pub(crate) const YOLO_FOLDER: &str = "labels-yolo";
pub(crate) const CLASSES_FILE: &str = "classes.txt";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::bbox::BoxPx;
    use crate::boxes::samples::{blood, image_boxes};
    use proptest::prelude::*;

    const IMAGE: Size = Size { width: 200, height: 100 };

    fn classes(text: &str) -> YoloClasses {
        YoloClasses::read(text.as_bytes(), &blood()).expect("good")
    }

    fn read(text: &str) -> Result<Objects, BoxFault> {
        read_yolo(text.as_bytes(), &classes("\u{feff}WBC\ndust\r\nRBC\n\n"), IMAGE)
    }

    #[test]
    fn numbers_are_places_in_the_list_of_names() {
        let objects = read("0 0.5 0.5 0.25 0.5\n\n  2 0.1 0.2 0.2 0.4  \r\n1 0.5 0.5 0.1 0.1").expect("good");
        let edges = RawEdges { left: 75.0, top: 25.0, right: 125.0, bottom: 75.0 };
        assert_eq!(objects.objects[0], Object { class: 2, edges, counts: Counts::Fully });
        assert_eq!((objects.objects[1].class, objects.objects.len()), (1, 2));
        assert_eq!(objects.foreign.get("dust"), Some(&1));
        assert!(classes("WBC").lists(2) && !classes("WBC").lists(1));
    }

    #[test]
    fn no_line_is_no_object() {
        assert_eq!(read(""), Ok(Objects::default()));
        assert_eq!(read(" \n\n"), Ok(Objects::default()));
    }

    #[test]
    fn six_digits_over_the_edge_are_no_finding_and_more_is() {
        let placed = |text: &str| read(text).expect("good").place(IMAGE, &blood().all()).expect("good");
        let rounded = placed("0 0.166667 0.5 0.333335 1.000000");
        assert_eq!((rounded.boxes.len(), rounded.clipped), (1, 0));
        assert_eq!(placed("0 0.1 0.5 0.3 1").clipped, 1);
        assert_eq!(placed("0 0.1 0.5 -0.3 1\n0 nan 0.5 0.1 0.1\n0 0.5 0.5 0 0.1").dropped, 3);
    }

    #[test]
    fn lines_that_are_no_box_are_named() {
        for line in ["0 0.5 0.5 0.1", "0 0.5 0.5 0.1 0.1 0.9", "a 0.5 0.5 0.1 0.1", "-1 0.5 0.5 0.1 0.1", "0 x 0 0 0"] {
            assert_eq!(read(&format!("0 .5 .5 .1 .1\n{line}")), Err(BoxFault::YoloLine { line: 2 }), "{line}");
        }
        assert_eq!(read("3 0.5 0.5 0.1 0.1"), Err(BoxFault::NamelessNumber { line: 1 }));
        assert!(YoloClasses::read(b"rbc", &blood()).is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        for image in image_boxes().into_iter().map(|image| ImageBoxes { ignored: vec![], ..image }) {
            let text = write_yolo(&image).expect("no crowds");
            let names = classes(&write_classes(&blood()));
            let objects = read_yolo(text.as_bytes(), &names, image.size).expect("our own");
            let placed = objects.place(image.size, &blood().all()).expect("no size is given");
            assert_eq!((placed.boxes.len(), placed.clipped, placed.dropped), (image.boxes.len(), 0, 0));
            for (read, written) in placed.boxes.iter().zip(&image.boxes) {
                assert_eq!(read.class, written.class);
                assert!(apart(&read.bbox, &written.bbox) < 1e-4, "{read:?} {written:?}");
            }
        }
    }

    #[test]
    fn crowds_are_not_lost_without_a_word() {
        assert_eq!(write_yolo(&image_boxes()[0]), Err(BoxFault::NoCrowds.into()));
    }

    fn apart(a: &BoxPx, b: &BoxPx) -> f64 {
        let (a, b) = (RawEdges::of(a), RawEdges::of(b));
        let edges = [a.left - b.left, a.top - b.top, a.right - b.right, a.bottom - b.bottom];
        edges.iter().fold(0.0, |most, edge| edge.abs().max(most))
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9 .e\n-]{0,80}", bytes: Vec<u8>) {
            for text in [text.as_bytes(), &bytes] {
                if let Ok(objects) = read_yolo(text, &classes("WBC\ndust"), IMAGE) {
                    let placed = objects.place(IMAGE, &blood().all()).expect("no size is given");
                    for labelled in placed.boxes {
                        prop_assert_eq!(labelled.bbox.clipped(200.0, 100.0), Some(labelled.bbox));
                    }
                }
            }
        }
    }
}
