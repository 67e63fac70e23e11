//! Large variances: cells of a Gaussian that lies above, and a coin that falls by the difference.
//!
//! The integers k ≥ 0 are cut into cells of 2^b of them, 64 to 128 cells to a standard deviation. Cell j, of weight
//! exp(-j²/M), is drawn exactly, then a place r in it, uniformly. That is a staircase over exp(-k²/2s²) with
//! s² = 4^b M/2 for an M of 16 binary places, and the draw is kept with probability exp(-X),
//! X = r(2j 2^b + r) / 4^b M + k² (s² - v)/2v s² - ([`excess_over_gaussian`]), which leaves exp(-k²/2s²) by the first term
//! and the Skellam distribution by the others. X is at most 0.3 and mostly below 0.02: 16 bits nearly always tell
//! that the draw is kept. Where they do not, the first term is computed in integers and the rest is so small that its
//! rounding in floating point does not matter: it is below 2^-29 t² for a large v.

use super::cells::Cells;
use super::shape::excess_over_gaussian;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;

/// Binary places of M: with these, s² is above v by less than 2^-29 of it (and [`ROOM`]).
const PLACES: u32 = 16;
/// Cells in a standard deviation, at least; at most twice as many.
const CELLS_IN_DEVIATION: f64 = 64.0;
/// Standard deviations after which there are no cells: what is beyond weighs less than 2^-120.
const REACH: f64 = 13.0;
/// s² - v ≥ 16 keeps X ≥ 0: the fourth-order term k⁴/24v³ is below k²(s² - v)/2vs² for k up to 13 s, as 13²/12 < 16.
const ROOM: f64 = 16.0;

/// A Skellam distribution under a staircase.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wide {
    variance: f64,
    /// b
    cell_bits: u32,
    /// M, with [`PLACES`] binary places
    denominator: u64,
    cells: Cells,
    /// For each cell: from here on, 16 random bits say that a draw is kept.
    kept_from: Vec<u16>,
}

impl Wide {
    /// For a variance of 2^16 to 2^100.
    pub fn new(variance: f64) -> Self {
        let cell_bits = ((variance + ROOM).sqrt() / CELLS_IN_DEVIATION).log2().floor() as u32;
        let denominator = (fixed(2.0 * (variance + ROOM) / square_of_cell(cell_bits))).floor() as u64 + 1;
        let count = (REACH * (float(denominator) / 2.0).sqrt()).ceil() as usize;
        let cells = Cells::new(weights(denominator, count).into_iter());
        let mut wide = Self { variance, cell_bits, denominator, cells, kept_from: Vec::new() };
        wide.kept_from = (0..count).map(|cell| wide.surely_kept_from(cell)).collect();
        wide
    }

    #[inline]
    pub fn draw(&self, bits: &mut ChaCha20Rng) -> i64 {
        loop {
            let cell = self.cells.draw(bits);
            // One word: a sign, 16 bits of the coin, and the place in the cell, at most 44 bits of the upper end.
            let word = bits.next_u64();
            let (negative, coin) = ((word & 1) as i64, (word >> 1) as u16);
            let place = word >> (u64::BITS - self.cell_bits);
            if coin < self.kept_from[cell] && !exp_minus(self.exponent(cell, place), coin, bits) {
                continue;
            }
            let magnitude = (((cell as u64) << self.cell_bits) | place) as i64;
            if magnitude == 0 && negative == 1 {
                continue;
            }
            return (magnitude ^ -negative) + negative;
        }
    }

    /// X, in units of 2^-64.
    fn exponent(&self, cell: usize, place: u64) -> u128 {
        let (cell, place, shift) = (cell as u128, u128::from(place), 2 * self.cell_bits);
        let numerator = place * (((2 * cell) << self.cell_bits) + place);
        let scaled = if shift <= 64 { numerator << (64 - shift) } else { numerator >> (shift - 64) };
        let rest = self.rest(((cell << self.cell_bits) | place) as f64);
        (scaled << PLACES) / u128::from(self.denominator) + (rest * 2.0_f64.powi(64)) as u128
    }

