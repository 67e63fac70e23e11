//! How an update becomes integers, and how large they can get (specification, 5.8).

use super::{DistributedNoise, VectorShape};
use crate::wire::{Decode, DecodeError, Encode, Reader, Writer, refused};

/// Standard deviations of noise that are kept free: a union over 10^8 coordinates fails with less than 2^-40.
const NOISE_REACH: f64 = 10.0;

/// From reals to ring units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Encoding {
    /// Ring units in 1.0.
    pub scale: f64,
    /// B: largest magnitude of a coordinate.
    pub clip_linf: f64,
    /// Largest L2 norm of an update.
    pub clip_l2: f64,
    /// Largest weight of a site.
    pub weight_max: u32,
}

impl Encoding {
    /// Q: the largest magnitude that a site may put into a word, before noise; `None` beyond 2^63.
    pub fn word_max(&self) -> Option<u64> {
        let units = (self.scale * self.clip_linf).next_up().ceil() + 1.0;
        // 2^63 itself is a float; the next below it is the last that fits.
        (units < (1_u64 << 63) as f64).then_some(units as u64)
    }

    /// Whether a sum over `participants` with all their noise stays inside the ring, up to 2^-40.
    pub fn cannot_wrap(&self, participants: usize, shape: &VectorShape, noise: Option<&DistributedNoise>) -> bool {
        let Some(word_max) = self.word_max() else {
            return false;
        };
        let deviation = noise.map_or(0.0, |noise| noise.largest_variance(participants).sqrt().next_up());
        let reach = (NOISE_REACH * deviation).next_up().ceil();
        // Exact up to 2^53 and rounded to a neighbour above it: one unit of room is kept for that.
        let reach = if reach < 1e18 { reach as u128 + u128::from(reach >= 9e15) * 128 } else { return false };
        let sum = participants as u128 * u128::from(word_max) + reach + 1;
        let weights = participants as u128 * u128::from(self.weight_max);
        sum <= shape.lane.half() && weights < shape.lane.half()
    }

    /// What rounding to integers can make of `clip_l2`, in ring units: the bound that conditional rounding keeps, with
    /// β = e^(-1/2) (Kairouz, Liu and Steinke 2021). It is the sensitivity.
    pub fn rounded_l2_max(&self, coordinates: u64) -> f64 {
        let (clip, d) = (self.scale * self.clip_l2, coordinates as f64);
        let surely = clip + d.sqrt();
        let likely = (clip * clip + d / 4.0 + clip + d.sqrt() / 2.0).sqrt();
        surely.min(likely)
    }
}

impl Encode for Encoding {
    fn write(&self, out: &mut Writer) {
        out.f64(self.scale);
        out.f64(self.clip_linf);
        out.f64(self.clip_l2);
        out.u32(self.weight_max);
    }
}

impl Decode for Encoding {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let scale = from.positive("scale")?;
        let (clip_linf, clip_l2) = (from.positive("clip linf")?, from.positive("clip l2")?);
        let weight_max = from.u32("weight max")?;
        match weight_max {
            0 => Err(refused("weight max", weight_max, "at least 1")),
            _ => Ok(Self { scale, clip_linf, clip_l2, weight_max }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Lane, NoiseLaw};

    fn encoding(word_max: u64) -> Encoding {
        // ceil(scale · B) + 1 = word_max, with the product a little below an integer.
        Encoding { scale: word_max as f64 - 1.5, clip_linf: 1.0, clip_l2: 1.0, weight_max: 1 }
    }

    fn shape(lane: Lane) -> VectorShape {
        VectorShape::new(lane, 10, 4096).expect("sound")
    }

    #[test]
    fn the_largest_word_is_that_of_the_table() {
        for (participants, lane, word_max) in
            [(10, Lane::Bits16, 3276), (100, Lane::Bits16, 327), (10, Lane::Bits32, 214_748_364)]
        {
            assert_eq!(encoding(word_max).word_max(), Some(word_max));
            assert!(encoding(word_max).cannot_wrap(participants, &shape(lane), None), "{participants} of {word_max}");
            assert!(!encoding(word_max + 1).cannot_wrap(participants, &shape(lane), None), "one unit more");
        }
    }

    #[test]
    fn noise_takes_ten_deviations_of_what_all_sites_add() {
        let noise = |total_variance| DistributedNoise { law: NoiseLaw::Skellam, total_variance, honest: 4 };
        let left = |noise: &DistributedNoise| encoding(3000).cannot_wrap(10, &shape(Lane::Bits16), Some(noise));
        // 30 000 + 10 s + 1 ≤ 32 768 for s ≤ 276.7; ten sites carry 10/4 of the variance.
        assert!(left(&noise(276.0 * 276.0 / 2.5)));
        assert!(!left(&noise(277.0 * 277.0 / 2.5)));
    }

    #[test]
    fn weights_have_to_fit_too() {
        let weighted = |weight_max| Encoding { weight_max, ..encoding(10) };
        assert!(weighted(3276).cannot_wrap(10, &shape(Lane::Bits16), None));
        assert!(!weighted(3277).cannot_wrap(10, &shape(Lane::Bits16), None));
    }

    #[test]
    fn what_no_word_can_hold_is_refused_and_not_wrapped() {
        let giant = |scale| Encoding { scale, clip_linf: 1e300, clip_l2: 1.0, weight_max: 1 };
        assert_eq!(giant(1e300).word_max(), None, "infinite");
        assert!(!giant(1.0).cannot_wrap(3, &shape(Lane::Bits64), None));
        let noise = DistributedNoise { law: NoiseLaw::Skellam, total_variance: f64::MAX, honest: 1 };
        assert!(!encoding(10).cannot_wrap(3, &shape(Lane::Bits64), Some(&noise)));
    }

    #[test]
    fn the_sensitivity_is_that_of_the_paper() {
        let encoding = Encoding { scale: 100.0, clip_linf: 1.0, clip_l2: 3.0, weight_max: 1 };
        let expected = (300.0_f64 * 300.0 + 2500.0 + 300.0 + 50.0).sqrt();
        assert_eq!(encoding.rounded_l2_max(10_000), expected);
        let tiny = Encoding { scale: 0.1, ..encoding };
        assert_eq!(tiny.rounded_l2_max(1), (0.09_f64 + 0.25 + 0.3 + 0.5).sqrt().min(1.3));
    }
}
