//! Where a site keeps its boxes: one file or folder beside `images/`, found by its name.

use super::boxes_of_image::{Objects, Placed};
use super::classes::{ClassNames, ClassSet};
use super::coco::{COCO_BYTES_MAX, COCO_FILE, CocoFile};
use super::fault::BoxFault;
use super::named_images::match_rows;
use crate::error::{Fault, ImagingError, Place, Size};
use crate::manifest::Row;
use crate::site_folder::Files;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// What a study wants to know of a site's boxes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) names: &'a ClassNames,
    pub(crate) labelled: &'a ClassSet,
}

/// The boxes of a site, ready to be asked for by row.
pub(crate) enum BoxSource {
    /// Objects of each row of the manifest.
    Coco(Vec<Result<Objects, ImagingError>>),
}

impl BoxSource {
    /// Opens the first of COCO's file, VOC's folder, YOLO's folder and instances that `files` has.
    pub(crate) fn open(files: &Files, rows: &[Row], wanted: Wanted<'_>) -> Result<Self, ImagingError> {
        wanted.check(files)?;
        if files.folder().join(COCO_FILE).exists() {
            return Self::coco(files, rows, wanted);
        }
        Err(ImagingError::new(Place::Folder(files.folder().into()), BoxFault::NoAnnotations.into()))
    }

    fn coco(files: &Files, rows: &[Row], wanted: Wanted<'_>) -> Result<Self, ImagingError> {
        let at = |fault| ImagingError::new(Place::Annotations(COCO_FILE.into()), fault);
        let text = read_within(&files.folder().join(COCO_FILE), COCO_BYTES_MAX).map_err(at)?;
        let file = CocoFile::read(&text, wanted.names)?;
        wanted.are_listed(|class| file.listed.contains(&class)).map_err(|fault| at(fault.into()))?;
        Ok(Self::Coco(match_rows(rows, file.images)))
    }

    /// The objects of the image in row number `index`.
    pub(crate) fn boxes(
        &self,
        index: usize,
        row: &Row,
        image: Size,
        wanted: Wanted<'_>,
    ) -> Result<Placed, ImagingError> {
        let Self::Coco(objects) = self;
        let placed = objects[index].as_ref().map_err(Clone::clone)?.place(image, wanted.labelled);
        placed.map_err(|fault| ImagingError::new(row.image_place(), fault.into()))
    }
}

impl Wanted<'_> {
    fn check(&self, files: &Files) -> Result<(), ImagingError> {
        let good = !self.labelled.is_empty() && self.labelled.iter().all(|class| self.names.name(class).is_some());
        match good {
            true => Ok(()),
            false => Err(ImagingError::new(Place::Folder(files.folder().into()), BoxFault::NothingLabelled.into())),
        }
    }

    /// Holds a file's own list of classes against those that this site labels: one that is missing there was not
    /// looked for, or has another name, and either way its objects would be learnt as background.
    fn are_listed(&self, listed: impl Fn(u8) -> bool) -> Result<(), BoxFault> {
        match self.labelled.iter().find(|class| !listed(*class)) {
            None => Ok(()),
            Some(class) => {
                Err(BoxFault::ClassNotListed { class: self.names.name(class).unwrap_or_default().to_owned() })
            }
        }
    }
}

/// The bytes of a file, unless there are more than `bytes_max`.
fn read_within(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| from_io(&error))?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| from_io(&error))?;
    match bytes.len() as u64 > bytes_max {
        true => Err(BoxFault::TooLarge.into()),
        false => Ok(bytes),
    }
}

fn from_io(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => Fault::Missing,
        kind => Fault::Io(kind),
    }
}
