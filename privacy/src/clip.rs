//! Clipping: the factor that brings one patient's whole contribution below the clip norm.
//!
//! The target is C (1 - 10^-6), not C. The margin pays for what floating point does afterwards: the norm is a sum of d
//! squares in f64 (relative error below d 2^-53, so 5 · 10^-7 for 2^32 entries), the factor is rounded to f32 (6 · 10^-8)
//! and so is each product (6 · 10^-8).

use crate::ClipNorm;
use wardround_plan::ClipKind;

const MARGIN: f64 = 1e-6;
/// γ of AUTO-S (Bu et al. 2023, section 4): keeps small gradients small, and the factor finite.
const STABILITY: f64 = 0.01;
/// Squares of smaller entries underflow, so a smaller norm cannot be told from this one.
const NORM_MIN: f64 = 1e-150;

/// How contributions are brought below a norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clip {
    /// C
    pub norm: ClipNorm,
    /// Which rule.
    pub kind: ClipKind,
}

impl Clip {
    /// What to multiply a contribution with whose squared L2 norm (summed in f64) is `norm_squared`. Zero if that is not
    /// finite: then the contribution counts as zero and must not be multiplied, as 0 · ∞ is not a number.
    ///
    /// The factor is finite, never negative, and survives a conversion to f32: one that f32 cannot hold with all its
    /// digits is zero.
    pub fn factor(&self, norm_squared: f64) -> f64 {
        if !(norm_squared.is_finite() && norm_squared >= 0.0) {
            return 0.0;
        }
        let norm = norm_squared.sqrt();
        let target = self.norm.get() * (1.0 - MARGIN);
        let factor = match self.kind {
            ClipKind::Flat => (target / norm.max(NORM_MIN)).min(1.0),
            ClipKind::Automatic => target / (norm + STABILITY),
        };
        if factor < f64::from(f32::MIN_POSITIVE) { 0.0 } else { factor.min(f64::from(f32::MAX)) }
    }

    /// Clips a whole vector, and says whether it was within the norm before. One that is not finite becomes zero.
    pub fn apply(&self, contribution: &mut [f32]) -> Reach {
        let norm_squared: f64 = contribution.iter().map(|x| f64::from(*x).powi(2)).sum();
        let factor = self.factor(norm_squared) as f32;
        for x in contribution {
            *x = if factor == 0.0 { 0.0 } else { *x * factor };
        }
        let within = norm_squared.sqrt() <= self.norm.get();
        if within { Reach::Within } else { Reach::Beyond }
    }
}

/// On which side of the clip norm a contribution was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// At most the clip norm.
    Within,
    /// Longer, or not finite.
    Beyond,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clip(norm: f64, kind: ClipKind) -> Clip {
        Clip { norm: ClipNorm::new(norm).expect("positive"), kind }
    }

    #[test]
    fn flat_shortens_what_is_long_and_leaves_the_rest() {
        let flat = clip(2.0, ClipKind::Flat);
        assert_eq!(flat.factor(1.0), 1.0);
        assert_eq!(flat.factor(0.0), 1.0);
        assert_eq!(flat.factor(16.0), 0.5 * (1.0 - MARGIN));
        assert!(flat.factor(4.0) < 1.0, "the norm itself is brought into the margin");
    }

    #[test]
    fn automatic_brings_every_length_near_the_norm() {
        let automatic = clip(2.0, ClipKind::Automatic);
        assert_eq!(automatic.factor(0.0), 200.0 * (1.0 - MARGIN));
        assert_eq!(automatic.factor(100.0), 2.0 * (1.0 - MARGIN) / 10.01);
        assert!((automatic.factor(1e8) * 1e4 - 2.0).abs() < 1e-5);
    }

    #[test]
    fn what_is_not_finite_counts_as_zero() {
        for kind in [ClipKind::Flat, ClipKind::Automatic] {
            for norm_squared in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
                assert_eq!(clip(1.0, kind).factor(norm_squared), 0.0);
            }
            for bad in [f32::NAN, f32::INFINITY] {
                let mut contribution = [1.0, bad, 2.0];
                assert_eq!(clip(1.0, kind).apply(&mut contribution), Reach::Beyond);
                assert_eq!(contribution, [0.0; 3]);
            }
        }
    }

    #[test]
    fn factors_that_f32_cannot_hold_are_not_rounded_up() {
        assert_eq!(clip(1e-40, ClipKind::Flat).factor(1.0), 0.0, "a subnormal f32 has lost digits");
        assert_eq!(clip(1e300, ClipKind::Automatic).factor(0.0) as f32, f32::MAX);
        assert_eq!(
            clip(1e-200, ClipKind::Flat).factor(0.0),
            0.0,
            "norms below 1e-150 are not known to be small enough"
        );
    }

    #[test]
    fn reach_is_of_the_length_before() {
        let flat = clip(5.0, ClipKind::Flat);
        assert_eq!(flat.apply(&mut [3.0, 4.0]), Reach::Within);
        assert_eq!(flat.apply(&mut [3.0, 4.1]), Reach::Beyond);
        assert_eq!(flat.apply(&mut []), Reach::Within);
    }

    proptest! {
        #[test]
        fn clipped_norm_never_exceeds_the_bound(
            direction in prop::collection::vec(-1.0..1.0_f32, 1..200),
            scale in -18..18_i32,
            norm in -6..6_i32,
            automatic in any::<bool>(),
        ) {
            let kind = if automatic { ClipKind::Automatic } else { ClipKind::Flat };
            let clip = clip(10.0_f64.powi(norm), kind);
            let mut contribution: Vec<f32> = direction.iter().map(|x| x * 10.0_f32.powi(scale)).collect();
            clip.apply(&mut contribution);
            let clipped: f64 = contribution.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            prop_assert!(clipped <= clip.norm.get(), "{clipped:e} of {:e}", clip.norm.get());
        }
    }
}
