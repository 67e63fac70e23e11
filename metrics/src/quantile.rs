//! The quantile that numpy takes by default: linear between the two values around it (Hyndman and Fan 1996, type 7).

/// The quantile of values in ascending order; `share` is from 0 to 1. `None` without a value.
pub(crate) fn quantile_of_sorted(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share * last as f64;
    let below = (place.floor() as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let between = place - below as f64;
    // From the nearer end, as numpy does: exact at both.
    Some(if between < 0.5 { low + (high - low) * between } else { high - (high - low) * (1.0 - between) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_linear_between_values_and_exact_at_them() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        let shares = [0.0, 0.5, 1.0, 0.25, 0.9];
        // numpy.quantile([1, 2, 4, 8], [0, .5, 1, .25, .9])
        let expected = [1.0, 3.0, 8.0, 1.75, 6.8];
        for (share, expected) in shares.into_iter().zip(expected) {
            assert!((quantile_of_sorted(&sorted, share).expect("values") - expected).abs() < 1e-12, "{share}");
        }
        assert_eq!(quantile_of_sorted(&[3.0], 0.7), Some(3.0));
        assert_eq!(quantile_of_sorted(&[], 0.7), None);
    }
}
