//! How far the logarithm of a Skellam probability is from that of a Gaussian.
//!
//! With w = √(v² + k²) and p = k/w, Debye's expansion (DLMF 10.41.3) of I_k(v) gives
//! ln P(k) = -v + w - k asinh(k/v) - ½ ln(2πw) + ln(1 + u₁ + u₂ + ...), u_i = U_i(p) / k^i. With x = k/v the first three
//! terms are v (√(1+x²) - 1 - x asinh x) = -k²/2v + v (x⁴/24 - x⁶/80 + ...): the Gaussian comes out by algebra, not by
//! taking large numbers from one another, so what is left keeps its digits.

/// Coefficients of x⁴, x⁶ ... in √(1+x²) - 1 - x asinh x + x²/2, the integral of x - asinh x.
const COEFFICIENTS: [f64; 6] = [1.0 / 24.0, -1.0 / 80.0, 5.0 / 896.0, -7.0 / 2304.0, 21.0 / 11264.0, -33.0 / 26624.0];

/// ln(P(k) / P(0)) + k²/2v. For v from 2^16 and |k| ≤ 13.1 √v the series leave less than 2^-60, and less than 2^-70 within
/// 8 √v.
pub(super) fn excess_over_gaussian(variance: f64, k: f64) -> f64 {
    let x = k / variance;
    let square = x * x;
    let series = COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| sum * square + coefficient);
    let exponent = variance * square * square * series;
    exponent - 0.25 * square.ln_1p() + debye(variance, square).ln_1p() - debye(variance, 0.0).ln_1p()
}

/// u₁ + u₂ + u₃ at x².
fn debye(variance: f64, square: f64) -> f64 {
    let w = variance * (1.0 + square).sqrt();
    let p = square / (1.0 + square);
    let first = (3.0 - 5.0 * p) / 24.0;
    let second = (81.0 - 462.0 * p + 385.0 * p * p) / 1152.0;
    let third = (30375.0 - p * (369_603.0 - p * (765_765.0 - p * 425_425.0))) / 414_720.0;
    (first + (second + third / w) / w) / w
}

#[cfg(test)]
mod tests {
    use super::super::narrow::ratios_to_zero;
    use super::*;

    /// Against the continued fraction of Bessel functions, whose own error grows with k to about 10^-12.
    #[test]
    fn expansion_agrees_with_bessel_functions() {
        for variance in [65_536.0, 100_000.5, 1e6] {
            let ratios = ratios_to_zero(variance);
            for (k, ratio) in ratios.iter().enumerate().take((13.1 * variance.sqrt()) as usize).step_by(37) {
                let k = k as f64;
                let expected = ratio.ln() + k * k / (2.0 * variance);
                let error = (excess_over_gaussian(variance, k) - expected).abs();
                assert!(error < 2e-12, "v = {variance}, k = {k}: off by {error}");
            }
        }
    }

    /// mpmath 1.4.1, 50 digits: ln(I_k(v) / I_0(v)) + k²/2v by the continued fraction; besseli agrees where it converges.
    const EXPECTED: [(f64, f64, f64); 8] = [
        (65_536.0, 256.0, -3.178_951_253_426_544_4e-6),
        (65_536.0, 2048.0, 0.002_359_378_535_781_250_5),
        (65_536.0, 3330.0, 0.017_543_564_472_763_58),
        (1_000_000.5, 77.0, -1.480_785_411_285_997_8e-9),
        (1_000_000.5, 5000.0, 1.979_150_989_730_125_5e-5),
        (1_000_000.5, 13_000.0, 0.001_147_733_117_400_993),
        (1_073_741_824.0, 32_768.0, -1.940_255_365_155_569_7e-10),
        (1_073_741_824.0, 200_000.0, 4.517_928_666_439_650_4e-8),
    ];

    #[test]
    fn expansion_keeps_its_digits() {
        for (variance, k, expected) in EXPECTED {
            let error = (excess_over_gaussian(variance, k) - expected).abs();
            assert!(error < 2.0_f64.powi(-52) * expected.abs() + 1e-19, "v = {variance}, k = {k}: off by {error:e}");
        }
    }
}
