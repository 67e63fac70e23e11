//! What a site's folder of boxes becomes in memory: patients with their images, without names.

use super::bbox::LabelledBox;
use super::classes::ClassSet;
use ndarray::Array3;

/// One image of a patient with its objects, at its own resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxCase {
    /// Intensities as stored, scaled to 0..=1 by the file's bit depth; `[channels, height, width]`.
    pub pixels: Array3<f32>,
    /// The objects of the classes in `labelled`, in pixels of this image, none outside of it, none empty.
    pub boxes: Vec<LabelledBox>,
    /// Regions that count neither as object nor as background: crowds, and what the annotator called difficult.
    pub ignored: Vec<LabelledBox>,
    /// The classes that somebody looked for here.
    pub labelled: ClassSet,
}

/// One image with its objects as a detector sees it: cropped, resized, normalised.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxExample {
    /// `[channels, size, size]`, zero mean and unit variance.
    pub pixels: Array3<f32>,
    /// In pixels of the input, none outside of it, none empty.
    pub boxes: Vec<LabelledBox>,
    /// Regions that count neither way, and the slivers of objects that the edge cuts off.
    pub ignored: Vec<LabelledBox>,
    /// The classes that somebody looked for here.
    pub labelled: ClassSet,
}

/// All images of one person at one site: the unit of privacy. Her name stays in the folder.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BoxPatient {
    /// Her images, in the order of the manifest.
    pub cases: Vec<BoxCase>,
}

/// The patients of one site, split as its manifest says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SiteBoxes {
    /// Patients to train on.
    pub train: Vec<BoxPatient>,
    /// Patients to measure on; none of them is in `train`.
    pub validation: Vec<BoxPatient>,
}
