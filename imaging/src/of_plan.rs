//! One road for images, boxes and volumes: what a plan's network is given, and what its answers are worth to people.

use crate::{
    BoxFault, BoxPatient, Case, ClassNames, Detection, Example, ImageCase, ImagingError, Patient, Place, Preparation,
    SiteFolder, SiteImages, SpacingMm, VolumeAugmentation, VolumeAxis, VolumeCase, VolumePatient, VolumePreparation,
    augment, augment_boxes, augment_volume, overlay, overlay_boxes,
};
use ndarray::{Array2, Array3, Axis};
use wardround_plan::{Augmentation, DetectionSection, ModelKind, Plan, SiteId, Stream};

/// What a network says of one case, on the case's own grid.
#[derive(Debug, Clone, PartialEq)]
pub enum Prediction {
    /// The class of each pixel.
    Classes(Array2<u8>),
    /// Objects with scores, best first.
    Boxes(Vec<Detection>),
    /// The class of each voxel.
    Volume(Array3<u8>),
}

impl Prediction {
    /// The objects, where it is of a detector.
    pub fn boxes(&self) -> Option<&[Detection]> {
        match self {
            Self::Boxes(found) => Some(found),
            Self::Classes(_) | Self::Volume(_) => None,
        }
    }
}

impl SiteFolder {
    /// Reads the folder of `site` as `plan` wants it: images with masks, images with boxes, or volumes.
    ///
    /// # Errors
    /// The first file, in the order of the manifest, that cannot be used.
    pub fn load_for(&self, plan: &Plan, site: &SiteId) -> Result<SiteImages, ImagingError> {
        match (plan.model.kind, &plan.detection) {
            (ModelKind::Unet3d, _) => {
                let site = self.load_volumes(plan.model.classes)?;
                let patient = |cases: Vec<_>| Patient { cases: cases.into_iter().map(Case::Volume).collect() };
                let all = |patients: Vec<VolumePatient>| patients.into_iter().map(|p| patient(p.cases)).collect();
                Ok(SiteImages { train: all(site.train), validation: all(site.validation) })
            }
            (ModelKind::Centernet2d, Some(detection)) => self.load_boxed(plan, detection, site),
            _ => self.load(plan.model.classes, plan.model.channels),
        }
    }

    fn load_boxed(&self, plan: &Plan, detection: &DetectionSection, site: &SiteId) -> Result<SiteImages, ImagingError> {
        let at = |fault: BoxFault| ImagingError::new(Place::Folder(self.files.folder().into()), fault.into());
        let names = ClassNames::new(detection.classes.iter().cloned()).map_err(at)?;
        let labelled = detection.classes.iter().zip(detection.labelled_at(site)).filter(|(_, labelled)| *labelled);
        let labelled = names.only(labelled.map(|(name, _)| name.as_str())).map_err(at)?;
        let site = self.load_boxes(&names, &labelled, plan.model.channels)?;
        let patient = |cases: Vec<_>| Patient { cases: cases.into_iter().map(Case::Boxes).collect() };
        let all = |patients: Vec<BoxPatient>| patients.into_iter().map(|p| patient(p.cases)).collect();
        Ok(SiteImages { train: all(site.train), validation: all(site.validation) })
    }
}

impl VolumePreparation {
    /// As `plan` says.
    pub fn of(plan: &Plan) -> Self {
        let (model, side) = (&plan.model, plan.model.input_px);
        Self {
            channels: model.channels,
            size_vox: [model.input_slices.unwrap_or(1), side, side],
            classes: model.classes,
            spacing: plan.imaging.spacing_mm.and_then(SpacingMm::new),
        }
    }
}

/// The network's input for `case`, as `plan` says.
pub fn prepare(plan: &Plan, case: &Case) -> Example {
    match case {
        Case::Image(case) => Example::Image(Preparation::of(plan).example(case)),
        Case::Boxes(case) => Example::Boxes(Preparation::of(plan).box_example(case)),
        Case::Volume(case) => Example::Volume(VolumePreparation::of(plan).example(case)),
    }
}

/// A changed copy of `example`. The same stream gives the same copy; no changes give an exact copy.
pub fn augmented(example: &Example, changes: &[Augmentation], stream: &mut Stream) -> Example {
    match example {
        Example::Image(example) => Example::Image(augment(example, changes, stream)),
        Example::Boxes(example) => Example::Boxes(augment_boxes(example, changes, stream)),
        Example::Volume(example) => Example::Volume(augment_volume(example, &of_volumes(changes), stream)),
    }
}

/// A volume is mirrored from left to right only: front and back, head and foot are no matter of chance. A plan has no rotation
/// and no zoom of volumes.
fn of_volumes(changes: &[Augmentation]) -> Vec<VolumeAugmentation> {
    let change = |change: &Augmentation| match change {
        Augmentation::Flip => Some(VolumeAugmentation::Flip(VolumeAxis::Width)),
        Augmentation::Gain => Some(VolumeAugmentation::Gain),
        Augmentation::Gamma => Some(VolumeAugmentation::Gamma),
        Augmentation::Invert => Some(VolumeAugmentation::Invert),
        Augmentation::Rotate | Augmentation::Scale => None,
    };
    changes.iter().filter_map(change).collect()
}

/// A picture of `case` as PNG with what is true and what was predicted; of a volume the slice in which most is marked.
/// A prediction of another kind or size is left out.
pub fn picture(case: &Case, prediction: &Prediction) -> Vec<u8> {
    match (case, prediction) {
        (Case::Image(case), Prediction::Classes(classes)) => overlay(case, classes),
        (Case::Image(case), _) => overlay(case, &Array2::zeros((0, 0))),
        (Case::Boxes(case), prediction) => overlay_boxes(case, prediction.boxes().unwrap_or(&[])),
        (Case::Volume(case), prediction) => {
            let slice = slice_with_most(case);
            let predicted = match prediction {
                Prediction::Volume(volume) if volume.dim() == case.labels.dim() => {
                    volume.index_axis(Axis(0), slice).to_owned()
                }
                _ => Array2::zeros((0, 0)),
            };
            let pixels = case.voxels.index_axis(Axis(0), slice).to_owned().insert_axis(Axis(0));
            overlay(&ImageCase { pixels, mask: case.labels.index_axis(Axis(0), slice).to_owned() }, &predicted)
        }
    }
}

/// The slice in which most is marked; the middle one where nothing is.
fn slice_with_most(case: &VolumeCase) -> usize {
    let marked = |slice: &usize| case.labels.index_axis(Axis(0), *slice).iter().filter(|class| **class > 0).count();
    let depth = case.labels.dim().0;
    // Of equals the last is taken.
    (0..depth).map(|at| (depth / 2 + at) % depth.max(1)).rev().max_by_key(marked).unwrap_or(0)
}
