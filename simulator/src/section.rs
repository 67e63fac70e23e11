//! `[simulation]`: what a scenario says beyond the study's plan. A deployed site never reads it.

use crate::{Partition, Poison};
use serde::{Deserialize, Serialize};

/// `[simulation]`: a population of virtual sites, and what goes wrong with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulationSection {
    /// Virtual sites there are.
    pub population: u32,
    /// Sites asked to each round; all who are there if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<u32>,
    /// Root of everything random.
    #[serde(default)]
    pub seed: u64,
    /// How one data set becomes many sites.
    #[serde(default)]
    pub partition: Partition,
    /// What goes wrong.
    #[serde(default)]
    pub faults: FaultsSection,
}

/// `[simulation.faults]`: nothing goes wrong unless it is said here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultsSection {
    /// Chance of each asked site to vanish from a round.
    #[serde(default)]
    pub dropout: f64,
    /// Seconds of virtual time that a site trains in a round; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute_s: Option<Spread>,
    /// Megabits a second of a site's line, down for the model and up for the update; endless if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_mbit_s: Option<Spread>,
    /// Sites that are not there from the first round on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_joiners: Option<LateJoiners>,
    /// Sites that leave for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leavers: Option<Leavers>,
    /// Sites that harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poison: Option<Poisoning>,
}

/// A log-normal quantity: its logarithm is Gaussian between sites, and again from round to round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Half of the sites have less.
    pub median: f64,
    /// Standard deviation of the natural logarithm between sites; 0.7 makes one site in six twice as large or more.
    #[serde(default)]
    pub between_sites: f64,
    /// Standard deviation of the natural logarithm between rounds of one site.
    #[serde(default)]
    pub between_rounds: f64,
}

/// Sites that join after the first round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateJoiners {
    /// Chance of each site to be one.
    pub share: f64,
    /// The last round in which one joins; each round from the second is as likely.
    pub last_round: u32,
}

/// Sites that leave before the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leavers {
    /// Chance of each site to be one.
    pub share: f64,
    /// The first round in which one is gone; each round from there to the last is as likely.
    pub first_round: u32,
}

/// Sites that harm: so many of the population, the same in every round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poisoning {
    /// How many.
    pub sites: u32,
    /// What they do.
    pub attack: Poison,
}
