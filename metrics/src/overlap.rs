//! Overlap of two objects by volume: Dice and intersection over union, of the foreground, a class, or the mean of classes.
//!
//! What an empty object is worth differs between libraries, so it is part of a metric's name ([`Empties`]).

use crate::case::Case;
use crate::region::{Class, Region};
use crate::score::Score;
use rayon::prelude::*;

/// Voxels that one thread counts at a time.
const CHUNK: usize = 1 << 16;
/// Voxels whose count fits a byte.
const BLOCK: usize = 192;

/// How two objects are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OverlapKind {
    /// `2 |A and B| / (|A| + |B|)`.
    Dice,
    /// `|A and B| / |A or B|`, the Jaccard index.
    Iou,
}

/// What is said where an object is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Empties {
    /// The default: both empty has no score and is counted, an object where the truth has none scores 0.
    NanBothZeroFp,
    /// MONAI 1.6's default: no score wherever the truth is empty, so that false alarms in the healthy vanish.
    Monai,
    /// nnU-Net: 0/0 is left out of the mean and a false alarm scores 0. The same as the default for one case.
    NnUnet,
    /// FLamby: both empty scores 1, a false alarm 0.
    Flamby,
    /// BraTS: both empty scores 1, a false alarm 0.
    Brats,
}

/// Voxels of two objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// In both.
    pub both: u64,
    /// In the prediction.
    pub prediction: u64,
    /// In the truth.
    pub truth: u64,
}

impl Counts {
    /// Counts the object in both maps of a case.
    pub fn of(case: &Case<'_>, region: Region) -> Self {
        match region {
            Region::Foreground => counted(case, |label| label != crate::region::BACKGROUND),
            Region::Class(class) => counted(case, move |label| label == class.label()),
        }
    }

    /// The overlap, with empty objects as `empties` says.
    pub fn score(&self, kind: OverlapKind, empties: Empties) -> Score {
        match (self.prediction, self.truth, empties) {
            (0, 0, Empties::Flamby | Empties::Brats) => Score::Value(1.0),
            (0, 0, Empties::NanBothZeroFp | Empties::Monai | Empties::NnUnet) => Score::BothEmpty,
            (_, 0, Empties::Monai) => Score::TruthEmpty,
            _ => Score::Value(self.overlap(kind)),
        }
    }

    /// Where at least one object has a voxel.
    fn overlap(&self, kind: OverlapKind) -> f64 {
        let sum = self.prediction + self.truth;
        match kind {
            OverlapKind::Dice => 2.0 * self.both as f64 / sum as f64,
            OverlapKind::Iou => self.both as f64 / (sum - self.both) as f64,
        }
    }
}

/// The mean over the classes that occur in either map. A class in neither has nothing to measure and is left out; with no
/// class at all the case is empty on both sides.
pub fn mean_over_classes(case: &Case<'_>, kind: OverlapKind, empties: Empties) -> Score {
    let score = |class: Class| Counts::of(case, Region::Class(class)).score(kind, empties);
    let scores: Vec<Score> = case.classes().into_iter().map(score).collect();
    if scores.is_empty() {
        return Counts::default().score(kind, empties);
    }
    crate::score::Tally::of(&scores).mean.map_or(Score::TruthEmpty, Score::Value)
}

/// `specificity.healthy`: whether a healthy case (nothing in the truth) is left alone, 1 or 0. Its mean over cases is the
/// share of the healthy in whom nothing was found.
pub fn specificity_of_the_healthy(counts: &Counts) -> Score {
    match (counts.truth, counts.prediction) {
        (0, 0) => Score::Value(1.0),
        (0, _) => Score::Value(0.0),
        _ => Score::NotApplicable,
    }
}

fn counted(case: &Case<'_>, inside: impl Fn(u8) -> bool + Copy + Sync) -> Counts {
    let chunks = case.prediction.par_chunks(CHUNK).zip(case.truth.par_chunks(CHUNK));
    let counts = chunks.map(|(prediction, truth)| {
        let blocks = prediction.chunks(BLOCK).zip(truth.chunks(BLOCK));
        blocks.map(|(prediction, truth)| block(prediction, truth, inside)).fold(Counts::default(), Counts::plus)
    });
    counts.reduce(Counts::default, Counts::plus)
}

