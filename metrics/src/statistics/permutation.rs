//! The paired permutation test (Fisher 1935): were two models alike, each patient's difference could as well have the other
//! sign. Exact for few patients, else by drawing signs; then the observed signs count as one draw more, so that p is never 0
//! (Phipson and Smyth 2010).

use super::bootstrap::finite_scores;
use super::units::generator;
use super::{Resamples, StatisticsError, StatisticsSeed};
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;

/// Up to here all 2^n assignments of signs are looked at.
const EXACT_MAX: usize = 16;
/// Sums that differ by rounding alone count as equal: scipy's tolerance, relative to the observed mean.
const ROUNDING: f64 = 100.0 * f64::EPSILON;

/// Which assignments of signs were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlipMethod {
    /// All of them.
    Exact {
        /// How many.
        assignments: u32,
    },
    /// Some, drawn.
    Drawn {
        /// How many.
        resamples: Resamples,
        /// With what.
        seed: StatisticsSeed,
    },
}

/// The result of the test; two-sided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PermutationTest {
    /// Patients.
    pub n: usize,
    /// Mean difference.
    pub mean_difference: f64,
    /// Which signs were looked at.
    pub method: FlipMethod,
    /// The probability of a mean difference at least as far from zero, were the models alike.
    pub p: f64,
}

/// Tests differences, one a patient. `resamples` and `seed` are for more than 16 patients.
///
/// # Errors
/// [`StatisticsError`] where there is none or one is not finite.
pub fn permutation_test(
    differences: &[f64],
    resamples: Resamples,
    seed: StatisticsSeed,
) -> Result<PermutationTest, StatisticsError> {
    finite_scores(differences)?;
    let n = differences.len();
    if n == 0 {
        return Err(StatisticsError::TooFew { what: "patients", given: 0, least: 1 });
    }
    let mean_difference = flipped_mean(differences, std::iter::repeat(0));
    let (method, p) = if n <= EXACT_MAX {
        let assignments = 1u32 << n;
        let means = (0..u64::from(assignments)).map(|signs| flipped_mean(differences, [signs].into_iter()));
        let tails = means.map(|mean| Tails::of(mean, mean_difference)).fold(Tails::default(), Tails::plus);
        (FlipMethod::Exact { assignments }, tails.p(assignments))
    } else {
        let draw = |resample: u32| {
            let mut rng = generator(seed, resample);
            Tails::of(flipped_mean(differences, std::iter::repeat_with(|| rng.next_u64())), mean_difference)
        };
        let drawn = (0..resamples.get()).into_par_iter().map(draw).reduce(Tails::default, Tails::plus);
        let tails = drawn.plus(Tails { at_most: 1, at_least: 1 });
        (FlipMethod::Drawn { resamples, seed }, tails.p(resamples.get() + 1))
    };
    Ok(PermutationTest { n, mean_difference, method, p })
}

/// The mean of the differences, those whose bit is set with the other sign. A word of `signs` is for 64 of them.
fn flipped_mean(differences: &[f64], signs: impl Iterator<Item = u64>) -> f64 {
    let mut sum = 0.0;
    for (differences_64, signs) in differences.chunks(64).zip(signs) {
        for (place, difference) in differences_64.iter().enumerate() {
            sum += if signs >> place & 1 == 1 { -difference } else { *difference };
        }
    }
    sum / differences.len() as f64
}

/// How many means were as small or as large as the observed one.
#[derive(Debug, Clone, Copy, Default)]
struct Tails {
    at_most: u32,
    at_least: u32,
}

impl Tails {
    fn of(mean: f64, observed: f64) -> Self {
        let near = ROUNDING * observed.abs();
        Self { at_most: u32::from(mean <= observed + near), at_least: u32::from(mean >= observed - near) }
    }

    fn plus(self, other: Self) -> Self {
        Self { at_most: self.at_most + other.at_most, at_least: self.at_least + other.at_least }
    }

    fn p(self, of: u32) -> f64 {
        (2.0 * f64::from(self.at_most.min(self.at_least)) / f64::from(of)).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: StatisticsSeed = StatisticsSeed(5);

    fn test(differences: &[f64]) -> PermutationTest {
        permutation_test(differences, Resamples::THOUSAND, SEED).expect("differences")
    }

    #[test]
    fn four_differences_of_one_sign_are_two_assignments_of_sixteen() {
        let four = test(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((four.p, four.method), (2.0 / 16.0, FlipMethod::Exact { assignments: 16 }));
    }

    #[test]
    fn no_difference_at_all_says_nothing() {
        assert_eq!(test(&[0.0, 0.0]).p, 1.0);
        assert_eq!(test(&[0.0; 40]).p, 1.0);
    }

    #[test]
    fn a_drawn_p_is_never_zero_and_a_seed_repeats() {
        let clear = test(&[1.0; 40]);
        assert_eq!(clear.p, 2.0 / 1001.0);
        assert_eq!(clear.method, FlipMethod::Drawn { resamples: Resamples::THOUSAND, seed: SEED });
        assert_eq!(test(&[1.0; 40]), clear);
    }

    #[test]
    fn every_patient_has_a_sign_drawn_beyond_the_first_word_too() {
        let differences: Vec<f64> = (0..70).map(|patient| if patient < 69 { 0.0 } else { 1.0 }).collect();
        let p = test(&differences).p;
        // Half of the draws leave the last sign; 1,000 of them know p to .032, here five times as wide.
        assert!(p > 0.84, "seed {SEED:?}: {p}");
    }

    #[test]
    fn what_cannot_be_tested_is_refused() {
        let run = |differences: &[f64]| permutation_test(differences, Resamples::THOUSAND, SEED);
        assert!(matches!(run(&[]), Err(StatisticsError::TooFew { .. })));
        assert!(matches!(run(&[f64::INFINITY]), Err(StatisticsError::NotFinite { .. })));
    }
}
