//! Metrics of segmentations by name: `dice.foreground`, `hd95.voxel_maxdirected`, `nsd.subvoxel@2mm`.
//!
//! A name is a stem, what it looks at, and its parameter: `STEM[.REGION][.empty_POLICY][@PARAMETER]`. The region is
//! `foreground` or `class1` to `class255`, for overlap also `mean` (over the classes that occur). Overlap names must have a
//! region; all others look at the foreground where none is named.
//!
//! One case is one volume, or one image of a set of images. A patient with many images is the [`crate::Tally`] of her
//! images: distances and lesions of single images say nothing across slices, so they are scored image by image and then
//! averaged. Only [`crate::dice`] pools the voxels of a patient's images.
//!
//! ```
//! use ndarray::array;
//! use wardround_metrics::{Case, Maps, Score, SegmentationMetric, Spacing, Tally};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let metric: SegmentationMetric = "hd95.voxel_maxdirected".parse()?;
//! let (prediction, truth) = (array![[0, 0, 0, 1]], array![[0, 1, 0, 0]]);
//! let maps = Maps { prediction: prediction.view().into_dyn(), truth: truth.view().into_dyn() };
//! let case = Case::new(maps, Spacing::plane([1.0, 0.5])?)?;
//! let score = metric.score(&case);
//! assert_eq!(score, Score::Value(1.0));
//! assert_eq!(Tally::of(&[score, Score::PredictionEmpty]).prediction_empty, 1);
//! # Ok(())
//! # }
//! ```

mod catalogue;
mod name;

pub use catalogue::Bounds;
pub use name::MetricNameError;

use crate::case::Case;
use crate::direction::Direction;
use crate::lesion::brats23::{self, Brats23};
use crate::lesion::{self, LesionKind, Matching};
use crate::masks::Masks;
use crate::overlap::{self, Counts, Empties, OverlapKind};
use crate::region::Region;
use crate::score::Score;
use crate::surface::{Surfaces, Tolerance, average, hausdorff, nsd};
use crate::volume::{self, VolumeKind};
use catalogue::{CATALOGUE, Entry};

/// A metric whose name was understood; `to_string` gives the name back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmentationMetric {
    entry: &'static Entry,
    measure: Measure,
}

/// What is measured, on what.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Measure {
    Overlap { kind: OverlapKind, of: Scope, empties: Empties },
    SpecificityOfHealthy(Region),
    Distance { kind: Distance, of: Region },
    SurfaceDice { surface: Surface, of: Region, tolerance: Tolerance },
    Volume { kind: VolumeKind, of: Region },
    Lesion { kind: LesionKind, of: Region, matching: Matching },
    Brats23 { figure: Brats23, of: Region },
}

/// One object, or the mean over classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    One(Region),
    MeanOfClasses,
}

/// Distances between surfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Distance {
    Hausdorff,
    RobustMaxDirected,
    RobustPooled,
    RobustWeighted,
    RobustBrats,
    AverageVoxel,
    AverageWeighted,
}

/// Where a surface is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surface {
    Voxels,
    BetweenVoxels,
}

impl SegmentationMetric {
    /// Every metric, with its default parameter, on the foreground.
    pub fn all() -> impl Iterator<Item = Self> {
        CATALOGUE.iter().map(|entry| Self { entry, measure: entry.default_measure() })
    }

    /// What it means, in one sentence for people.
    pub fn definition(&self) -> &'static str {
        self.entry.definition
    }

    /// Which values are good.
    pub fn direction(&self) -> Direction {
        self.entry.direction
    }

    /// Between which numbers its values lie.
    pub fn bounds(&self) -> Bounds {
        self.entry.bounds
    }

    /// Whether it is counted over all images of a patient together, whatever lies where: overlap is.
    pub fn pools_images(&self) -> bool {
        matches!(self.measure, Measure::Overlap { .. })
    }

    /// Whether it needs the distances between an image's pixels. A volume's are always known; volumes of single images are
    /// not measured at all.
    pub fn is_in_millimetres(&self) -> bool {
        matches!(self.measure, Measure::Distance { .. } | Measure::SurfaceDice { .. })
    }

    /// Scores one case.
    pub fn score(&self, case: &Case<'_>) -> Score {
        match self.measure {
            Measure::Overlap { kind, of: Scope::One(region), empties } => Counts::of(case, region).score(kind, empties),
            Measure::Overlap { kind, of: Scope::MeanOfClasses, empties } => {
                overlap::mean_over_classes(case, kind, empties)
            }
            Measure::SpecificityOfHealthy(of) => overlap::specificity_of_the_healthy(&Counts::of(case, of)),
            Measure::Distance { kind, of } => kind.score(&Masks::of(case, of)),
            Measure::SurfaceDice { surface, of, tolerance } => {
                nsd::score(&Masks::of(case, of), |masks| surface.measured(masks), tolerance)
            }
            Measure::Volume { kind, of } => volume::score(case, &Counts::of(case, of), kind),
            Measure::Lesion { kind, of, matching } => lesion::score(&Masks::of(case, of), kind, matching),
            Measure::Brats23 { figure, of } => brats23::score(&Masks::of(case, of), figure),
        }
    }
}

impl Distance {
    fn score(self, masks: &Masks) -> Score {
        let voxels = |ask: fn(&Surfaces) -> f64| masks.where_both(|masks| ask(&Surfaces::of_voxels(masks)));
        let between = |ask: fn(&Surfaces) -> f64| masks.where_both(|masks| ask(&Surfaces::between_voxels(masks)));
        match self {
            Self::Hausdorff => voxels(hausdorff::largest),
            Self::RobustMaxDirected => voxels(hausdorff::robust_max_directed),
            Self::RobustPooled => voxels(hausdorff::robust_pooled),
            Self::RobustWeighted => between(hausdorff::robust_weighted),
            Self::RobustBrats => Score::Value(brats23::hd95(masks)),
            Self::AverageVoxel => voxels(average::pooled),
            Self::AverageWeighted => between(average::weighted),
        }
    }
}

