//! Bulyan: Krum's choice, then a trimmed mean around the median (El Mhamdi, Guerraoui, Rouault, ICML 2018, algorithm 1).
//!
//! Krum is asked n - 2f times, each time without what it chose before. Of these θ = n - 2f updates, each coordinate becomes the
//! mean of the β = θ - 2f values nearest to the coordinate's median; at equal distance the smaller value. Needs n ≥ 4f + 3. The
//! second step takes away what one large coordinate can do to Krum in a high dimension.
//!
//! The last of Krum's rounds have so few updates left that a score has no neighbours in it: ties, which go by content.
//!
//! With f corrupt updates, and with f + 1, every coordinate stays as near to the median of honest values as honest ones are;
//! with f + 2 it can be anything.

use super::columns::{coordinatewise, mean_of, middle};
use super::distances::Distances;
use super::krum::ranked;
use super::{Influence, RobustRule, Updates};
use wardround_plan::{CorruptConfig, RuleError};

/// Bulyan over Krum.
#[derive(Debug, Clone, Copy)]
pub struct Bulyan {
    corrupt: usize,
}

impl Bulyan {
    /// The rule that bears this many corrupt updates.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: CorruptConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { corrupt: config.corrupt as usize })
    }

    /// θ updates, in the order of content.
    fn select(&self, updates: &Updates<'_>) -> Vec<usize> {
        let (distances, mut left) = (Distances::between(updates), (0..updates.len()).collect::<Vec<_>>());
        let mut selected = Vec::new();
        for _ in 0..updates.len() - 2 * self.corrupt {
            let best = ranked(&distances, &left, self.corrupt)[0];
            left.retain(|update| *update != best);
            selected.push(best);
        }
        selected.sort_unstable();
        selected
    }
}

impl RobustRule for Bulyan {
    fn sites_min(&self) -> usize {
        4 * self.corrupt + 3
    }

    fn aggregate(&self, updates: &Updates<'_>, mean: &mut [f64]) -> Influence {
        let selected = updates.only(&self.select(updates));
        let nearest = selected.len() - 2 * self.corrupt;
        coordinatewise(&selected, mean, |sorted| mean_of(around_median(sorted, nearest)));
        Influence::Coordinatewise
    }
}

/// The `count` sorted values nearest to their median.
fn around_median(mut sorted: &[f32], count: usize) -> &[f32] {
    let median = middle(sorted);
    while let (true, [first, .., last]) = (sorted.len() > count, sorted) {
        let below_is_farther = median - f64::from(*first) > f64::from(*last) - median;
        sorted = if below_is_farther { &sorted[1..] } else { &sorted[..sorted.len() - 1] };
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robust::testing::{check_rule, of};

    fn bulyan(corrupt: u32) -> Bulyan {
        Bulyan::new(CorruptConfig { corrupt }).expect("in range")
    }

    #[test]
    fn values_around_a_median_are_its_nearest() {
        assert_eq!(around_median(&[-9.0, 1.0, 2.0, 3.0, 50.0], 3), [1.0, 2.0, 3.0]);
        assert_eq!(around_median(&[0.0, 1.0, 2.0, 10.0, 11.0], 3), [0.0, 1.0, 2.0]);
        assert_eq!(around_median(&[1.0, 2.0, 3.0], 2), [1.0, 2.0], "at equal distance the smaller");
    }

    #[test]
    fn without_corruption_it_is_the_mean() {
        assert_eq!(of(&bulyan(0), &[&[1.0, 0.0], &[2.0, 0.0], &[6.0, 3.0]]), [3.0, 1.0]);
    }

    /// By hand, f = 1, n = 7, so θ = 5 and β = 3.
    #[test]
    fn a_small_case_is_that_worked_by_hand() {
        let list: [&[f32]; 7] = [&[0.0], &[1.0], &[2.0], &[3.0], &[4.0], &[5.0], &[100.0]];
        // Four neighbours: 2 and 3 have 1+1+4+4, and 2 is first by content. Three among 0, 1, 3, 4, 5, 100: 3 has 1+4+4. Two
        // among 0, 1, 4, 5, 100: 1 and 4 have 1+9, 1 is first. One among 0, 4, 5, 100: 4 and 5 have 1, 4 is first. With none
        // 0 is first. Of 0, 1, 2, 3, 4 the median is 2, and 1, 2, 3 are nearest.
        assert_eq!(of(&bulyan(1), &list), [2.0]);
    }

    #[test]
    fn one_huge_coordinate_does_not_pass() {
        let mut list = vec![vec![0.0f32; 50]; 7];
        list.iter_mut().enumerate().for_each(|(site, update)| update[site] = 1.0);
        list[6][49] = 3.0;
        let mean = of(&bulyan(1), &list.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert!(mean[49] == 0.0, "one of seven moved it to {}", mean[49]);
    }

    #[test]
    fn it_holds_with_its_number_and_one_more_and_breaks_with_two_more() {
        check_rule(&bulyan(1), 7).holds_with(1).holds_with(2).breaks_with(3);
        check_rule(&bulyan(2), 11).holds_with(2).holds_with(3);
    }

    #[test]
    fn four_times_the_corrupt_and_three_are_needed() {
        check_rule(&bulyan(1), 6).is_refused();
        check_rule(&bulyan(2), 10).is_refused();
        assert!(Bulyan::new(CorruptConfig { corrupt: u32::MAX }).is_err());
    }
}
