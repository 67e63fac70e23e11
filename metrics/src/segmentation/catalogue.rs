//! The metrics of segmentations, each with its definition. This table is the only list of them.

use super::{Distance, Measure, Scope, Surface};
use crate::direction::Direction;
use crate::lesion::brats23::Brats23;
use crate::lesion::{LesionKind, Matching};
use crate::overlap::{Empties, OverlapKind};
use crate::region::Region;
use crate::surface::Tolerance;
use crate::volume::VolumeKind;

/// Between which numbers a metric's values lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The least value, if there is one.
    pub least: Option<f64>,
    /// The largest value, if there is one.
    pub most: Option<f64>,
}

/// One metric, before it is said what it looks at.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub stem: &'static str,
    pub kind: Kind,
    pub definition: &'static str,
    pub direction: Direction,
    pub bounds: Bounds,
}

/// What an entry measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Overlap(OverlapKind),
    SpecificityOfHealthy,
    Distance(Distance),
    SurfaceDice(Surface),
    Volume(VolumeKind),
    Lesion(LesionKind),
    Brats23(Brats23),
}

impl Entry {
    /// On the foreground, with the default parameter.
    pub fn default_measure(&self) -> Measure {
        self.kind.on(Scope::One(Region::Foreground))
    }
}

impl Kind {
    /// On `of`, with the default parameter; only overlap has a mean over classes, which to all others is the foreground.
    pub fn on(self, of: Scope) -> Measure {
        let region = match of {
            Scope::One(region) => region,
            Scope::MeanOfClasses => Region::Foreground,
        };
        match self {
            Self::Overlap(kind) => Measure::Overlap { kind, of, empties: Empties::NanBothZeroFp },
            Self::SpecificityOfHealthy => Measure::SpecificityOfHealthy(region),
            Self::Distance(kind) => Measure::Distance { kind, of: region },
            Self::SurfaceDice(surface) => Measure::SurfaceDice { surface, of: region, tolerance: Tolerance::default() },
            Self::Volume(kind) => Measure::Volume { kind, of: region },
            Self::Lesion(kind) => Measure::Lesion { kind, of: region, matching: Matching::AnyOverlap },
            Self::Brats23(figure) => Measure::Brats23 { figure, of: region },
        }
    }
}

const SHARE: Bounds = Bounds { least: Some(0.0), most: Some(1.0) };
const NOT_NEGATIVE: Bounds = Bounds { least: Some(0.0), most: None };
const SIGNED: Bounds = Bounds { least: None, most: None };
const SIGNED_SHARE: Bounds = Bounds { least: Some(-1.0), most: None };

const fn share(stem: &'static str, kind: Kind, definition: &'static str) -> Entry {
    Entry { stem, kind, definition, direction: Direction::HigherIsBetter, bounds: SHARE }
}

const fn error(stem: &'static str, kind: Kind, definition: &'static str) -> Entry {
    Entry { stem, kind, definition, direction: Direction::LowerIsBetter, bounds: NOT_NEGATIVE }
}

const fn signed(stem: &'static str, kind: Kind, definition: &'static str, bounds: Bounds) -> Entry {
    Entry { stem, kind, definition, direction: Direction::NearZeroIsBetter, bounds }
}

