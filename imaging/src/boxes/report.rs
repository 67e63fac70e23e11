//! What a check of a site's folder of boxes found. It names files and stays at the site.

use super::boxes_of_image::Placed;
use super::classes::ClassNames;
use crate::error::ImagingError;
use crate::manifest::PatientGrouping;
use crate::report::{Counts, Finding, Severity};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is in a site's folder of boxes, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoxCheckReport {
    /// Who counts as one person here.
    pub grouping: PatientGrouping,
    /// To train on.
    pub train: Counts,
    /// To measure on.
    pub validation: Counts,
    /// Number of images of each size.
    pub sizes: BTreeMap<String, usize>,
    /// Number of images of each number of channels, 1 grey and 3 colour.
    pub channels: BTreeMap<u32, usize>,
    /// The file or folder that boxes are read from; `None` where there is none that can be.
    pub read_from: Option<&'static str>,
    /// Boxes of each labelled class, by its name.
    pub boxes: BTreeMap<String, usize>,
    /// Regions that count neither way.
    pub ignored: usize,
    /// Boxes over the edge of their image, which are clipped.
    pub clipped: usize,
    /// Boxes without area in their image, which are left out.
    pub dropped: usize,
    /// Images without a box.
    pub empty_images: usize,
    /// Errors, listed or not.
    pub errors: usize,
    /// Warnings, listed or not.
    pub warnings: usize,
    /// Errors first, then warnings; at most [`crate::FINDINGS_MAX`].
    pub findings: Vec<Finding>,
}

impl BoxCheckReport {
    /// True where training may begin: no error, warnings or not.
    pub fn is_usable(&self) -> bool {
        self.errors == 0
    }

    /// A report of nothing yet.
    pub(super) fn empty(grouping: PatientGrouping) -> Self {
        Self {
            grouping,
            train: Counts::default(),
            validation: Counts::default(),
            sizes: BTreeMap::new(),
            channels: BTreeMap::new(),
            read_from: None,
            boxes: BTreeMap::new(),
            ignored: 0,
            clipped: 0,
            dropped: 0,
            empty_images: 0,
            errors: 0,
            warnings: 0,
            findings: Vec::new(),
        }
    }

    /// Counts the boxes of one image.
    pub(super) fn count_boxes(&mut self, placed: &Placed, names: &ClassNames) {
        for labelled in &placed.boxes {
            let name = names.name(labelled.class).unwrap_or_default();
            *self.boxes.entry(name.to_owned()).or_default() += 1;
        }
        self.ignored += placed.ignored.len();
        self.clipped += placed.clipped;
        self.dropped += placed.dropped;
        self.empty_images += usize::from(placed.boxes.is_empty());
    }

    /// Counts and, below the limit, lists `found`.
    pub(super) fn list(&mut self, found: &[ImagingError]) {
        self.errors = Finding::count(found, Severity::Error);
        self.warnings = Finding::count(found, Severity::Warning);
        self.findings = Finding::first(found);
    }
}
