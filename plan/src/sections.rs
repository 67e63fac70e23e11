//! The sections of a plan, as they stand in its TOML.

use crate::StudyId;
use serde::{Deserialize, Serialize};

/// `[study]`: what is studied, and how its rounds go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudySection {
    /// Unique at the coordinator.
    pub name: StudyId,
    /// Why, in words for a hospital's ethics board; a site may allow purposes by their prefix.
    pub purpose: String,
    /// Rounds until the study ends.
    pub rounds: u32,
    /// Fewest updates that make a round.
    pub min_sites: u32,
    /// Longest time from a round's invitation to its last update.
    pub deadline_s: u64,
    /// How long to wait for more sites once `min_sites` are there.
    #[serde(default = "defaults::gather_s")]
    pub gather_s: u64,
    /// How long a site may be disconnected before the round stops waiting for it.
    #[serde(default = "defaults::absence_s")]
    pub absence_s: u64,
    /// How often one round is tried before the study stops.
    #[serde(default = "defaults::attempts")]
    pub attempts: u32,
    /// Public seed of the initial weights.
    #[serde(default)]
    pub seed: u64,
}

/// `[model]`: one network of the registry that is compiled into every site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSection {
    /// The network.
    pub kind: ModelKind,
    /// Channels at full resolution; they double with each level.
    pub width: u32,
    /// Resolution levels.
    pub depth: u32,
    /// Classes with the background, which is class 0.
    pub classes: u32,
    /// Channels of the input: 1 grey, 3 colour.
    pub channels: u32,
    /// Side of the square input in pixels; of each slice of a volume.
    pub input_px: u32,
    /// Slices of the input: for volumes only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_slices: Option<u32>,
}

/// The networks a plan can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// U-Net in two dimensions with group normalisation.
    #[serde(rename = "unet2d")]
    Unet2d,
    /// The same in three dimensions, for volumes.
    #[serde(rename = "unet3d")]
    Unet3d,
    /// Detector without anchors: heat maps of centres, offsets and sizes at half the resolution, on the U-Net's features.
    #[serde(rename = "centernet2d")]
    Centernet2d,
}

/// What a network is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The class of each pixel or voxel.
    Segment,
    /// Boxes with classes and scores.
    Detect,
}

impl ModelKind {
    /// What the network is asked.
    pub fn task(self) -> Task {
        match self {
            Self::Unet2d | Self::Unet3d => Task::Segment,
            Self::Centernet2d => Task::Detect,
        }
    }
}

/// `[imaging]`: from a scan to the network's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagingSection {
    /// Side of the centred square that is kept, as a share of the shorter image side; 1 keeps the whole image.
    #[serde(default = "defaults::one")]
    pub field_of_view: f64,
    /// Distances between slices, rows and columns that volumes are brought to; each keeps its own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing_mm: Option<[f64; 3]>,
}

impl Default for ImagingSection {
    fn default() -> Self {
        Self { field_of_view: defaults::one(), spacing_mm: None }
    }
}

/// `[training]`: what a site does between two models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSection {
    /// The local optimiser.
    pub optimizer: Optimizer,
    /// Its step size.
    pub learning_rate: f64,
    /// How the step size falls over the study's local steps.
    #[serde(default)]
    pub schedule: Schedule,
    /// Decoupled for `adamw`, an L2 term otherwise.
    #[serde(default)]
    pub weight_decay: f64,
    /// Optimiser steps a site makes in one round.
    pub local_steps: u32,
    /// Images in one step; with `privacy.mode = "site"` the images that are in memory at once, which changes no result.
    pub batch_images: u32,
    /// With privacy: the public number by which every step's noisy sum is divided. It should be near the sampling rate
    /// times the patients of a typical site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_batch_patients: Option<u32>,
    /// With privacy: images of one patient in one step; of a patient with more, as many are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images_per_patient: Option<u32>,
    /// With privacy: changed views of each image, averaged before the clip (augmentation multiplicity, De et al. 2022).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<u32>,
    /// Random changes of the training images.
    #[serde(default)]
    pub augment: Vec<Augmentation>,
}

/// Local optimisers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Adam (Kingma and Ba 2015).
    Adam,
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    Adamw,
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
}

/// Course of the learning rate over all local steps of the study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The same at every step.
    #[default]
    Constant,
    /// Half a cosine from the learning rate down to zero.
    Cosine,
}

/// Random changes of a training image; where it moves pixels, the mask moves along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Augmentation {
    /// Mirror left-right and top-bottom, each with probability one half.
    Flip,
    /// Rotate by any angle.
    Rotate,
    /// Zoom by 0.8 to 1.25.
    Scale,
    /// Multiply intensities by 0.8 to 1.25.
    Gain,
    /// Raise normalised intensities to a power of 0.7 to 1.5.
    Gamma,
    /// Exchange bright and dark with probability one half.
    Invert,
}

