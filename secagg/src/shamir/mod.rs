//! Shamir 1979: a secret as the value at 0 of a polynomial of degree t - 1; t values give it back, t - 1 say nothing.
//!
//! Over the scalar field of edwards25519, whose arithmetic in `curve25519-dalek` takes constant time and which has room
//! for any number of sites. Secrets are uniform scalars; keys are derived from them, never shared themselves. The
//! arithmetic is generic so that a field of 251 elements can show by counting that t - 1 shares are uniform.

mod field;
mod interpolation;
mod secret;

pub use interpolation::{Coefficients, Interpolation, InterpolationError};
pub use secret::{SecretScalar, ShareError};

use field::Field;
use rand::CryptoRng;
use zeroize::Zeroize;

use crate::wire::Index;

/// The values of one secret polynomial at `points`. Coefficients are uniform and may be zero: a polynomial that could
/// not have a lower degree would tell something with t - 1 of its values.
pub(crate) fn split(
    secret: &SecretScalar,
    threshold: u32,
    points: impl Iterator<Item = Index>,
    rng: &mut impl CryptoRng,
) -> Vec<SecretScalar> {
    let polynomial = Polynomial::random(*secret.scalar(), threshold, |scalar| *scalar = SecretScalar::draw(rng));
    points.map(|point| SecretScalar::new(polynomial.at(point))).collect()
}

/// Coefficients from degree 0 upwards.
struct Polynomial<F: Field>(Vec<F>);

impl<F: Field> Polynomial<F> {
    fn random(secret: F, threshold: u32, mut draw: impl FnMut(&mut F)) -> Self {
        let mut coefficients = vec![F::ZERO; threshold.max(1) as usize];
        coefficients.iter_mut().skip(1).for_each(&mut draw);
        coefficients[0] = secret;
        Self(coefficients)
    }

    /// Horner's rule.
    fn at(&self, point: Index) -> F {
        let x = F::from_index(point.get());
        self.0.iter().rev().fold(F::ZERO, |value, coefficient| value.times(x).plus(*coefficient))
    }
}

impl<F: Field> Drop for Polynomial<F> {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

#[cfg(test)]
mod tests;
