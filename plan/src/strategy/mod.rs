//! `[strategy]`: from the updates to the next model.
//!
//! Here is the strategy as data: which one, with which numbers, and what a plan may not combine. What the numbers do is in
//! the crate `strategy`, one file for each kind.

mod config;
mod needs;
mod ranges;
pub(crate) mod rules;

pub use config::{
    AdaptiveConfig, BoundedBy, CorruptConfig, DittoConfig, FedAdagradConfig, FedAvgmConfig, FedProxConfig,
    GeometricMedianConfig, GroupedMedianConfig, GroupedTrimmedMeanConfig, LocalLayersConfig, MultiKrumConfig,
    NoSettings, NormBoundConfig, ScaffoldConfig, StrategyConfig,
};

use crate::SiteId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `[strategy]`: from the updates to the next model.
///
/// A key that is none of these belongs to the strategy named by `kind`, which refuses what it does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrategySection {
    /// The strategy, named by `kind`, with its own settings.
    #[serde(flatten)]
    pub config: StrategyConfig,
    /// How much each site counts.
    pub weighting: Weighting,
    /// The weight of each site, for `weighting = "public"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<SiteId, u32>,
}

/// How much each site counts in a mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// Every site alike.
    Equal,
    /// By the numbers in `[strategy.weights]`, which are part of the plan and thereby public.
    Public,
}
