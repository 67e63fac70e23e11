//! A clip norm that follows a quantile of the norms (Andrew, Thakkar, McMahan and Ramaswamy 2021, algorithm 1).
//!
//! Each contribution carries one bit: was it within the clip norm? The sum of the bits, shifted to b - 1/2 so that one
//! contribution changes it by at most 1/2, gets Gaussian noise of standard deviation σ_b, and moves the clip norm by
//! C ← C exp(-η (b̃ - γ)). Bits and contributions are released from the same sample; with noise multiplier
//! σ_Δ = (σ⁻² - (2σ_b)⁻²)^(-1/2) on the contributions the two together cost what one Gaussian of σ costs (theorem 1).
//! A clip norm read from the norms themselves, without this noise, would be a release that nobody paid for.

use crate::noise::{NoiseError, NoiseStreams, SumNoise};
use crate::{ClipNorm, NoiseMultiplier, Quantile, UnitError};
use wardround_plan::NoiseKind;

/// η of the paper, section 3.
const LEARNING_RATE: f64 = 0.2;
/// σ_b is the expected number of contributions over this (the paper, section 3).
const EXPECTED_OVER_BIT_NOISE: f64 = 20.0;
/// Where the clip norm stays, whatever the noise does for however long.
const CLIP_NORMS: std::ops::RangeInclusive<f64> = 1e-30..=1e30;

/// How the clip norm follows a quantile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveClip {
    quantile: Quantile,
    expected: f64,
    /// 2σ_b, the noise multiplier of the bits.
    bits: NoiseMultiplier,
    /// σ_Δ
    contributions: NoiseMultiplier,
}

impl AdaptiveClip {
    /// For `expected` contributions a step, so that bits and contributions together cost `combined`.
    ///
    /// σ_b is a twentieth of the expected number. Where that is below `combined`, few contributions come, and σ_b is
    /// `combined` instead: then σ_Δ is 1.155 times it, and the clip norm follows slowly.
    ///
    /// # Errors
    /// [`UnitError`] for an expected number or a noise too large to be doubled.
    pub fn new(quantile: Quantile, expected: f64, combined: NoiseMultiplier) -> Result<Self, UnitError> {
        let bit_noise = (expected / EXPECTED_OVER_BIT_NOISE).max(combined.get());
        let bits = NoiseMultiplier::new(2.0 * bit_noise)?;
        Ok(Self { quantile, expected, bits, contributions: share_of(combined, bits)? })
    }

    /// σ_Δ: what is left for the contributions; a little more noise than they would get alone.
    pub fn contributions(&self) -> NoiseMultiplier {
        self.contributions
    }

    /// The clip norm of the next step, from how many contributions were within `clip` and how many were not.
    ///
    /// # Errors
    /// [`NoiseError`]; then nothing was released.
    pub fn next(&self, clip: ClipNorm, bits: Bits, streams: &mut impl NoiseStreams) -> Result<ClipNorm, NoiseError> {
        let half = ClipNorm::new(0.5).expect("a half is positive and finite");
        let noise = SumNoise { clip: half, noise_multiplier: self.bits, kind: NoiseKind::Exact };
        let noisy: f64 = noise.add_to(&[bits.centred()], streams)?.iter().sum();
        // From here on it is public: clamping the share loses nothing but absurd steps.
        let share = (noisy / self.expected + 0.5).clamp(0.0, 1.0);
        let moved = clip.get() * (-LEARNING_RATE * (share - self.quantile.get())).exp();
        Ok(ClipNorm::new(moved.clamp(*CLIP_NORMS.start(), *CLIP_NORMS.end())).unwrap_or(clip))
    }
}

/// How many contributions of a step were within the clip norm, and how many beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bits {
    /// At most the clip norm before clipping.
    pub within: u32,
    /// Longer, or not finite.
    pub beyond: u32,
}

impl Bits {
    /// Σ (b - 1/2)
    fn centred(self) -> f64 {
        (f64::from(self.within) - f64::from(self.beyond)) / 2.0
    }
}

/// σ_Δ from σ and 2σ_b, rounded up; `bits` is at least twice `combined`, so the root is of a positive number.
fn share_of(combined: NoiseMultiplier, bits: NoiseMultiplier) -> Result<NoiseMultiplier, UnitError> {
    let ratio = combined.get() / bits.get();
    let share = combined.get() / (1.0 - ratio * ratio).sqrt();
    NoiseMultiplier::new(share * (1.0 + 4.0 * f64::EPSILON))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimulatedNoise;
    use wardround_plan::StreamKey;

    fn multiplier(value: f64) -> NoiseMultiplier {
        NoiseMultiplier::new(value).expect("positive")
    }

    fn adaptive(quantile: f64, expected: f64, combined: f64) -> AdaptiveClip {
        AdaptiveClip::new(Quantile::new(quantile).expect("inside"), expected, multiplier(combined)).expect("in range")
    }

    #[test]
    fn noise_is_split_as_in_the_reference_values() {
        // accounting.json, s000 and s001: σ and σ_b in, σ_Δ out; σ_b = expected / 20.
        for (combined, bit_noise, share) in [(1.0, 10.0, 1.001_252_348_643_517_6), (4.0, 20.0, 4.020_151_261_036_848)] {
            let split = adaptive(0.5, 20.0 * bit_noise, combined).contributions().get();
            assert!(split >= share && split / share - 1.0 < 1e-14, "{split}");
        }
    }

    #[test]
    fn few_contributions_cost_at_most_a_sixth_more_noise() {
        for expected in [0.0, 1.0, 30.0] {
            let share = adaptive(0.5, expected, 3.0).contributions().get();
            assert!((3.0..3.0 * 1.1548).contains(&share), "{share}");
        }
    }

    #[test]
    fn numbers_that_cannot_be_split_are_refused() {
        let quantile = Quantile::new(0.5).expect("inside");
        assert!(AdaptiveClip::new(quantile, f64::INFINITY, multiplier(1.0)).is_err());
        assert!(AdaptiveClip::new(quantile, 100.0, multiplier(1e100)).is_err());
    }

    #[test]
    fn bits_and_contributions_together_cost_the_combined_noise() {
        for expected in [10.0, 1000.0] {
            let adaptive = adaptive(0.5, expected, 2.0);
            let inverse_squares = adaptive.bits.get().powi(-2) + adaptive.contributions.get().powi(-2);
            assert!(inverse_squares <= 0.25 && inverse_squares > 0.25 * (1.0 - 1e-12), "{inverse_squares}");
        }
    }

    #[test]
    fn clip_norm_falls_when_too_many_are_within_and_rises_when_too_few() {
        let mut streams = SimulatedNoise::new(&StreamKey::from_public_seed(1), "adaptive");
        let clip = ClipNorm::new(1.0).expect("positive");
        // σ_b is 5 % of the expected number: 0.5 is ten standard deviations away.
        let mut next = |bits| adaptive(0.5, 1000.0, 1.0).next(clip, bits, &mut streams).expect("noised").get();
        assert!(next(Bits { within: 1000, beyond: 0 }) < 1.0);
        assert!(next(Bits { within: 0, beyond: 1000 }) > 1.0);
        let most = next(Bits { within: 0, beyond: 1_000_000 });
        assert_eq!(most, 0.1_f64.exp(), "a share is at least nothing, so a step has a bound");
    }
}
