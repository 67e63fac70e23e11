//! The Skellam distribution: the difference of two independent Poisson variables, each of mean v/2. Sums of it are again
//! Skellam, which makes it the noise that sites add in shares (Agarwal, Kairouz and Liu 2021). P(k) = e^-v I_|k|(v), of
//! variance v and fourth cumulant v, and no approximation by a Gaussian is made anywhere.
//!
//! - `wide`, from v = 2^16: cells under an integer staircase, each draw kept with a probability near 1 that `shape` says.
//! - `narrow`, below: a table of all probabilities, which are few there.
//! - `cells` draws from rows of weights of 128 bits, for both.
//!
//! # What it rests on
//! - The random bits are those of ChaCha20.
//! - **Wide.** Proposals have integer weights and are exact. The probability of keeping one, exp(-X), is approximate: X is
//!   rounded down by at most two units of 2^-64 and the chance of its first coin by one, which is too much; later coins may
//!   make it too little by a third of one, as X < 0.3. What X has from floating point is below (2^-29 + 17/v) t² for t = k/√v,
//!   to 2^-50 of itself. So from v = 2^40 on ([`ACCOUNTED_FROM`]) ln P(k) is right within a range of 3.4 units of 2^-64, in
//!   which a constant does not matter: [`ERROR_MAX`], and [`ERROR_TYPICAL`] in the quadratic mean. (At v = 2^16 it is 2^-54
//!   for |t| ≤ 9.) A cell weighs what it should to 60 units of 2^-128, which up to t = 8 is below 2^-68 of it, and cells end
//!   after 13 standard deviations. The 640 cells beyond t = 8 move less than [`TAIL`] of the mass.
//!   [`crate::SharedNoise::missed_delta`] puts all three into δ.
//! - **Narrow.** Ratios of Bessel functions in f64: a relative 10^-12 of each probability. [`super::Grid`] never comes here:
//!   its noise is wider than 10^4 steps, and 2^29 of them for [`super::Grid::shared`]. Who accounts for narrow noise takes the
//!   table on trust.
//!
//! How long a draw takes depends on the draw, as with every rejection sampler: a block's time tells about as much as the
//! number of its draws that were thrown away.

mod cells;
mod narrow;
mod shape;
mod wide;

use super::{NoiseError, NoiseStream};
use narrow::Narrow;
use wide::Wide;

/// A deviation of 2^50: draws, and sums of a hundred of them, stay inside 64 bits.
const VARIANCE_MAX: f64 = (1_u128 << 100) as f64;
/// From here on the series of `shape` converges fast, and a table would be large.
const WIDE_FROM: f64 = (1_u32 << 16) as f64;

/// The variance from which the next two hold.
pub(crate) const ACCOUNTED_FROM: f64 = (1_u64 << 40) as f64;
/// By how much the logarithm of a probability may be wrong, up to 8 standard deviations.
pub(crate) const ERROR_MAX: f64 = 1.0 / (1_u64 << 62) as f64;
/// The same in the quadratic mean: half of a range is the most that a standard deviation can be.
pub(crate) const ERROR_TYPICAL: f64 = 1.0 / (1_u64 << 63) as f64;
/// Total variation distance that the units and the end of the cells beyond t = 8 cost each draw.
pub(crate) const TAIL: f64 = 1.0 / (1_u128 << 113) as f64;

/// A Skellam distribution around 0. Making one takes about 50 µs and drawing about 20 ns: keep it for many draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Skellam {
    variance: f64,
    law: Law,
}

#[derive(Debug, Clone, PartialEq)]
enum Law {
    Narrow(Narrow),
    Wide(Wide),
}

impl Skellam {
    /// With this variance, in squared integer units: any positive number up to 2^100, and exactly it.
    ///
    /// # Errors
    /// [`NoiseError::TooWide`] and [`NoiseError::NoVariance`].
    pub fn new(variance: f64) -> Result<Self, NoiseError> {
        if variance > VARIANCE_MAX {
            return Err(NoiseError::TooWide { in_grid_units: variance.sqrt(), largest: VARIANCE_MAX.sqrt() });
        }
        if variance.is_nan() || variance <= 0.0 {
            return Err(NoiseError::NoVariance { variance });
        }
        let law = match variance < WIDE_FROM {
            true => Law::Narrow(Narrow::new(variance)),
            false => Law::Wide(Wide::new(variance)),
        };
        Ok(Self { variance, law })
    }

