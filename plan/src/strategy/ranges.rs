//! The ranges of the strategies' settings.

use super::config::*;
use crate::RuleError;
use crate::rules::Place;

/// Largest step size of a server; beyond it a model leaves every range.
const SERVER_LEARNING_RATE_MAX: f64 = 100.0;
/// Memory of a mean; at 1 it would never learn.
const MEMORY_MAX: f64 = 0.9999;
/// Most corrupt sites that a rule can be asked to bear, as there are at most ten thousand in a cohort.
const CORRUPT_MAX: u32 = 4_999;

impl StrategyConfig {
    /// Whether every setting is in its range.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), RuleError> {
        match self {
            Self::FedAvg(_) | Self::FedNova(_) | Self::Median(_) => Ok(()),
            Self::FedAvgm(config) => config.check(),
            Self::FedAdam(config) | Self::FedYogi(config) => config.check(),
            Self::FedAdagrad(config) => config.check(),
            Self::FedProx(config) => config.check(),
            Self::Scaffold(config) => config.check(),
            Self::Ditto(config) => config.check(),
            Self::LocalLayers(config) => config.check(),
            Self::TrimmedMean(config) | Self::Krum(config) | Self::Bulyan(config) => config.check(),
            Self::MultiKrum(config) => config.check(),
            Self::GeometricMedian(config) => config.check(),
            Self::NormBound(config) => config.check(),
            Self::GroupedMedian(config) => config.check(),
            Self::GroupedTrimmedMean(config) => config.check(),
        }
    }
}

fn at(key: &'static str) -> Place {
    Place("strategy", key)
}

fn server_learning_rate(value: f64) -> Result<(), RuleError> {
    at("server_learning_rate").within(value, 1e-9, SERVER_LEARNING_RATE_MAX)
}

fn tau(value: f64) -> Result<(), RuleError> {
    at("tau").within(value, 1e-12, 1.0)
}

fn corrupt(value: u32) -> Result<(), RuleError> {
    at("corrupt").within(value, 0, CORRUPT_MAX)
}

fn group_size(value: u32) -> Result<(), RuleError> {
    let remedy = "write 3 or more: of two sites each sees the other's update in their sum";
    at("group_size").require(value >= 3, &format!("{value} hides nothing"), remedy)?;
    at("group_size").within(value, 3, 3_333)
}

impl FedAvgmConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        server_learning_rate(self.server_learning_rate)?;
        at("momentum").within(self.momentum, 0.0, MEMORY_MAX)
    }
}

impl AdaptiveConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        server_learning_rate(self.server_learning_rate)?;
        at("beta1").within(self.beta1, 0.0, MEMORY_MAX)?;
        at("beta2").within(self.beta2, 0.0, MEMORY_MAX)?;
        tau(self.tau)
    }
}

impl FedAdagradConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        server_learning_rate(self.server_learning_rate)?;
        at("beta1").within(self.beta1, 0.0, MEMORY_MAX)?;
        tau(self.tau)
    }
}

impl FedProxConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        at("mu").within(self.mu, 0.0, 1e3)
    }
}

impl ScaffoldConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        server_learning_rate(self.server_learning_rate)
    }
}

impl DittoConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        at("lambda").within(self.lambda, 0.0, 1e3)
    }
}

impl LocalLayersConfig {
    /// # Errors
    /// No name, or an empty one.
    pub fn check(&self) -> Result<(), RuleError> {
        let named = !self.tensors.is_empty() && self.tensors.iter().all(|name| !name.trim().is_empty());
        let remedy = "write parts of tensor names, for example `tensors = [\"norm\"]`, or `kind = \"fedavg\"`";
        at("tensors").require(named, "name no tensor", remedy)
    }
}

impl CorruptConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        corrupt(self.corrupt)
    }
}

impl MultiKrumConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        corrupt(self.corrupt)?;
        at("selected").within(self.selected.unwrap_or(1), 1, 10_000)
    }
}

impl GeometricMedianConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        at("smoothing").within(self.smoothing, 1e-12, 1.0)?;
        at("passes").within(self.passes, 1, 10_000)
    }
}

impl NormBoundConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        at("bound").within(self.bound, 1e-9, 1e6)
    }
}

impl GroupedMedianConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        group_size(self.group_size)
    }
}

impl GroupedTrimmedMeanConfig {
    /// # Errors
    /// A setting out of its range.
    pub fn check(&self) -> Result<(), RuleError> {
        group_size(self.group_size)?;
        corrupt(self.corrupt)
    }
}
