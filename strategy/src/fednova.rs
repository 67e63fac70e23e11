//! FedNova: updates are normalised by the local work behind them (Wang et al., NeurIPS 2020, equations 8 and 9).
//!
//! Where sites make different numbers of steps, FedAvg converges to the optimum of another objective, in which a site counts
//! by its steps. FedNova divides each update by its work A_i = η ‖a_i‖₁ (see [`crate::Effort`]): the message is
//! [Δ_i / A_i | A_i], one number longer than an update. The server moves by the mean of the normalised updates times the mean
//! work, x ← x + (Σ p_i A_i) (Σ p_i Δ_i / A_i), which is the paper's τ_eff of the plain variant. No state.
//!
//! The work is sent as it is, so it must not depend on patients that are promised privacy: a site that makes as many steps as
//! it has images tells how many it has.

use crate::local::{Correction, LocalError, LocalRule, LocalSteps, Received, train_change};
use crate::message::MessageShape;
use crate::server::{RoundFacts, ServerRule, Slice};

/// Normalised averaging, both sides.
#[derive(Debug, Clone, Copy, Default)]
pub struct FedNova;

/// Δ / A and A.
const MESSAGE: MessageShape = MessageShape { vectors: 1, scalars: 1 };

impl ServerRule for FedNova {
    fn message(&self) -> MessageShape {
        MESSAGE
    }

    fn apply(&self, facts: &RoundFacts<'_>, slice: Slice<'_>) {
        let ([normalised, ..], work) = (slice.means, facts.scalars[0]);
        for (weight, change) in slice.model.iter_mut().zip(normalised) {
            *weight = (f64::from(*weight) + work * change) as f32;
        }
    }
}

impl LocalRule for FedNova {
    fn message(&self) -> MessageShape {
        MESSAGE
    }

    fn round(
        &self,
        received: Received<'_>,
        _: &mut [f32],
        trainer: &mut dyn LocalSteps,
        message: &mut [f32],
    ) -> Result<(), LocalError> {
        let (update, work) = message.split_at_mut(received.model.len());
        let weight = train_change(received.model, &Correction::default(), trainer, update)?.gradient_weight()?;
        update.iter_mut().for_each(|change| *change = (f64::from(*change) / weight) as f32);
        work[0] = weight as f32;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Quadratics, fedavg};
    use crate::{Aggregation, Strategy};

    fn fednova() -> Strategy {
        Strategy::new(Box::new(FedNova), Aggregation::Mean, Box::new(FedNova)).expect("one message")
    }

    const STEPS: [u32; 3] = [40, 10, 2];

    /// With small steps a site pulls by τ_i a_i under FedAvg and by a_i, as the objective says, under FedNova.
    #[test]
    fn unequal_work_misleads_fedavg_and_not_fednova() {
        let sites = Quadratics::heterogeneous().steps_of(STEPS).rate(0.001);
        let (plain, normalised) = (sites.run(&fedavg(), 6000), sites.run(&fednova(), 6000));
        let by_steps = sites.weighted_centre(|site, at| f64::from(STEPS[site]) * sites.curvature[site][at]);
        sites.assert_near(&plain, &by_steps, 0.05);
        sites.assert_near(&normalised, &sites.optimum(), 0.05);
        assert!(sites.distance(&plain, &sites.optimum()) > 0.7, "of 0.78 by theory");
    }

    /// With large steps the rest of the bias is the clients' drift: a pull of (1 - (1 - ηa)^τ) / τ.
    #[test]
    fn the_fixed_point_is_what_theory_gives() {
        let sites = Quadratics::heterogeneous().steps_of(STEPS);
        let pull = |site: usize, at: usize| {
            let (a, steps) = (sites.curvature[site][at], STEPS[site]);
            (1.0 - (1.0 - 0.1 * a).powi(steps as i32)) / f64::from(steps)
        };
        sites.assert_near(&sites.run(&fednova(), 1000), &sites.weighted_centre(pull), 1e-5);
    }

    #[test]
    fn with_equal_work_it_is_fedavg() {
        let sites = Quadratics::heterogeneous().steps(7);
        let plain: Vec<f64> = sites.run(&fedavg(), 30).iter().map(|weight| f64::from(*weight)).collect();
        sites.assert_near(&sites.run(&fednova(), 30), &plain, 1e-5);
    }
}
