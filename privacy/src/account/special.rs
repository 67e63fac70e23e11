//! Special functions whose relative precision holds far into the tails, where privacy is decided.

use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};

/// √(2π)
const SQRT_TAU: f64 = 2.506_628_274_631_000_5;

/// exp(x²) erfc(x). Infinite below about -26.6.
pub(super) fn erfcx(x: f64) -> f64 {
    if x > ERFCX_BY_FRACTION {
        return erfcx_by_fraction(x);
    }
    // x² in two parts: its rounding error alone would cost x² units in the last place of the exponential.
    let square = x * x;
    let rest = x.mul_add(x, -square);
    square.exp() * (1.0 + rest) * libm::erfc(x)
}

/// Laplace's continued fraction, from its tail up; 24 terms leave less than 1e-16 from here on.
fn erfcx_by_fraction(x: f64) -> f64 {
    let tail = (1..=24).rev().fold(0.0, |tail, k| f64::from(k) / 2.0 / (x + tail));
    1.0 / (PI.sqrt() * (x + tail))
}

/// Where the continued fraction takes over.
const ERFCX_BY_FRACTION: f64 = 10.0;

/// Φ(x), the standard normal distribution.
pub(super) fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// φ(x), its density.
pub(super) fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / SQRT_TAU
}

/// Mills' ratio (1 - Φ(x)) / φ(x).
pub(super) fn mills_ratio(x: f64) -> f64 {
    (PI / 2.0).sqrt() * erfcx(x / SQRT_2)
}

/// ln(1 - q + q e^r): the log-likelihood ratio of a mixture, from that of its second part.
pub(super) fn log_mix(rate: f64, r: f64) -> f64 {
    if rate == 1.0 {
        return r;
    }
    if r > 1.0 {
        return r + (rate + (1.0 - rate) * (-r).exp()).ln();
    }
    let change = rate * r.exp_m1();
    if change > -0.5 { change.ln_1p() } else { ((1.0 - rate) + rate * r.exp()).ln() }
}

/// The r at which [`log_mix`] is `mixed`; -∞ where none is.
pub(super) fn log_unmix(rate: f64, mixed: f64) -> f64 {
    if rate == 1.0 {
        return mixed;
    }
    if mixed > 1.0 {
        return mixed - rate.ln() + (-(1.0 - rate) * (-mixed).exp()).ln_1p();
    }
    let change = mixed.exp_m1() / rate;
    if change > -0.5 { change.ln_1p() } else { ((mixed.exp() - (1.0 - rate)) / rate).max(0.0).ln() }
}

/// ln(e^a + e^b)
pub(super) fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// ln(e^y - 1) for y > 0.
pub(super) fn log_expm1(y: f64) -> f64 {
    if y > 1.0 { y + (-(-y).exp()).ln_1p() } else { y.exp_m1().ln() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: f64, expected: f64, tolerance: f64) {
        assert!((value / expected - 1.0).abs() < tolerance, "{value:e} is not {expected:e}");
    }

    #[test]
    fn erfcx_keeps_its_digits() {
        // mpmath 1.4.1, 30 digits
        check(erfcx(0.5), 0.615_690_344_192_925_9, 1e-14);
        check(erfcx(3.0), 0.179_001_151_181_389_95, 1e-14);
        check(erfcx(9.9), 0.056_702_456_938_832_27, 1e-13);
        check(erfcx(10.1), 0.055_590_487_009_240_22, 1e-14);
        check(erfcx(1e3), 5.641_893_014_533_877e-4, 1e-14);
        check(erfcx(-2.0), 108.940_904_389_977_97, 1e-14);
    }

    #[test]
    fn normal_tails_keep_their_digits() {
        check(normal_cdf(-10.0), 7.619_853_024_160_526e-24, 1e-13);
    }

    #[test]
    fn unmixing_undoes_mixing() {
        for rate in [1e-9, 1e-3, 0.5, 1.0 - 1e-9, 1.0] {
            for r in [-3.0, -1e-6, 0.0, 1e-9, 0.7, 30.0, 800.0, 1e6] {
                let back = log_unmix(rate, log_mix(rate, r));
                let tolerance = 1e-15 * (1.0 + r.abs()) / rate;
                assert!((back - r).abs() <= 8.0 * tolerance, "rate {rate}, {r} came back as {back}");
            }
        }
    }

    #[test]
    fn mixtures_keep_their_digits_far_below_zero() {
        assert_eq!(log_mix(1.0, -1e5), -1e5);
        assert_eq!(log_unmix(1.0, -1e5), -1e5);
        check(log_mix(0.999_999, -50.0), -13.815_510_557_964_274, 1e-10);
        check(log_mix(1e-9, -50.0), -1.000_000_000_5e-9, 1e-12);
        check(log_unmix(0.5, -0.6), -2.326_639_369_436_752, 1e-12);
        assert_eq!(log_unmix(0.5, -0.7), f64::NEG_INFINITY);
    }

    #[test]
    fn sums_of_logarithms_do_not_overflow() {
        check(log_add(1000.0, 1000.0), 1000.0 + 2.0_f64.ln(), 1e-15);
        assert_eq!(log_add(f64::NEG_INFINITY, -3.0), -3.0);
        check(log_expm1(1e-12), -27.631_021_115_928_047, 1e-14);
        check(log_expm1(900.0), 900.0, 1e-15);
    }
}
