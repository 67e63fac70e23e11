//! Ditto: a personal model at each site beside the common one (Li, Hu, Beirami, Smith, ICML 2021, algorithm 1).
//!
//! The common model is FedAvg's. With the model x it was sent, a site also moves its personal model v_i by steps on
//! f_i(v) + λ/2 ‖v - x‖²: λ = 0 is training alone, a large λ is the common model. v_i starts at the first model the site is sent and
//! never leaves the site; the site uses it. The message is FedAvg's.
//!
//! The personal steps read the patients once more. Under differential privacy no charge covers them, so whatever is said of
//! v_i, a score included, must stay at the site.

use crate::local::{Correction, LocalError, LocalRule, LocalSteps, Proximal, Received, train_change};
use wardround_plan::{DittoConfig, RuleError};

/// FedAvg's local steps, and as many on a personal model.
#[derive(Debug, Clone, Copy)]
pub struct Ditto {
    config: DittoConfig,
}

impl Ditto {
    /// The rule with these settings.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: DittoConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { config })
    }
}

impl LocalRule for Ditto {
    fn site_state_len(&self, weights: usize) -> usize {
        weights
    }

    fn start(&self, model: &[f32], site: &mut [f32]) {
        site.copy_from_slice(model);
    }

    fn round(
        &self,
        received: Received<'_>,
        site: &mut [f32],
        trainer: &mut dyn LocalSteps,
        message: &mut [f32],
    ) -> Result<(), LocalError> {
        train_change(received.model, &Correction::default(), trainer, message)?;
        let proximal = Some(Proximal { mu: self.config.lambda, anchor: received.model });
        trainer.train(site, &Correction { proximal, offset: None }).map(|_| ())
    }

    fn site_model(&self, _: &[f32], site: &[f32], out: &mut [f32]) {
        out.copy_from_slice(site);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Quadratics, fedavg};
    use crate::{Aggregation, FedAvg, Strategy};

    /// The least of a/2 (v - b)² + λ/2 (v - x)² is (a b + λ x) / (a + λ).
    #[test]
    fn personal_models_reach_the_interpolation() {
        let sites = Quadratics::heterogeneous().steps(10);
        for lambda in [0.0, 0.1, 1.0, 8.0] {
            let local = Ditto::new(DittoConfig { lambda }).expect("in range");
            let strategy = Strategy::new(Box::new(local), Aggregation::Mean, Box::new(FedAvg)).expect("one message");
            let (model, personal) = sites.run_with_sites(&strategy, 800);
            assert_eq!(model, sites.run(&fedavg(), 800), "the common model is FedAvg's");
            for (site, own) in personal.iter().enumerate() {
                let between = |at: usize| {
                    let (a, b) = (sites.curvature[site][at], sites.centre[site][at]);
                    (a * b + lambda * f64::from(model[at])) / (a + lambda)
                };
                sites.assert_near(own, &[between(0), between(1)], 1e-4);
                let mut used = [0.0; 2];
                local.site_model(&model, own, &mut used);
                assert_eq!(used, own.as_slice());
            }
        }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(Ditto::new(DittoConfig { lambda: -1.0 }).is_err());
    }
}
