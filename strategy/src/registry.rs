//! From a plan's `[strategy]` to its rules.

use crate::strategy::{Aggregation, Strategy, StrategyError};
use crate::{
    BoundedSteps, Bulyan, Ditto, FedAdagrad, FedAdam, FedAvg, FedAvgm, FedNova, FedProx, FedYogi, GeometricMedian,
    Krum, LocalLayers, LocalRule, Median, MultiKrum, NormBound, RobustRule, Scaffold, ServerRule, TrimmedMean,
};
use wardround_plan::{BoundedBy, CorruptConfig, Layout, RuleError, StrategyConfig};

/// A plan's strategy cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RegistryError {
    /// A setting is out of its range.
    #[error(transparent)]
    Setting(#[from] RuleError),
    /// The parts do not belong together.
    #[error(transparent)]
    Parts(#[from] StrategyError),
}

impl Strategy {
    /// The strategy of a plan, for a model of this layout.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn from_config(config: &StrategyConfig, layout: &Layout) -> Result<Self, RegistryError> {
        match config {
            StrategyConfig::FedAvg(_) => mean(FedAvg, FedAvg),
            StrategyConfig::FedAvgm(config) => mean(FedAvg, FedAvgm::new(*config)?),
            StrategyConfig::FedAdam(config) => mean(FedAvg, FedAdam::new(*config)?),
            StrategyConfig::FedYogi(config) => mean(FedAvg, FedYogi::new(*config)?),
            StrategyConfig::FedAdagrad(config) => mean(FedAvg, FedAdagrad::new(*config)?),
            StrategyConfig::FedProx(config) => mean(FedProx::new(*config)?, FedAvg),
            StrategyConfig::Scaffold(config) => mean(Scaffold::new(*config)?, Scaffold::new(*config)?),
            StrategyConfig::FedNova(_) => mean(FedNova, FedNova),
            StrategyConfig::Ditto(config) => mean(Ditto::new(*config)?, FedAvg),
            StrategyConfig::LocalLayers(config) => mean(LocalLayers::new(config, layout)?, FedAvg),
            StrategyConfig::Median(_) => single(Median),
            StrategyConfig::TrimmedMean(config) => single(TrimmedMean::new(*config)?),
            StrategyConfig::Krum(config) => single(Krum::new(*config)?),
            StrategyConfig::MultiKrum(config) => single(MultiKrum::new(*config)?),
            StrategyConfig::Bulyan(config) => single(Bulyan::new(*config)?),
            StrategyConfig::GeometricMedian(config) => single(GeometricMedian::new(*config)?),
            StrategyConfig::NormBound(config) => match config.bounded_by {
                BoundedBy::Server => single(NormBound::new(*config)?),
                BoundedBy::Site => mean(BoundedSteps::new(*config)?, FedAvg),
            },
            StrategyConfig::GroupedMedian(config) => {
                config.check()?;
                groups(config.group_size, Median)
            }
            StrategyConfig::GroupedTrimmedMean(config) => {
                config.check()?;
                groups(config.group_size, TrimmedMean::new(CorruptConfig { corrupt: config.corrupt })?)
            }
        }
    }
}

fn mean(local: impl LocalRule + 'static, server: impl ServerRule + 'static) -> Result<Strategy, RegistryError> {
    Ok(Strategy::new(Box::new(local), Aggregation::Mean, Box::new(server))?)
}

fn single(rule: impl RobustRule + 'static) -> Result<Strategy, RegistryError> {
    Ok(Strategy::new(Box::new(FedAvg), Aggregation::Single(Box::new(rule)), Box::new(FedAvg))?)
}

