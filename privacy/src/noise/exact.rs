//! The discrete Gaussian, exactly: P(x) ∝ exp(-x² / 2s²) on the integers, sampled by integer arithmetic alone
//! (Canonne, Kamath and Steinke 2020, section 5, algorithms 1 to 3, with t = s).
//!
//! A coin that falls with probability exp(-n/m) is a row of coins n/m, n/2m, n/3m ... (algorithm 1). A discrete Laplace
//! of scale s is a remainder u < s, kept with probability exp(-u/s), and a number of turns v, geometric with exp(-1)
//! (algorithm 2); it is accepted with probability exp(-(u + sv - s)² / 2s²) (algorithm 3). With x = u/s and w = v - 1
//! that is exp(-w²/2) exp(-xw) exp(-x²/2), and for v = 0 it is exp(-(1-x)²/2): products of coins of x and of small
//! integers, so that no number here is larger than 2s.
//!
//! # What the accountant may claim
//! With s at least the accountant's σ in grid units, and one patient changing the sum by an integer vector v:
//! - **Theorem**: zCDP and RDP of one release are at most those of the continuous Gaussian (CKS20, proposition 5).
//! - **Theorem**: RDP of the Poisson-sampled release at every *integer* order equals that of the continuous one:
//!   E over N(0, s²) of (N(v, s²) / N(0, s²))^k is exp(k(k-1)‖v‖² / 2s²) exactly, because the remaining sum over the
//!   integers is only shifted by the integer vector kv; the binomial expansion of Mironov, Talwar and Zhang (2019) is
//!   therefore the same number, and its other direction is no larger (their theorem 5: x → v - x maps the integers onto
//!   themselves). Between integer orders, (a - 1)ε(a) is convex, so the chord is valid.
//! - **Theorem with a number**: for PLDs there is no such identity, but the discrete Gaussian of parameter s is the
//!   *rounded* continuous Gaussian of variance s² - 1/12, which has the continuous PLD by post-processing, up to a total
//!   variation distance of [`distance_to_rounded_gaussian`] a release (proven to leading order by Sheppard's corrections:
//!   the two differ from the fourth cumulant on, which is -1/120; the constant is checked numerically below). T releases
//!   then add at most (1 + e^ε) T times that distance to δ. [`super::Grid`] keeps s above 10^4 √d, where the distance is
//!   below 10^-19, and [`DiscreteGaussian::at_least`] leaves room for the 1/12. So `Mechanism::SampledGaussian` is the
//!   charge, and δ is missed by less than 10^-12 for any study of 10^6 steps at ε below 2.

use super::{NoiseError, NoiseStream};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;

/// Numbers up to 2s, and sums of a few draws, stay far inside 64 bits.
const DEVIATION_MAX: f64 = (1_u64 << 50) as f64;
/// (1/120)² / 24 = 2.9e-6 to leading order; rounded up for the orders behind it, from s = 2 on.
const CHI_SQUARED_CONSTANT: f64 = 4e-6;

/// A discrete Gaussian with an integer parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscreteGaussian {
    sigma: u64,
}

impl DiscreteGaussian {
    /// The smallest that is at least as wide as a rounded Gaussian with this standard deviation, both in grid units.
    ///
    /// # Errors
    /// [`NoiseError::TooWide`].
    pub fn at_least(deviation: f64) -> Result<Self, NoiseError> {
        if !(deviation > 0.0 && deviation <= DEVIATION_MAX) {
            return Err(NoiseError::TooWide { in_grid_units: deviation, largest: DEVIATION_MAX });
        }
        // s ≥ deviation + 1/12 and s ≥ 1 give s² - 1/12 ≥ deviation².
        Ok(Self { sigma: (deviation + 1.0 / 12.0).next_up().ceil() as u64 })
    }

    /// The parameter s, in grid units.
    pub fn sigma(&self) -> u64 {
        self.sigma
    }

    /// Independent draws, one for each place.
    pub fn fill(&self, stream: &mut NoiseStream, places: &mut [i64]) {
        let mut coins = Coins { bits: stream.bits(), sigma: self.sigma };
        for place in places {
            *place = coins.gaussian();
        }
    }
}

/// An upper bound on the total variation distance between `entries` discrete Gaussians of parameter `sigma` and as many
/// rounded continuous ones of variance `sigma`² - 1/12: ½ √(d χ²) with χ² = 4e-6 / s^8 for each. Meaningful from s = 2.
pub fn distance_to_rounded_gaussian(sigma: u64, entries: usize) -> f64 {
    0.5 * (entries as f64 * CHI_SQUARED_CONSTANT).sqrt() / (sigma as f64).powi(4)
}

