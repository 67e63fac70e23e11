//! The strategies a plan can name, and their settings. Defaults are the papers' own where these give any.

use serde::{Deserialize, Serialize};

/// One strategy with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum StrategyConfig {
    /// Weighted mean of the updates (McMahan et al. 2017).
    #[serde(rename = "fedavg")]
    FedAvg(NoSettings),
    /// The mean with momentum at the server (Hsu et al. 2019).
    #[serde(rename = "fedavgm")]
    FedAvgm(FedAvgmConfig),
    /// Adam at the server (Reddi et al. 2021).
    #[serde(rename = "fedadam")]
    FedAdam(AdaptiveConfig),
    /// Yogi at the server (Reddi et al. 2021).
    #[serde(rename = "fedyogi")]
    FedYogi(AdaptiveConfig),
    /// Adagrad at the server (Reddi et al. 2021).
    #[serde(rename = "fedadagrad")]
    FedAdagrad(FedAdagradConfig),
    /// A proximal term holds each site near the common model (Li et al. 2020).
    #[serde(rename = "fedprox")]
    FedProx(FedProxConfig),
    /// Control variates take the sites' drift out of their steps (Karimireddy et al. 2020).
    #[serde(rename = "scaffold")]
    Scaffold(ScaffoldConfig),
    /// Updates are normalised by the local work behind them (Wang et al. 2020).
    #[serde(rename = "fednova")]
    FedNova(NoSettings),
    /// A personal model at each site beside the common one (Li et al. 2021).
    #[serde(rename = "ditto")]
    Ditto(DittoConfig),
    /// Some tensors never leave their site (FedBN, Li et al. 2021; FedPer, Arivazhagan et al. 2019).
    #[serde(rename = "local_layers")]
    LocalLayers(LocalLayersConfig),
    /// Median of each coordinate (Yin et al. 2018).
    #[serde(rename = "median")]
    Median(NoSettings),
    /// Mean of each coordinate without its extremes (Yin et al. 2018).
    #[serde(rename = "trimmed_mean")]
    TrimmedMean(CorruptConfig),
    /// The update nearest to its neighbours (Blanchard et al. 2017).
    #[serde(rename = "krum")]
    Krum(CorruptConfig),
    /// Mean of the updates nearest to their neighbours (Blanchard et al. 2017).
    #[serde(rename = "multi_krum")]
    MultiKrum(MultiKrumConfig),
    /// Krum's choice, then a trimmed mean around the median (El Mhamdi et al. 2018).
    #[serde(rename = "bulyan")]
    Bulyan(CorruptConfig),
    /// The point with the least sum of distances to the updates (Pillutla et al. 2022).
    #[serde(rename = "geometric_median")]
    GeometricMedian(GeometricMedianConfig),
    /// Updates are shortened to a bound before they are averaged (Sun et al. 2019).
    #[serde(rename = "norm_bound")]
    NormBound(NormBoundConfig),
    /// Median over the means of random groups of sites, which secure aggregation can give.
    #[serde(rename = "grouped_median")]
    GroupedMedian(GroupedMedianConfig),
    /// Trimmed mean over the means of random groups of sites.
    #[serde(rename = "grouped_trimmed_mean")]
    GroupedTrimmedMean(GroupedTrimmedMeanConfig),
}

/// A strategy without settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Settings of `fedavgm`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FedAvgmConfig {
    /// η: step size of the server.
    #[serde(default = "defaults::one")]
    pub server_learning_rate: f64,
    /// β: share of the last step that is kept; from 0 to below 1.
    #[serde(default = "defaults::beta1")]
    pub momentum: f64,
}

/// Settings of `fedadam` and `fedyogi`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveConfig {
    /// η: step size of the server; also about the largest change of a weight in one round.
    #[serde(default = "defaults::server_learning_rate")]
    pub server_learning_rate: f64,
    /// β₁: memory of the mean; from 0 to below 1.
    #[serde(default = "defaults::beta1")]
    pub beta1: f64,
    /// β₂: memory of the squares; from 0 to below 1.
    #[serde(default = "defaults::beta2")]
    pub beta2: f64,
    /// τ: adaptivity; larger is nearer to plain momentum.
    #[serde(default = "defaults::tau")]
    pub tau: f64,
}