impl Surface {
    fn measured(self, masks: &Masks) -> Surfaces {
        match self {
            Self::Voxels => Surfaces::of_voxels(masks),
            Self::BetweenVoxels => Surfaces::between_voxels(masks),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Maps;
    use crate::spacing::Spacing;
    use ndarray::{Array3, ArrayD};

    fn metric(name: &str) -> SegmentationMetric {
        name.parse().expect("a name of the catalogue")
    }

    fn with<T>(prediction: &ArrayD<u8>, truth: &ArrayD<u8>, ask: impl Fn(&Case<'_>) -> T) -> T {
        let steps = Spacing::volume([2.0, 1.0, 1.0]).expect("positive");
        let spacing = if truth.ndim() == 3 { steps } else { Spacing::plane([1.0; 2]).expect("positive") };
        ask(&Case::new(Maps { prediction: prediction.view(), truth: truth.view() }, spacing).expect("same shape"))
    }

    fn block(label: u8, from: usize) -> ArrayD<u8> {
        let inside = |(z, y, x): (usize, usize, usize)| [z, y, x].iter().all(|i| (from..from + 5).contains(i));
        Array3::from_shape_fn((12, 12, 12), |at| if inside(at) { label } else { 0 }).into_dyn()
    }

    #[test]
    fn every_score_is_within_its_bounds_and_never_infinite() {
        let none = Array3::zeros((12, 12, 12)).into_dyn();
        let maps = [block(1, 1), block(1, 3), block(2, 6), none];
        for metric in SegmentationMetric::all() {
            for (prediction, truth) in maps.iter().flat_map(|a| maps.iter().map(move |b| (a, b))) {
                let score = with(prediction, truth, |case| metric.score(case));
                let Bounds { least, most } = metric.bounds();
                let within = |value: f64| {
                    value.is_finite()
                        && least.is_none_or(|least| value >= least)
                        && most.is_none_or(|most| value <= most)
                };
                assert!(score.value().is_none_or(within), "{metric}: {score:?}");
            }
        }
    }

    #[test]
    fn a_perfect_prediction_is_the_best_there_is() {
        let truth = block(1, 3);
        for metric in SegmentationMetric::all() {
            let best = match metric.direction() {
                Direction::HigherIsBetter => 1.0,
                Direction::LowerIsBetter | Direction::NearZeroIsBetter => 0.0,
            };
            let score = with(&truth, &truth, |case| metric.score(case));
            let expected =
                if metric.to_string() == "specificity.healthy" { Score::NotApplicable } else { Score::Value(best) };
            assert_eq!(score, expected, "{metric}");
        }
    }

    #[test]
    fn a_missing_object_is_a_miss_or_a_false_alarm_by_name() {
        let (none, some) = (Array3::zeros((12, 12, 12)).into_dyn(), block(1, 1));
        let score = |name: &str, prediction, truth| with(prediction, truth, |case| metric(name).score(case));
        for name in
            ["hd.voxel", "hd95.voxel_maxdirected", "hd95.pooled", "hd95.weighted", "assd.voxel", "assd.weighted"]
        {
            assert_eq!(score(name, &none, &some), Score::PredictionEmpty, "{name}");
            assert_eq!(score(name, &some, &none), Score::TruthEmpty, "{name}");
            assert_eq!(score(name, &none, &none), Score::BothEmpty, "{name}");
        }
        for name in ["nsd.subvoxel@2mm", "nsd.voxel@2mm"] {
            assert_eq!((score(name, &none, &some), score(name, &some, &none)), (Score::Value(0.0), Score::Value(0.0)));
            assert_eq!(score(name, &none, &none), Score::BothEmpty, "{name}");
        }
        let brats = |prediction, truth| score("hd95.brats", prediction, truth);
        assert_eq!((brats(&none, &some), brats(&some, &none)), (Score::Value(374.0), Score::Value(374.0)));
        assert_eq!(brats(&none, &none), Score::Value(0.0));
    }

    #[test]
    fn a_class_is_measured_alone() {
        let (prediction, truth) = (block(2, 1), block(1, 1));
        let score = |name: &str| with(&prediction, &truth, |case| metric(name).score(case));
        assert_eq!(score("hd95.voxel_maxdirected"), Score::Value(0.0));
        assert_eq!(score("hd95.voxel_maxdirected.class1"), Score::PredictionEmpty);
        assert_eq!(score("nsd.subvoxel.class2@1mm"), Score::Value(0.0));
        assert_eq!(score("dice.class2.empty_monai"), Score::TruthEmpty);
        assert_eq!((score("dice.mean"), score("lesion.f1.class1")), (Score::Value(0.0), Score::Value(0.0)));
    }

    #[test]
    fn images_have_every_score_that_needs_no_third_axis() {
        let image = |label| ArrayD::from_shape_fn(vec![6, 6], |at| if at[0] > 2 && at[1] < 4 { label } else { 0 });
        let (prediction, truth) = (image(1), image(1));
        for metric in SegmentationMetric::all() {
            let score = with(&prediction, &truth, |case| metric.score(case));
            let name = metric.to_string();
            let needs_a_volume = ["volume.absolute", "volume.signed"].contains(&&*name) || name.contains("brats23");
            assert_eq!(score == Score::NotApplicable, needs_a_volume || name == "specificity.healthy", "{name}");
        }
    }
}
