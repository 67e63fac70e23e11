//! The grid: sums become integers, at a price in sensitivity that is known and paid.
//!
//! With step g = 2^k a sum S becomes q = round(S / g), which is off by at most 1/2 in each of d entries. Two sums over
//! neighbouring sets of patients, ‖S - S'‖ ≤ C, then differ by at most C + √d g in real units. The sums are made in
//! floating point: adding up to N contributions x_i one after another, each entry is off by at most γ Σ|x_ij| with
//! γ = (N-1)u / (1 - (N-1)u), u = 2^-53 (Higham 2002, section 4.2), so the vector by at most γ ‖Σ|x_i|‖ ≤ γ N C, twice
//! (once for each neighbour). With N ≤ [`CONTRIBUTIONS_MAX`] = 2^18 this is at most 2 N² u C (1 + 2^-34), below 2^-15 C.
//!
//! So the sensitivity of q g is C_eff = C + √d g + 2^-15 C, and the noise is a multiple of C_eff, not of C. The bound
//! on N is kept by [`crate::PoissonSample`], which draws from no more patients than that. The sum must be made in f64,
//! of whole contributions each of norm ≤ C: a sum accumulated in f32 has no such bound.
//!
//! Where sites add the noise in shares ([`Grid::shared`]), the sum of their integers is what the noise has to be wide on, and
//! its standard deviation is at least 2^29 steps: [`crate::SharedNoise`] says why. Sums of sites are integers, so sums over
//! them add no slack; what each site rounds is below its own √d g / 2, and a patient is at one site.
//!
//! C is what a patient's presence changes. That exchanging her for another changes twice as much is the accountants' part
//! ([`crate::Adjacency`]), and must not be paid for here a second time.

use super::NoiseError;
use crate::{ClipNorm, NoiseMultiplier};

/// The most contributions one sum may have; the floating-point slack in the sensitivity is made for it.
pub const CONTRIBUTIONS_MAX: usize = 1 << 18;

/// The most entries of a sum.
pub(super) const ENTRIES_MAX: usize = 1 << 34;
/// √d g ≤ `FINENESS` min(C, stddev): the price of rounding is at most a ten-thousandth.
const FINENESS: f64 = 1e-4;
/// Steps in the standard deviation of noise that is added in shares: enough that its law cannot be told from a Gaussian.
const SHARED_DEVIATION_STEPS: f64 = (1_u32 << 29) as f64;
/// The slack for adding in f64, derived above, over C.
const FLOAT_SUM_SLACK: f64 = 1.0 / (1 << 15) as f64;
/// Exponents that leave room on both sides: neither g nor a sum of 2^18 contributions leaves the normal numbers.
const EXPONENTS: std::ops::RangeInclusive<i32> = -900..=900;
/// Numbers up to here can be rounded by [`round`]; no clipped sum comes near (2 · 2^18 · 10^4 · √(2^34) < 2^50).
const INTEGERS: f64 = (1_u64 << 51) as f64;
/// Adding and taking away 1.5 · 2^52 rounds to the nearest integer, as numbers of that size have no fraction: two
/// additions where `round` may be a call.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// A grid of multiples of 2^k, and what one patient can change on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    step: f64,
    sensitivity: f64,
}

impl Grid {
    /// The coarsest grid that is fine enough for contributions clipped to `clip` in `entries` dimensions and for noise
    /// with `multiplier`.
    ///
    /// # Errors
    /// [`NoiseError::TooLong`] and [`NoiseError::NoGrid`].
    pub fn new(clip: ClipNorm, multiplier: NoiseMultiplier, entries: usize) -> Result<Self, NoiseError> {
        Self::as_fine_as(f64::INFINITY, clip, multiplier, entries)
    }

    /// The same for noise that sites add in shares: also fine enough that noise has a standard deviation of 2^29 steps.
    ///
    /// # Errors
    /// As from [`Self::new`].
    pub fn shared(clip: ClipNorm, multiplier: NoiseMultiplier, entries: usize) -> Result<Self, NoiseError> {
        Self::as_fine_as(multiplier.get() * clip.get() / SHARED_DEVIATION_STEPS, clip, multiplier, entries)
    }