/// Counts so few voxels that a byte holds each sum.
fn block(prediction: &[u8], truth: &[u8], inside: impl Fn(u8) -> bool) -> Counts {
    let pairs = || prediction.iter().zip(truth).map(|(a, b)| (u8::from(inside(*a)), u8::from(inside(*b))));
    // Three simple loops without a check, each taken many voxels at a time. Nothing wraps: a block has fewer voxels than that.
    let both = pairs().map(|(a, b)| a & b).fold(0, u8::wrapping_add);
    let predicted = pairs().map(|(a, _)| a).fold(0, u8::wrapping_add);
    let true_ = pairs().map(|(_, b)| b).fold(0, u8::wrapping_add);
    Counts { both: both.into(), prediction: predicted.into(), truth: true_.into() }
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            both: self.both + other.both,
            prediction: self.prediction + other.prediction,
            truth: self.truth + other.truth,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Maps;
    use crate::spacing::Spacing;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    fn with<T>(prediction: &Array2<u8>, truth: &Array2<u8>, ask: impl FnOnce(&Case<'_>) -> T) -> T {
        let maps = Maps { prediction: prediction.view().into_dyn(), truth: truth.view().into_dyn() };
        ask(&Case::new(maps, Spacing::plane([1.0; 2]).expect("positive")).expect("same shape"))
    }

    const EMPTIES: [Empties; 5] =
        [Empties::NanBothZeroFp, Empties::Monai, Empties::NnUnet, Empties::Flamby, Empties::Brats];

    #[test]
    fn overlap_agrees_with_a_count_by_hand() {
        let counts = with(&array![[1, 1, 0], [0, 2, 0]], &array![[0, 1, 1], [0, 1, 1]], |case| {
            Counts::of(case, Region::Foreground)
        });
        assert_eq!(counts, Counts { both: 2, prediction: 3, truth: 4 });
        let class = Region::Class(Class::new(1).expect("a class"));
        let of_class = with(&array![[1, 1, 0, 2]], &array![[0, 1, 1, 1]], |case| Counts::of(case, class));
        assert_eq!(of_class, Counts { both: 1, prediction: 2, truth: 3 });
        for empties in EMPTIES {
            assert_eq!(counts.score(OverlapKind::Dice, empties), Score::Value(4.0 / 7.0));
            assert_eq!(counts.score(OverlapKind::Iou, empties), Score::Value(2.0 / 5.0));
        }
    }

    #[test]
    fn each_policy_has_its_own_word_for_empty_objects() {
        let score = |prediction, truth| {
            let counts = Counts { both: 0, prediction, truth };
            EMPTIES.map(|empties| counts.score(OverlapKind::Dice, empties))
        };
        let (none, one, zero) = (Score::BothEmpty, Score::Value(1.0), Score::Value(0.0));
        assert_eq!(score(0, 0), [none, none, none, one, one]);
        assert_eq!(score(9, 0), [zero, Score::TruthEmpty, zero, zero, zero], "a false alarm");
        assert_eq!(score(0, 9), [zero; 5], "a miss");
    }

    #[test]
    fn the_mean_is_over_classes_that_occur() {
        let (prediction, truth) = (array![[1, 1, 2, 0, 5]], array![[1, 0, 2, 0, 0]]);
        let mean = |empties| with(&prediction, &truth, |case| mean_over_classes(case, OverlapKind::Dice, empties));
        assert_eq!(mean(Empties::NanBothZeroFp), Score::Value((2.0 / 3.0 + 1.0 + 0.0) / 3.0));
        assert_eq!(mean(Empties::Monai), Score::Value((2.0 / 3.0 + 1.0) / 2.0), "class 5 is not in the truth");
    }

    #[test]
    fn the_mean_of_no_class_follows_the_policy() {
        let none = array![[0, 0]];
        let mean = |prediction: &Array2<u8>, empties| {
            with(prediction, &none, |case| mean_over_classes(case, OverlapKind::Iou, empties))
        };
        assert_eq!(mean(&none, Empties::NanBothZeroFp), Score::BothEmpty);
        assert_eq!(mean(&none, Empties::Flamby), Score::Value(1.0));
        assert_eq!(mean(&array![[0, 1]], Empties::Monai), Score::TruthEmpty);
    }

    #[test]
    fn only_the_healthy_have_a_specificity() {
        let specificity = |prediction, truth| specificity_of_the_healthy(&Counts { both: 0, prediction, truth });
        assert_eq!(specificity(0, 0), Score::Value(1.0));
        assert_eq!(specificity(1, 0), Score::Value(0.0));
        assert_eq!(specificity(0, 1), Score::NotApplicable);
    }

    proptest! {
        #[test]
        fn counting_in_blocks_is_counting(labels in proptest::collection::vec((0u8..2, 0u8..3), 1..900)) {
            let map = |side: fn(&(u8, u8)) -> u8| Array2::from_shape_fn((1, labels.len()), |(_, i)| side(&labels[i]));
            let counts = with(&map(|pair| pair.0), &map(|pair| pair.1), |case| Counts::of(case, Region::Foreground));
            let count = |inside: fn(&(u8, u8)) -> bool| labels.iter().filter(|pair| inside(pair)).count() as u64;
            let (both, prediction, truth) = (count(|p| p.0 > 0 && p.1 > 0), count(|p| p.0 > 0), count(|p| p.1 > 0));
            prop_assert_eq!(counts, Counts { both, prediction, truth });
        }

        #[test]
        fn overlap_is_within_bounds_and_dice_is_never_below_iou(both in 0u64..50, more in 0u64..50, missed in 0u64..50) {
            let counts = Counts { both, prediction: both + more, truth: both + missed };
            let value = |kind| counts.score(kind, Empties::Flamby).value().unwrap_or(-1.0);
            let (dice, iou) = (value(OverlapKind::Dice), value(OverlapKind::Iou));
            prop_assert!((0.0..=1.0).contains(&iou) && iou <= dice && dice <= 1.0, "{} {}", dice, iou);
        }
    }
}