    /// What X has beyond the first term.
    fn rest(&self, k: f64) -> f64 {
        self.widening() * k * k - excess_over_gaussian(self.variance, k)
    }

    /// (s² - v) / 2vs². s² has few binary digits and is near v, so that the difference has no rounding error.
    fn widening(&self) -> f64 {
        let square = square_of_cell(self.cell_bits) * float(self.denominator) / 2.0;
        (square - self.variance) / (2.0 * self.variance * square)
    }

    /// An upper bound on X in a cell, in units of 2^-16. What is left out of the widening is below k²/v².
    fn surely_kept_from(&self, cell: usize) -> u16 {
        let end = (cell as f64 + 1.0) * square_of_cell(self.cell_bits).sqrt();
        let rest = (self.widening() + 1.0 / self.variance.powi(2)) * end * end;
        let bound = (2.0 * cell as f64 + 1.0) / float(self.denominator) + rest;
        (bound * 65_536.0).ceil() as u16 + 1
    }
}

/// Falls with probability exp(-X), for X in units of 2^-64, by a row of coins X, X/2, X/3 ... of which the first has begun
/// with 16 bits (Canonne, Kamath and Steinke 2020, algorithm 1).
#[cold]
fn exp_minus(exponent: u128, coin: u16, bits: &mut ChaCha20Rng) -> bool {
    let mut uniform = u64::from(coin) << 48 | bits.next_u64() >> 16;
    let mut k = 1;
    while u128::from(uniform) < exponent / k {
        k += 1;
        uniform = bits.next_u64();
    }
    k % 2 == 1
}

/// A number times 2^16.
fn fixed(number: f64) -> f64 {
    number * f64::from(1_u32 << PLACES)
}

/// The number of one with 16 binary places.
fn float(fixed: u64) -> f64 {
    fixed as f64 / f64::from(1_u32 << PLACES)
}

/// 4^b
fn square_of_cell(cell_bits: u32) -> f64 {
    4.0_f64.powi(cell_bits as i32)
}

/// exp(-j²/M), scaled to a sum just below 2^128. With q = exp(-1/M), each is the one before times q^(2j-1); integers of 127
/// binary places keep all but the last dozen of them, over two thousand steps.
fn weights(denominator: u64, count: usize) -> Vec<u128> {
    let sum: f64 = (0..count).map(|cell| (-((cell * cell) as f64) / float(denominator)).exp()).sum();
    let largest = (2.0_f64.powi(128) * (1.0 - 1e-9) / sum) as u128;
    let ratio = exp_minus_inverse(denominator);
    let square = product(ratio, ratio);
    let next = |(weight, step): &(u128, u128)| Some((product(*weight, *step), product(*step, square)));
    std::iter::successors(Some((largest, ratio)), next).map(|(weight, _)| weight).take(count).collect()
}

/// exp(-1/M) with 127 binary places, by its series.
fn exp_minus_inverse(denominator: u64) -> u128 {
    let mut term = 1_u128 << 127;
    let mut sum = term;
    for n in 1.. {
        let divisor = u128::from(denominator) * n;
        // What is left is scaled and divided as well: nothing is lost to the scale.
        term = ((term / divisor) << PLACES) + ((term % divisor) << PLACES) / divisor;
        match (term, n % 2) {
            (0, _) => break,
            (_, 1) => sum -= term,
            _ => sum += term,
        }
    }
    sum
}

/// The product with a number of 127 binary places, up to four units in the last.
fn product(a: u128, b: u128) -> u128 {
    let low = |x: u128| x & u128::from(u64::MAX);
    let middle = (((a >> 64) * low(b)) >> 64) + ((low(a) * (b >> 64)) >> 64);
    ((a >> 64) * (b >> 64) + middle) << 1
}

#[cfg(test)]
mod tests {
    use super::super::narrow::ratios_to_zero;
    use super::*;
    use crate::noise::testing::chi_squared_limit;
    use rand_chacha::rand_core::SeedableRng;

