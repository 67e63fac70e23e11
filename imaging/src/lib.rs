//! Scans to tensors: a site's folder is read, checked, brought into the form a network sees, and changed at random
//! for training. Where no scans are, phantoms are made.
//!
//! Everything here stays at the site. Names of files and patients end in this crate: [`Case`] and [`Patient`] have
//! none, and an [`ImagingError`] has a [`redacted`](ImagingError::redacted) text for logs.

mod augment;
mod boxes;
mod cases;
mod check;
mod corrupt;
mod error;
mod manifest;
mod mask_coding;
mod normalise;
mod of_plan;
mod overlay;
mod phantom;
mod preparation;
mod report;
mod resample;
#[cfg(test)]
mod samples;
mod scan;
mod site_folder;
mod volume;

pub use augment::augment;
pub use boxes::{
    BOXES_MAX, BoxCase, BoxCheckReport, BoxExample, BoxFault, BoxPatient, BoxPx, ClassNames, ClassSet, Detection,
    Edges, LabelledBox, SiteBoxes, augment_boxes, check_boxes, overlay_boxes,
};
pub use cases::{Case, Example, ImageCase, ImageExample, Patient, SiteImages};
pub use check::check;
pub use corrupt::{Corruption, CorruptionFamily, CorruptionSeverity, UnknownCorruption, corrupt, corrupt_volume};
pub use error::{DECODED_BYTES_MAX, Fault, ImagingError, Place, ROWS_MAX, SIDE_PX_MAX, Size};
pub use manifest::{PatientGrouping, Split};
pub use mask_coding::MaskCoding;
pub use of_plan::{Prediction, augmented, picture, prepare};
pub use overlay::overlay;
pub use phantom::{BoxFormat, SynthPlan, SynthSite, SynthTask, synth};
pub use preparation::Preparation;
pub use report::{CheckReport, Counts, FINDINGS_MAX, Finding, IntensityRange, Severity};
pub use site_folder::SiteFolder;
pub use volume::{
    CORNER_TOLERANCE_VOXELS, Grid, HEADER_BYTES_MAX, LABEL_TOLERANCE, SITE_VOXELS_MAX, SiteVolumes, SpacingMm,
    VOXELS_MAX, Volume, VolumeAugmentation, VolumeAxis, VolumeCase, VolumeExample, VolumeFault, VolumePatient,
    VolumePreparation, VoxelType, augment_volume,
};
