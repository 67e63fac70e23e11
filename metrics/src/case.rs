//! One prediction beside its truth, and how far apart their voxels are: checked once, measured often.

use crate::region::Class;
use crate::spacing::Spacing;
use ndarray::ArrayViewD;
use std::borrow::Cow;

/// Longest axis of a label map, in voxels: steps along an axis are counted in 16 bits.
pub const AXIS_MAX: usize = 32_768;

/// Two label maps of one image (2 axes) or one volume (3 axes).
#[derive(Debug, Clone)]
pub struct Maps<'a> {
    /// What the model says; 0 is background.
    pub prediction: ArrayViewD<'a, u8>,
    /// What the physician says; 0 is background.
    pub truth: ArrayViewD<'a, u8>,
}

/// Two label maps that can be compared: of one shape, with the spacing of their axes.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    pub(crate) prediction: Cow<'a, [u8]>,
    pub(crate) truth: Cow<'a, [u8]>,
    pub(crate) grid: Grid,
}

/// Where voxels lie. An image is a volume of one slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    pub shape: [usize; 3],
    pub steps_mm: [f64; 3],
    pub axes: Axes,
}

/// Whether the first axis of a grid is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axes {
    Two,
    Three,
}

/// Maps that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// Prediction and truth have different shapes.
    #[error(
        "the prediction has the shape {prediction:?}, the truth {truth:?}; restore the prediction to the scan's own resolution first"
    )]
    Shape {
        /// Voxels along the axes of the prediction.
        prediction: Vec<usize>,
        /// Voxels along the axes of the truth.
        truth: Vec<usize>,
    },
    /// The spacing is of another number of axes than the maps.
    #[error(
        "the label maps have {maps} axes, the spacing {spacing}; give one step in millimetres for each axis of the scan, 2 for an image and 3 for a volume"
    )]
    Axes {
        /// Axes of the maps.
        maps: usize,
        /// Axes of the spacing.
        spacing: usize,
    },
    /// An axis is longer than any scan's.
    #[error("axis {axis} has {voxels} voxels, at most {AXIS_MAX} can be measured; cut the scan into parts")]
    TooLong {
        /// Number of the axis, from 0.
        axis: usize,
        /// Voxels along it.
        voxels: usize,
    },
}

impl<'a> Case<'a> {
    /// Puts two maps side by side; maps in standard layout are not copied.
    ///
    /// # Errors
    /// [`CaseError`] where shapes, axes or sizes do not fit.
    pub fn new(maps: Maps<'a>, spacing: Spacing) -> Result<Self, CaseError> {
        if maps.prediction.shape() != maps.truth.shape() {
            let (prediction, truth) = (maps.prediction.shape().to_vec(), maps.truth.shape().to_vec());
            return Err(CaseError::Shape { prediction, truth });
        }
        let grid = Grid::new(maps.truth.shape(), spacing)?;
        Ok(Self { prediction: labels(maps.prediction), truth: labels(maps.truth), grid })
    }

    /// The classes that occur in either map, in order.
    pub(crate) fn classes(&self) -> Vec<Class> {
        let mut seen = [false; 256];
        self.prediction.iter().chain(self.truth.iter()).for_each(|label| seen[usize::from(*label)] = true);
        (0..=u8::MAX).filter(|label| seen[usize::from(*label)]).filter_map(Class::new).collect()
    }
}

impl Grid {
    fn new(shape: &[usize], spacing: Spacing) -> Result<Self, CaseError> {
        if let Some(axis) = shape.iter().position(|voxels| *voxels > AXIS_MAX) {
            return Err(CaseError::TooLong { axis, voxels: shape[axis] });
        }
        match (shape, spacing.steps_mm()) {
            (&[rows, columns], &[row_mm, column_mm]) => {
                Ok(Self { shape: [1, rows, columns], steps_mm: [1.0, row_mm, column_mm], axes: Axes::Two })
            }
            (&[slices, rows, columns], &[slice_mm, row_mm, column_mm]) => {
                Ok(Self { shape: [slices, rows, columns], steps_mm: [slice_mm, row_mm, column_mm], axes: Axes::Three })
            }
            _ => Err(CaseError::Axes { maps: shape.len(), spacing: spacing.axes() }),
        }
    }

    pub fn voxels(&self) -> usize {
        self.shape.iter().product()
    }

    /// Slice, row and column of a voxel.
    pub fn place(&self, voxel: usize) -> [usize; 3] {
        [voxel / self.slice(), voxel / self.shape[2] % self.shape[1], voxel % self.shape[2]]
    }

    /// Voxels of one slice.
    pub fn slice(&self) -> usize {
        self.shape[1] * self.shape[2]
    }
}

/// The labels in the order of the last axis first.
fn labels(map: ArrayViewD<'_, u8>) -> Cow<'_, [u8]> {
    map.to_slice().map_or_else(|| Cow::Owned(map.iter().copied().collect()), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayD, IxDyn, array};

    fn check(prediction: &[usize], truth: &[usize], spacing: Spacing) -> Result<(), CaseError> {
        let (prediction, truth) = (ArrayD::zeros(IxDyn(prediction)), ArrayD::zeros(IxDyn(truth)));
        Case::new(Maps { prediction: prediction.view(), truth: truth.view() }, spacing).map(drop)
    }

    #[test]
    fn maps_that_do_not_fit_are_refused_with_what_does_not_fit() {
        let plane = Spacing::plane([1.0, 1.0]).expect("positive");
        let volume = Spacing::volume([1.0, 1.0, 1.0]).expect("positive");
        let message = |result: Result<(), CaseError>| result.expect_err("does not fit").to_string();
        assert!(message(check(&[2, 3], &[3, 2], plane)).contains("[2, 3], the truth [3, 2]"));
        assert!(message(check(&[2, 3], &[2, 3], volume)).contains("2 axes, the spacing 3"));
        assert!(message(check(&[2, 3, 4, 5], &[2, 3, 4, 5], volume)).contains("4 axes"));
        assert!(message(check(&[], &[], plane)).contains("0 axes"));
        assert!(message(check(&[1, AXIS_MAX + 1], &[1, AXIS_MAX + 1], plane)).contains("axis 1 has 32769 voxels"));
    }

    #[test]
    fn maps_that_fit_pass_even_without_a_voxel() {
        let plane = Spacing::plane([1.0, 1.0]).expect("positive");
        assert_eq!(check(&[2, AXIS_MAX], &[2, AXIS_MAX], plane), Ok(()));
        assert_eq!(check(&[0, 4], &[0, 4], plane), Ok(()));
    }

    #[test]
    fn a_transposed_view_is_read_in_its_own_order() {
        let (prediction, truth) = (array![[1, 2], [3, 4]], array![[1, 3], [2, 4]]);
        let spacing = Spacing::plane([1.0, 1.0]).expect("positive");
        let maps = Maps { prediction: prediction.t().into_dyn(), truth: truth.view().into_dyn() };
        let case = Case::new(maps, spacing).expect("same shape");
        assert_eq!((&*case.prediction, &*case.truth), (&[1, 3, 2, 4][..], &[1, 3, 2, 4][..]));
        let labels: Vec<u8> = case.classes().iter().map(|class| class.label()).collect();
        assert_eq!(labels, [1, 2, 3, 4]);
    }
}