/// `[secagg]`: whether the coordinator sees single updates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecaggSection {
    /// True hides every single update from the coordinator.
    pub enabled: bool,
    /// c: sites that may be in league with the coordinator. Fewer let more sites vanish; if absent, as many as a threshold
    /// of two thirds bears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed_corrupt: Option<u32>,
    /// Longest time for one stage of a session that carries no update; the masked uploads have the round's deadline.
    #[serde(default = "defaults::stage_s")]
    pub stage_s: u64,
}

impl SecaggSection {
    /// t and c for `ready` sites: t of them have to answer at every stage (Bonawitz et al. 2017, Theorem 6.5 asks 2t > n + c),
    /// and t - c, at least two, are honest in every sum. `None` for too few sites.
    pub fn threshold(&self, ready: u32) -> Option<(u32, u32)> {
        let (threshold, corrupt) = match self.assumed_corrupt {
            Some(corrupt) => ((ready.checked_add(corrupt)? / 2 + 1).max(corrupt + HONEST_MIN), corrupt),
            None => {
                let threshold = ready.checked_mul(2)? / 3 + 1;
                let borne = (2 * threshold).saturating_sub(ready).saturating_sub(1);
                (threshold, borne.min(threshold.saturating_sub(HONEST_MIN)))
            }
        };
        (SITES.contains(&ready) && threshold <= ready).then_some((threshold, corrupt))
    }
}

/// A sum with one honest site is that site's update.
const HONEST_MIN: u32 = 2;
/// Of two sites each sees the other's update in the sum; no cohort has more than ten thousand.
const SITES: std::ops::RangeInclusive<u32> = 3..=10_000;

/// `[evaluation]`: what is measured on the sites' own validation patients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSection {
    /// Metrics by name.
    pub metrics: Vec<MetricName>,
    /// Rounds from one evaluation to the next; the last round is always evaluated.
    #[serde(default = "defaults::every")]
    pub every: u32,
    /// With privacy: the share of ε that all evaluations together may cost; 0 keeps every score at its site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon_share: Option<f64>,
}

impl EvaluationSection {
    /// What the study is judged by, in a word or two.
    pub fn title(&self) -> &'static str {
        self.metrics.first().map_or("score", |metric| metric.title())
    }
}

/// Metrics by their full names; the definition is in the crate `metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetricName {
    /// Dice of everything that is not background, one score a patient.
    #[serde(rename = "dice.foreground")]
    DiceForeground,
    /// Average precision of a patient's boxes at an overlap of one half, mean over the classes that she has.
    #[serde(rename = "ap@0.50.patient")]
    Ap50Patient,
}

impl MetricName {
    /// Every metric that a plan can name.
    pub const ALL: [Self; 2] = [Self::DiceForeground, Self::Ap50Patient];

    /// As a plan writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DiceForeground => "dice.foreground",
            Self::Ap50Patient => "ap@0.50.patient",
        }
    }

    /// In a word or two, for people: the axis of a curve.
    pub fn title(self) -> &'static str {
        match self {
            Self::DiceForeground => "Dice",
            Self::Ap50Patient => "AP@.50",
        }
    }

    /// The networks that it measures.
    pub fn task(self) -> Task {
        match self {
            Self::DiceForeground => Task::Segment,
            Self::Ap50Patient => Task::Detect,
        }
    }
}

mod defaults {
    pub(super) fn gather_s() -> u64 {
        10
    }
    pub(super) fn stage_s() -> u64 {
        60
    }
    pub(super) fn absence_s() -> u64 {
        60
    }
    pub(super) fn attempts() -> u32 {
        3
    }
    pub(super) fn one() -> f64 {
        1.0
    }
    pub(super) fn every() -> u32 {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_forbid_two_sums_and_leave_two_honest_sites() {
        for corrupt in [None, Some(0), Some(1), Some(3), Some(40)] {
            let section = SecaggSection { enabled: true, assumed_corrupt: corrupt, stage_s: 60 };
            for ready in 0..=100 {
                let Some((threshold, corrupt)) = section.threshold(ready) else { continue };
                assert!(threshold <= ready && 2 * threshold > ready + corrupt && threshold >= corrupt + 2, "{ready}");
            }
            assert_eq!(section.threshold(2), None, "two sites see each other");
            assert_eq!(section.threshold(u32::MAX), None);
        }
    }

    #[test]
    fn fewer_traitors_let_more_sites_vanish() {
        let of_ten = |assumed_corrupt| SecaggSection { enabled: true, assumed_corrupt, stage_s: 60 }.threshold(10);
        assert_eq!((of_ten(None), of_ten(Some(1)), of_ten(Some(3))), (Some((7, 3)), Some((6, 1)), Some((7, 3))));
    }
}
