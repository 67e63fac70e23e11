//! A site's folder of images and boxes, read whole.

use super::boxes_of_image::Placed;
use super::cases::{BoxCase, BoxPatient, SiteBoxes};
use super::classes::{ClassNames, ClassSet};
use super::fault::BoxFault;
use super::source::{BoxSource, Wanted};
use crate::SiteFolder;
use crate::error::{Fault, ImagingError, Place};
use crate::manifest::{Row, Split};
use rayon::prelude::*;

impl SiteFolder {
    /// Reads every image with its boxes, in the order of the manifest, on all cores. Boxes come from the first that the
    /// folder has of `annotations.coco.json`, `annotations-voc/`, `labels-yolo/` and `instances/`. Those of classes
    /// beyond `names` or `labelled` are left out, those over an image's edge are clipped; a check of the folder counts
    /// them. Images are turned to `channels` (1 or 3).
    ///
    /// # Errors
    /// The first file, in the order of the manifest, that cannot be used.
    pub fn load_boxes(
        &self,
        names: &ClassNames,
        labelled: &ClassSet,
        channels: u32,
    ) -> Result<SiteBoxes, ImagingError> {
        if !matches!(channels, 1 | 3) {
            return Err(ImagingError::new(Place::Folder(self.files.folder().into()), Fault::Channels(channels)));
        }
        let source = BoxSource::open(&self.files, &self.manifest.rows, Wanted { names, labelled })?;
        let read = |(index, row): (usize, &Row)| self.read_case(&source, index, row, labelled, channels);
        // Collected before the first error is looked for, so that which one is told does not depend on threads.
        let read: Vec<Result<ReadCase, ImagingError>> = self.manifest.rows.par_iter().enumerate().map(read).collect();
        let read: Vec<ReadCase> = read.into_iter().collect::<Result<_, _>>()?;
        self.some_class_is_known(&read)?;
        Ok(self.by_patient(read.into_iter().map(|read| read.case).collect()))
    }

    fn read_case(
        &self,
        source: &BoxSource<'_>,
        index: usize,
        row: &Row,
        labelled: &ClassSet,
        channels: u32,
    ) -> Result<ReadCase, ImagingError> {
        let scan = self.files.image(row)?;
        let objects = source.objects(index, row, scan.size())?;
        let placed = objects.place(scan.size(), labelled);
        let Placed { boxes, ignored, .. } =
            placed.map_err(|fault| ImagingError::new(row.image_place(), fault.into()))?;
        let case = BoxCase { pixels: scan.pixels(channels), boxes, ignored, labelled: labelled.clone() };
        Ok(ReadCase { case, has_foreign: !objects.foreign.is_empty() })
    }

    /// Refuses a set of boxes none of which has a name that the plan knows: all would be background.
    fn some_class_is_known(&self, read: &[ReadCase]) -> Result<(), ImagingError> {
        let known = read.iter().any(|read| !read.case.boxes.is_empty() || !read.case.ignored.is_empty());
        match !known && read.iter().any(|read| read.has_foreign) {
            true => Err(ImagingError::new(Place::Folder(self.files.folder().into()), BoxFault::NoKnownBox.into())),
            false => Ok(()),
        }
    }

    fn by_patient(&self, cases: Vec<BoxCase>) -> SiteBoxes {
        let mut cases: Vec<Option<BoxCase>> = cases.into_iter().map(Some).collect();
        let mut patients = |split| {
            let patient =
                |rows: Vec<usize>| BoxPatient { cases: rows.iter().filter_map(|row| cases[*row].take()).collect() };
            self.manifest.patients(split).into_iter().map(patient).collect()
        };
        SiteBoxes { train: patients(Split::Train), validation: patients(Split::Validation) }
    }
}

/// One row as read.
struct ReadCase {
    case: BoxCase,
    /// Some of its boxes are of classes that the study does not use.
    has_foreign: bool,
}
