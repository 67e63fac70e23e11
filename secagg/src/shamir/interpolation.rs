//! Lagrange's coefficients in barycentric form, computed once for a set of points and used for every secret shared at them.

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

/// Points at which a polynomial's values are known. What depends on the points alone is computed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpolation {
    points: Vec<Scalar>,
    weights: Vec<Scalar>,
}

/// What takes values at some points to the value at another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coefficients(Vec<Scalar>);

impl Interpolation {
    /// From values at `points`.
    ///
    /// # Errors
    /// [`InterpolationError`] for no points or a repeated one.
    pub fn new(points: &[Index]) -> Result<Self, InterpolationError> {
        check_points(points)?;
        let points: Vec<Scalar> = points.iter().map(|point| Scalar::from_index(point.get())).collect();
        Ok(Self { weights: weights(&points), points })
    }

    /// To the secret, which is the value at 0.
    pub fn to_secret(&self) -> Coefficients {
        Coefficients(coefficients(&self.points, &self.weights, Scalar::ZERO))
    }

    /// To the value at a site's point.
    pub fn to_point(&self, target: Index) -> Coefficients {
        Coefficients(coefficients(&self.points, &self.weights, Scalar::from_index(target.get())))
    }
}

impl Coefficients {
    /// The value, from the shares in the order of the points.
    ///
    /// # Errors
    /// [`InterpolationError::Count`].
    pub fn combine(&self, shares: &[&SecretScalar]) -> Result<SecretScalar, InterpolationError> {
        if shares.len() != self.0.len() {
            return Err(InterpolationError::Count { expected: self.0.len(), got: shares.len() });
        }
        let terms = self.0.iter().zip(shares).map(|(coefficient, share)| coefficient * share.scalar());
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

/// 1 / ∏ (xᵢ - xⱼ) over j ≠ i, for each i. The points are distinct.
pub(super) fn weights<F: Field>(points: &[F]) -> Vec<F> {
    let weight = |i: usize| {
        let others = points.iter().enumerate().filter(|(j, _)| *j != i);
        others.fold(F::ONE, |product, (_, x)| product.times(points[i].minus(*x))).inverse()
    };
    (0..points.len()).map(weight).collect()
}

/// wᵢ ∏ (target - xⱼ) over j ≠ i, for each i: products of what comes before and what comes behind.
pub(super) fn coefficients<F: Field>(points: &[F], weights: &[F], target: F) -> Vec<F> {
    let mut coefficients = weights.to_vec();
    let mut before = F::ONE;
    for (coefficient, x) in coefficients.iter_mut().zip(points) {
        *coefficient = coefficient.times(before);
        before = before.times(target.minus(*x));
    }
    let mut behind = F::ONE;
    for (coefficient, x) in coefficients.iter_mut().zip(points).rev() {
        *coefficient = coefficient.times(behind);
        behind = behind.times(target.minus(*x));
    }
    coefficients
}
