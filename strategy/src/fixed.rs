//! Fixed-point sums: units of 2^-32 in an `i64`.
//!
//! Bounds: a weight of an update is at most 2^10, the public weights add up to at most 2^20 (a rule of the plan),
//! so a sum stays below 2^(10 + 32 + 20) = 2^62 and cannot overflow.

/// Largest magnitude of one weight of an update.
pub const UPDATE_ABS_MAX: f32 = 1024.0;

/// Units in 1.0.
const UNITS: f64 = 4_294_967_296.0;

/// Sum of the weights of the sites in a sum; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TotalWeight(std::num::NonZeroU64);

/// Why an update was not added.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FoldError {
    /// A weight is NaN or infinite.
    #[error("weight {index} of the update is not a finite number")]
    NotFinite {
        /// Place within the slice given.
        index: usize,
    },
    /// A weight is larger than any sound training makes it.
    #[error("weight {index} of the update is {value}, beyond {UPDATE_ABS_MAX}")]
    OutOfRange {
        /// Place within the slice given.
        index: usize,
        /// The weight.
        value: f32,
    },
    /// The update is longer or shorter than the sum.
    #[error("the update has {got} weights here, the sum {expected}")]
    Length {
        /// Weights in the sum.
        expected: usize,
        /// Weights in the update.
        got: usize,
    },
}

impl TotalWeight {
    /// The sum of `weights`; `None` if it is zero.
    pub fn of(weights: impl IntoIterator<Item = u32>) -> Option<Self> {
        std::num::NonZeroU64::new(weights.into_iter().map(u64::from).sum()).map(Self)
    }

    /// How much one unit of a sum of this total weight is of the mean.
    pub fn per_unit(self) -> f64 {
        1.0 / (self.0.get() as f64 * UNITS)
    }

    /// The mean of the updates in `sum`, a [`fold`] of this total weight. Both slices are of one length.
    pub fn mean(self, sum: &[i64], mean: &mut [f64]) {
        let per_unit = self.per_unit();
        mean.iter_mut().zip(sum).for_each(|(mean, sum)| *mean = *sum as f64 * per_unit);
    }
}

/// Adds `weight` times `update` to `sum`, rounding each weight of the update to the nearest unit first.
///
/// Nothing is added if any weight is refused.
///
/// # Errors
/// A weight that is not finite or beyond [`UPDATE_ABS_MAX`], or slices of different length.
pub fn fold(sum: &mut [i64], update: &[f32], weight: u32) -> Result<(), FoldError> {
    if sum.len() != update.len() {
        return Err(FoldError::Length { expected: sum.len(), got: update.len() });
    }
    check(update)?;
    let places = sum.iter_mut().zip(update);
    match weight {
        // Without the multiplication, which few processors do for several 64-bit integers at once.
        1 => places.for_each(|(sum, value)| *sum = sum.wrapping_add(units(*value))),
        _ => places.for_each(|(sum, value)| *sum = sum.wrapping_add(units(*value).wrapping_mul(i64::from(weight)))),
    }
    Ok(())
}

/// Whether every weight of an update can be added to a sum.
///
/// # Errors
/// The first weight that is not finite or beyond [`UPDATE_ABS_MAX`].
pub fn check(update: &[f32]) -> Result<(), FoldError> {
    // Without their sign, the bits of floats are in the order of their magnitudes; infinities and NaN come last.
    let magnitude = |value: &f32| value.to_bits() & !(1 << 31);
    let largest = update.iter().fold(0, |largest, value| largest.max(magnitude(value)));
    if largest <= UPDATE_ABS_MAX.to_bits() {
        return Ok(());
    }
    let index = update.iter().take_while(|value| magnitude(value) <= UPDATE_ABS_MAX.to_bits()).count();
    let value = update[index];
    Err(if value.is_finite() { FoldError::OutOfRange { index, value } } else { FoldError::NotFinite { index } })
}

/// To the nearest unit, ties to even. An `f32` times 2^32 is an `f64` without loss; below 2^51 the sum with 1.5 * 2^52 is
/// rounded to an integer, whose difference to 1.5 * 2^52 stands in the bits.
fn units(value: f32) -> i64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    let shifted = f64::from(value) * UNITS + SHIFT;
    shifted.to_bits().wrapping_sub(SHIFT.to_bits()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn updates() -> impl Strategy<Value = Vec<(Vec<f32>, u32)>> {
        let update = (proptest::collection::vec(-1024.0f32..=1024.0, 5), 1u32..=1000);
        proptest::collection::vec(update, 1..8)
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_changes_no_bit(updates in updates(), rotate in 0usize..8) {
            let mut shuffled = updates.clone();
            shuffled.rotate_left(rotate % updates.len());
            shuffled.reverse();
            let sum = |updates: &[(Vec<f32>, u32)]| {
                let mut sum = vec![0; 5];
                updates.iter().for_each(|(update, weight)| fold(&mut sum, update, *weight).expect("in range"));
                sum
            };
            prop_assert_eq!(sum(&updates), sum(&shuffled));
        }

        #[test]
        fn units_are_rounded_to_nearest_and_ties_to_even(value in -1024.0f32..=1024.0, shift in 0..60u32) {
            let value = value / (1u64 << shift) as f32;
            prop_assert_eq!(units(value), (f64::from(value) * UNITS).round_ties_even() as i64);
        }

        #[test]
        fn any_floats_only_err(values in proptest::collection::vec(any::<f32>(), 0..40)) {
            let mut sum = vec![0; 20];
            let before = sum.clone();
            if fold(&mut sum, &values, 3).is_err() {
                prop_assert_eq!(sum, before);
            }
        }
    }

    #[test]
    fn half_units_and_bounds_are_rounded_as_they_should() {
        let unit = (-32f32).exp2();
        for (value, expected) in [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (-2.5, -2), (0.75, 1), (-0.0, 0)]
        {
            assert_eq!(units(value * unit), expected, "{value} units");
        }
        assert_eq!((units(UPDATE_ABS_MAX), units(-UPDATE_ABS_MAX)), (1 << 42, -(1 << 42)));
        assert!(check(&[UPDATE_ABS_MAX, -UPDATE_ABS_MAX]).is_ok() && check(&[UPDATE_ABS_MAX.next_up()]).is_err());
        assert!(check(&[-UPDATE_ABS_MAX.next_up()]).is_err());
    }

    #[test]
    fn the_largest_sum_the_rules_allow_does_not_overflow() {
        let mut sum = [0];
        fold(&mut sum, &[UPDATE_ABS_MAX], 1 << 20).expect("allowed");
        assert_eq!(sum[0], 1 << 62);
    }

    #[test]
    fn nan_and_giants_are_refused_with_their_place_and_leave_no_trace() {
        let mut sum = [7; 3];
        assert_eq!(fold(&mut sum, &[0.0, f32::NAN, 0.0], 1), Err(FoldError::NotFinite { index: 1 }));
        assert_eq!(fold(&mut sum, &[0.0, 0.0, f32::INFINITY], 1), Err(FoldError::NotFinite { index: 2 }));
        assert_eq!(fold(&mut sum, &[1025.0, 0.0, 0.0], 1), Err(FoldError::OutOfRange { index: 0, value: 1025.0 }));
        assert_eq!(fold(&mut sum, &[0.0], 1), Err(FoldError::Length { expected: 3, got: 1 }));
        assert_eq!(sum, [7; 3]);
    }
}
