//! An RDP filter: stops charges that may depend on earlier results before they cost more than a budget (Feldman and Zrnic 2021,
//! Theorem 4.3). A fixed list of orders is watched; each stands for the whole ε with an equal share of δ, so that by a union
//! bound it is allowed to go on as long as any order is within its budget.

use super::AccountError;
use super::charges::merged;
use super::conversion::shortfall;
use super::rdp::rdp_of_all;
use crate::{Charge, Delta, Epsilon};

/// Charges spent so far, against a budget fixed in advance.
#[derive(Debug, Clone, PartialEq)]
pub struct RdpFilter {
    epsilon: Epsilon,
    delta: Delta,
    /// Σ ε(a) at each of [`ORDERS`].
    spent: [f64; ORDERS.len()],
}

/// The charges would exceed the budget; nothing was spent.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum FilterRefused {
    /// At every order more would be spent than the budget allows.
    #[error(
        "these charges exceed what is left of epsilon {epsilon} at delta {delta}; ask for less or have the budget raised"
    )]
    Exceeded {
        /// The budget's ε.
        epsilon: Epsilon,
        /// The budget's δ.
        delta: Delta,
    },
    /// The charges cannot be accounted for.
    #[error(transparent)]
    NoAccount(#[from] AccountError),
}

impl RdpFilter {
    /// A filter with nothing spent.
    pub fn new(epsilon: Epsilon, delta: Delta) -> Self {
        Self { epsilon, delta, spent: [0.0; ORDERS.len()] }
    }

    /// Spends `charges`, which are fixed from here on; call it before anything is drawn.
    ///
    /// # Errors
    /// [`FilterRefused`]; then nothing is spent, and smaller charges may still fit.
    pub fn try_spend(&mut self, charges: &[Charge]) -> Result<(), FilterRefused> {
        let after = self.after(charges)?;
        if !fits(&after, self.epsilon.get(), self.share_of_delta()) {
            return Err(FilterRefused::Exceeded { epsilon: self.epsilon, delta: self.delta });
        }
        self.spent = after;
        Ok(())
    }

    /// The least ε whose fresh filter would accept all of `charges`.
    ///
    /// # Errors
    /// [`AccountError`] where the charges are too many, or no ε suffices.
    pub fn least_epsilon(charges: &[Charge], delta: Delta) -> Result<Epsilon, AccountError> {
        let fresh = Self::new(Epsilon::new(0.0).expect("0 is in range"), delta);
        let costs = costs(&fresh.after(charges)?, fresh.share_of_delta()).into_iter();
        let least = costs.fold(f64::INFINITY, f64::min);
        let no_filter =
            AccountError::OutOfRange { what: "Rényi curve", value: least, range: "more noise or fewer steps" };
        Epsilon::new(least).map_err(|_| no_filter)
    }

    /// Whether [`RdpFilter::try_spend`] would accept.
    pub fn would_fit(&self, charges: &[Charge]) -> bool {
        self.after(charges).is_ok_and(|after| fits(&after, self.epsilon.get(), self.share_of_delta()))
    }

    /// An odometer: all so far is (this, δ)-private, at any time, whoever chose the charges. It moves in steps of a twentieth of
    /// the budget, each rung of which is a filter of its own with its share of δ; beyond them it is the budget itself.
    pub fn spent_epsilon(&self) -> Epsilon {
        if self.spent.iter().all(|spent| *spent == 0.0) {
            return Epsilon::new(0.0).unwrap_or(self.epsilon);
        }
        let share = self.share_of_delta() / f64::from(RUNGS);
        let rungs = (1..=RUNGS).map(|rung| self.epsilon.get() * f64::from(rung) / f64::from(RUNGS));
        let reached = rungs.into_iter().find(|rung| fits(&self.spent, *rung, share));
        reached.and_then(|rung| Epsilon::new(rung).ok()).unwrap_or(self.epsilon)
    }

    fn after(&self, charges: &[Charge]) -> Result<[f64; ORDERS.len()], AccountError> {
        let charges = merged(charges)?;
        let mut after = self.spent;
        for (spent, order) in after.iter_mut().zip(ORDERS) {
            *spent = (*spent + rdp_of_all(&charges, order)) * (1.0 + f64::EPSILON);
        }
        Ok(after)
    }

