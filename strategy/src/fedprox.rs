//! FedProx: a proximal term holds each site near the round's model (Li et al., MLSys 2020, algorithm 2).
//!
//! A site minimises f_i(w) + μ/2 ‖w - x‖²: its gradients become g + μ (w - x). The server's rule is FedAvg's. With more μ the
//! sites drift less and the fixed point comes nearer to the optimum, more slowly. Nothing more is sent, and under
//! differential privacy nothing more is charged: the term depends on no patient beyond the noised steps so far.

use crate::local::{Correction, LocalError, LocalRule, LocalSteps, Proximal, Received, train_change};
use wardround_plan::{FedProxConfig, RuleError};

/// Local steps with a pull towards the round's model.
#[derive(Debug, Clone, Copy)]
pub struct FedProx {
    config: FedProxConfig,
}

impl FedProx {
    /// The rule with these settings.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: FedProxConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { config })
    }
}

impl LocalRule for FedProx {
    fn round(
        &self,
        received: Received<'_>,
        _: &mut [f32],
        trainer: &mut dyn LocalSteps,
        message: &mut [f32],
    ) -> Result<(), LocalError> {
        let proximal = Some(Proximal { mu: self.config.mu, anchor: received.model });
        train_change(received.model, &Correction { proximal, offset: None }, trainer, message).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Quadratics;
    use crate::{Aggregation, FedAvg, Strategy};

    fn fedprox(mu: f64) -> Strategy {
        let local = FedProx::new(FedProxConfig { mu }).expect("in range");
        Strategy::new(Box::new(local), Aggregation::Mean, Box::new(FedAvg)).expect("one message")
    }

    /// A site's steps lead towards (a b + μ x) / (a + μ), so the pull of site i is (1 - (1 - η(a+μ))^K) a / (a + μ).
    #[test]
    fn the_bias_is_what_theory_gives_and_shrinks_with_mu() {
        let sites = Quadratics::heterogeneous().steps(100);
        let mut last = f64::INFINITY;
        for mu in [0.0, 0.3, 1.0, 3.0, 8.0] {
            let pull = |site: usize, at: usize| {
                let a = sites.curvature[site][at];
                (1.0 - (1.0 - 0.1 * (a + mu)).powi(100)) * a / (a + mu)
            };
            let end = sites.run(&fedprox(mu), 800);
            sites.assert_near(&end, &sites.weighted_centre(pull), 1e-5);
            let far = sites.distance(&end, &sites.optimum());
            assert!(far < last, "mu {mu}: {far} is not below {last}");
            last = far;
        }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for mu in [-0.1, f64::NAN, f64::INFINITY] {
            assert!(FedProx::new(FedProxConfig { mu }).is_err(), "{mu}");
        }
    }
}
