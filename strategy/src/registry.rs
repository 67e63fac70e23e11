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
