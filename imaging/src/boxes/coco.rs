//! COCO's JSON (Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; format at cocodataset.org).
//!
//! Read: `categories`, `images`, `annotations` with `bbox` as left, top, width, height in pixels from 0; every other
//! key is passed over. Categories are known by name, since their ids begin where the tool likes. A crowd (`iscrowd`) is
//! kept to be ignored. Outlines count only where `bbox` is missing: the box round a polygon. `coco_writing` is the way
//! back.

use super::boxes_of_image::{Counts, Object, Objects, RawEdges};
use super::classes::{ClassNames, Known};
use super::fault::BoxFault;
use super::outline::OutlineBox;
use crate::error::{ImagingError, Place, Size};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Largest file: room for two million boxes at some 130 bytes each.
pub(crate) const COCO_BYTES_MAX: u64 = 256 << 20;

/// What such a file says, by the names it gives to images.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CocoFile {
    pub(crate) images: BTreeMap<String, Objects>,
    /// Classes of the study that it lists.
    pub(crate) listed: BTreeSet<u8>,
}

#[derive(Deserialize)]
struct Document {
    categories: Vec<Category>,
    images: Vec<Image>,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Category {
    id: Id,
    name: String,
}

#[derive(Deserialize)]
struct Image {
    id: Id,
    file_name: String,
    #[serde(default)]
    width: Option<u32>,
    #[serde(default)]
    height: Option<u32>,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: Id,
    category_id: Id,
    #[serde(default)]
    bbox: Option<Vec<f64>>,
    #[serde(default)]
    segmentation: OutlineBox,
    #[serde(default)]
    iscrowd: Flag,
}

/// Some tools count with words.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(untagged)]
enum Id {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Word(bool),
    Number(i64),
}

impl CocoFile {
    /// # Errors
    /// Text that is not COCO's, ids that lead nowhere, a category that is nearly a class, too many boxes.
    pub(crate) fn read(text: &[u8], classes: &ClassNames) -> Result<Self, ImagingError> {
        let document: Document =
            serde_json::from_slice(text).map_err(|error| at_file(BoxFault::Json { line: error.line() }))?;
        let categories = Categories::of(document.categories, classes)?;
        let mut images = Images::of(document.images)?;
        for annotation in &document.annotations {
            images.add(annotation, &categories)?;
        }
        Ok(Self { images: images.objects, listed: categories.listed })
    }
}

/// Categories by id.
struct Categories {
    by_id: BTreeMap<Id, (String, Known)>,
    listed: BTreeSet<u8>,
}

impl Categories {
    fn of(categories: Vec<Category>, classes: &ClassNames) -> Result<Self, ImagingError> {
        let mut known = Self { by_id: BTreeMap::new(), listed: BTreeSet::new() };
        for Category { id, name } in categories {
            let class = classes.find(&name);
            match class {
                Known::As(class) => _ = known.listed.insert(class),
                Known::Nearly(class) => return Err(classes.nearly(&name, class)),
                Known::Not => {}
            }
            if known.by_id.insert(id, (name, class)).is_some() {
                return Err(at_file(BoxFault::IdTwice));
            }
        }
        Ok(known)
    }
}

/// Images by id.
struct Images {
    name_of: BTreeMap<Id, String>,
    objects: BTreeMap<String, Objects>,
}

impl Images {
    fn of(images: Vec<Image>) -> Result<Self, ImagingError> {
        let mut known = Self { name_of: BTreeMap::new(), objects: BTreeMap::new() };
        for Image { id, file_name, width, height } in images {
            // Some tools write 0 where they do not know.
            let side_of = |side: Option<u32>| side.filter(|side| *side > 0);
            let size = side_of(width).zip(side_of(height)).map(|(width, height)| Size { width, height });
            let name = below_images(&file_name);
            if known.objects.insert(name.clone(), Objects { size, ..Objects::default() }).is_some() {
                return Err(ImagingError::new(Place::Image(name), BoxFault::Ambiguous.into()));
            }
            if known.name_of.insert(id, name).is_some() {
                return Err(at_file(BoxFault::IdTwice));
            }
        }
        Ok(known)
    }

    fn add(&mut self, annotation: &Annotation, categories: &Categories) -> Result<(), ImagingError> {
        let name = self.name_of.get(&annotation.image_id).ok_or_else(|| at_file(BoxFault::UnlistedImage))?;
        let category = categories.by_id.get(&annotation.category_id);
        let (category, known) = category.ok_or_else(|| at_file(BoxFault::UnlistedCategory))?;
        let objects = self.objects.get_mut(name).expect("each named image has its objects");
        let Known::As(class) = *known else {
            *objects.foreign.entry(category.clone()).or_default() += 1;
            return Ok(());
        };
        let place = || Place::Image(name.clone());
        let edges = annotation.edges().ok_or_else(|| ImagingError::new(place(), BoxFault::NoPlace.into()))?;
        let object = Object { class, edges, counts: annotation.counts() };
        objects.push(object).map_err(|fault| ImagingError::new(place(), fault.into()))
    }
}

impl Annotation {
    fn edges(&self) -> Option<RawEdges> {
        match self.bbox.as_deref() {
            Some(&[left, top, width, height]) => {
                Some(RawEdges { left, top, right: left + width, bottom: top + height })
            }
            None | Some([]) => self.segmentation.edges(),
            Some(_) => None,
        }
    }

