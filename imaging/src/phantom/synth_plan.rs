//! What phantoms are asked for.

use super::smear_site;
use crate::boxes::ClassNames;
use serde::Serialize;
use std::ops::RangeInclusive;

/// Most sites, patients of one site, slices of one patient, and pixels a side.
const SITES_MAX: u32 = 10_000;
const PATIENTS_MAX: u32 = 1000;
const SLICES_MAX: u32 = 100;
const SIZE_PX: RangeInclusive<u32> = 32..=1024;
/// Smallest side with boxes: below it a speck is a pixel or two, and its box says nothing.
const BOXED_PX_MIN: u32 = 96;

/// Where in the range of patients each site lies, by its number: hospitals are unequal.
const SHARES: [f32; 4] = [0.67, 0.33, 0.0, 1.0];

/// A request for phantoms. [`SynthPlan::default`] gives four hospitals so small that each alone learns its own few
/// patients by heart, while all together learn the task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SynthPlan {
    /// Site folders, 1 to 10,000.
    pub sites: u32,
    /// What their masks or boxes show.
    pub task: SynthTask,
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// Fewest and most patients to train on at one site; sites spread over the range.
    pub train_patients: RangeInclusive<u32>,
    /// Fewest and most patients to measure on at one site.
    pub validation_patients: RangeInclusive<u32>,
    /// Images of one patient, for detection one more for every second patient; of a volume its slices.
    pub slices_per_patient: u32,
    /// Side of the square images or slices.
    pub size_px: u32,
    /// Files with boxes that are written for detection; of several a loader takes the first.
    pub box_formats: Vec<BoxFormat>,
}

/// How boxes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoxFormat {
    /// `annotations.coco.json`
    Coco,
    /// `annotations-voc/`, one XML an image.
    Voc,
    /// `labels-yolo/`, one text an image, and `classes.txt`.
    Yolo,
}

/// What phantoms are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SynthTask {
    /// Segmentation: the cavity of the left ventricle, class 1.
    Segmentation,
    /// Detection: `cell`, `blob` and `speck` in blood smears. The second of every four sites does not label specks,
    /// though it has them. See [`SynthPlan::detection`].
    Detection,
    /// Segmentation of volumes, one for each patient: the front part, class 1, and the back part, class 2, of a body.
    VolumeSegmentation,
}

impl Default for SynthPlan {
    fn default() -> Self {
        Self {
            sites: 4,
            task: SynthTask::Segmentation,
            seed: 1,
            train_patients: 3..=7,
            validation_patients: 4..=6,
            slices_per_patient: 6,
            size_px: 128,
            box_formats: vec![BoxFormat::Coco],
        }
    }
}

impl SynthPlan {
    /// Four hospitals with hundreds of patients each, so that noise can hide any one of them.
    pub fn large() -> Self {
        Self {
            train_patients: 700..=900,
            validation_patients: 20..=30,
            slices_per_patient: 2,
            size_px: 64,
            ..Self::default()
        }
    }

    /// Four laboratories with 20 to 28 smears each.
    pub fn detection() -> Self {
        Self {
            task: SynthTask::Detection,
            train_patients: 5..=7,
            validation_patients: 3..=4,
            slices_per_patient: 2,
            ..Self::default()
        }
    }

    /// Four laboratories with hundreds of patients and a smear or two of each: as many as noise needs to hide one of them.
    pub fn many_smears() -> Self {
        Self { train_patients: 600..=900, validation_patients: 12..=16, slices_per_patient: 1, ..Self::detection() }
    }

    /// Four hospitals of eight to twelve patients with one volume each, 24 x 32 x 32 voxels.
    pub fn volumes() -> Self {
        Self {
            task: SynthTask::VolumeSegmentation,
            train_patients: 6..=9,
            validation_patients: 2..=3,
            slices_per_patient: 24,
            size_px: 32,
            ..Self::default()
        }
    }

    /// The classes of phantoms with boxes.
    pub fn box_classes() -> ClassNames {
        smear_site::classes()
    }

    /// Whether every number is within its limits.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let patients = |range: &RangeInclusive<u32>| {
            *range.start() >= 1 && range.start() <= range.end() && *range.end() <= PATIENTS_MAX
        };
        let boxes = self.task == SynthTask::Detection;
        let rules = [
            ((1..=SITES_MAX).contains(&self.sites), "sites must be 1 to 10000"),
            (patients(&self.train_patients), "training patients must be a range within 1 to 1000"),
            (patients(&self.validation_patients), "validation patients must be a range within 1 to 1000"),
            ((1..=SLICES_MAX).contains(&self.slices_per_patient), "slices must be 1 to 100"),
            (SIZE_PX.contains(&self.size_px), "the side must be 32 to 1024 pixels"),
            (!boxes || self.size_px >= BOXED_PX_MIN, "the side must be 96 to 1024 pixels where there are boxes"),
            (!boxes || !self.box_formats.is_empty(), "boxes need a format to be written in"),
        ];
        rules.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(*what))
    }

    /// Patients to train and to measure on at the site with this number.
    pub(super) fn patients_of(&self, site: usize) -> (usize, usize) {
        let share = SHARES[site % SHARES.len()];
        let spread = |range: &RangeInclusive<u32>| {
            let width = (range.end() - range.start()) as f32;
            range.start() + (share * width).round() as u32
        };
        (spread(&self.train_patients) as usize, spread(&self.validation_patients) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_sites_are_unequal_within_the_range() {
        let plan = SynthPlan::default();
        let sites: Vec<_> = (0..4).map(|site| plan.patients_of(site)).collect();
        assert_eq!(sites, [(6, 5), (4, 5), (3, 4), (7, 6)]);
    }

    #[test]
    fn each_limit_refuses_what_is_beyond_it() {
        let refuses = |change: fn(&mut SynthPlan)| {
            let mut plan = SynthPlan::default();
            change(&mut plan);
            assert!(plan.check().is_err(), "{plan:?}");
        };
        assert_eq!(SynthPlan::default().check(), Ok(()));
        refuses(|plan| plan.sites = 0);
        refuses(|plan| plan.sites = SITES_MAX + 1);
        refuses(|plan| plan.train_patients = 0..=3);
        refuses(|plan| plan.train_patients = RangeInclusive::new(5, 4));
        refuses(|plan| plan.validation_patients = 1..=PATIENTS_MAX + 1);
        refuses(|plan| plan.slices_per_patient = 0);
        refuses(|plan| plan.slices_per_patient = SLICES_MAX + 1);
        refuses(|plan| plan.size_px = 31);
        refuses(|plan| plan.size_px = 1025);
        refuses(|plan| *plan = SynthPlan { size_px: BOXED_PX_MIN - 1, ..SynthPlan::detection() });
        refuses(|plan| *plan = SynthPlan { box_formats: Vec::new(), ..SynthPlan::detection() });
        assert_eq!(SynthPlan::detection().check(), Ok(()));
    }
}
