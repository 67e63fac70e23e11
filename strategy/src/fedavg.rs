//! FedAvg: the weighted mean of the updates (McMahan et al., AISTATS 2017, algorithm 1).
//!
//! At the site: plain local steps; the message is what they changed, Δ_i. At the server: x ← x + Σ w_i Δ_i / Σ w_i.
//! No state. Where sites differ and make many steps, its fixed point is not the optimum: see [`crate::Scaffold`].

use crate::local::{Correction, LocalError, LocalRule, LocalSteps, Received, train_change};
use crate::server::{RoundFacts, ServerRule, Slice};

/// Moves a model by the weighted mean of its sites' updates.
#[derive(Debug, Clone, Copy, Default)]
pub struct FedAvg;

impl ServerRule for FedAvg {
    fn apply(&self, _: &RoundFacts<'_>, slice: Slice<'_>) {
        let [update, ..] = slice.means;
        slice.model.iter_mut().zip(update).for_each(|(weight, change)| *weight = (f64::from(*weight) + change) as f32);
    }
}

impl LocalRule for FedAvg {
    fn round(
        &self,
        received: Received<'_>,
        _: &mut [f32],
        trainer: &mut dyn LocalSteps,
        message: &mut [f32],
    ) -> Result<(), LocalError> {
        train_change(received.model, &Correction::default(), trainer, message).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Quadratics, fedavg};
    use crate::{Mean, ServerState, TotalWeight, fold};

    fn next(model: &[f32], updates: &[(&[f32], u32)]) -> Vec<f32> {
        let mut sum = vec![0; model.len()];
        updates.iter().for_each(|(update, weight)| fold(&mut sum, update, *weight).expect("in range"));
        let total = TotalWeight::of(updates.iter().map(|(_, weight)| *weight)).expect("not zero");
        let mut state = ServerState::new(&FedAvg, model.to_vec());
        state.step(&FedAvg, 1.0, Mean::Sum(&sum, total)).expect("fits");
        state.into_parts().0
    }

    #[test]
    fn the_mean_of_weighted_updates_is_the_textbook_one() {
        let next = next(&[10.0, 0.0], &[(&[1.0, -2.0], 1), (&[4.0, 0.5], 3)]);
        assert_eq!(next, [10.0 + 13.0 / 4.0, -0.5 / 4.0]);
    }

    #[test]
    fn no_sites_make_no_mean() {
        assert_eq!(TotalWeight::of([]), None);
    }

    #[test]
    fn fixed_point_costs_less_than_a_float() {
        let updates = [[0.123_456_79_f32], [1e-6], [-0.7]];
        let exact = updates.iter().map(|update| f64::from(update[0])).sum::<f64>() / 3.0;
        let next = next(&[0.0], &updates.each_ref().map(|update| (update.as_slice(), 1)));
        assert!((f64::from(next[0]) - exact).abs() < 2e-8, "{next:?} against {exact}");
    }

    /// y_K = b + (1 - ηa)^K (x - b) at each site, so x* = Σ (1 - r_i) b_i / Σ (1 - r_i) with r_i = (1 - ηa_i)^K.
    #[test]
    fn many_local_steps_lead_to_the_wrong_point_that_theory_names() {
        let sites = Quadratics::heterogeneous();
        for steps in [1, 10, 100] {
            let (rate, end) = (0.1, sites.clone().steps(steps).run(&fedavg(), 600));
            let pull = |site: usize, at: usize| 1.0 - (1.0 - rate * sites.curvature[site][at]).powi(steps as i32);
            let biased = sites.weighted_centre(pull);
            sites.assert_near(&end, &biased, 1e-5);
            let far = sites.distance(&end, &sites.optimum());
            assert!(if steps == 1 { far < 1e-5 } else { far > 0.1 }, "{steps} steps end {far} from the optimum");
        }
    }
}
