//! Poisson sampling: one secret coin for each patient and step.
//!
//! The accountant's amplification holds for independent coins with a public probability q that is the same for every
//! patient, thrown by the hospital's own generator and never shown to the coordinator. The number drawn varies, may be
//! zero, and stays at the site: the sum is divided by the expected number, and an empty sample is noised and stepped.

use crate::SamplingRate;
use crate::noise::{CONTRIBUTIONS_MAX, NoiseError, NoiseStreams};
use rand_chacha::rand_core::Rng;

/// Draws the patients of a step.
#[derive(Debug)]
pub enum PoissonSample {}

/// A sample that cannot be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// A sum over this many has no bound on its rounding; see [`crate::Grid`].
    #[error(
        "{patients} patients are more than the {CONTRIBUTIONS_MAX} that one noised sum is made for; split the data set"
    )]
    TooMany {
        /// Patients of the site.
        patients: usize,
    },
    /// The source of coins is used up.
    #[error(transparent)]
    Streams(#[from] NoiseError),
}

impl PoissonSample {
    /// The numbers of those of `patients` patients who take part in one step, in order. Each takes part with probability
    /// ⌊q 2^64⌋ / 2^64, which is q or less by at most 2^-64, and with certainty for q = 1.
    ///
    /// # Errors
    /// [`SampleError`].
    pub fn draw(
        patients: usize,
        rate: SamplingRate,
        streams: &mut impl NoiseStreams,
    ) -> Result<Vec<usize>, SampleError> {
        if patients > CONTRIBUTIONS_MAX {
            return Err(SampleError::TooMany { patients });
        }
        let threshold = threshold(rate);
        let mut stream = streams.take(1)?;
        let coins = stream.iter_mut().flat_map(|stream| (0..patients).map(|_| u128::from(stream.bits().next_u64())));
        Ok(coins.enumerate().filter(|(_, coin)| *coin < threshold).map(|(patient, _)| patient).collect())
    }
}

/// ⌊q 2^64⌋: scaling by a power of two is exact, and the conversion cuts off.
fn threshold(rate: SamplingRate) -> u128 {
    (rate.get() * 2.0_f64.powi(64)) as u128
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::SimulatedNoise;
    use wardround_plan::StreamKey;

    fn rate(q: f64) -> SamplingRate {
        SamplingRate::new(q).expect("a rate")
    }

    fn noise(seed: u64) -> SimulatedNoise {
        SimulatedNoise::new(&StreamKey::from_public_seed(seed), "sampling")
    }

    /// Six standard deviations: a right sampler fails for one seed in 5 · 10^8, one that is off by 1 % of q for nearly all.
    #[test]
    fn realised_rate_is_the_stated_one() {
        const PATIENTS: usize = 1000;
        const STEPS: usize = 4000;
        for q in [0.001, 0.05, 0.37, 0.9] {
            let mut noise = noise(1);
            let drawn: usize =
                (0..STEPS).map(|_| PoissonSample::draw(PATIENTS, rate(q), &mut noise).expect("drawn").len()).sum();
            let coins = (PATIENTS * STEPS) as f64;
            let deviations = (drawn as f64 - coins * q) / (coins * q * (1.0 - q)).sqrt();
            assert!(deviations.abs() < 6.0, "q = {q}: {deviations} standard deviations");
        }
    }

    #[test]
    fn every_patient_has_the_same_chance_and_a_coin_of_her_own() {
        const STEPS: usize = 20_000;
        let mut noise = noise(2);
        let mut together = [[0_u32; 3]; 3];
        for _ in 0..STEPS {
            let sample = PoissonSample::draw(3, rate(0.3), &mut noise).expect("drawn");
            for first in &sample {
                for second in &sample {
                    together[*first][*second] += 1;
                }
            }
        }
        let n = STEPS as f64;
        for (first, row) in together.iter().enumerate() {
            for (second, seen) in row.iter().enumerate() {
                let expected: f64 = if first == second { 0.3 } else { 0.09 };
                let spread = (n * expected * (1.0 - expected)).sqrt();
                assert!((f64::from(*seen) - n * expected).abs() < 6.0 * spread, "{first} and {second}: {seen}");
            }
        }
    }

    #[test]
    fn nobody_or_everybody_is_a_sample_too() {
        let mut noise = noise(3);
        assert_eq!(PoissonSample::draw(5, rate(1.0), &mut noise), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(PoissonSample::draw(0, rate(0.5), &mut noise), Ok(vec![]));
        assert_eq!(
            PoissonSample::draw(5, rate(1e-300), &mut noise),
            Ok(vec![]),
            "never above q: the threshold is zero"
        );
    }

    #[test]
    fn more_patients_than_a_sum_is_made_for_are_refused() {
        let refused = PoissonSample::draw(CONTRIBUTIONS_MAX + 1, rate(0.01), &mut noise(4));
        assert_eq!(refused, Err(SampleError::TooMany { patients: CONTRIBUTIONS_MAX + 1 }));
        assert!(PoissonSample::draw(CONTRIBUTIONS_MAX, rate(0.01), &mut noise(4)).is_ok());
    }

    #[test]
    fn threshold_is_never_above_the_rate() {
        assert_eq!(threshold(rate(1.0)), 1 << 64);
        assert_eq!(threshold(rate(0.5)), 1 << 63);
        assert_eq!(threshold(rate(2.0_f64.powi(-64))), 1);
        assert_eq!(threshold(rate(1.999 * 2.0_f64.powi(-64))), 1);
        assert_eq!(threshold(rate(0.999 * 2.0_f64.powi(-64))), 0);
    }
}