    /// With a step of at most `step_max`.
    fn as_fine_as(
        step_max: f64,
        clip: ClipNorm,
        multiplier: NoiseMultiplier,
        entries: usize,
    ) -> Result<Self, NoiseError> {
        if entries > ENTRIES_MAX {
            return Err(NoiseError::TooLong { entries });
        }
        // entries ≤ 2^34 is exact in f64; √ is rounded correctly and then up.
        let root = (entries.max(1) as f64).sqrt().next_up();
        let changed = clip.get();
        let finest = FINENESS * changed.min(multiplier.get() * changed) / root;
        let step = power_of_two_below(finest.min(step_max)).ok_or(NoiseError::NoGrid { clip: clip.get() })?;
        let sensitivity = (changed * (1.0 + FLOAT_SUM_SLACK).next_up() + root * step).next_up().next_up();
        Ok(Self { step, sensitivity })
    }

    /// g, the distance of two neighbouring values.
    pub fn step(&self) -> f64 {
        self.step
    }

    /// C_eff: the most that one patient changes a snapped sum, in L2, rounded up.
    pub fn sensitivity(&self) -> f64 {
        self.sensitivity
    }

    /// The standard deviation of noise with this multiplier, in steps, rounded up.
    pub fn deviation(&self, multiplier: NoiseMultiplier) -> f64 {
        (multiplier.get() * (self.sensitivity / self.step)).next_up().next_up()
    }

    /// The nearest integer; `None` for what is not finite or larger than any clipped sum.
    pub fn snap(&self, value: f64) -> Option<i64> {
        let steps = value / self.step;
        (steps.abs() <= INTEGERS).then(|| round(steps))
    }

    /// The real number of an integer on the grid. Rounding it, beyond 2^53, is work on what is public already.
    pub fn value(&self, steps: i64) -> f64 {
        steps as f64 * self.step
    }
}

/// The nearest integer of a number up to 2^51, the even one of two.
#[inline]
pub(super) fn round(value: f64) -> i64 {
    ((value + ROUNDER) - ROUNDER) as i64
}

