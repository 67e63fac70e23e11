//! What a check of a site's folder found. It names files and stays at the site.

use crate::error::{Fault, ImagingError, Size};
use crate::manifest::PatientGrouping;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Most findings that a report lists; all are counted.
pub const FINDINGS_MAX: usize = 1000;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The folder cannot be used.
    Error,
    /// It can, but somebody should look.
    Warning,
}

/// One thing that a person should know, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Where: a file, a line, a patient. For the site alone.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Numbers for each side of the split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Patients in the manifest.
    pub patients: usize,
    /// Their images.
    pub images: usize,
}

/// Smallest and largest intensity over all images that could be read, as a share of the largest their files can hold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IntensityRange {
    /// 0..=1
    pub lowest: f32,
    /// 0..=1
    pub highest: f32,
}

/// What is in a site's folder, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
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
    /// Number of images of each bit depth.
    pub bits: BTreeMap<u32, usize>,
    /// `None` where no image could be read.
    pub intensities: Option<IntensityRange>,
    /// The first values that stand in masks, rising.
    pub mask_values: Vec<u16>,
    /// Masks that are background only.
    pub empty_masks: usize,
    /// Errors, listed or not.
    pub errors: usize,
    /// Warnings, listed or not.
    pub warnings: usize,
    /// Errors first, then warnings; at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// True where training may begin: no error, warnings or not.
    pub fn is_usable(&self) -> bool {
        self.errors == 0
    }

    /// A report of nothing yet.
    pub(crate) fn empty(grouping: PatientGrouping) -> Self {
        Self {
            grouping,
            train: Counts::default(),
            validation: Counts::default(),
            sizes: BTreeMap::new(),
            channels: BTreeMap::new(),
            bits: BTreeMap::new(),
            intensities: None,
            mask_values: Vec::new(),
            empty_masks: 0,
            errors: 0,
            warnings: 0,
            findings: Vec::new(),
        }
    }

    /// Counts one readable image.
    pub(crate) fn count_image(&mut self, size: Size, channels: u32, bits: u32, range: IntensityRange) {
        *self.sizes.entry(size.to_string()).or_default() += 1;
        *self.channels.entry(channels).or_default() += 1;
        *self.bits.entry(bits).or_default() += 1;
        self.intensities = Some(self.intensities.map_or(range, |known| IntensityRange {
            lowest: known.lowest.min(range.lowest),
            highest: known.highest.max(range.highest),
        }));
    }

    /// Counts and, below the limit, lists `found`: errors before warnings, each in the order given.
    pub(crate) fn list(&mut self, found: &[ImagingError]) {
        self.errors = Finding::count(found, Severity::Error);
        self.warnings = Finding::count(found, Severity::Warning);
        self.findings = Finding::first(found);
    }
}

impl Finding {
    /// How many of `found` are as bad as `severity`.
    pub(crate) fn count(found: &[ImagingError], severity: Severity) -> usize {
        found.iter().filter(|error| Self::severity(error.fault()) == severity).count()
    }

    /// The first of `found` below the limit: errors before warnings, each in the order given.
    pub(crate) fn first(found: &[ImagingError]) -> Vec<Self> {
        let of = |severity| found.iter().filter(move |error| Self::severity(error.fault()) == severity);
        of(Severity::Error).chain(of(Severity::Warning)).take(FINDINGS_MAX).map(Self::from).collect()
    }

    fn severity(fault: &Fault) -> Severity {
        match fault {
            Fault::EmptyMasks { .. } | Fault::ChannelsDiffer { .. } | Fault::Unnamed | Fault::ImagesArePatients => {
                Severity::Warning
            }
            Fault::Boxes(fault) if fault.is_warning() => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

impl From<&ImagingError> for Finding {
    fn from(error: &ImagingError) -> Self {
        let fault = error.fault();
        Self {
            severity: Self::severity(fault),
            place: error.place().to_string(),
            what: fault.to_string(),
            remedy: fault.remedy(),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.severity, self.place, self.what, self.remedy)
    }
}
