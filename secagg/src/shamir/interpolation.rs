//! Lagrange's coefficients, computed once for a set of points and used for every secret shared at them.

use super::SecretScalar;
use super::field::Field;
use crate::wire::Index;
use curve25519_dalek::Scalar;

/// Why points do not define a polynomial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InterpolationError {
    /// No points.
    #[error("no shares are given")]
    NoPoints,
    /// A point twice.
    #[error("the share of site {point} is given twice")]
    Repeated {
        /// The point.
        point: Index,
    },
    /// Another number of shares than points.
    #[error("{got} shares are given for {expected} points")]
    Count {
        /// Points.
        expected: usize,
        /// Shares.
        got: usize,
    },
}

/// The coefficients that take values at some points to the value at another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpolation {
    coefficients: Vec<Scalar>,
}

impl Interpolation {
    /// To the secret, which is the value at 0.
    ///
    /// # Errors
    /// [`InterpolationError`] for no points or a repeated one.
    pub fn to_secret(points: &[Index]) -> Result<Self, InterpolationError> {
        check_points(points)?;
        Ok(Self { coefficients: coefficients(points, Scalar::ZERO) })
    }

    /// To the value at another site's point.
    ///
    /// # Errors
    /// As [`Self::to_secret`].
    pub fn to_point(points: &[Index], target: Index) -> Result<Self, InterpolationError> {
        check_points(points)?;
        Ok(Self { coefficients: coefficients(points, Scalar::from_index(target.get())) })
    }

    /// The value, from the shares in the order of the points.
    ///
    /// # Errors
    /// [`InterpolationError::Count`].
    pub fn combine(&self, shares: &[&SecretScalar]) -> Result<SecretScalar, InterpolationError> {
        if shares.len() != self.coefficients.len() {
            return Err(InterpolationError::Count { expected: self.coefficients.len(), got: shares.len() });
        }
        let terms = self.coefficients.iter().zip(shares).map(|(coefficient, share)| coefficient * share.scalar());
        Ok(SecretScalar::new(terms.sum()))
    }
}

fn check_points(points: &[Index]) -> Result<(), InterpolationError> {
    let mut sorted = points.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(InterpolationError::Repeated { point: pair[0] }),
        None if points.is_empty() => Err(InterpolationError::NoPoints),
        None => Ok(()),
    }
}

/// ∏ (target - xⱼ) / (xᵢ - xⱼ) over j ≠ i, for each i. The points are distinct.
pub(super) fn coefficients<F: Field>(points: &[Index], target: F) -> Vec<F> {
    let xs: Vec<F> = points.iter().map(|point| F::from_index(point.get())).collect();
    let coefficient = |i: usize| {
        let others = xs.iter().enumerate().filter(|(j, _)| *j != i);
        let (above, below) = others.fold((F::ONE, F::ONE), |(above, below), (_, x)| {
            (above.times(target.minus(*x)), below.times(xs[i].minus(*x)))
        });
        above.times(below.inverse())
    };
    (0..xs.len()).map(coefficient).collect()
}
