//! Reals to integers: clip, scale, round.
//!
//! Adding 1.5 · 2^52 to a number below 2^51 leaves its nearest integer in the low bits of the sum, which every vector
//! unit can do. With a uniform u in (0, 1) added and ½ taken away first, the nearest integer is the one below with
//! the probability that makes the mean right: stochastic rounding. The sum before rounding has 53 bits, so
//! the bias is below 2^-32 + 2^(b - 52) of a unit for numbers of b bits.

use pulp::Arch;

/// 1.5 · 2^52
const MAGIC: f64 = 6_755_399_441_055_744.0;
/// Numbers up to here are rounded by the trick; sessions with larger words use integers.
pub(super) const UNITS_MAX: f64 = (1_u64 << 50) as f64;

/// How coordinates become units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Units {
    /// Units in 1.0, with the factor of the L2 clip.
    pub(super) scale: f64,
    /// Largest magnitude, in units, before the weight.
    pub(super) limit: f64,
    /// The site's weight over the largest.
    pub(super) weight: f64,
}

impl Units {
    #[inline(always)]
    fn of(&self, value: f32) -> f64 {
        (f64::from(value) * self.scale).min(self.limit).max(-self.limit) * self.weight
    }

    /// To the nearest integer, ties to even.
    pub(super) fn nearest(&self, values: &[f32], integers: &mut [i64]) {
        Arch::new().dispatch(
            #[inline(always)]
            || values.iter().zip(integers).for_each(|(value, place)| *place = nearest(self.of(*value))),
        );
    }

    /// To one of the two integers around, by 32 random bits for each.
    pub(super) fn stochastic(&self, values: &[f32], random: &[u8], integers: &mut [i64]) {
        let random = random.as_chunks().0;
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for ((value, bits), place) in values.iter().zip(random).zip(integers) {
                    *place = nearest(self.of(*value) + offset(*bits));
                }
            },
        );
    }
}

/// In (-½, ½), on a grid of 2^-32, symmetric.
#[inline(always)]
fn offset(bits: [u8; 4]) -> f64 {
    // A signed conversion, which every vector unit has.
    (f64::from(i32::from_le_bytes(bits)) + 0.5) * (1.0 / 4_294_967_296.0)
}

#[inline(always)]
fn nearest(value: f64) -> i64 {
    (value + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits()) as i64
}
