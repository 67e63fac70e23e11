//! The server's part of one round, whatever the strategy: what was collected becomes one vector, and that moves the model.
//!
//! What a strategy wants collected is its [`Aggregation`]; anything else is refused, so that no robust rule is left out by
//! mistake and no mean is taken for one.

use crate::fixed::TotalWeight;
use crate::robust::{Excluded, Influence, RobustError, RobustRule, Updates, combine, group_means};
use crate::server_state::{Mean, ServerState, StepError};
use crate::strategy::{Aggregation, Strategy};

/// What came of a round.
#[derive(Debug, Clone, Copy)]
pub enum Collected<'a> {
    /// For [`Aggregation::Mean`]: the exact sum, or a noised mean.
    Mean(Mean<'a>),
    /// For [`Aggregation::Single`]: the update of each site.
    Single(&'a [&'a [f32]]),
    /// For [`Aggregation::Groups`]: the sum of each group, and the weight in it.
    Groups(&'a [(&'a [i64], TotalWeight)]),
}

/// Who had a part in the next model.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What a robust rule made of the updates or groups; `None` for the mean, in which all count by their weights.
    pub influence: Option<Influence>,
    /// Updates or groups that were left out because no sum could hold them.
    pub excluded: Vec<Excluded>,
}

/// A round did not make a model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AdvanceError {
    /// Not what the strategy's aggregation works on.
    #[error("the strategy works on {wanted}, and {got} was collected: plan and collection belong to two strategies")]
    Collected {
        /// What it works on.
        wanted: &'static str,
        /// What came.
        got: &'static str,
    },
    /// The robust rule.
    #[error(transparent)]
    Robust(#[from] RobustError),
    /// The server's rule.
    #[error(transparent)]
    Step(#[from] StepError),
}

impl Strategy {
    /// Moves `state` on by one round; `participation` as in [`crate::RoundFacts`].
    ///
    /// # Errors
    /// [`AdvanceError`]; only after [`StepError::NotFinite`] the state is of no more use.
    pub fn advance(
        &self,
        state: &mut ServerState,
        participation: f64,
        collected: Collected<'_>,
    ) -> Result<Verdict, AdvanceError> {
        match (self.aggregation(), collected) {
            (Aggregation::Mean, Collected::Mean(mean)) => {
                state.step(self.server(), participation, mean)?;
                Ok(Verdict { influence: None, excluded: Vec::new() })
            }
            (Aggregation::Single(rule), Collected::Single(list)) => {
                self.advance_robust(state, participation, rule.as_ref(), list)
            }
            (Aggregation::Groups { rule, .. }, Collected::Groups(sums)) => {
                let means = group_means(sums);
                let list: Vec<&[f32]> = means.iter().map(Vec::as_slice).collect();
                self.advance_robust(state, participation, rule.as_ref(), &list)
            }
            (aggregation, collected) => {
                Err(AdvanceError::Collected { wanted: aggregation.wants(), got: collected.is() })
            }
        }
    }

    fn advance_robust(
        &self,
        state: &mut ServerState,
        participation: f64,
        rule: &dyn RobustRule,
        list: &[&[f32]],
    ) -> Result<Verdict, AdvanceError> {
        let (updates, mut mean) = (Updates::new(list)?, vec![0.0; state.model().len()]);
        let influence = Some(combine(rule, &updates, &mut mean)?);
        state.step(self.server(), participation, Mean::Values(&mean))?;
        Ok(Verdict { influence, excluded: updates.excluded().to_vec() })
    }
}

impl Aggregation {
    fn wants(&self) -> &'static str {
        match self {
            Self::Mean => "the mean",
            Self::Single(_) => "each single update",
            Self::Groups { .. } => "the sums of groups",
        }
    }
}

