//! COCO's JSON (Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; format at cocodataset.org).
//!
//! Read: `categories`, `images`, `annotations` with `bbox` as left, top, width, height in pixels from 0; every other
//! key is passed over. Categories are known by name, since their ids begin where the tool likes. A crowd
//! (`iscrowd`) is kept to be ignored. Outlines count only where `bbox` is missing: the box round a polygon.

use super::boxes_of_image::{Counts, Object, Objects, RawEdges};
use super::classes::{ClassNames, Known};
use super::fault::BoxFault;
use super::outline::OutlineBox;
use crate::error::{ImagingError, Place, Size};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Largest file; the training set of COCO itself, a million objects without their outlines, has 150 MB.
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
                Known::Nearly(class) => return Err(nearly(name, class, classes)),
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
            let size = width.zip(height).map(|(width, height)| Size { width, height });
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

fn nearly(name: String, class: u8, classes: &ClassNames) -> ImagingError {
    let class = classes.name(class).unwrap_or_default().to_owned();
    ImagingError::new(Place::Category(name), BoxFault::NearlyAClass { class }.into())
}

fn at_file(fault: BoxFault) -> ImagingError {
    ImagingError::new(Place::Annotations(COCO_FILE.into()), fault.into())
}

pub(crate) const COCO_FILE: &str = "annotations.coco.json";
