//! The rounded Gaussian: fast, and resting on one assumption.
//!
//! For an integer q, round(q + z) = q + round(z): rounding a continuous Gaussian z works on the output of the Gaussian
//! mechanism, so its exact privacy loss (sampled, composed, all of it) holds with no discretisation error, *provided* z
//! is Gaussian. **Assumption**: the ziggurat of `rand_distr` (Doornik's ZIGNOR, 256 layers, 52 bits within a layer,
//! logarithms in f64 in the tail) is taken to be an ideal sampler. It is not: a cell's probability is off by a relative
//! 2^-52 or so in the bulk, and values end about 13 standard deviations out. That is far below anything measurable, but
//! it is not proven negligible in δ over 10^7 entries and 10^4 steps; who wants a proof chooses `exact`.

use super::grid::round;
use super::{NoiseError, NoiseStream};
use rand_distr::{Distribution, StandardNormal};

/// Beyond this a unit cell holds fewer than 2^18 of the sampler's values, and "relative 2^-52" is no longer honest.
const DEVIATION_MAX: f64 = (1_u64 << 32) as f64;

/// Rounded Gaussian noise with a standard deviation in grid units.
#[derive(Debug, Clone, Copy)]
pub struct RoundedGaussian {
    deviation: f64,
}

impl RoundedGaussian {
    /// With this standard deviation (of the Gaussian, before it is rounded).
    ///
    /// # Errors
    /// [`NoiseError::TooWide`].
    pub fn new(deviation: f64) -> Result<Self, NoiseError> {
        if !(deviation > 0.0 && deviation <= DEVIATION_MAX) {
            return Err(NoiseError::TooWide { in_grid_units: deviation, largest: DEVIATION_MAX });
        }
        Ok(Self { deviation })
    }

    /// Independent draws, one for each place.
    pub fn fill(&self, stream: &mut NoiseStream, places: &mut [i64]) {
        let bits = stream.bits();
        for place in places {
            let normal: f64 = StandardNormal.sample(bits);
            *place = round(normal * self.deviation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::testing::chi_squared_limit;
    use crate::noise::{NoiseStreams, SimulatedNoise};
    use wardround_plan::StreamKey;

    fn draws(deviation: f64, count: usize) -> Vec<i64> {
        let mut places = vec![0; count];
        let mut noise = SimulatedNoise::new(&StreamKey::from_public_seed(1), "fast");
        RoundedGaussian::new(deviation).expect("in range").fill(&mut noise.take(1).expect("streams")[0], &mut places);
        places
    }

    /// Wrong by chance for less than one seed in 10^9.
    #[test]
    fn cells_hold_what_a_gaussian_puts_there() {
        const DRAWS: usize = 2_000_000;
        for deviation in [0.8, 3.3] {
            let upper = |x: f64| 0.5 * libm::erfc(x / deviation / std::f64::consts::SQRT_2);
            let reach = (3.0_f64 * deviation) as i64;
            let draws = draws(deviation, DRAWS);
            let cell = |x: i64| {
                let expected = (upper(x.abs() as f64 - 0.5) - upper(x.abs() as f64 + 0.5)) * DRAWS as f64;
                let seen = draws.iter().filter(|draw| **draw == x).count() as f64;
                (seen - expected).powi(2) / expected
            };
            let (statistic, cells) = ((-reach..=reach).map(cell).sum::<f64>(), (2 * reach + 1) as f64);
            assert!(statistic < chi_squared_limit(cells), "{deviation}: {statistic} in {cells} cells");
        }
    }

    #[test]
    fn moments_are_those_of_a_gaussian_at_the_extremes() {
        const DRAWS: usize = 1_000_000;
        let n = DRAWS as f64;
        for deviation in [20.0, 12_345.6, DEVIATION_MAX] {
            let scaled: Vec<f64> = draws(deviation, DRAWS).iter().map(|x| *x as f64 / deviation).collect();
            for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0_f64)] {
                let error = (scaled.iter().map(|x| x.powi(power)).sum::<f64>() / n - expected).abs();
                let rounding = 1.0 / (deviation * deviation);
                assert!(
                    error < 6.0 * (variance / n).sqrt() + rounding,
                    "moment {power} at {deviation}: off by {error}"
                );
            }
        }
    }

    #[test]
    fn widths_that_cannot_be_rounded_honestly_are_refused() {
        for deviation in [0.0, -1.0, f64::NAN, f64::INFINITY, DEVIATION_MAX.next_up()] {
            assert!(matches!(RoundedGaussian::new(deviation), Err(NoiseError::TooWide { .. })), "{deviation}");
        }
    }
}