    /// Of many sizes, both sides of a change of the cells' width, and where adding 16 changes nothing.
    const VARIANCES: [f64; 9] =
        [65_536.0, 77_777.7, 262_127.9, 262_128.1, 1e9, 1.7e14, 4.6e18, 2.4e27, (1_u128 << 100) as f64];

    /// What a draw's proposal weighs, times the probability of keeping it.
    fn weight(wide: &Wide, weights: &[u128], k: u64) -> f64 {
        let (cell, place) = ((k >> wide.cell_bits) as usize, k & ((1 << wide.cell_bits) - 1));
        weights[cell] as f64 * (-(wide.exponent(cell, place) as f64) * 2.0_f64.powi(-64)).exp()
    }

    /// The law of the sampler is computed, not sampled: every 13th integer up to 13 deviations.
    #[test]
    fn proposals_and_coins_make_the_definition() {
        for variance in &VARIANCES[..4] {
            let wide = Wide::new(*variance);
            let weights = weights(wide.denominator, wide.kept_from.len());
            let origin = weight(&wide, &weights, 0);
            let reach = (12.0 * variance.sqrt()) as usize;
            for (k, expected) in ratios_to_zero(*variance).iter().enumerate().take(reach).step_by(13) {
                let relative = weight(&wide, &weights, k as u64) / origin / expected - 1.0;
                // The oracle's own error; in the far tail, weights of few bits.
                let tail = 2.0_f64.powi(-115) / expected;
                assert!(relative.abs() < 2e-12 + tail, "v = {variance}, k = {k}: off by {relative:e}");
            }
        }
    }

    #[test]
    fn cells_have_the_weights_of_a_gaussian() {
        for denominator in [8192 << PLACES, (12_345 << PLACES) + 77, 32_768 << PLACES] {
            let weights = weights(denominator, 1500);
            for (cell, weight) in weights.iter().enumerate() {
                let expected = (-((cell * cell) as f64) / float(denominator)).exp();
                let error = (*weight as f64 / weights[0] as f64 - expected).abs();
                assert!(error <= 1e-13 * expected + 2.0_f64.powi(-115), "M = {denominator}, cell {cell}: {error:e}");
            }
        }
    }

    /// mpmath 1.4.1, 80 digits: exp(-j²/M) 2^127.
    #[test]
    fn weights_keep_their_digits() {
        for (denominator, cell, expected) in EXPONENTIALS {
            let weights = weights(denominator, cell + 1);
            let expected = product(weights[0], expected);
            // A step loses less than 2^-124 of itself for each before it, and four units.
            let bound = (expected >> 124) * (cell * cell) as u128 + 200;
            let error = weights[cell].abs_diff(expected);
            assert!(error <= bound, "M = {denominator} / 2^16, cell {cell}: {error} units");
        }
        let ratio = exp_minus_inverse(8192 << PLACES);
        assert!(ratio.abs_diff(170_120_415_540_634_113_388_516_090_070_739_110_908) < 16, "{ratio}");
    }

    const EXPONENTIALS: [(u64, usize, u128); 5] = [
        (8192 << PLACES, 90, 63_298_336_683_150_415_963_460_400_959_159_360_551),
        (12_345 << PLACES, 400, 399_984_702_283_550_799_184_257_851_060_263),
        (32_768 << PLACES, 1000, 9_488_414_938_294_555_974_788_247),
        ((8192 << PLACES) + 12_345, 1, 170_120_416_018_138_895_868_887_751_857_172_821_008),
        ((8192 << PLACES) + 12_345, 400, 560_648_146_227_264_164_027_676_770_957),
    ];

    #[test]
    fn coins_are_probabilities_and_the_first_bits_never_keep_too_much() {
        for variance in VARIANCES {
            let wide = Wide::new(variance);
            let last = (1_u64 << wide.cell_bits) - 1;
            for cell in 0..wide.kept_from.len() {
                for place in [0, 1, last / 3, last / 2, last] {
                    let k = ((cell as u64) << wide.cell_bits | place) as f64;
                    assert!(wide.rest(k) >= 0.0, "v = {variance}: the staircase is above k = {k}");
                    let exponent = wide.exponent(cell, place);
                    let surely = u128::from(wide.kept_from[cell]) << 48;
                    assert!(exponent <= surely && surely < 1 << 63, "v = {variance}, cell {cell}, place {place}");
                }
            }
        }
    }

