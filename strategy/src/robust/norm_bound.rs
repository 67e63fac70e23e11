//! Norm bounding: an update longer than B is shortened to B before the mean (Sun, Kairouz, Suresh, McMahan,
//! arXiv:1911.07963, section 4).
//!
//! x_i ← x_i min(1, B / ‖x_i‖). It has no breakdown point: f corrupt updates of n move the mean by at most 2 f B / n from where
//! honest ones in their place could have put it, and always by something. By the server ([`NormBound`]) it needs every single
//! update. By the site ([`BoundedSteps`]) it works under secure aggregation, and binds only sites that follow the rules: the
//! bound is trusted, not proved.

use super::distances::from_point;
use super::{Influence, RobustRule, Updates};
use crate::local::{Correction, LocalError, LocalRule, LocalSteps, Received, train_change};
use wardround_plan::{NormBoundConfig, RuleError};

/// The mean of shortened updates.
#[derive(Debug, Clone, Copy)]
pub struct NormBound {
    bound: f64,
}

/// FedAvg's local steps, and an update that the site shortens itself.
#[derive(Debug, Clone, Copy)]
pub struct BoundedSteps {
    bound: f64,
}

impl NormBound {
    /// The rule with this bound.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: NormBoundConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { bound: config.bound })
    }
}

impl BoundedSteps {
    /// The rule with this bound.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: NormBoundConfig) -> Result<Self, RuleError> {
        config.check().map(|()| Self { bound: config.bound })
    }
}

impl RobustRule for NormBound {
    fn sites_min(&self) -> usize {
        1
    }

    fn aggregate(&self, updates: &Updates<'_>, mean: &mut [f64]) -> Influence {
        mean.fill(0.0);
        let squares = from_point(updates, mean);
        let mut factors = Vec::with_capacity(updates.len());
        for (number, square) in squares.into_iter().enumerate() {
            let factor = factor(self.bound, square);
            let share = factor / updates.len() as f64;
            mean.iter_mut().zip(updates.update(number)).for_each(|(sum, value)| *sum += share * f64::from(*value));
            factors.push((updates.site(number), factor));
        }
        factors.sort_unstable_by_key(|(site, _)| *site);
        Influence::Weighted(factors)
    }
}

impl LocalRule for BoundedSteps {
    fn round(
        &self,
        received: Received<'_>,
        _: &mut [f32],
        trainer: &mut dyn LocalSteps,
        message: &mut [f32],
    ) -> Result<(), LocalError> {
        train_change(received.model, &Correction::default(), trainer, message)?;
        let square = message.iter().map(|change| f64::from(*change).powi(2)).sum();
        let factor = factor(self.bound, square);
        message.iter_mut().for_each(|change| *change = (f64::from(*change) * factor) as f32);
        Ok(())
    }
}

/// min(1, B / ‖x‖) from ‖x‖².
fn factor(bound: f64, square: f64) -> f64 {
    // A square of 0 gives infinity, and with it 1.
    (bound / square.sqrt()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Effort;
    use crate::robust::combine;
    use crate::robust::testing::of;
    use wardround_plan::BoundedBy;

    fn config(bound: f64) -> NormBoundConfig {
        NormBoundConfig { bound, bounded_by: BoundedBy::Server }
    }

    #[test]
    fn long_updates_are_shortened_and_short_ones_are_not() {
        let rule = NormBound::new(config(5.0)).expect("in range");
        let list: [&[f32]; 4] = [&[30.0, 40.0], &[1.0, -2.0], &[0.0, 0.0], &[3.0, 4.0]];
        assert_eq!(of(&rule, &list), [(3.0 + 1.0 + 3.0) / 4.0, (4.0 - 2.0 + 4.0) / 4.0]);
        let updates = Updates::new(&list).expect("good");
        let influence = combine(&rule, &updates, &mut [0.0; 2]).expect("enough");
        assert_eq!(influence, Influence::Weighted(vec![(0, 0.1), (1, 1.0), (2, 1.0), (3, 1.0)]));
    }

    #[test]
    fn corrupt_updates_move_the_mean_by_no_more_than_the_bound_allows() {
        let rule = NormBound::new(config(2.0)).expect("in range");
        for corrupt in 0..=9 {
            let site = |site: usize| if site < corrupt { [-1000.0f32] } else { [1.0] };
            let list: Vec<[f32; 1]> = (0..9).map(site).collect();
            let mean = of(&rule, &list.iter().map(|update| update.as_slice()).collect::<Vec<_>>())[0];
            let moved = 1.0 - mean;
            assert!((moved - corrupt as f64 * 3.0 / 9.0).abs() < 1e-12, "{corrupt} moved it by {moved}");
            assert!(moved <= 2.0 * 2.0 * corrupt as f64 / 9.0);
        }
    }

    #[test]
    fn a_site_shortens_its_own_update() {
        struct Jump;
        impl LocalSteps for Jump {
            fn train(&mut self, weights: &mut [f32], _: &Correction<'_>) -> Result<Effort, LocalError> {
                weights.iter_mut().zip([30.0, 40.0]).for_each(|(weight, jump)| *weight += jump);
                Ok(Effort::sgd(1, 1.0))
            }
        }
        let rule = BoundedSteps::new(config(5.0)).expect("in range");
        let (received, mut message) = (Received { model: &[7.0, 7.0], server: &[] }, [0.0; 2]);
        crate::local_round(&rule, received, &mut [], &mut Jump, &mut message).expect("trains");
        assert_eq!(message, [3.0, 4.0]);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for bound in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(NormBound::new(config(bound)).is_err() && BoundedSteps::new(config(bound)).is_err(), "{bound}");
        }
    }
}
