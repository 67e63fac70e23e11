//! The signed-rank test (Wilcoxon 1945): whether differences between two models on the same patients lie around zero.
//!
//! Differences of zero are dropped, equal ones share the mean of their ranks. Up to 50 differences the test is exact, ties or
//! not: every assignment of signs is counted, which agrees with scipy's `exact` without ties and with its permutation method
//! with them. scipy's own `auto` leaves exactness at 14 where there are ties; we need not. Above 50 it is the normal
//! approximation with the corrections for ties and for continuity, scipy's `asymptotic`.

use super::bootstrap::finite_scores;
use super::{StatisticsError, normal};

/// Up to here every assignment of signs is counted; counts stay exact in 64-bit floating point.
const EXACT_MAX: usize = 50;

/// How a p-value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankMethod {
    /// Every assignment of signs.
    Exact,
    /// The normal distribution, corrected for ties and continuity.
    Normal,
}

/// The result of the test; two-sided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wilcoxon {
    /// Differences other than zero.
    pub n: usize,
    /// Differences of zero, dropped.
    pub zeros: usize,
    /// Sum of the ranks of positive differences.
    pub positive_rank_sum: f64,
    /// Sum of the ranks of negative differences.
    pub negative_rank_sum: f64,
    /// How the p-value was found.
    pub method: RankMethod,
    /// The probability of differences at least as one-sided, were the models alike. 1 where all differences are zero.
    pub p: f64,
}

/// Tests differences, one a patient.
///
/// # Errors
/// [`StatisticsError`] where there is none or one is not finite.
pub fn wilcoxon(differences: &[f64]) -> Result<Wilcoxon, StatisticsError> {
    finite_scores(differences)?;
    if differences.is_empty() {
        return Err(StatisticsError::TooFew { what: "patients", given: 0, least: 1 });
    }
    let mut kept: Vec<f64> = differences.iter().copied().filter(|one| *one != 0.0).collect();
    kept.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let n = kept.len();
    let ranks = Ranks::of(&kept);
    let twice_positive: u64 = kept.iter().zip(&ranks.twice).filter(|(one, _)| **one > 0.0).map(|(_, rank)| rank).sum();
    let twice_all: u64 = ranks.twice.iter().sum();
    let positive_rank_sum = twice_positive as f64 / 2.0;
    let (method, p) = if n <= EXACT_MAX {
        (RankMethod::Exact, exact(&ranks.twice, twice_positive))
    } else {
        (RankMethod::Normal, approximate(n, positive_rank_sum, ranks.tie_correction))
    };
    let negative_rank_sum = (twice_all - twice_positive) as f64 / 2.0;
    Ok(Wilcoxon { n, zeros: differences.len() - n, positive_rank_sum, negative_rank_sum, method, p })
}

/// Twice the rank of each, so that shared ranks are whole.
struct Ranks {
    twice: Vec<u64>,
    /// Sum of t³ - t over groups of t equal ones.
    tie_correction: f64,
}

impl Ranks {
    /// Of values sorted by their distance from zero.
    fn of(sorted: &[f64]) -> Self {
        let mut ranks = Self { twice: Vec::with_capacity(sorted.len()), tie_correction: 0.0 };
        for tied in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
            let before = ranks.twice.len() as u64;
            let size = tied.len() as u64;
            ranks.twice.extend(std::iter::repeat_n(2 * before + size + 1, tied.len()));
            ranks.tie_correction += (size as f64).powi(3) - size as f64;
        }
        ranks
    }
}

/// Counts the assignments of signs by twice their positive rank sum.
fn exact(twice_ranks: &[u64], twice_positive: u64) -> f64 {
    let mut ways = vec![0.0; twice_ranks.iter().sum::<u64>() as usize + 1];
    ways[0] = 1.0;
    for rank in twice_ranks.iter().map(|rank| *rank as usize) {
        for sum in (rank..ways.len()).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let (all, observed) = (ways.iter().sum::<f64>(), twice_positive as usize);
    let at_most: f64 = ways[..=observed].iter().sum();
    let at_least: f64 = ways[observed..].iter().sum();
    (2.0 * at_most.min(at_least) / all).min(1.0)
}

fn approximate(n: usize, positive_rank_sum: f64, tie_correction: f64) -> f64 {
    let n = n as f64;
    let mean = n * (n + 1.0) * 0.25;
    let deviation = ((n * (n + 1.0) * (2.0 * n + 1.0) - tie_correction / 2.0) / 24.0).sqrt();
    let off = positive_rank_sum - mean;
    let continuity = if off == 0.0 { 0.0 } else { 0.5 * off.signum() };
    2.0 * normal::survival(((off - continuity) / deviation).abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn five_differences_of_one_sign_are_two_assignments_of_thirty_two() {
        let test = wilcoxon(&[0.1, 0.2, 0.3, 0.4, 0.5]).expect("differences");
        assert_eq!((test.p, test.method, test.positive_rank_sum), (2.0 / 32.0, RankMethod::Exact, 15.0));
    }

    #[test]
    fn zeros_are_dropped_and_all_zeros_say_nothing() {
        let test = wilcoxon(&[0.0, 1.0, 0.0, -2.0]).expect("differences");
        assert_eq!((test.n, test.zeros, test.p), (2, 2, 1.0));
        let none = wilcoxon(&[0.0; 60]).expect("differences");
        assert_eq!((none.n, none.zeros, none.p), (0, 60, 1.0));
    }

    #[test]
    fn at_the_limit_both_methods_nearly_agree() {
        let differences: Vec<f64> = (1..=51).map(|k| if k % 3 == 0 { -f64::from(k) } else { f64::from(k) }).collect();
        let method = |n: usize| wilcoxon(&differences[..n]).expect("differences").method;
        assert_eq!((method(50), method(51)), (RankMethod::Exact, RankMethod::Normal));
        let at_limit = wilcoxon(&differences[..50]).expect("differences");
        let normal = approximate(50, at_limit.positive_rank_sum, 0.0);
        assert!((at_limit.p - normal).abs() < 1e-3, "{} against {normal}", at_limit.p);
    }

    #[test]
    fn what_cannot_be_tested_is_refused() {
        assert!(matches!(wilcoxon(&[]), Err(StatisticsError::TooFew { .. })));
        assert!(matches!(wilcoxon(&[1.0, f64::NAN]), Err(StatisticsError::NotFinite { patient: 1, .. })));
    }

    proptest! {
        #[test]
        fn turning_every_difference_around_changes_nothing(differences in proptest::collection::vec(-9i8..9, 1..70)) {
            let forwards: Vec<f64> = differences.iter().map(|one| f64::from(*one)).collect();
            let backwards: Vec<f64> = forwards.iter().map(|one| -one).collect();
            let (a, b) = (wilcoxon(&forwards).expect("differences"), wilcoxon(&backwards).expect("differences"));
            prop_assert!((a.p - b.p).abs() < 1e-12 && (0.0..=1.0).contains(&a.p));
            prop_assert_eq!(a.positive_rank_sum, b.negative_rank_sum);
        }
    }
}
