//! Median of each coordinate (Yin, Chen, Kannan, Bartlett, ICML 2018, definition 1).
//!
//! For an even number of updates the mean of the two in the middle. Breakdown: with (n - 1) / 2 corrupt updates or fewer every
//! coordinate stays between two honest values; with one more it can be anything.

use super::columns::{coordinatewise, middle};
use super::{Influence, RobustRule, Updates};

/// Fewest updates: of two neither is the odd one.
const SITES_MIN: usize = 3;

/// The coordinate-wise median.
#[derive(Debug, Clone, Copy, Default)]
pub struct Median;

impl RobustRule for Median {
    fn sites_min(&self) -> usize {
        SITES_MIN
    }

    fn aggregate(&self, updates: &Updates<'_>, mean: &mut [f64]) -> Influence {
        coordinatewise(updates, mean, middle);
        Influence::Coordinatewise
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robust::testing::{check_rule, of};

    #[test]
    fn it_is_the_middle_of_each_coordinate() {
        assert_eq!(of(&Median, &[&[1.0, 9.0], &[2.0, -7.0], &[100.0, 0.5]]), [2.0, 0.5]);
        assert_eq!(of(&Median, &[&[1.0], &[2.0], &[4.0], &[100.0]]), [3.0], "of an even number");
    }

    #[test]
    fn it_holds_below_one_half_and_breaks_beyond() {
        check_rule(&Median, 7).holds_with(3).breaks_with(4);
        check_rule(&Median, 3).holds_with(1).breaks_with(2);
        check_rule(&Median, 4).holds_with(1).breaks_with(2);
    }
}
