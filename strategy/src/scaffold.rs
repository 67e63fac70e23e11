//! SCAFFOLD: control variates take the sites' drift out of their steps (Karimireddy et al., ICML 2020, algorithm 1).
//!
//! Site i keeps c_i, the server c. Local gradients become g - c_i + c. After the steps, by option II,
//! c_i⁺ = c_i - c + (x - y_i) / A, with A = K η for plain SGD, which is the mean of the site's own gradients. The message is
//! [y_i - x | c_i⁺ - c_i], twice an update. Server: x ← x + η_g mean(Δx), c ← c + |S|/N mean(Δc), so that c stays the weighted
//! mean of all c_i as long as all sites' weights do. The fixed point is the optimum, whatever the sites' data.
//!
//! Under noised local steps c_i⁺ is a function of x, y_i and c alone: post-processing of what was paid for (Noble et al.,
//! AISTATS 2022). That does not hold for the paper's option I, a gradient of its own over all patients, which is not offered.

use crate::local::{Correction, LocalError, LocalRule, LocalSteps, Received, train_change};
use crate::message::MessageShape;
use crate::server::{RoundFacts, ServerRule, Slice};
use wardround_plan::{RuleError, ScaffoldConfig};

/// Stochastic controlled averaging, both sides.
#[derive(Debug, Clone, Copy)]
pub struct Scaffold {
    config: ScaffoldConfig,
}

/// Δx and Δc.
const MESSAGE: MessageShape = MessageShape { vectors: 2, scalars: 0 };

impl Scaffold {
    /// The rule with these settings.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: ScaffoldConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { config })
    }
}

impl ServerRule for Scaffold {
    fn message(&self) -> MessageShape {
        MESSAGE
    }

    fn state_vectors(&self) -> usize {
        1
    }

    fn broadcast_vectors(&self) -> usize {
        1
    }

    fn apply(&self, facts: &RoundFacts<'_>, slice: Slice<'_>) {
        let ([update, control], [variates, ..]) = (slice.means, slice.state);
        let rate = self.config.server_learning_rate;
        for (weight, change) in slice.model.iter_mut().zip(update) {
            *weight = (f64::from(*weight) + rate * change) as f32;
        }
        for (variate, change) in variates.iter_mut().zip(control) {
            *variate = (f64::from(*variate) + facts.participation * change) as f32;
        }
    }
}

impl LocalRule for Scaffold {
    fn message(&self) -> MessageShape {
        MESSAGE
    }

    fn broadcast_vectors(&self) -> usize {
        1
    }

    fn site_state_len(&self, weights: usize) -> usize {
        weights
    }

    fn round(
        &self,
        received: Received<'_>,
        site: &mut [f32],
        trainer: &mut dyn LocalSteps,
        message: &mut [f32],
    ) -> Result<(), LocalError> {
        let (update, control) = message.split_at_mut(received.model.len());
        let server = received.server[0];
        // While the site trains, the room of Δc holds the offset c - c_i.
        control.iter_mut().zip(server).zip(&*site).for_each(|((offset, server), own)| *offset = server - own);
        let correction = Correction { proximal: None, offset: Some(control) };
        let weight = train_change(received.model, &correction, trainer, update)?.gradient_weight()?;
        for (((change, moved), server), own) in control.iter_mut().zip(update).zip(server).zip(site) {
            *change = (-f64::from(*moved) / weight - f64::from(*server)) as f32;
            *own += *change;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Quadratics;
    use crate::{Aggregation, Effort, Strategy};

    fn scaffold() -> Strategy {
        let rule = Scaffold::new(ScaffoldConfig { server_learning_rate: 1.0 }).expect("in range");
        Strategy::new(Box::new(rule), Aggregation::Mean, Box::new(rule)).expect("one message")
    }

    #[test]
    fn the_optimum_is_found_however_many_local_steps_are_made() {
        let sites = Quadratics::heterogeneous();
        for steps in [1, 10, 100] {
            let sites = sites.clone().steps(steps);
            sites.assert_near(&sites.run(&scaffold(), 2000), &sites.optimum(), 1e-4);
        }
    }

    #[test]
    fn sites_that_come_and_go_do_not_bias_it() {
        let sites = Quadratics::heterogeneous().steps(20).present(|round, site| (round + site) % 3 != 0);
        sites.assert_near(&sites.run(&scaffold(), 3000), &sites.optimum(), 1e-4);
        let fedavg = sites.run(&crate::testing::fedavg(), 3000);
        assert!(sites.distance(&fedavg, &sites.optimum()) > 0.1, "what SCAFFOLD is for");
    }

    #[test]
    fn the_servers_variate_is_the_mean_of_all_sites_whoever_came() {
        let sites = Quadratics::heterogeneous().steps(5).present(|round, site| (round + site) % 3 != 0);
        let (state, kept) = sites.run_to_state(&scaffold(), 8);
        let mean = |at: usize| kept.iter().map(|site| f64::from(site[at])).sum::<f64>() / kept.len() as f64;
        sites.assert_near(&state.vectors()[0], &[mean(0), mean(1)], 1e-6);
        assert!(mean(0).abs() > 0.01, "and it is not 0 yet");
    }

    #[test]
    fn a_sites_variate_is_its_own_mean_gradient() {
        struct Constant;
        impl LocalSteps for Constant {
            fn train(&mut self, weights: &mut [f32], correction: &Correction<'_>) -> Result<Effort, LocalError> {
                for _ in 0..4 {
                    let mut gradient = [2.0, -3.0];
                    correction.apply(weights, &mut gradient);
                    weights.iter_mut().zip(gradient).for_each(|(weight, slope)| *weight -= 0.25 * slope);
                }
                Ok(Effort::sgd(4, 0.25))
            }
        }
        let rule = Scaffold::new(ScaffoldConfig { server_learning_rate: 1.0 }).expect("in range");
        let (mut own, mut message) = ([0.5, 0.0], [f32::NAN; 4]);
        let received = Received { model: &[1.0, 1.0], server: &[&[0.25, 1.0]] };
        crate::local_round(&rule, received, &mut own, &mut Constant, &mut message).expect("trains");
        assert_eq!(own, [2.0, -3.0], "c_i is the mean of the site's gradients");
        assert_eq!(message, [-1.75, 2.0, 1.5, -3.0], "y - x after unit work, and the change of c_i");
    }

    #[test]
    fn steps_of_adam_are_refused() {
        struct Adam;
        impl LocalSteps for Adam {
            fn train(&mut self, _: &mut [f32], _: &Correction<'_>) -> Result<Effort, LocalError> {
                Ok(Effort { steps: 1, gradient_weight: None })
            }
        }
        let rule = Scaffold::new(ScaffoldConfig { server_learning_rate: 1.0 }).expect("in range");
        let received = Received { model: &[0.0], server: &[&[0.0]] };
        let got = crate::local_round(&rule, received, &mut [0.0], &mut Adam, &mut [0.0; 2]);
        assert_eq!(got, Err(LocalError::NoMeanGradient));
    }
}