    fn counts(&self) -> Counts {
        match self.iscrowd {
            Flag::Word(false) | Flag::Number(0) => Counts::Fully,
            Flag::Word(true) | Flag::Number(_) => Counts::NeitherWay,
        }
    }
}

impl Default for Flag {
    fn default() -> Self {
        Self::Word(false)
    }
}

/// The path below `images/`. Windows writes paths its own way.
fn below_images(name: &str) -> String {
    let slashed = name.replace('\\', "/");
    let plain = slashed.trim_start_matches("./");
    plain.strip_prefix("images/").unwrap_or(plain).to_owned()
}

fn at_file(fault: BoxFault) -> ImagingError {
    ImagingError::new(Place::Annotations(COCO_FILE.into()), fault.into())
}

pub(crate) const COCO_FILE: &str = "annotations.coco.json";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::samples::{blood, damaged};
    use crate::error::Fault;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// Two images, two categories from 17, of which the study knows `RBC`.
    fn document() -> Value {
        json!({
            "info": { "year": 2026 }, "licenses": [],
            "categories": [{ "id": 17, "name": "RBC", "supercategory": "cell" }, { "id": 18, "name": "dust" }],
            "images": [{ "id": 5, "file_name": "images/a.png", "width": 64, "height": 48, "license": 1 },
                       { "id": 9, "file_name": "scans\\b.png", "width": 0, "height": 0 }],
            "annotations": [
                { "id": 1, "image_id": 5, "category_id": 17, "bbox": [1.5, 2, 10, 4.25], "iscrowd": 0, "area": 1 },
                { "id": 2, "image_id": 5, "category_id": 17, "bbox": [0, 0, 20, 20], "iscrowd": 1,
                  "segmentation": { "counts": [3, 4], "size": [48, 64] } },
                { "id": 3, "image_id": 5, "category_id": 18, "bbox": [0, 0, 5, 5] },
                { "id": 4, "image_id": 9, "category_id": 17, "segmentation": [[1, 2, 9, 2, 5, 7]] },
            ],
        })
    }

    fn read(document: &Value) -> Result<CocoFile, ImagingError> {
        CocoFile::read(document.to_string().as_bytes(), &blood())
    }

    fn fault(change: impl Fn(&mut Value)) -> Fault {
        let mut changed = document();
        change(&mut changed);
        read(&changed).expect_err("refused").fault().clone()
    }

    #[test]
    fn categories_are_known_by_name_and_boxes_are_left_top_width_height() {
        let file = read(&document()).expect("good");
        assert_eq!(file.listed, BTreeSet::from([1]));
        let first = &file.images["a.png"];
        assert_eq!(first.size, Some(Size { width: 64, height: 48 }));
        let edges = RawEdges { left: 1.5, top: 2.0, right: 11.5, bottom: 6.25 };
        assert_eq!(first.objects[0], Object { class: 1, edges, counts: Counts::Fully });
        assert_eq!(first.objects[1].counts, Counts::NeitherWay);
        assert_eq!(first.foreign, BTreeMap::from([("dust".into(), 1)]));
    }

    #[test]
    fn without_a_bbox_the_polygon_gives_the_box() {
        let file = read(&document()).expect("good");
        let second = &file.images["scans/b.png"];
        assert_eq!((second.size, second.objects.len()), (None, 1));
        assert_eq!(second.objects[0].edges, RawEdges { left: 1.0, top: 2.0, right: 9.0, bottom: 7.0 });
    }

    #[test]
    fn ids_may_be_words_and_crowds_may_be_booleans() {
        let text = document().to_string().replace(":17", ":\"x\"").replace("\"iscrowd\":1", "\"iscrowd\":true");
        assert_eq!(CocoFile::read(text.as_bytes(), &blood()).expect("good"), read(&document()).expect("good"));
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        let refuses = |change: fn(&mut Value), expected: BoxFault| assert_eq!(fault(change), Fault::Boxes(expected));
        refuses(|d| d["annotations"][0]["category_id"] = json!(99), BoxFault::UnlistedCategory);
        refuses(|d| d["annotations"][0]["image_id"] = json!(99), BoxFault::UnlistedImage);
        refuses(|d| d["annotations"][0]["bbox"] = json!([1, 2, 3]), BoxFault::NoPlace);
        refuses(|d| d["annotations"][3]["segmentation"] = json!([]), BoxFault::NoPlace);
        refuses(|d| d["categories"][1]["id"] = json!(17), BoxFault::IdTwice);
        refuses(|d| d["images"][1]["id"] = json!(5), BoxFault::IdTwice);
        refuses(|d| d["images"][1]["file_name"] = json!("a.png"), BoxFault::Ambiguous);
        refuses(|d| d["categories"][1]["name"] = json!("wbc"), BoxFault::NearlyAClass { class: "WBC".into() });
    }

    #[test]
    fn what_is_no_coco_names_its_line() {
        for text in ["", "{", "[]", "{\n\"images\": 3}", r#"{"images":[],"annotations":[]}"#] {
            let error = CocoFile::read(text.as_bytes(), &blood()).expect_err("refused");
            assert!(matches!(error.fault(), Fault::Boxes(BoxFault::Json { .. })), "{text}: {error}");
            assert!(error.to_string().starts_with("annotations.coco.json: "), "{error}");
        }
        assert_eq!(
            CocoFile::read(b"{\n\n!", &blood()).expect_err("refused").fault(),
            &BoxFault::Json { line: 3 }.into()
        );
    }

    #[test]
    fn a_name_stays_at_the_site() {
        let mut changed = document();
        changed["categories"][1]["name"] = json!("rBC");
        let error = read(&changed).expect_err("nearly a class");
        assert!(error.to_string().contains("rBC") && !error.redacted().contains("rBC"), "{error}");
    }

    proptest! {
        #[test]
        fn damaged_text_is_read_or_refused(place: prop::sample::Index, byte: u8, length: prop::sample::Index) {
            let _ = CocoFile::read(&damaged(&document().to_string(), place, byte, length), &blood());
        }
    }
}
