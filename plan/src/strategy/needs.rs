//! What a strategy asks of a study: how many sites, whose updates have to be seen, and what the deployment can run.

use super::{BoundedBy, StrategyConfig};

/// Of fewer groups a median is one of the groups, or the mean of two.
const GROUPS_MIN: u32 = 3;
/// Of two values neither is the odd one.
const ODD_ONE_OUT_MIN: u32 = 3;

impl StrategyConfig {
    /// The value of `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::FedAvg(_) => "fedavg",
            Self::FedAvgm(_) => "fedavgm",
            Self::FedAdam(_) => "fedadam",
            Self::FedYogi(_) => "fedyogi",
            Self::FedAdagrad(_) => "fedadagrad",
            Self::FedProx(_) => "fedprox",
            Self::Scaffold(_) => "scaffold",
            Self::FedNova(_) => "fednova",
            Self::Ditto(_) => "ditto",
            Self::LocalLayers(_) => "local_layers",
            Self::Median(_) => "median",
            Self::TrimmedMean(_) => "trimmed_mean",
            Self::Krum(_) => "krum",
            Self::MultiKrum(_) => "multi_krum",
            Self::Bulyan(_) => "bulyan",
            Self::GeometricMedian(_) => "geometric_median",
            Self::NormBound(_) => "norm_bound",
            Self::GroupedMedian(_) => "grouped_median",
            Self::GroupedTrimmedMean(_) => "grouped_trimmed_mean",
        }
    }

    /// Fewest updates of a round with which the rule keeps its promise.
    pub fn sites_min(&self) -> u64 {
        let sites = |factor: u64, corrupt: u32, more: u64| factor * u64::from(corrupt) + more;
        match self {
            Self::Median(_) | Self::GeometricMedian(_) => u64::from(ODD_ONE_OUT_MIN),
            Self::TrimmedMean(config) => sites(2, config.corrupt, 1),
            Self::Krum(config) => sites(2, config.corrupt, 3),
            Self::MultiKrum(config) => {
                let asked = config.selected.map_or(0, |selected| sites(1, config.corrupt, 2 + u64::from(selected)));
                sites(2, config.corrupt, 3).max(asked)
            }
            Self::Bulyan(config) => sites(4, config.corrupt, 3),
            Self::GroupedMedian(config) => u64::from(config.group_size) * u64::from(GROUPS_MIN),
            Self::GroupedTrimmedMean(config) => {
                u64::from(config.group_size) * sites(2, config.corrupt, 1).max(u64::from(GROUPS_MIN))
            }
            _ => 1,
        }
    }

    /// True where whoever adds up has to see the update of each site.
    pub fn needs_single_updates(&self) -> bool {
        match self {
            Self::Median(_)
            | Self::TrimmedMean(_)
            | Self::Krum(_)
            | Self::MultiKrum(_)
            | Self::Bulyan(_)
            | Self::GeometricMedian(_) => true,
            Self::NormBound(config) => config.bounded_by == BoundedBy::Server,
            _ => false,
        }
    }

    /// Fewest sites of a group, for rules over the sums of groups.
    pub fn group_size(&self) -> Option<u32> {
        match self {
            Self::GroupedMedian(config) => Some(config.group_size),
            Self::GroupedTrimmedMean(config) => Some(config.group_size),
            _ => None,
        }
    }

    /// True where the next model is more than a function of the plain mean of the updates.
    pub fn is_robust(&self) -> bool {
        self.needs_single_updates() || self.group_size().is_some()
    }

    /// Whether a real federation can run the strategy in this version; a simulation runs all.
    ///
    /// # Errors
    /// What is missing, and what to write instead.
    pub fn deployable(&self) -> Result<(), String> {
        if matches!(self, Self::FedAvg(_)) {
            return Ok(());
        }
        let kind = self.kind();
        Err(format!(
            "[strategy] kind: \"{kind}\" runs in simulations only, not yet in a federation of hospitals; \
             write `kind = \"fedavg\"`"
        ))
    }
}
