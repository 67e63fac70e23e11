//! How far apart voxels are, in millimetres: an argument of every metric that means a distance or a volume.

/// Longest step that is believed, in millimetres: more is a header in the wrong unit.
const STEP_MAX_MM: f64 = 1000.0;

/// Millimetres from one voxel to the next along each axis of a label map, in the order of its axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spacing {
    /// Rows and columns of an image.
    Plane(PlaneSpacing),
    /// The three axes of a volume.
    Volume(VolumeSpacing),
}

/// Steps of an image, each positive and finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaneSpacing([f64; 2]);

/// Steps of a volume, each positive and finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VolumeSpacing([f64; 3]);

/// A step that no scanner makes.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "the spacing along axis {axis} is {step_mm} mm; write the distance between voxels in millimetres, above 0 and at most {STEP_MAX_MM}"
)]
pub struct SpacingError {
    axis: usize,
    step_mm: f64,
}

impl Spacing {
    /// The spacing of an image: from row to row, from column to column.
    ///
    /// # Errors
    /// [`SpacingError`] where a step is not a positive number of at most a metre.
    pub fn plane(steps_mm: [f64; 2]) -> Result<Self, SpacingError> {
        checked(&steps_mm).map(|()| Self::Plane(PlaneSpacing(steps_mm)))
    }

    /// The spacing of a volume, in the order of its axes.
    ///
    /// # Errors
    /// [`SpacingError`] where a step is not a positive number of at most a metre.
    pub fn volume(steps_mm: [f64; 3]) -> Result<Self, SpacingError> {
        checked(&steps_mm).map(|()| Self::Volume(VolumeSpacing(steps_mm)))
    }

    /// Number of axes: 2 or 3.
    pub fn axes(&self) -> usize {
        self.steps_mm().len()
    }

    /// Millimetres along each axis.
    pub fn steps_mm(&self) -> &[f64] {
        match self {
            Self::Plane(PlaneSpacing(steps_mm)) => steps_mm,
            Self::Volume(VolumeSpacing(steps_mm)) => steps_mm,
        }
    }
}

fn checked(steps_mm: &[f64]) -> Result<(), SpacingError> {
    let wrong = steps_mm.iter().position(|step_mm| !(*step_mm > 0.0 && *step_mm <= STEP_MAX_MM));
    wrong.map_or(Ok(()), |axis| Err(SpacingError { axis, step_mm: steps_mm[axis] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_kept_in_the_order_of_the_axes() {
        let spacing = Spacing::volume([3.0, 0.5, 0.7]).expect("a scanner's");
        assert_eq!((spacing.axes(), spacing.steps_mm()), (3, &[3.0, 0.5, 0.7][..]));
        assert_eq!(Spacing::plane([2.0, STEP_MAX_MM]).expect("at the limit").axes(), 2);
    }

    #[test]
    fn a_step_that_is_no_distance_is_refused_with_its_axis() {
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY, 1000.1] {
            let error = Spacing::volume([1.0, 1.0, wrong]).expect_err("no distance");
            assert!(error.to_string().contains("axis 2"), "{error}");
            assert!(Spacing::plane([wrong, 1.0]).is_err());
        }
    }
}