/// Settings of `fedadagrad`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FedAdagradConfig {
    /// η: step size of the server.
    #[serde(default = "defaults::server_learning_rate")]
    pub server_learning_rate: f64,
    /// β₁: memory of the mean; the paper's experiments have none.
    #[serde(default)]
    pub beta1: f64,
    /// τ: adaptivity.
    #[serde(default = "defaults::tau")]
    pub tau: f64,
}

/// Settings of `fedprox`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FedProxConfig {
    /// μ: strength of the pull towards the round's model.
    #[serde(default = "defaults::mu")]
    pub mu: f64,
}

/// Settings of `scaffold`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaffoldConfig {
    /// η_g: step size of the server.
    #[serde(default = "defaults::one")]
    pub server_learning_rate: f64,
}

/// Settings of `ditto`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DittoConfig {
    /// λ: strength of the pull of a personal model towards the common one; 0 is training alone.
    #[serde(default = "defaults::lambda")]
    pub lambda: f64,
}

/// Settings of `local_layers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalLayersConfig {
    /// Parts of tensor names, for example `norm`: every tensor whose name holds one stays at its site.
    pub tensors: Vec<String>,
}

/// Settings of the robust rules that have to be told how many sites may be corrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorruptConfig {
    /// f: corrupt sites in one round that the rule has to bear.
    #[serde(default = "defaults::corrupt")]
    pub corrupt: u32,
}

/// Settings of `multi_krum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiKrumConfig {
    /// f: corrupt sites in one round that the rule has to bear.
    #[serde(default = "defaults::corrupt")]
    pub corrupt: u32,
    /// m: updates that are averaged; n - f - 2 of n if absent, which is also the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<u32>,
}

/// Settings of `geometric_median`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeometricMedianConfig {
    /// ν: distances below this count as this, so that no update is divided by zero.
    #[serde(default = "defaults::smoothing")]
    pub smoothing: f64,
    /// Most passes of Weiszfeld's iteration; it ends earlier where it stands still.
    #[serde(default = "defaults::passes")]
    pub passes: u32,
}

/// Settings of `norm_bound`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormBoundConfig {
    /// L2 norm to which a longer update is shortened.
    pub bound: f64,
    /// Who shortens.
    #[serde(default)]
    pub bounded_by: BoundedBy,
}

/// Who shortens an update to the norm bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundedBy {
    /// Who adds the updates up; it has to see each of them.
    #[default]
    Server,
    /// Each site for itself: works under secure aggregation, and binds only those that follow the rules.
    Site,
}

/// Settings of `grouped_median`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupedMedianConfig {
    /// Fewest sites of a group; a group's sum hides its sites among each other and no further.
    #[serde(default = "defaults::group_size")]
    pub group_size: u32,
}

/// Settings of `grouped_trimmed_mean`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupedTrimmedMeanConfig {
    /// Fewest sites of a group.
    #[serde(default = "defaults::group_size")]
    pub group_size: u32,
    /// f: corrupt sites in one round that the rule has to bear, each of which can spoil one group.
    #[serde(default = "defaults::corrupt")]
    pub corrupt: u32,
}

mod defaults {
    pub(super) fn one() -> f64 {
        1.0
    }
    pub(super) fn server_learning_rate() -> f64 {
        0.01
    }
    pub(super) fn beta1() -> f64 {
        0.9
    }
    pub(super) fn beta2() -> f64 {
        0.99
    }
    pub(super) fn tau() -> f64 {
        1e-3
    }
    pub(super) fn mu() -> f64 {
        0.01
    }
    pub(super) fn lambda() -> f64 {
        0.1
    }
    pub(super) fn corrupt() -> u32 {
        1
    }
    pub(super) fn smoothing() -> f64 {
        1e-6
    }
    pub(super) fn passes() -> u32 {
        100
    }
    pub(super) fn group_size() -> u32 {
        3
    }
}
