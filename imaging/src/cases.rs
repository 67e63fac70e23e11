//! What a site's folder becomes in memory: patients with their images, without names.

use ndarray::{Array2, Array3};

/// One image of a patient with its mask, at its own resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Intensities as stored, scaled to 0..=1 by the file's bit depth; `[channels, height, width]`.
    pub pixels: Array3<f32>,
    /// Class of each pixel, 0 is background; `[height, width]`.
    pub mask: Array2<u8>,
}

/// One image as the network sees it: cropped, resized, normalised.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// `[channels, size, size]`, zero mean and unit variance.
    pub pixels: Array3<f32>,
    /// Class of each pixel; `[size, size]`.
    pub classes: Array2<u8>,
}

/// All images of one person at one site: the unit of privacy. Her name stays in the folder.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patient {
    /// Her images, in the order of the manifest.
    pub cases: Vec<Case>,
}

/// The patients of one site, split as its manifest says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SiteImages {
    /// Patients to train on.
    pub train: Vec<Patient>,
    /// Patients to measure on; none of them is in `train`.
    pub validation: Vec<Patient>,
}
