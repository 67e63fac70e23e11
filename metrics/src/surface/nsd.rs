//! Normalised surface Dice: the share of both surfaces that lies within a tolerance of the other (Nikolov et al. 2021).

use super::{Piece, Surfaces};
use crate::masks::Masks;
use crate::score::Score;
use std::fmt;

/// Distances of a hair's breadth over the tolerance are within it: a step of 3 x 0.7 mm is not farther than 2.1 mm because
/// binary fractions say so. Much less than any step, much more than what rounding does.
const ROUNDING: f64 = 1e-9;

/// Largest tolerance, in millimetres.
const TOLERANCE_MAX_MM: f64 = 1000.0;

/// How far a surface may be off and still be right, in millimetres: not negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance(f64);

impl Default for Tolerance {
    /// A millimetre, for lists of metrics; a name always says its own.
    fn default() -> Self {
        Self(1.0)
    }
}

/// A tolerance that is no distance.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "a tolerance of {0} mm; write a distance in millimetres from 0 to {TOLERANCE_MAX_MM}, such as nsd.subvoxel@2mm"
)]
pub struct ToleranceError(f64);

impl Tolerance {
    /// A tolerance in millimetres.
    ///
    /// # Errors
    /// [`ToleranceError`] for what is negative, not finite or above a metre.
    pub fn mm(mm: f64) -> Result<Self, ToleranceError> {
        if (0.0..=TOLERANCE_MAX_MM).contains(&mm) { Ok(Self(mm)) } else { Err(ToleranceError(mm)) }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}mm", self.0)
    }
}

/// The share within the tolerance; 0 where one object is missing, as nothing of the other's surface is near it.
pub(crate) fn score(masks: &Masks, surfaces: impl FnOnce(&Masks) -> Surfaces, tolerance: Tolerance) -> Score {
    match masks.where_both(|masks| share(&surfaces(masks), tolerance)) {
        Score::PredictionEmpty | Score::TruthEmpty => Score::Value(0.0),
        score => score,
    }
}

fn share(surfaces: &Surfaces, Tolerance(tolerance_mm): Tolerance) -> f64 {
    let limit_mm = tolerance_mm * (1.0 + ROUNDING);
    // From a positive zero: an empty sum of floats is -0.
    let size = |pieces: &mut dyn Iterator<Item = &Piece>| pieces.fold(0.0, |sum, piece| sum + piece.size);
    let near = |piece: &&Piece| piece.distance_mm <= limit_mm;
    let all = || surfaces.prediction.iter().chain(&surfaces.truth);
    size(&mut all().filter(near)) / size(&mut all())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(distances: &[f64]) -> Vec<Piece> {
        distances.iter().map(|distance_mm| Piece { distance_mm: *distance_mm, size: 2.0 }).collect()
    }

    fn share_at(tolerance_mm: f64, distances: &[f64]) -> f64 {
        let surfaces = Surfaces { prediction: at(distances), truth: at(&[0.0]) };
        share(&surfaces, Tolerance::mm(tolerance_mm).expect("a distance"))
    }

    #[test]
    fn what_is_exactly_at_the_tolerance_is_within_it() {
        assert_eq!(share_at(2.0, &[1.0, 2.0, 2.0001]), 0.75);
        // As binary fractions have it, 3 x 0.7 is below 2.1 and 3 x 0.1 is above 0.3.
        assert_eq!((share_at(2.1, &[3.0 * 0.7]), share_at(0.3, &[3.0 * 0.1])), (1.0, 1.0));
        assert_eq!(share_at(0.0, &[0.0, 0.1]), 2.0 / 3.0);
    }

    #[test]
    fn surfaces_that_are_nowhere_near_share_a_plain_zero() {
        let surfaces = Surfaces { prediction: at(&[5.0]), truth: at(&[5.0]) };
        let share = share(&surfaces, Tolerance::mm(1.0).expect("a distance"));
        assert_eq!((share, share.is_sign_positive()), (0.0, true));
    }

    #[test]
    fn a_tolerance_that_is_no_distance_is_refused() {
        for wrong in [-0.1, f64::NAN, f64::INFINITY, 1001.0] {
            assert!(Tolerance::mm(wrong).expect_err("no distance").to_string().contains("nsd.subvoxel@2mm"));
        }
        assert_eq!(Tolerance::mm(2.5).expect("a distance").to_string(), "2.5mm");
    }
}