impl Collected<'_> {
    fn is(&self) -> &'static str {
        match self {
            Self::Mean(_) => "the mean",
            Self::Single(_) => "each single update",
            Self::Groups(_) => "the sums of groups",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Quadratics, fedavg, layout, poisoned};
    use crate::{FedAvg, Median, fold, group_ranges};
    use wardround_plan::{
        CorruptConfig, GeometricMedianConfig, GroupedMedianConfig, GroupedTrimmedMeanConfig, MultiKrumConfig,
        NoSettings, StrategyConfig,
    };

    fn strategy(config: StrategyConfig) -> Strategy {
        Strategy::from_config(&config, &layout()).expect("in range")
    }

    /// Eleven hospitals with nearly the same answer.
    fn ends_near(strategy: &Strategy, corrupt: usize) -> bool {
        let sites = Quadratics::alike(11);
        let far = sites.distance(&poisoned(&sites, strategy, corrupt), &sites.optimum());
        far < 0.5
    }

    #[test]
    fn one_of_eleven_breaks_the_mean() {
        assert!(ends_near(&fedavg(), 0));
        assert!(!ends_near(&fedavg(), 1));
    }

    #[test]
    fn a_poisoned_federation_learns_under_every_robust_rule() {
        let two = CorruptConfig { corrupt: 2 };
        for config in [
            StrategyConfig::Median(NoSettings {}),
            StrategyConfig::TrimmedMean(two),
            StrategyConfig::Krum(two),
            StrategyConfig::MultiKrum(MultiKrumConfig { corrupt: 2, selected: None }),
            StrategyConfig::Bulyan(two),
            StrategyConfig::GeometricMedian(GeometricMedianConfig { smoothing: 1e-6, passes: 100 }),
        ] {
            let rule = strategy(config.clone());
            assert!((0..=2).all(|corrupt| ends_near(&rule, corrupt)), "{config:?}");
        }
        assert!(!ends_near(&strategy(StrategyConfig::TrimmedMean(CorruptConfig { corrupt: 1 })), 2), "trims too few");
    }

    #[test]
    fn groups_hold_while_fewer_than_half_of_them_are_spoilt() {
        let median = strategy(StrategyConfig::GroupedMedian(GroupedMedianConfig { group_size: 3 }));
        let trimmed =
            strategy(StrategyConfig::GroupedTrimmedMean(GroupedTrimmedMeanConfig { group_size: 3, corrupt: 1 }));
        // Three groups of 11; the corrupt ones sit in different groups.
        for (corrupt, holds) in [(0, true), (1, true), (2, false)] {
            assert_eq!((ends_near(&median, corrupt), ends_near(&trimmed, corrupt)), (holds, holds), "{corrupt}");
        }
    }

    #[test]
    fn what_does_not_fit_the_strategy_is_refused() {
        let (mean, median) = (fedavg(), strategy(StrategyConfig::Median(NoSettings {})));
        let mut state = ServerState::new(&FedAvg, vec![0.0]);
        let one: [&[f32]; 3] = [&[1.0], &[2.0], &[3.0]];
        let got = mean.advance(&mut state, 1.0, Collected::Single(&one));
        assert!(matches!(got, Err(AdvanceError::Collected { wanted: "the mean", .. })), "{got:?}");
        let got = median.advance(&mut state, 1.0, Collected::Mean(Mean::Values(&[1.0])));
        assert!(matches!(got, Err(AdvanceError::Collected { got: "the mean", .. })), "{got:?}");
        assert_eq!(state.model(), [0.0]);
        median.advance(&mut state, 1.0, Collected::Single(&one)).expect("fits");
        assert_eq!(state.model(), [2.0]);
    }

    #[test]
    fn unsound_updates_are_excluded_and_do_not_count() {
        let median = strategy(StrategyConfig::Median(NoSettings {}));
        let mut state = ServerState::new(&FedAvg, vec![0.0]);
        let list: [&[f32]; 4] = [&[1.0], &[f32::NAN], &[2.0], &[3.0]];
        let verdict = median.advance(&mut state, 1.0, Collected::Single(&list)).expect("three are left");
        assert_eq!((verdict.excluded[0].site, state.model()), (1, [2.0].as_slice()));
        let got = median.advance(&mut state, 1.0, Collected::Single(&list[..3]));
        assert_eq!(got, Err(AdvanceError::Robust(RobustError::TooFew { needed: 3, got: 2 })));
    }

    #[test]
    fn a_rule_over_groups_sees_their_weighted_means() {
        let rule = Aggregation::Groups { size: 1, rule: Box::new(Median) };
        let strategy = Strategy::new(Box::new(FedAvg), rule, Box::new(FedAvg)).expect("one message");
        let sums: Vec<Vec<i64>> = group_ranges(6, 2)
            .into_iter()
            .map(|group| {
                let mut sum = vec![0; 1];
                group.for_each(|site| fold(&mut sum, &[site as f32], 1).expect("sound"));
                sum
            })
            .collect();
        let two = TotalWeight::of([1, 1]).expect("not zero");
        let groups: Vec<(&[i64], TotalWeight)> = sums.iter().map(|sum| (sum.as_slice(), two)).collect();
        let mut state = ServerState::new(&FedAvg, vec![0.0]);
        strategy.advance(&mut state, 1.0, Collected::Groups(&groups)).expect("fits");
        assert_eq!(state.model(), [2.5], "of 0.5, 2.5 and 4.5");
    }
}
