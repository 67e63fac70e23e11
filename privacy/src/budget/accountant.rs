//! Which accountant a budget is measured with.

use super::tally::Tally;
use super::{Budget, Composition, Refused};
use crate::{Adjacency, Charge, Delta, Epsilon, RdpFilter, epsilon_pld, epsilon_rdp};

/// The ways to turn charges into ε, each an upper bound. Tests put simple sums in their place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accountant {
    /// By privacy loss distributions.
    pub(super) pld: fn(&[Charge], Delta, Adjacency) -> Result<Epsilon, String>,
    /// The least ε whose Rényi filter lets the charges pass; for adding or removing a patient.
    pub(super) filter: fn(&[Charge], Delta) -> Result<Epsilon, String>,
    /// By Rényi differential privacy for a list that was fixed beforehand; for adding or removing a patient.
    pub(super) rdp: fn(&[Charge], Delta) -> Result<Epsilon, String>,
}

impl Accountant {
    /// The accountants of this crate.
    pub(super) fn exact() -> Self {
        fn words(error: crate::AccountError) -> String {
            error.to_string()
        }
        Self {
            pld: |charges, delta, adjacency| {
                epsilon_pld(charges, delta, adjacency).map(|bound| bound.epsilon).map_err(words)
            },
            filter: |charges, delta| RdpFilter::least_epsilon(charges, delta).map_err(words),
            rdp: |charges, delta| epsilon_rdp(charges, delta).map(|bound| bound.epsilon).map_err(words),
        }
    }

    /// ε of `tally` as the budget's composition measures it.
    pub(super) fn cost(&self, tally: &Tally, budget: &Budget) -> Result<Epsilon, Refused> {
        match budget.composition {
            Composition::Declared => self.by_pld(tally, budget),
            Composition::Adaptive => {
                measure(tally, |charges| (self.filter)(charges, budget.delta)).map_err(Refused::Unaccountable)
            }
        }
    }

    /// ε of `tally` by privacy loss distributions at the budget's δ.
    pub(super) fn by_pld(&self, tally: &Tally, budget: &Budget) -> Result<Epsilon, Refused> {
        measure(tally, |charges| (self.pld)(charges, budget.delta, budget.adjacency)).map_err(Refused::Unaccountable)
    }

    /// A second opinion; nothing where it has none.
    pub(super) fn by_rdp(&self, tally: &Tally, budget: &Budget) -> Option<Epsilon> {
        match budget.adjacency {
            Adjacency::AddOrRemoveOne => measure(tally, |charges| (self.rdp)(charges, budget.delta)).ok(),
            Adjacency::ReplaceOne => None,
        }
    }
}

fn measure(tally: &Tally, by: impl FnOnce(&[Charge]) -> Result<Epsilon, String>) -> Result<Epsilon, String> {
    if tally.is_empty() {
        return Ok(Epsilon::new(0.0).expect("0 is in range"));
    }
    by(tally.charges())
}