    /// Six standard deviations: wrong by chance for one seed in 10^8.
    #[test]
    fn a_coin_falls_by_its_exponential() {
        const COINS: usize = 1_000_000;
        let mut bits = ChaCha20Rng::from_seed([3; 32]);
        for exponent in [0.0, 1e-3, 0.02, 0.3, 0.9] {
            let scaled = (exponent * 2.0_f64.powi(64)) as u128;
            let falls = |_: &usize| {
                let coin = bits.next_u32() as u16;
                exp_minus(scaled, coin, &mut bits)
            };
            let seen = (0..COINS).filter(falls).count() as f64 / COINS as f64;
            let expected = (-exponent).exp();
            let spread = (expected * (1.0 - expected) / COINS as f64).sqrt();
            assert!((seen - expected).abs() <= 6.0 * spread, "X = {exponent}: {seen} of {expected}");
        }
    }

    /// Within a cell of four integers probabilities fall by t/s a step: the mean of t (place - 3/2), to six standard errors,
    /// of which a sampler that keeps every proposal would be twelve off.
    #[test]
    fn draws_are_thrown_away_where_the_distribution_falls() {
        const DRAWS: usize = 8_000_000;
        let variance = 65_536.0;
        let of = |k: u64| (k / 4 * 4) as f64 / 256.0 * ((k % 4) as f64 - 1.5);
        let ratios = ratios_to_zero(variance);
        let total = 2.0 * ratios.iter().sum::<f64>() - 1.0;
        let mean_of = |of: &dyn Fn(u64) -> f64| {
            (1_u64..).zip(&ratios[1..]).map(|(k, ratio)| 2.0 * ratio / total * of(k)).sum::<f64>()
        };
        let (wide, mut bits) = (Wide::new(variance), ChaCha20Rng::from_seed([5; 32]));
        assert_eq!(wide.cell_bits, 2);
        let seen = (0..DRAWS).map(|_| of(wide.draw(&mut bits).unsigned_abs())).sum::<f64>() / DRAWS as f64;
        let (expected, spread) = (mean_of(&of), (mean_of(&|k| of(k).powi(2)) / DRAWS as f64).sqrt());
        assert!((seen - expected).abs() < 6.0 * spread, "{seen} of {expected}");
        assert!(expected < -12.0 * spread, "{expected}: a staircase would have a mean of 0");
    }

    /// Sign, and the last six bits of the place: all of one frequency, together.
    #[test]
    fn places_in_a_cell_are_uniform_for_both_signs() {
        const DRAWS: usize = 1_000_000;
        let mut bits = ChaCha20Rng::from_seed([4; 32]);
        for variance in [2.0_f64.powi(31), 2.0_f64.powi(58)] {
            let wide = Wide::new(variance);
            let mut seen = [0.0; 128];
            for draw in (0..DRAWS).map(|_| wide.draw(&mut bits)) {
                seen[usize::from(draw < 0) * 64 + (draw.unsigned_abs() % 64) as usize] += 1.0;
            }
            let expected = DRAWS as f64 / 128.0;
            let statistic: f64 = seen.iter().map(|seen: &f64| (seen - expected).powi(2) / expected).sum();
            assert!(statistic < chi_squared_limit(127.0), "v = {variance}: {statistic}");
        }
    }

    #[test]
    fn the_staircase_has_64_to_128_steps_in_a_deviation_and_is_wider_than_its_purpose() {
        for variance in VARIANCES {
            let wide = Wide::new(variance);
            let denominator = float(wide.denominator);
            assert!((8192.0..32_769.0).contains(&denominator), "v = {variance}: M = {denominator}");
            assert!((2..=44).contains(&wide.cell_bits), "v = {variance}: b = {}", wide.cell_bits);
            let share = wide.widening() * variance;
            let most = 17.0 / variance + 2.0_f64.powi(-29);
            assert!(share > 0.0 && share < most, "v = {variance}: {share:e}");
        }
    }
}