fn groups(size: u32, rule: impl RobustRule + 'static) -> Result<Strategy, RegistryError> {
    let aggregation = Aggregation::Groups { size: size as usize, rule: Box::new(rule) };
    Ok(Strategy::new(Box::new(FedAvg), aggregation, Box::new(FedAvg))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerState;
    use crate::testing::layout;
    use wardround_plan::{
        AdaptiveConfig, DittoConfig, FedAdagradConfig, FedAvgmConfig, FedProxConfig, GeometricMedianConfig,
        GroupedMedianConfig, GroupedTrimmedMeanConfig, LocalLayersConfig, MultiKrumConfig, NoSettings, NormBoundConfig,
        ScaffoldConfig,
    };

    fn every_kind() -> Vec<StrategyConfig> {
        let (none, corrupt) = (NoSettings {}, CorruptConfig { corrupt: 1 });
        let adaptive = AdaptiveConfig { server_learning_rate: 0.01, beta1: 0.9, beta2: 0.99, tau: 1e-3 };
        let bound = |bounded_by| StrategyConfig::NormBound(NormBoundConfig { bound: 1.0, bounded_by });
        vec![
            StrategyConfig::FedAvg(none),
            StrategyConfig::FedAvgm(FedAvgmConfig { server_learning_rate: 1.0, momentum: 0.9 }),
            StrategyConfig::FedAdam(adaptive),
            StrategyConfig::FedYogi(adaptive),
            StrategyConfig::FedAdagrad(FedAdagradConfig { server_learning_rate: 0.01, beta1: 0.0, tau: 1e-3 }),
            StrategyConfig::FedProx(FedProxConfig { mu: 0.1 }),
            StrategyConfig::Scaffold(ScaffoldConfig { server_learning_rate: 1.0 }),
            StrategyConfig::FedNova(none),
            StrategyConfig::Ditto(DittoConfig { lambda: 0.1 }),
            StrategyConfig::LocalLayers(LocalLayersConfig { tensors: vec!["norm".into()] }),
            StrategyConfig::Median(none),
            StrategyConfig::TrimmedMean(corrupt),
            StrategyConfig::Krum(corrupt),
            StrategyConfig::MultiKrum(MultiKrumConfig { corrupt: 1, selected: Some(2) }),
            StrategyConfig::Bulyan(corrupt),
            StrategyConfig::GeometricMedian(GeometricMedianConfig { smoothing: 1e-6, passes: 10 }),
            bound(BoundedBy::Server),
            bound(BoundedBy::Site),
            StrategyConfig::GroupedMedian(GroupedMedianConfig { group_size: 3 }),
            StrategyConfig::GroupedTrimmedMean(GroupedTrimmedMeanConfig { group_size: 3, corrupt: 1 }),
        ]
    }

    #[test]
    fn every_kind_becomes_the_rules_that_its_plan_promises() {
        for config in every_kind() {
            let strategy =
                Strategy::from_config(&config, &layout()).unwrap_or_else(|error| panic!("{config:?}: {error}"));
            let single = matches!(strategy.aggregation(), Aggregation::Single(_));
            assert_eq!(single, config.needs_single_updates(), "{config:?}");
            // What the plan asks of a study is what the rule asks of a round.
            let needed = match strategy.aggregation() {
                Aggregation::Mean => 1,
                Aggregation::Single(rule) => rule.sites_min(),
                Aggregation::Groups { size, rule } => size * rule.sites_min(),
            };
            assert_eq!(config.sites_min(), needed as u64, "{config:?}");
            let state = ServerState::new(strategy.server(), vec![0.0; 2]);
            assert!(state.vectors().len() >= strategy.server().broadcast_vectors());
        }
    }

    #[test]
    fn settings_that_no_plan_would_pass_make_no_rules() {
        let bad = StrategyConfig::GroupedMedian(GroupedMedianConfig { group_size: 2 });
        assert!(matches!(Strategy::from_config(&bad, &layout()), Err(RegistryError::Setting(_))));
        let unknown = StrategyConfig::LocalLayers(LocalLayersConfig { tensors: vec!["batch".into()] });
        assert!(matches!(Strategy::from_config(&unknown, &layout()), Err(RegistryError::Setting(_))));
    }
}
