//! Mean of each coordinate without its f smallest and f largest values (Yin, Chen, Kannan, Bartlett, ICML 2018, definition 2).
//!
//! Breakdown: with f corrupt updates or fewer every coordinate stays between two honest values; with one more it can be
//! anything. Needs n ≥ 2f + 1, so that something is left.

use super::columns::{coordinatewise, mean_of};
use super::{Influence, RobustRule, Updates};
use wardround_plan::{CorruptConfig, RuleError};

/// The coordinate-wise trimmed mean.
#[derive(Debug, Clone, Copy)]
pub struct TrimmedMean {
    corrupt: usize,
}

impl TrimmedMean {
    /// The rule that bears this many corrupt updates.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: CorruptConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { corrupt: config.corrupt as usize })
    }
}

impl RobustRule for TrimmedMean {
    fn sites_min(&self) -> usize {
        2 * self.corrupt + 1
    }

    fn aggregate(&self, updates: &Updates<'_>, mean: &mut [f64]) -> Influence {
        let kept = self.corrupt..updates.len() - self.corrupt;
        coordinatewise(updates, mean, |sorted| mean_of(&sorted[kept.clone()]));
        Influence::Coordinatewise
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robust::testing::{check_rule, of};

    fn trimming(corrupt: u32) -> TrimmedMean {
        TrimmedMean::new(CorruptConfig { corrupt }).expect("in range")
    }

    #[test]
    fn it_is_the_mean_of_what_is_left() {
        let updates: [&[f32]; 5] = [&[1.0, 9.0], &[2.0, -7.0], &[100.0, 0.5], &[3.0, 1.0], &[-50.0, 1.5]];
        assert_eq!(of(&trimming(1), &updates), [2.0, 1.0]);
        assert_eq!(of(&trimming(2), &updates), [2.0, 1.0], "the median");
        assert_eq!(of(&trimming(0), &updates), [11.2, 1.0], "the mean");
    }

    #[test]
    fn it_holds_with_as_many_as_it_trims_and_breaks_with_one_more() {
        for corrupt in 0..4 {
            check_rule(&trimming(corrupt), 9).holds_with(corrupt as usize).breaks_with(corrupt as usize + 1);
        }
    }

    #[test]
    fn too_few_updates_are_refused() {
        check_rule(&trimming(2), 5).holds_with(2);
        check_rule(&trimming(2), 4).is_refused();
        assert!(TrimmedMean::new(CorruptConfig { corrupt: 5000 }).is_err());
    }
}
