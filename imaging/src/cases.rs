//! What a site's folder becomes in memory: patients with their images, without names.

use ndarray::{Array2, Array3};

/// One image of a patient with its mask, at its own resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageCase {
    /// Intensities as stored, scaled to 0..=1 by the file's bit depth; `[channels, height, width]`.
    pub pixels: Array3<f32>,
    /// Class of each pixel, 0 is background; `[height, width]`.
    pub mask: Array2<u8>,
}

/// One image as the network sees it: cropped, resized, normalised.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageExample {
    /// `[channels, size, size]`, zero mean and unit variance.
    pub pixels: Array3<f32>,
    /// Class of each pixel; `[size, size]`.
    pub classes: Array2<u8>,
}

/// One thing to look at, with what a person has marked on it: all of a study are of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Case {
    /// An image with a class for each pixel.
    Image(ImageCase),
}

/// The same as the network sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Example {
    /// An image with a class for each pixel.
    Image(ImageExample),
}

/// All images of one person at one site: the unit of privacy. Her name stays in the folder.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patient {
    /// Her images, in the order of the manifest.
    pub cases: Vec<Case>,
}

impl Case {
    /// The image with its mask, if that is what it is.
    pub fn image(&self) -> Option<&ImageCase> {
        match self {
            Self::Image(case) => Some(case),
        }
    }
}

/// The patients of one site, split as its manifest says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SiteImages {
    /// Patients to train on.
    pub train: Vec<Patient>,
    /// Patients to measure on; none of them is in `train`.
    pub validation: Vec<Patient>,
}
