//! From a plan's `[strategy]` to its rules.

use crate::strategy::{Aggregation, Strategy, StrategyError};
use crate::{FedAdam, FedAvg, FedAvgm, FedProx, LocalRule, Scaffold, ServerRule};
use wardround_plan::{Layout, RuleError, StrategyConfig};

/// A plan's strategy cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RegistryError {
    /// A setting is out of its range.
    #[error(transparent)]
    Setting(#[from] RuleError),
    /// The parts do not belong together.
    #[error(transparent)]
    Parts(#[from] StrategyError),
    /// No rule of this name.
    #[error("[strategy] kind: no rule for \"{0}\"")]
    Unknown(&'static str),
}

impl Strategy {
    /// The strategy of a plan, for a model of this layout.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn from_config(config: &StrategyConfig, _layout: &Layout) -> Result<Self, RegistryError> {
        match config {
            StrategyConfig::FedAvg(_) => mean(FedAvg, FedAvg),
            StrategyConfig::FedAvgm(config) => mean(FedAvg, FedAvgm::new(*config)?),
            StrategyConfig::FedAdam(config) => mean(FedAvg, FedAdam::new(*config)?),
            StrategyConfig::FedProx(config) => mean(FedProx::new(*config)?, FedAvg),
            StrategyConfig::Scaffold(config) => mean(Scaffold::new(*config)?, Scaffold::new(*config)?),
            other => Err(RegistryError::Unknown(other.kind())),
        }
    }
}

fn mean(local: impl LocalRule + 'static, server: impl ServerRule + 'static) -> Result<Strategy, RegistryError> {
    Ok(Strategy::new(Box::new(local), Aggregation::Mean, Box::new(server))?)
}
