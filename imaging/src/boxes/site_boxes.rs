//! A site's folder of images and boxes, read whole.

use super::cases::{BoxCase, BoxPatient, SiteBoxes};
use super::classes::{ClassNames, ClassSet};
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
        let wanted = Wanted { names, labelled };
        let source = BoxSource::open(&self.files, &self.manifest.rows, wanted)?;
        let case = |(index, row): (usize, &Row)| {
            let scan = self.files.image(row)?;
            let placed = source.boxes(index, row, scan.size(), wanted)?;
            let (boxes, ignored) = (placed.boxes, placed.ignored);
            Ok(BoxCase { pixels: scan.pixels(channels), boxes, ignored, labelled: labelled.clone() })
        };
        // Collected before the first error is looked for, so that which one is told does not depend on threads.
        let cases: Vec<Result<BoxCase, ImagingError>> = self.manifest.rows.par_iter().enumerate().map(case).collect();
        Ok(self.by_patient(cases.into_iter().collect::<Result<_, _>>()?))
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