    fn share_of_delta(&self) -> f64 {
        self.delta.get() / ORDERS.len() as f64
    }
}

/// Whether at some order the sum is within ε less what conversion adds.
fn fits(spent: &[f64; ORDERS.len()], epsilon: f64, delta: f64) -> bool {
    costs(spent, delta).iter().any(|cost| *cost <= epsilon)
}

/// What each order says the charges cost, conversion included.
fn costs(spent: &[f64; ORDERS.len()], delta: f64) -> [f64; ORDERS.len()] {
    std::array::from_fn(|place| spent[place] + shortfall(ORDERS[place], delta).max(0.0))
}

/// The orders that are watched, fixed in advance. Few, since each takes its share of δ.
const ORDERS: [f64; 10] = [2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 40.0, 80.0];

/// Steps of the odometer.
const RUNGS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mechanism, NoiseMultiplier, epsilon_rdp};

    fn filter() -> RdpFilter {
        RdpFilter::new(Epsilon::new(3.0).expect("from 0"), Delta::new(1e-5).expect("a probability"))
    }

    fn gaussian(sigma: f64, times: u64) -> Charge {
        let noise_multiplier = NoiseMultiplier::new(sigma).expect("positive");
        Charge { mechanism: Mechanism::Gaussian { noise_multiplier }, times }
    }

    #[test]
    fn what_was_spent_never_costs_more_than_the_budget() {
        let mut filter = filter();
        let mut spent = Vec::new();
        while filter.try_spend(&[gaussian(20.0, 1)]).is_ok() {
            spent.push(gaussian(20.0, 1));
        }
        let cost = epsilon_rdp(&spent, Delta::new(1e-5).expect("a probability")).expect("finite").epsilon.get();
        assert!(cost <= 3.0 && cost > 2.0, "{} charges cost {cost}", spent.len());
    }

    #[test]
    fn the_least_epsilon_is_where_a_filter_begins_to_accept() {
        let (charges, delta) = ([gaussian(5.0, 3), gaussian(20.0, 7)], Delta::new(1e-5).expect("a probability"));
        let least = RdpFilter::least_epsilon(&charges, delta).expect("finite");
        let fits = |epsilon| RdpFilter::new(Epsilon::new(epsilon).expect("from 0"), delta).would_fit(&charges);
        assert!(fits(least.get()) && !fits(least.get().next_down()), "{least}");
        assert!(least > epsilon_rdp(&charges, delta).expect("finite").epsilon, "a fixed list costs less");
    }

    #[test]
    fn a_refused_charge_costs_nothing_and_a_smaller_one_still_fits() {
        let mut filter = filter();
        filter.try_spend(&[gaussian(5.0, 2)]).expect("fits");
        let before = filter.clone();
        assert!(matches!(filter.try_spend(&[gaussian(0.1, 1)]), Err(FilterRefused::Exceeded { .. })));
        assert_eq!(filter, before);
        assert!(filter.would_fit(&[gaussian(50.0, 1)]) && !filter.would_fit(&[gaussian(0.1, 1)]));
    }

    #[test]
    fn the_odometer_starts_at_nothing_and_only_rises() {
        let mut filter = filter();
        let mut last = filter.spent_epsilon();
        assert_eq!(last.get(), 0.0);
        while filter.try_spend(&[gaussian(10.0, 1)]).is_ok() {
            assert!(filter.spent_epsilon() >= last && filter.spent_epsilon().get() <= 3.0);
            last = filter.spent_epsilon();
        }
        assert!(last.get() > 2.0, "{last}");
    }

    #[test]
    fn spending_in_parts_or_at_once_is_the_same() {
        let (mut parts, mut whole) = (filter(), filter());
        for _ in 0..4 {
            parts.try_spend(&[gaussian(20.0, 1)]).expect("fits");
        }
        whole.try_spend(&[gaussian(20.0, 4)]).expect("fits");
        for (part, all) in parts.spent.iter().zip(whole.spent) {
            assert!((part / all - 1.0).abs() < 1e-12);
        }
    }
}
