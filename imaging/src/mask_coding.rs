//! From the grey values of a site's masks to classes.
//!
//! Hospitals store masks as 0/1, 0/255, 0/128/255 or class numbers. What a value means is decided once for the whole
//! site, from the values in all its masks: decided image by image, 255 would be class 1 where class 1 stands alone
//! and class 2 where both are.

use crate::error::Fault;
use ndarray::{Array, Dimension};
use std::collections::BTreeSet;

/// What the values of one site's masks mean.
///
/// 1. If every value is below the plan's number of classes, values are class numbers.
/// 2. Else, if the site has exactly as many different values as the plan has classes and 0 is one of them, classes are
///    given by rank: the smallest value is background, the next class 1, and so on.
/// 3. Anything else is refused; guessing would train one class on another's pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskCoding {
    /// A value is a class.
    Numbers,
    /// A value's rank is its class; the values, rising.
    Ranks(Vec<u16>),
}

/// The different values of some masks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct MaskValues(BTreeSet<u16>);

impl MaskValues {
    pub(crate) fn of<'a>(mask: impl IntoIterator<Item = &'a u16>) -> Self {
        let mut seen = vec![false; usize::from(u16::MAX) + 1];
        for value in mask {
            seen[usize::from(*value)] = true;
        }
        Self((0..=u16::MAX).filter(|value| seen[usize::from(*value)]).collect())
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// True where some value is not background.
    pub(crate) fn has_foreground(&self) -> bool {
        self.0.iter().any(|value| *value > 0)
    }

    /// Rising.
    pub(crate) fn to_vec(&self) -> Vec<u16> {
        self.0.iter().copied().collect()
    }

    /// True where a value is no class number.
    pub(crate) fn exceed(&self, classes: u32) -> bool {
        self.0.last().is_some_and(|value| u32::from(*value) >= classes)
    }
}

impl MaskCoding {
    /// Decides by the values of a whole site.
    pub(crate) fn of(values: &MaskValues, classes: u32) -> Result<Self, Fault> {
        let classes = classes.min(CLASSES_MAX);
        if !values.exceed(classes) {
            return Ok(Self::Numbers);
        }
        let values = values.to_vec();
        if values.len() == classes as usize && values.first() == Some(&0) {
            return Ok(Self::Ranks(values));
        }
        Err(Fault::Values { values, classes })
    }

    /// The class of each pixel.
    pub(crate) fn classes<D: Dimension>(&self, mask: &Array<u16, D>) -> Array<u8, D> {
        match self {
            Self::Numbers => mask.mapv(|value| value as u8),
            Self::Ranks(values) => mask.mapv(|value| values.partition_point(|known| *known < value) as u8),
        }
    }
}

/// Most classes: a class is one byte.
const CLASSES_MAX: u32 = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn coding(values: &[u16], classes: u32) -> Result<MaskCoding, Fault> {
        MaskCoding::of(&MaskValues(values.iter().copied().collect()), classes)
    }

    #[test]
    fn class_numbers_stay_even_where_a_class_is_absent() {
        assert_eq!(coding(&[0, 2], 3), Ok(MaskCoding::Numbers));
        assert_eq!(coding(&[0], 2), Ok(MaskCoding::Numbers));
        assert_eq!(coding(&[], 2), Ok(MaskCoding::Numbers));
    }

    #[test]
    fn grey_values_become_classes_by_rank() {
        let coding = coding(&[0, 128, 255], 3).expect("three values for three classes");
        assert_eq!(coding.classes(&array![[255, 0], [128, 255]]), array![[2, 0], [1, 2]]);
        let coding = super::MaskCoding::of(&MaskValues::of(&array![[0, 65_535]]), 2).expect("16-bit foreground");
        assert_eq!(coding.classes(&array![[65_535, 0]]), array![[1, 0]]);
    }

    #[test]
    fn ambiguous_values_are_refused() {
        for (values, classes) in [(&[0, 255][..], 3), (&[0, 254, 255], 2), (&[1, 255], 2), (&[0, 1, 2], 2)] {
            assert!(matches!(coding(values, classes), Err(Fault::Values { .. })), "{values:?}");
        }
    }
}
