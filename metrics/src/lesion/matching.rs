//! Which predicted lesion is which true one, by a rule that is stated.

use super::components::{Components, Connectivity};
use crate::case::Case;
use crate::masks::Masks;
use crate::region::Region;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// When a lesion is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Matching {
    /// A true lesion is found, and a predicted one is right, if they share a voxel. One prediction may find several.
    AnyOverlap,
    /// A true and a predicted lesion belong together if their intersection over union is above this: at most one to each.
    Iou(IouAbove),
}

/// An intersection over union of at least one half, so that no lesion has two partners, and below 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IouAbove(f64);

/// A bound by which lesions could have two partners or none.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("lesions cannot be matched above an IoU of {0}; write a number from 0.5 to below 1, such as lesion.f1@iou0.5")]
pub struct IouAboveError(f64);

impl IouAbove {
    /// A bound from 0.5 to below 1.
    ///
    /// # Errors
    /// [`IouAboveError`] for anything else.
    pub fn new(bound: f64) -> Result<Self, IouAboveError> {
        if (0.5..1.0).contains(&bound) { Ok(Self(bound)) } else { Err(IouAboveError(bound)) }
    }
}

impl fmt::Display for IouAbove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The lesions of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lesions {
    /// True lesions that were found.
    pub found: usize,
    /// True lesions that were not.
    pub missed: usize,
    /// Predicted lesions that are true.
    pub right: usize,
    /// Predicted lesions that are not.
    pub false_alarms: usize,
}

impl Lesions {
    /// Counts the lesions of one case by a rule, with parts that touch as `connectivity` says.
    pub fn of(case: &Case<'_>, region: Region, matching: Matching, connectivity: Connectivity) -> Self {
        Self::within(&Masks::of(case, region), matching, connectivity)
    }

    pub(crate) fn within(masks: &Masks, matching: Matching, connectivity: Connectivity) -> Self {
        let prediction = Components::of(&masks.prediction, &masks.grid, connectivity);
        let truth = Components::of(&masks.truth, &masks.grid, connectivity);
        let pairs = matched(&prediction, &truth, matching);
        let found = pairs.iter().map(|(_, truth)| truth).collect::<BTreeSet<_>>().len();
        let right = pairs.iter().map(|(prediction, _)| prediction).collect::<BTreeSet<_>>().len();
        Self { found, missed: truth.count - found, right, false_alarms: prediction.count - right }
    }

    /// Lesions in the truth.
    pub fn truth(&self) -> usize {
        self.found + self.missed
    }

    /// Lesions in the prediction.
    pub fn predicted(&self) -> usize {
        self.right + self.false_alarms
    }
}

/// The pairs of predicted and true lesions that belong together.
fn matched(prediction: &Components, truth: &Components, matching: Matching) -> Vec<(usize, usize)> {
    let mut shared: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for pair in prediction.labels.iter().copied().zip(truth.labels.iter().copied()) {
        if pair.0 != 0 && pair.1 != 0 {
            *shared.entry(pair).or_default() += 1;
        }
    }
    let (predicted, true_) = (prediction.sizes(), truth.sizes());
    let belongs = |&((p, t), voxels): &((usize, usize), usize)| match matching {
        Matching::AnyOverlap => true,
        Matching::Iou(IouAbove(bound)) => voxels as f64 > bound * (predicted[p - 1] + true_[t - 1] - voxels) as f64,
    };
    shared.into_iter().filter(belongs).map(|(pair, _)| pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Maps;
    use crate::spacing::Spacing;
    use ndarray::{Array2, array};

    fn lesions(prediction: &Array2<u8>, truth: &Array2<u8>, matching: Matching) -> Lesions {
        let maps = Maps { prediction: prediction.view().into_dyn(), truth: truth.view().into_dyn() };
        let case = Case::new(maps, Spacing::plane([1.0; 2]).expect("positive")).expect("same shape");
        Lesions::of(&case, Region::Foreground, matching, Connectivity::Full)
    }

    #[test]
    fn a_touch_is_enough_or_half_of_the_union_as_the_rule_says() {
        let (prediction, truth) = (array![[1, 1, 1, 0, 1, 1, 0]], array![[1, 1, 0, 0, 0, 1, 0]]);
        let half = Matching::Iou(IouAbove::new(0.5).expect("a bound"));
        assert_eq!(
            lesions(&prediction, &truth, Matching::AnyOverlap),
            Lesions { found: 2, missed: 0, right: 2, false_alarms: 0 }
        );
        // The first pair has 2 of 3, the second exactly half, which is not above it.
        assert_eq!(lesions(&prediction, &truth, half), Lesions { found: 1, missed: 1, right: 1, false_alarms: 1 });
    }

    #[test]
    fn a_bound_that_is_not_between_a_half_and_one_is_refused() {
        for wrong in [0.0, 0.49, 1.0, f64::NAN] {
            assert!(IouAbove::new(wrong).expect_err("no bound").to_string().contains("lesion.f1@iou0.5"));
        }
        assert_eq!(IouAbove::new(0.75).expect("a bound").to_string(), "0.75");
    }
}
