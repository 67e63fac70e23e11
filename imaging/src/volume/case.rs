//! What a site's volumes become in memory: patients with their volumes, without names.

use super::SpacingMm;
use ndarray::{Array3, Array4};

/// One volume of a patient with its labels, on its own grid.
#[derive(Debug, Clone, PartialEq)]
pub struct VolumeCase {
    /// Intensities in the file's own units, after its slope and intercept; finite; `[z, y, x]`.
    pub voxels: Array3<f32>,
    /// Class of each voxel, 0 is background; `[z, y, x]`.
    pub labels: Array3<u8>,
    /// Distances between voxels.
    pub spacing: SpacingMm,
}

/// One volume as the network sees it: resampled, cropped or padded, normalised.
#[derive(Debug, Clone, PartialEq)]
pub struct VolumeExample {
    /// `[channels, depth, height, width]`, zero mean and unit variance where there is no padding.
    pub voxels: Array4<f32>,
    /// Class of each voxel; `[depth, height, width]`.
    pub classes: Array3<u8>,
}

/// All volumes of one person at one site: the unit of privacy. Her name stays in the folder.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VolumePatient {
    /// Her volumes, in the order of the manifest.
    pub cases: Vec<VolumeCase>,
}

/// The patients of one site, split as its manifest says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SiteVolumes {
    /// Patients to train on.
    pub train: Vec<VolumePatient>,
    /// Patients to measure on; none of them is in `train`.
    pub validation: Vec<VolumePatient>,
}
