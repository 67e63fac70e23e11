//! What officers allow for one data set.

use super::exact;
use crate::{Adjacency, Delta, Epsilon};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most that all studies together may cost a patient of one data set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// ε
    #[serde(with = "exact")]
    pub epsilon: Epsilon,
    /// δ, at which ε holds
    #[serde(with = "exact")]
    pub delta: Delta,
    /// How studies are added up.
    pub composition: Composition,
    /// Which data sets are neighbours; fixed for a data set by its first budget.
    #[serde(default)]
    pub adjacency: Adjacency,
}

/// How the charges of several studies are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Composition {
    /// Privacy loss distributions of everything that was admitted, whole. Tight; true as long as no plan's noise, sampling or
    /// length was chosen from results of other studies on the same data set.
    #[default]
    Declared,
    /// A Rényi filter (Feldman and Zrnic 2021; [`RdpFilter`](crate::RdpFilter)) over what was debited and what open reservations may still debit. Looser; true
    /// however plans were chosen, and what a study did not use comes back when it is over.
    Adaptive,
}

impl Budget {
    /// True where no number is larger than in `before` and nothing else differs: what one officer may decide.
    pub fn is_within(&self, before: &Self) -> bool {
        self.epsilon <= before.epsilon
            && self.delta <= before.delta
            && self.composition == before.composition
            && self.adjacency == before.adjacency
    }

    /// The least budget that covers both; `self` where the two cannot be compared.
    pub(super) fn covering(self, other: Self) -> Self {
        let epsilon = if other.epsilon > self.epsilon { other.epsilon } else { self.epsilon };
        let delta = if other.delta > self.delta { other.delta } else { self.delta };
        Self { epsilon, delta, ..self }
    }
}

impl fmt::Display for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Declared => "declared",
            Self::Adaptive => "adaptive",
        })
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epsilon {} at delta {}", self.epsilon, Scientific(self.delta.get()))
    }
}

/// A small number as people write it: 1e-5.
pub(super) struct Scientific(pub(super) f64);

impl fmt::Display for Scientific {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:e}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(epsilon: f64, delta: f64) -> Budget {
        let (epsilon, delta) = (Epsilon::new(epsilon).expect("in range"), Delta::new(delta).expect("in range"));
        Budget { epsilon, delta, composition: Composition::Declared, adjacency: Adjacency::AddOrRemoveOne }
    }

    #[test]
    fn lowering_one_number_and_raising_the_other_is_not_within() {
        assert!(budget(3.0, 1e-5).is_within(&budget(8.0, 1e-5)));
        assert!(budget(8.0, 1e-5).is_within(&budget(8.0, 1e-5)));
        assert!(!budget(3.0, 1e-4).is_within(&budget(8.0, 1e-5)));
        assert!(!budget(8.1, 1e-6).is_within(&budget(8.0, 1e-5)));
    }

    #[test]
    fn another_way_of_counting_is_not_within() {
        let adaptive = Budget { composition: Composition::Adaptive, ..budget(1.0, 1e-6) };
        let replace = Budget { adjacency: Adjacency::ReplaceOne, ..budget(1.0, 1e-6) };
        assert!(!adaptive.is_within(&budget(8.0, 1e-5)) && !replace.is_within(&budget(8.0, 1e-5)));
    }

    #[test]
    fn small_deltas_are_written_as_people_write_them() {
        assert_eq!(budget(8.0, 1e-5).to_string(), "epsilon 8 at delta 1e-5");
    }
}
