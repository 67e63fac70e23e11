//! From a Rényi curve to ε and δ: Canonne, Kamath and Steinke 2020, Prop. 12, at the best of a fixed list of orders.

use super::AccountError;
use super::charges::merged;
use super::rdp::rdp_of_all;
use crate::{Charge, Delta, Epsilon};

/// What the RDP accountant says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RdpEpsilon {
    /// An upper bound on ε.
    pub epsilon: Epsilon,
    /// The order that gave it.
    pub order: f64,
    /// Whether that order is the first or the last of the list; then a longer list might give less.
    pub order_at_end: bool,
}

/// ε of all charges together at δ, by Rényi differential privacy, for adding or removing a patient. Looser than
/// [`super::epsilon_pld`], by an independent way.
///
/// # Errors
/// [`AccountError`] where the charges are too many, or no order gives a finite bound.
pub fn epsilon_rdp(charges: &[Charge], delta: Delta) -> Result<RdpEpsilon, AccountError> {
    let charges = merged(charges)?;
    let whole = Whole::of(&charges);
    let least = whole.0.iter().map(|(order, rdp)| epsilon_at(*order, *rdp, delta)).fold(f64::INFINITY, f64::min);
    let mut orders = orders();
    let first = orders.first().copied();
    // Both ends stay, so that it is seen when an end is best.
    let can_be_best = |order: f64| epsilon_at(order, whole.at_least(order), delta) <= least;
    orders.retain(|order| order.fract() == 0.0 || Some(*order) == first || can_be_best(*order));
    best_epsilon(&orders, |order| whole.get(order).unwrap_or_else(|| rdp_of_all(&charges, order)), delta)
}

/// ε(a) at the whole orders: a hundredth of the work of the orders between them.
struct Whole(Vec<(f64, f64)>);

impl Whole {
    fn of(charges: &[Charge]) -> Self {
        let whole = orders().into_iter().filter(|order| order.fract() == 0.0);
        Self(whole.map(|order| (order, rdp_of_all(charges, order))).collect())
    }

    fn get(&self, order: f64) -> Option<f64> {
        self.0.iter().find(|(whole, _)| *whole == order).map(|(_, rdp)| *rdp)
    }

    /// What ε(a) is at least: (a - 1) ε(a) is convex and 0 at 0 and 1, so on either side of two orders it is above their line.
    fn at_least(&self, order: f64) -> f64 {
        if let Some(rdp) = self.get(order) {
            return rdp;
        }
        let weighted =
            |whole: f64| if whole > 1.0 { self.get(whole).map(|rdp| (whole - 1.0) * rdp) } else { Some(0.0) };
        let line = |near: f64, far: f64| Some((weighted(near)?, weighted(far)?, (order - near).abs()));
        let beyond = |(near, far, distance): (f64, f64, f64)| near + distance * (near - far);
        let lines = [line(order.floor(), order.floor() - 1.0), line(order.ceil(), order.ceil() + 1.0)];
        let highest = lines.into_iter().flatten().map(beyond).fold(0.0, f64::max);
        highest * (1.0 - ROUND_DOWN) / (order - 1.0)
    }
}

/// What rounding may add to a line.
const ROUND_DOWN: f64 = 1e-9;

/// The orders that are tried: 1.1 to 10.9 by tenths, 11 to 64, and four powers of two.
pub(super) fn orders() -> Vec<f64> {
    let tenths = (11..110).map(|tenth| f64::from(tenth) / 10.0);
    let whole = (11..=64).map(f64::from);
    tenths.chain(whole).chain([128.0, 256.0, 512.0, 1024.0]).collect()
}

/// The least ε over a list of orders.
pub(super) fn best_epsilon(
    orders: &[f64],
    curve: impl Fn(f64) -> f64,
    delta: Delta,
) -> Result<RdpEpsilon, AccountError> {
    let candidates = orders.iter().map(|order| (epsilon_at(*order, curve(*order), delta), *order));
    let (epsilon, order) = candidates.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 1.0));
    let order_at_end = epsilon > 0.0 && (Some(&order) == orders.first() || Some(&order) == orders.last());
    let no_order =
        AccountError::OutOfRange { what: "Rényi curve", value: epsilon, range: "more noise or fewer steps" };
    let epsilon = Epsilon::new(epsilon * (1.0 + 1e-12)).map_err(|_| no_order)?;
    Ok(RdpEpsilon { epsilon, order, order_at_end })
}

/// ε at δ from ε(a) at one order.
pub(super) fn epsilon_at(order: f64, rdp: f64, delta: Delta) -> f64 {
    let delta = delta.get();
    // Bretagnolle and Huber: the total variation is at most √(1 - e^-KL), and KL at most ε(a).
    if delta * delta + (-rdp).exp_m1() > 0.0 {
        return 0.0;
    }
    (rdp + shortfall(order, delta)).max(0.0)
}

/// What conversion adds to ε(a): ln(1 - 1/a) - (ln δ + ln a)/(a - 1).
pub(super) fn shortfall(order: f64, delta: f64) -> f64 {
    (-1.0 / order).ln_1p() - (delta.ln() + order.ln()) / (order - 1.0)
}

/// ln δ at ε from ε(a) at one order.
pub(super) fn log_delta_at(order: f64, rdp: f64, epsilon: f64) -> f64 {
    let total_variation = 0.5 * (-(-rdp).exp_m1()).ln();
    let moment = (order - 1.0) * (rdp - epsilon + (-1.0 / order).ln_1p()) - order.ln();
    total_variation.min(moment).min(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LaplaceScale, Mechanism, NoiseMultiplier, SamplingRate};

    fn sampled(sigma: f64, rate: f64, times: u64) -> Charge {
        let noise_multiplier = NoiseMultiplier::new(sigma).expect("a noise multiplier");
        let sampling_rate = SamplingRate::new(rate).expect("a sampling rate");
        Charge { mechanism: Mechanism::SampledGaussian { noise_multiplier, sampling_rate }, times }
    }

    #[test]
    fn orders_that_are_not_looked_at_would_not_have_been_best() {
        let laplace =
            Charge { mechanism: Mechanism::Laplace { scale: LaplaceScale::new(3.0).expect("a scale") }, times: 7 };
        for charges in [
            vec![sampled(1.0, 0.01, 1000)],
            vec![sampled(1.5, 0.01, 1000)],
            vec![sampled(100.0, 0.001, 10)],
            vec![sampled(0.6, 0.001, 10_000)],
            vec![sampled(1.0, 0.5, 50)],
            vec![sampled(0.05, 0.01, 3)],
            vec![sampled(20.0, 0.5, 2000), laplace],
            vec![laplace],
        ] {
            for delta in [1e-2, 1e-5, 1e-10] {
                let delta = Delta::new(delta).expect("a delta");
                let all = best_epsilon(&orders(), |order| rdp_of_all(&charges, order), delta);
                assert_eq!(epsilon_rdp(&charges, delta), all, "{charges:?}");
            }
        }
    }
}
