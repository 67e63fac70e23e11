//! What a site's folder becomes in memory: patients with their images, without names.

use crate::{BoxCase, BoxExample, VolumeCase, VolumeExample};
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
    /// An image with boxes.
    Boxes(BoxCase),
    /// A volume with a class for each voxel.
    Volume(VolumeCase),
}

/// The same as the network sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Example {
    /// An image with a class for each pixel.
    Image(ImageExample),
    /// An image with boxes.
    Boxes(BoxExample),
    /// A volume with a class for each voxel.
    Volume(VolumeExample),
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
            Self::Boxes(_) | Self::Volume(_) => None,
        }
    }

    /// The image with its boxes, if that is what it is.
    pub fn boxes(&self) -> Option<&BoxCase> {
        match self {
            Self::Boxes(case) => Some(case),
            Self::Image(_) | Self::Volume(_) => None,
        }
    }

    /// Intensities in row-major order.
    pub fn intensities(&self) -> Box<dyn Iterator<Item = f32> + '_> {
        match self {
            Self::Image(case) => Box::new(case.pixels.iter().copied()),
            Self::Boxes(case) => Box::new(case.pixels.iter().copied()),
            Self::Volume(case) => Box::new(case.voxels.iter().copied()),
        }
    }

    /// The share of it that belongs to an object; of overlapping boxes each counts.
    pub fn foreground(&self) -> f64 {
        let share = |marked: usize, all: usize| if all == 0 { 0.0 } else { marked as f64 / all as f64 };
        match self {
            Self::Image(case) => share(case.mask.iter().filter(|class| **class > 0).count(), case.mask.len()),
            Self::Volume(case) => share(case.labels.iter().filter(|class| **class > 0).count(), case.labels.len()),
            Self::Boxes(case) => {
                let (_, height, width) = case.pixels.dim();
                let area: f64 = case.boxes.iter().map(|found| f64::from(found.bbox.area())).sum();
                if height * width == 0 { 0.0 } else { area / (height * width) as f64 }
            }
        }
    }
}

impl Example {
    /// The image with its boxes, if that is what it is.
    pub fn boxes(&self) -> Option<&BoxExample> {
        match self {
            Self::Boxes(example) => Some(example),
            Self::Image(_) | Self::Volume(_) => None,
        }
    }

    /// The highest class in it, 0 where it shows nothing but background.
    pub fn highest_class(&self) -> u8 {
        match self {
            Self::Image(example) => example.classes.iter().copied().max(),
            Self::Volume(example) => example.classes.iter().copied().max(),
            Self::Boxes(example) => example.boxes.iter().map(|found| found.class).max(),
        }
        .unwrap_or(0)
    }

    /// The same pixels with other classes.
    pub fn with_classes(&self, class: impl Fn(u8) -> u8) -> Self {
        let mut other = self.clone();
        match &mut other {
            Self::Image(example) => example.classes.mapv_inplace(class),
            Self::Volume(example) => example.classes.mapv_inplace(class),
            Self::Boxes(example) => example.boxes.iter_mut().for_each(|found| found.class = class(found.class)),
        }
        other
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