/// Every metric of segmentations.
pub(super) const CATALOGUE: &[Entry] = &[
    share(
        "dice",
        Kind::Overlap(OverlapKind::Dice),
        "Twice the shared voxels over the voxels of both; empty on both sides has no score, a false alarm scores 0, unless the name ends in a policy.",
    ),
    share(
        "iou",
        Kind::Overlap(OverlapKind::Iou),
        "The shared voxels over the voxels of either; empty on both sides has no score, a false alarm scores 0, unless the name ends in a policy.",
    ),
    share(
        "specificity.healthy",
        Kind::SpecificityOfHealthy,
        "1 for a case without the object in which none was predicted, 0 where one was; cases with the object do not count.",
    ),
    error(
        "hd.voxel",
        Kind::Distance(Distance::Hausdorff),
        "The largest distance in millimetres of any surface voxel of one side to the surface voxels of the other.",
    ),
    error(
        "hd95.voxel_maxdirected",
        Kind::Distance(Distance::RobustMaxDirected),
        "The 95th percentile in millimetres of the distances between surface voxels, the larger of both directions (as MONAI).",
    ),
    error(
        "hd95.pooled",
        Kind::Distance(Distance::RobustPooled),
        "The 95th percentile in millimetres of the distances between surface voxels, of both directions together (as medpy).",
    ),
    error(
        "hd95.weighted",
        Kind::Distance(Distance::RobustWeighted),
        "The distance in millimetres within which 95 % of the surface between voxels lie by area, the larger of both directions (as surface-distance).",
    ),
    error(
        "hd95.brats",
        Kind::Distance(Distance::RobustBrats),
        "As hd95.weighted, but 374 mm where one side is empty and 0 mm where both are (as BraTS).",
    ),
    error(
        "assd.voxel",
        Kind::Distance(Distance::AverageVoxel),
        "The mean distance in millimetres over the surface voxels of both sides together (as MONAI, symmetric).",
    ),
    error(
        "assd.weighted",
        Kind::Distance(Distance::AverageWeighted),
        "The mean distance in millimetres by area of the surface between voxels, in the middle of both directions (after surface-distance).",
    ),
    share(
        "nsd.subvoxel",
        Kind::SurfaceDice(Surface::BetweenVoxels),
        "The share by area of both surfaces between voxels within the tolerance of the other surface; 0 where one side is empty (as surface-distance).",
    ),
    share(
        "nsd.voxel",
        Kind::SurfaceDice(Surface::Voxels),
        "The share of the surface voxels of both sides within the tolerance of the other's; 0 where one side is empty (as MONAI by default).",
    ),
    error(
        "volume.absolute",
        Kind::Volume(VolumeKind::Absolute),
        "How many cubic millimetres too much or too little were predicted; not for single images.",
    ),
    signed(
        "volume.signed",
        Kind::Volume(VolumeKind::Signed),
        "How many cubic millimetres more were predicted than there are; not for single images.",
        SIGNED,
    ),
    error(
        "volume.relative",
        Kind::Volume(VolumeKind::Relative),
        "The volume predicted too much or too little, as a share of the true volume.",
    ),
    signed(
        "volume.relative_signed",
        Kind::Volume(VolumeKind::RelativeSigned),
        "The volume predicted too much (below 0: too little), as a share of the true volume.",
        SIGNED_SHARE,
    ),
    share(
        "lesion.f1",
        Kind::Lesion(LesionKind::F1),
        "Twice the true lesions found over twice the found, the missed and the false; found is sharing a voxel, or an IoU above the one in the name.",
    ),
    share(
        "lesion.sensitivity",
        Kind::Lesion(LesionKind::Sensitivity),
        "The share of true lesions that were found: that share a voxel with the prediction, or have an IoU above the one in the name.",
    ),
    share(
        "lesion.precision",
        Kind::Lesion(LesionKind::Precision),
        "The share of predicted lesions that are true: that share a voxel with the truth, or have an IoU above the one in the name.",
    ),
    error(
        "lesion.false_positives",
        Kind::Lesion(LesionKind::FalsePositives),
        "How many predicted lesions a case has that are not true.",
    ),
    share(
        "lesion.brats23.dice",
        Kind::Brats23(Brats23::Dice),
        "The mean Dice over lesions of more than 50 cubic millimetres, with 0 for each missed and each false one (as BraTS 2023); not for single images.",
    ),
    error(
        "lesion.brats23.hd95",
        Kind::Brats23(Brats23::Hd95),
        "The mean hd95.weighted over lesions of more than 50 cubic millimetres, with 374 mm for each missed and each false one (as BraTS 2023); not for single images.",
    ),
];
