//! Robust rules: they bear corrupt updates, and for that they have to see every single one.
//!
//! A rule makes one vector of many, which takes the mean's place at the server's rule. It cannot work on a masked sum; over
//! the sums of groups ([`group_ranges`]) it works with secure aggregation. Every site counts alike: a rule with weights would
//! break down with a single heavy site. What a rule gives depends on the updates and not on their order, to the bit
//! ([`Updates`] puts them in an order of their own).

mod bulyan;
mod columns;
mod distances;
mod geometric_median;
mod krum;
mod median;
mod norm_bound;
#[cfg(test)]
mod testing;
mod trimmed_mean;
mod updates;

pub use bulyan::Bulyan;
pub use geometric_median::GeometricMedian;
pub use krum::{Krum, MultiKrum};
pub use median::Median;
pub use norm_bound::{BoundedSteps, NormBound};
pub use trimmed_mean::TrimmedMean;
pub use updates::{Excluded, Updates, group_means, group_ranges};

/// A rule that makes one update of many, some of which may be anything.
pub trait RobustRule: Send + Sync {
    /// Fewest updates with which the rule keeps its promise.
    fn sites_min(&self) -> usize;

    /// Writes what takes the mean's place, and says who had a part in it.
    ///
    /// Lengths and number of the updates have been checked; call [`combine`], which does.
    fn aggregate(&self, updates: &Updates<'_>, mean: &mut [f64]) -> Influence;
}

/// Who had a part in a robust rule's result; sites by their place in the list that [`Updates`] was made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Influence {
    /// Each coordinate has its own.
    Coordinatewise,
    /// These updates and no others, in ascending order.
    Chosen(Vec<usize>),
    /// Each update with a factor, in ascending order of the sites.
    Weighted(Vec<(usize, f64)>),
}

/// A robust rule was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RobustError {
    /// Too few updates for what the rule promises.
    #[error("{got} sound updates are too few for this rule, which needs {needed}: the round has to be tried again")]
    TooFew {
        /// Fewest.
        needed: usize,
        /// Updates, without those that were excluded.
        got: usize,
    },
    /// An update of another length than the first, or than the mean.
    #[error("an update has {got} numbers instead of {expected}")]
    Length {
        /// Numbers asked for.
        expected: usize,
        /// Numbers given.
        got: usize,
    },
}

/// One update of many by `rule`.
///
/// # Errors
/// [`RobustError`]; `mean` is as it was then.
pub fn combine(rule: &dyn RobustRule, updates: &Updates<'_>, mean: &mut [f64]) -> Result<Influence, RobustError> {
    let (needed, got) = (rule.sites_min().max(1), updates.len());
    if got < needed {
        return Err(RobustError::TooFew { needed, got });
    }
    if mean.len() != updates.weights() {
        return Err(RobustError::Length { expected: updates.weights(), got: mean.len() });
    }
    Ok(rule.aggregate(updates, mean))
}