/// Coins with exact probabilities.
struct Coins<'a> {
    bits: &'a mut ChaCha20Rng,
    sigma: u64,
}

impl Coins<'_> {
    fn gaussian(&mut self) -> i64 {
        loop {
            let signed_remainder = self.below(2 * self.sigma);
            let (remainder, negative) = (signed_remainder >> 1, signed_remainder & 1 == 1);
            if !self.exp_minus_fraction(remainder) {
                continue;
            }
            let turns = self.turns();
            if !self.accepts(remainder, turns) || (negative && remainder == 0 && turns == 0) {
                continue;
            }
            // Accepted turns are below 40 but for a probability of exp(-700): the product stays inside i64.
            let magnitude = (remainder + turns * self.sigma) as i64;
            return if negative { -magnitude } else { magnitude };
        }
    }

    /// v, with probability e^-v (1 - 1/e).
    fn turns(&mut self) -> u64 {
        let mut turns = 0;
        while self.exp_minus_one() {
            turns += 1;
        }
        turns
    }

    /// Falls with probability exp(-(u + sv - s)² / 2s²).
    fn accepts(&mut self, remainder: u64, turns: u64) -> bool {
        let Some(further) = turns.checked_sub(1) else {
            return self.exp_minus_half_square(self.sigma - remainder);
        };
        (0..further.saturating_mul(further)).all(|_| self.exp_minus_half())
            && (0..further).all(|_| self.exp_minus_fraction(remainder))
            && self.exp_minus_half_square(remainder)
    }

    /// Falls with probability exp(-n/s), for n ≤ s.
    fn exp_minus_fraction(&mut self, numerator: u64) -> bool {
        first_failure(|k| self.one_in(k) && self.fraction(numerator))
    }

    /// Falls with probability exp(-(n/s)² / 2), for n ≤ s.
    fn exp_minus_half_square(&mut self, numerator: u64) -> bool {
        first_failure(|k| self.one_in(2 * k) && self.fraction(numerator) && self.fraction(numerator))
    }

    fn exp_minus_half(&mut self) -> bool {
        first_failure(|k| self.one_in(2 * k))
    }

    fn exp_minus_one(&mut self) -> bool {
        first_failure(|k| self.one_in(k))
    }

    /// Falls with probability n/s.
    fn fraction(&mut self, numerator: u64) -> bool {
        self.below(self.sigma) < numerator
    }

    /// Falls with probability 1/k.
    fn one_in(&mut self, k: u64) -> bool {
        match k {
            1 => true,
            2 => self.bits.next_u32() & 1 == 0,
            _ => self.below(k) == 0,
        }
    }

    /// Uniform below `bound` (Lemire 2019): no bias, and one multiplication in nearly all cases.
    #[inline]
    fn below(&mut self, bound: u64) -> u64 {
        loop {
            let wide = u128::from(self.bits.next_u64()) * u128::from(bound);
            let low = wide as u64;
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (wide >> 64) as u64;
            }
        }
    }
}

