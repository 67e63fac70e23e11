//! Claims about voxels. In a scan almost everything is background that no model doubts, which swamps the error; so calibration
//! of a segmentation is measured inside a band, such as truth and prediction together, dilated, that the caller gives.

use super::{Claim, Probability, ProbabilityError};
use ndarray::{ArrayView, Dimension, Zip};

/// A segmentation with its truth, of two or three dimensions, all of one shape.
#[derive(Debug, Clone)]
pub struct Segmented<'a, D: Dimension> {
    /// Probability of foreground.
    pub foreground: ArrayView<'a, f32, D>,
    /// Whether it is foreground.
    pub truth: ArrayView<'a, bool, D>,
    /// Where to measure.
    pub band: ArrayView<'a, bool, D>,
}

/// A segmentation that cannot be measured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BandError {
    /// The parts are of different size.
    #[error(
        "probabilities are {foreground:?} voxels, the truth {truth:?}, the band {band:?}; bring them to one grid first"
    )]
    Shape {
        /// Of the probabilities.
        foreground: Vec<usize>,
        /// Of the truth.
        truth: Vec<usize>,
        /// Of the band.
        band: Vec<usize>,
    },
    /// Inside the band.
    #[error(transparent)]
    Probability(#[from] ProbabilityError),
}

impl<D: Dimension> Segmented<'_, D> {
    /// The claims of the voxels in the band, that each is foreground.
    ///
    /// # Errors
    /// [`BandError`] where the parts differ in shape or a number in the band is no probability.
    pub fn claims(&self) -> Result<Vec<Claim>, BandError> {
        let [foreground, truth, band] =
            [self.foreground.shape(), self.truth.shape(), self.band.shape()].map(<[usize]>::to_vec);
        if foreground != truth || foreground != band {
            return Err(BandError::Shape { foreground, truth, band });
        }
        let (mut claims, mut refused) = (Vec::new(), None);
        Zip::from(&self.foreground).and(&self.truth).and(&self.band).for_each(|probability, held, inside| {
            if *inside {
                match Probability::new(f64::from(*probability)) {
                    Ok(confidence) => claims.push(Claim { confidence, held: *held }),
                    Err(error) => refused = Some(error),
                }
            }
        });
        refused.map_or(Ok(claims), |error| Err(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn only_the_band_is_measured() {
        let (foreground, truth) = (array![[0.5f32, 0.0], [f32::NAN, 0.25]], array![[true, false], [true, false]]);
        let band = array![[true, false], [false, true]];
        let segmented = Segmented { foreground: foreground.view(), truth: truth.view(), band: band.view() };
        let claims = segmented.claims().expect("one grid");
        assert_eq!(
            claims.iter().map(|claim| (claim.confidence.get(), claim.held)).collect::<Vec<_>>(),
            [(0.5, true), (0.25, false)]
        );
    }

    #[test]
    fn what_is_no_probability_in_the_band_is_refused() {
        let (foreground, truth, band) = (array![0.5f32, f32::NAN], array![true, false], array![true, true]);
        let segmented = Segmented { foreground: foreground.view(), truth: truth.view(), band: band.view() };
        assert!(matches!(segmented.claims(), Err(BandError::Probability(_))));
    }

    #[test]
    fn grids_of_different_size_are_refused() {
        let (foreground, truth, band) = (array![0.5f32], array![true, false], array![true, true]);
        let segmented = Segmented { foreground: foreground.view(), truth: truth.view(), band: band.view() };
        let error = segmented.claims().expect_err("one voxel against two");
        assert!(error.to_string().contains("[1]") && error.to_string().contains("[2]"), "{error}");
    }
}
