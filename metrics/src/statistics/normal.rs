//! The standard normal distribution.

use std::f64::consts::SQRT_2;

/// Beyond this many standard deviations nothing is left of a 64-bit probability.
const DEVIATIONS_MAX: f64 = 40.0;

/// The probability of at most `z`.
pub(crate) fn cumulative(z: f64) -> f64 {
    0.5 * libm::erfc(-z / SQRT_2)
}

/// The probability of more than `z`.
pub(crate) fn survival(z: f64) -> f64 {
    cumulative(-z)
}

/// The point below which `probability` lies; infinite at 0 and 1.
pub(crate) fn quantile(probability: f64) -> f64 {
    if probability > 0.5 {
        return -quantile(1.0 - probability);
    }
    if probability <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let (mut low, mut high) = (-DEVIATIONS_MAX, 0.0);
    // Halving ends at two neighbouring numbers: as exact as the distribution itself.
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return high;
        }
        if cumulative(middle) < probability { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_agree_with_published_values() {
        // scipy.special.ndtri, scipy 1.17.1
        let known =
            [(0.025, -1.959_963_984_540_054_5), (0.9, 1.281_551_565_544_600_4), (1e-10, -6.361_340_902_404_056)];
        for (probability, z) in known {
            assert!((quantile(probability) - z).abs() < 1e-11, "{probability}: {}", quantile(probability));
        }
        assert!(quantile(0.5).abs() < 1e-15);
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn the_quantile_undoes_the_distribution() {
        for z in [-8.0, -3.0, -0.1, 0.0, 0.7, 2.5] {
            assert!((quantile(cumulative(z)) - z).abs() < 1e-9, "{z}");
            assert!((cumulative(z) + survival(z) - 1.0).abs() < 1e-15);
        }
    }
}