    /// v, in squared integer units.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Independent draws, one for each place.
    pub fn fill(&self, stream: &mut NoiseStream, places: &mut [i64]) {
        let bits = stream.bits();
        match &self.law {
            Law::Narrow(narrow) => places.iter_mut().for_each(|place| *place = narrow.draw(bits)),
            Law::Wide(wide) => places.iter_mut().for_each(|place| *place = wide.draw(bits)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::testing::chi_squared_limit;
    use crate::noise::{NoiseStreams, SimulatedNoise};
    use wardround_plan::StreamKey;

    fn draws(variance: f64, count: usize, seed: u64) -> Vec<i64> {
        let mut places = vec![0; count];
        let mut noise = SimulatedNoise::new(&StreamKey::from_public_seed(seed), "skellam");
        let skellam = Skellam::new(variance).expect("in range");
        skellam.fill(&mut noise.take(1).expect("streams")[0], &mut places);
        places
    }

    /// P(k) = Σ_n e^-v (v/2)^(2n+k) / n! (n+k)!, the definition as a sum over pairs of Poisson variables.
    fn probability(variance: f64, k: i64) -> f64 {
        let (mean, k) = (variance / 2.0, k.unsigned_abs() as f64);
        let term = |n: f64| {
            let (first, second) = (libm::lgamma(n + 1.0), libm::lgamma(n + k + 1.0));
            ((2.0 * n + k) * mean.ln() - variance - first - second).exp()
        };
        (0..(3.0 * mean) as i32 + 60).map(|n| term(f64::from(n))).sum()
    }

    /// χ² of cells of `width` integers around 0, expecting at least five draws in each.
    fn check_cells(variance: f64, width: i64, probability: impl Fn(i64) -> f64) {
        const DRAWS: usize = 2_000_000;
        let reach = (4.0 * variance.sqrt() / width as f64).ceil() as i64;
        let mut seen = vec![0.0; 2 * reach as usize + 1];
        for draw in draws(variance, DRAWS, 11) {
            if let Some(cell) = usize::try_from(draw.div_euclid(width) + reach).ok().and_then(|cell| seen.get_mut(cell))
            {
                *cell += 1.0;
            }
        }
        let cells = (-reach..=reach).zip(seen).map(|(cell, seen)| (probability(cell) * DRAWS as f64, seen));
        let cells: Vec<(f64, f64)> = cells.filter(|(expected, _)| *expected >= 5.0).collect();
        let statistic: f64 = cells.iter().map(|(expected, seen)| (seen - expected).powi(2) / expected).sum();
        assert!(
            statistic < chi_squared_limit(cells.len() as f64),
            "v = {variance}: {statistic} in {} cells",
            cells.len()
        );
    }

    /// Wrong by chance for less than one seed in 10^9, as the others here.
    #[test]
    fn small_variances_follow_the_definition() {
        for variance in [0.3, 1.0, 2.0, 7.3, 64.0] {
            check_cells(variance, 1, |k| probability(variance, k));
        }
    }

    #[test]
    fn both_laws_follow_bessel_functions_where_they_meet() {
        for variance in [WIDE_FROM.next_down(), WIDE_FROM, 3.1 * WIDE_FROM] {
            let ratios = narrow::ratios_to_zero(variance);
            let total = 2.0 * ratios.iter().sum::<f64>() - 1.0;
            let single = |k: i64| ratios.get(k.unsigned_abs() as usize).unwrap_or(&0.0) / total;
            check_cells(variance, 16, |cell| (16 * cell..16 * cell + 16).map(single).sum());
        }
    }

    #[test]
    fn large_variances_fill_cells_like_a_gaussian() {
        for exponent in [33, 50, 61, 100] {
            let variance = 0.8 * 2.0_f64.powi(exponent);
            let deviation = variance.sqrt();
            let width = (deviation / 8.0) as i64;
            let upper = |x: f64| 0.5 * libm::erfc(x / deviation / std::f64::consts::SQRT_2);
            check_cells(variance, width, |cell| {
                let from = (width * cell) as f64 - 0.5;
                (upper(from) - upper(from + width as f64)).abs()
            });
        }
    }

    #[test]
    fn moments_and_tails_are_those_of_the_distribution_at_every_width() {
        const DRAWS: usize = 1_000_000;
        let n = DRAWS as f64;
        for variance in [1.0, 40.0, 5e4, 7e4, 1e9, 2.0_f64.powi(61), VARIANCE_MAX] {
            let scaled: Vec<f64> = draws(variance, DRAWS, 3).iter().map(|x| *x as f64 / variance.sqrt()).collect();
            let moment = |power| scaled.iter().map(|x| x.powi(power)).sum::<f64>() / n;
            // Moments 2, 4, 6, 8 of cumulants v, v, v, v over powers of v, with u = 1/v.
            let u = 1.0 / variance;
            let sixth = 15.0 + u * (15.0 + u);
            let eighth = 105.0 + u * (210.0 + u * (63.0 + u));
            let spread = [1.0, 2.0 + u, sixth, eighth - (3.0 + u).powi(2)];
            for ((power, expected), spread) in [(1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0 + u)].into_iter().zip(spread) {
                let error = (moment(power) - expected).abs();
                assert!(error < 6.0 * (spread / n).sqrt(), "moment {power} at v = {variance}: off by {error}");
            }
            let tails = [(2.0, 0.045_500_3), (3.0, 0.002_699_8), (4.0, 6.334e-5)];
            for (beyond, probability) in tails.into_iter().filter(|_| variance > 1e9) {
                let seen = scaled.iter().filter(|x| x.abs() > beyond).count() as f64;
                assert!(
                    (seen - n * probability).abs() < 7.0 * (n * probability).sqrt(),
                    "{beyond}, {variance}: {seen}"
                );
            }
        }
    }

    #[test]
    fn draws_repeat_by_key_and_are_handed_out_in_order() {
        for variance in [3.0, 1e12] {
            assert_eq!(draws(variance, 1000, 1), draws(variance, 1000, 1));
            assert_ne!(draws(variance, 1000, 1), draws(variance, 1000, 2));
            let mut noise = SimulatedNoise::new(&StreamKey::from_public_seed(1), "skellam");
            let mut stream = noise.take(1).expect("streams").remove(0);
            let (skellam, mut parts) = (Skellam::new(variance).expect("in range"), vec![0; 1000]);
            parts.chunks_mut(7).for_each(|part| skellam.fill(&mut stream, part));
            assert_eq!(parts, draws(variance, 1000, 1));
        }
    }

    #[test]
    fn variances_that_no_integers_hold_are_refused() {
        for variance in [f64::INFINITY, VARIANCE_MAX.next_up()] {
            assert!(matches!(Skellam::new(variance), Err(NoiseError::TooWide { .. })), "{variance}");
        }
        for variance in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert!(matches!(Skellam::new(variance), Err(NoiseError::NoVariance { .. })), "{variance}");
        }
        for variance in [f64::MIN_POSITIVE, VARIANCE_MAX] {
            assert_eq!(Skellam::new(variance).expect("in range").variance(), variance);
        }
    }
}
