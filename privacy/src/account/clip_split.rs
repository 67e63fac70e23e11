//! One noise for two releases: the update and the count of short updates that the clip norm follows (Andrew, Thakkar, McMahan
//! and Ramaswamy 2021, Theorem 1).

use super::AccountError;
use crate::NoiseMultiplier;

/// The noise multiplier for the update, such that it and the count of updates below the clip norm, each shifted by 1/2 and with
/// noise of standard deviation `count_noise`, cost together what one Gaussian with `effective` does.
///
/// # Errors
/// [`AccountError::OutOfRange`] if the count alone costs as much.
pub fn clip_noise_split(effective: NoiseMultiplier, count_noise: f64) -> Result<NoiseMultiplier, AccountError> {
    let left = effective.get().powi(-2) - (2.0 * count_noise).powi(-2);
    NoiseMultiplier::new(left.powf(-0.5)).map_err(|_| AccountError::OutOfRange {
        what: "noise of the count",
        value: count_noise,
        range: "more than half of the effective noise multiplier",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_costs_everything_is_refused() {
        let effective = NoiseMultiplier::new(1.0).expect("positive");
        for count_noise in [0.5, 0.1, 0.0, f64::NAN] {
            assert!(clip_noise_split(effective, count_noise).is_err(), "{count_noise}");
        }
        let split = clip_noise_split(effective, 1e9).expect("a count that costs nothing");
        assert!((split.get() - 1.0).abs() < 1e-12);
    }
}