/// The largest power of two that is at most `bound`, read from its exponent.
fn power_of_two_below(bound: f64) -> Option<f64> {
    const BIAS: i32 = 1023;
    const MANTISSA_BITS: u32 = 52;
    let exponent = i32::try_from(bound.to_bits() >> MANTISSA_BITS).ok()? - BIAS;
    let in_range = bound > 0.0 && EXPONENTS.contains(&exponent);
    in_range.then(|| f64::from_bits(bound.to_bits() >> MANTISSA_BITS << MANTISSA_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grid(clip: f64, multiplier: f64, entries: usize) -> Result<Grid, NoiseError> {
        let clip = ClipNorm::new(clip).expect("positive");
        let multiplier = NoiseMultiplier::new(multiplier).expect("positive");
        Grid::new(clip, multiplier, entries)
    }

    #[test]
    fn rounding_is_to_the_nearest() {
        let largest = INTEGERS as i64;
        for (value, nearest) in [(0.4, 0), (0.6, 1), (-0.4, 0), (-0.6, -1), (-7.5, -8), (1e12 + 0.4, 1_000_000_000_000)]
        {
            assert_eq!(round(value), nearest, "{value}");
        }
        assert_eq!([round(INTEGERS), round(-INTEGERS), round(INTEGERS - 0.5)], [largest, -largest, largest]);
    }

    #[test]
    fn the_step_is_the_largest_power_of_two_that_is_fine_enough() {
        let grid = grid(1.0, 1.0, 10_000).expect("a grid");
        assert_eq!(grid.step(), 2.0_f64.powi(-20), "1e-4 / 100 = 1e-6 lies between 2^-20 and 2^-19");
        assert!(grid.sensitivity() > 1.0 + 100.0 * grid.step() && grid.sensitivity() < 1.0 + 2e-4);
    }

    #[test]
    fn noise_is_wide_on_the_grid_whatever_the_multiplier() {
        for multiplier in [1e-6, 0.3, 1.0, 50.0] {
            for entries in [1, 1_000, 10_000_000] {
                let grid = grid(0.7, multiplier, entries).expect("a grid");
                let multiplier = NoiseMultiplier::new(multiplier).expect("positive");
                assert!(grid.deviation(multiplier) >= 1e4 * (entries as f64).sqrt());
            }
        }
    }

    #[test]
    fn shared_noise_is_wider_and_leaves_room_in_64_bits_for_a_thousand_sites() {
        for multiplier in [0.25, 1.0, 7.7, 100.0, 1000.0] {
            for entries in [1, 10_000, 100_000_000] {
                let (clip, given) = (ClipNorm::new(0.7).expect("positive"), multiplier);
                let multiplier = NoiseMultiplier::new(multiplier).expect("positive");
                let grid = Grid::shared(clip, multiplier, entries).expect("a grid");
                let deviation = grid.deviation(multiplier);
                assert!(deviation >= SHARED_DEVIATION_STEPS, "{given}, {entries}: {deviation}");
                // A thousand sites with a million patients each, and ten standard deviations if all survive of whom one
                // was counted on.
                let patients = (1 << 20) as f64 * grid.sensitivity() / grid.step();
                let total = 1000.0 * patients + 10.0 * 1000.0_f64.sqrt() * deviation;
                assert!(total < 2.0_f64.powi(62), "{given}, {entries}: 2^{}", total.log2());
            }
        }
    }

    #[test]
    fn absurd_settings_have_no_grid() {
        assert_eq!(grid(1e-300, 1.0, 1), Err(NoiseError::NoGrid { clip: 1e-300 }));
        assert_eq!(grid(1e300, 1.0, 1), Err(NoiseError::NoGrid { clip: 1e300 }));
        assert_eq!(grid(1e-250, 1e-100, 1), Err(NoiseError::NoGrid { clip: 1e-250 }), "the product underflows");
        assert!(matches!(grid(1.0, 1.0, usize::MAX), Err(NoiseError::TooLong { .. })));
        assert!(grid(1e-200, 1.0, 1).is_ok() && grid(1e200, 1.0, 1).is_ok() && grid(1.0, 1.0, 0).is_ok());
    }

    #[test]
    fn what_is_not_finite_or_not_clipped_is_no_integer() {
        let grid = grid(1.0, 1.0, 100).expect("a grid");
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e12] {
            assert_eq!(grid.snap(value), None, "{value}");
        }
        assert_eq!(grid.snap(-0.0), Some(0));
        assert!(grid.snap(CONTRIBUTIONS_MAX as f64).is_some(), "the largest sum of clipped contributions fits");
    }

    proptest! {
        #[test]
        fn snapping_moves_by_half_a_step_at_most(value in -1e5..1e5_f64, clip in 1e-3..1e3_f64, entries in 1..1_000_000_usize) {
            let grid = grid(clip, 1.0, entries).expect("a grid");
            let back = grid.value(grid.snap(value * clip).expect("in range"));
            prop_assert!((back - value * clip).abs() <= grid.step() / 2.0);
        }

        #[test]
        fn neighbours_stay_within_the_sensitivity(
            sum in prop::collection::vec(-100.0..100.0_f64, 1..60),
            direction in prop::collection::vec(-1.0..1.0_f64, 60),
        ) {
            let grid = grid(1.0, 1.0, sum.len()).expect("a grid");
            let direction = &direction[..sum.len()];
            let norm = direction.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-9);
            let moved = |(value, x): (&f64, &f64)| grid.snap(value + x / norm).expect("in range")
                - grid.snap(*value).expect("in range");
            let distance = sum.iter().zip(direction).map(moved).map(|steps| (steps as f64).powi(2)).sum::<f64>().sqrt();
            prop_assert!(distance * grid.step() <= grid.sensitivity());
        }
    }
}
