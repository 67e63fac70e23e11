//! Which accountant a budget is measured with.

use super::tally::Tally;
use super::{Budget, Composition, Refused};
use crate::{Adjacency, Charge, Delta, Epsilon};

/// The two ways to turn charges into ε. Tests put simple sums in their place.
#[derive(Debug, Clone, Copy)]
pub struct Accountant {
    /// By privacy loss distributions, an upper bound.
    pub pld: fn(&[Charge], Delta, Adjacency) -> Result<Epsilon, String>,
    /// By Rényi differential privacy at orders fixed beforehand, an upper bound.
    pub rdp: fn(&[Charge], Delta, Adjacency) -> Result<Epsilon, String>,
}

impl Accountant {
    /// The accountants of this crate.
    pub fn exact() -> Self {
        Self {
            pld: |charges, delta, adjacency| {
                let bound = crate::epsilon_pld(charges, delta, adjacency);
                bound.map(|bound| bound.epsilon).map_err(|error| error.to_string())
            },
            // TODO: `epsilon_rdp`, once the crate has it. Until then adaptive budgets admit nothing.
            rdp: |_, _, _| Err("this version has no accountant by Rényi differential privacy".into()),
        }
    }

    /// ε of `tally` as the budget's composition measures it.
    ///
    /// Declared: an upper bound by privacy loss distributions. Adaptive: charges pass the Rényi filter of a budget (ε, δ) if at
    /// one order α of the fixed grid their Rényi divergence is at most B(α) = ε - ln(1 - 1/α) + (ln δ + ln α)/(α - 1); that is
    /// the case exactly if their ε by the tight conversion at δ is at most the budget's.
    pub(super) fn cost(&self, tally: &Tally, budget: &Budget) -> Result<Epsilon, Refused> {
        match budget.composition {
            Composition::Declared => self.by_pld(tally, budget),
            Composition::Adaptive => self.by_rdp(tally, budget),
        }
    }

    pub(super) fn by_pld(&self, tally: &Tally, budget: &Budget) -> Result<Epsilon, Refused> {
        measure(self.pld, tally, budget)
    }

    pub(super) fn by_rdp(&self, tally: &Tally, budget: &Budget) -> Result<Epsilon, Refused> {
        measure(self.rdp, tally, budget)
    }
}

fn measure(
    by: fn(&[Charge], Delta, Adjacency) -> Result<Epsilon, String>,
    tally: &Tally,
    budget: &Budget,
) -> Result<Epsilon, Refused> {
    if tally.is_empty() {
        return Ok(Epsilon::new(0.0).expect("0 is in range"));
    }
    by(tally.charges(), budget.delta, budget.adjacency).map_err(Refused::Unaccountable)
}