/// Algorithm 1: whether the first k at which `coin(k)` does not fall is odd. With P(coin(k)) = x/k that has
/// probability exp(-x).
#[inline]
fn first_failure(mut coin: impl FnMut(u64) -> bool) -> bool {
    let mut k = 1;
    while coin(k) {
        k += 1;
    }
    k % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::testing::chi_squared_limit;
    use crate::noise::{NoiseStreams, SimulatedNoise};
    use wardround_plan::StreamKey;

    fn draws(sigma: u64, count: usize, seed: u64) -> Vec<i64> {
        let mut places = vec![0; count];
        let mut noise = SimulatedNoise::new(&StreamKey::from_public_seed(seed), "exact");
        DiscreteGaussian { sigma }.fill(&mut noise.take(1).expect("streams")[0], &mut places);
        places
    }

    fn weights(sigma: u64) -> impl Fn(i64) -> f64 {
        let square = 2.0 * (sigma * sigma) as f64;
        let total: f64 = (-(12 * sigma as i64)..=12 * sigma as i64).map(|x| (-((x * x) as f64) / square).exp()).sum();
        move |x| (-((x * x) as f64) / square).exp() / total
    }

    /// Wrong by chance for less than one seed in 10^9.
    #[test]
    fn small_parameters_follow_the_definition() {
        const DRAWS: usize = 1_000_000;
        for sigma in [1, 2, 3, 7] {
            let reach = 3 * sigma as i64;
            let weight = weights(sigma);
            let draws = draws(sigma, DRAWS, sigma);
            let cells = (-reach..=reach).map(|x| {
                let seen = draws.iter().filter(|draw| **draw == x).count() as f64;
                let expected = weight(x) * DRAWS as f64;
                (seen - expected).powi(2) / expected
            });
            let (statistic, cells) = (cells.sum::<f64>(), (2 * reach + 1) as f64);
            assert!(statistic < chi_squared_limit(cells), "s = {sigma}: {statistic} in {cells} cells");
        }
    }

    #[test]
    fn moments_and_tails_are_those_of_a_gaussian_at_every_width() {
        const DRAWS: usize = 400_000;
        let n = DRAWS as f64;
        for sigma in [1 << 6, 1 << 10, (1 << 20) + 7, 1 << 32, 1 << 50] {
            let scaled: Vec<f64> = draws(sigma, DRAWS, 3).iter().map(|x| *x as f64 / sigma as f64).collect();
            let moment = |power| scaled.iter().map(|x| x.powi(power)).sum::<f64>() / n;
            // Six standard errors of each moment of a standard normal: 1, 2, 15, 96 are the variances.
            for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0_f64)] {
                let error = (moment(power) - expected).abs();
                assert!(error < 6.0 * (variance / n).sqrt(), "moment {power} at s = {sigma}: off by {error}");
            }
            for (beyond, probability) in [(1.0, 0.317_310_5), (2.0, 0.045_500_3), (3.0, 0.002_699_8), (4.0, 6.334e-5)] {
                let seen = scaled.iter().filter(|x| x.abs() > beyond).count() as f64;
                // At s = 64, x = ±s itself is a visible atom, half of it on each side of the continuous boundary.
                let spread = 7.0 * (n * probability).sqrt() + n * 0.5 / sigma as f64;
                assert!((seen - n * probability).abs() < spread, "beyond {beyond} at s = {sigma}: {seen}");
            }
        }
    }

    #[test]
    fn the_parameter_is_rounded_up_past_what_rounding_narrows() {
        for deviation in [0.001, 0.5, 1.0, 9.91, 10.0, 12345.678, 1e9] {
            let sigma = DiscreteGaussian::at_least(deviation).expect("in range").sigma() as f64;
            assert!(sigma * sigma - 1.0 / 12.0 >= deviation * deviation && sigma <= deviation + 1.1);
        }
        for deviation in [0.0, -1.0, f64::NAN, f64::INFINITY, 2e15] {
            assert!(matches!(DiscreteGaussian::at_least(deviation), Err(NoiseError::TooWide { .. })), "{deviation}");
        }
    }

    #[test]
    fn distance_to_the_rounded_gaussian_is_below_the_bound() {
        for sigma in 2..=10_u64 {
            let weight = weights(sigma);
            let deviation = ((sigma * sigma) as f64 - 1.0 / 12.0).sqrt();
            let upper = |x: f64| 0.5 * libm::erfc(x / deviation / std::f64::consts::SQRT_2);
            let term = |x: i64| {
                // By symmetry in the right half, where the tail function keeps its digits.
                let cell = upper(x.abs() as f64 - 0.5) - upper(x.abs() as f64 + 0.5);
                (weight(x) - cell).powi(2) / cell
            };
            let reach = 7 * sigma as i64;
            let chi_squared: f64 = (-reach..=reach).map(term).sum();
            let leading = 1.0 / (120.0 * 120.0 * 24.0 * (sigma as f64).powi(8));
            let ratio = chi_squared / leading;
            assert!(
                (0.5..=CHI_SQUARED_CONSTANT / 2.9e-6).contains(&ratio),
                "s = {sigma}: {ratio} of the leading order"
            );
        }
        assert!(distance_to_rounded_gaussian(10_000, 1) < 1.1e-19);
    }

    #[test]
    fn sampled_release_has_the_renyi_divergence_of_the_continuous_one() {
        // s small on purpose: the identity at integer orders does not need a wide noise.
        let (sigma, shift, rate) = (2_u64, 3_i64, 0.3_f64);
        let weight = weights(sigma);
        for order in 2..=6 {
            let term = |x: i64| {
                let (without, with) = (weight(x), weight(x - shift));
                without * ((1.0 - rate) + rate * with / without).powi(order)
            };
            let discrete: f64 = (-(12 * sigma as i64)..=20 * sigma as i64).map(term).sum();
            let mut binomial = 1.0;
            let mut continuous = 0.0;
            for k in 0..=order {
                let exponent = f64::from(k * (k - 1)) * (shift * shift) as f64 / (2.0 * (sigma * sigma) as f64);
                continuous += binomial * (1.0 - rate).powi(order - k) * rate.powi(k) * exponent.exp();
                binomial *= f64::from(order - k) / f64::from(k + 1);
            }
            assert!((discrete / continuous - 1.0).abs() < 1e-9, "order {order}: {discrete} and {continuous}");
        }
    }
}
