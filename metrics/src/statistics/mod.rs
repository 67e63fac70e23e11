//! How sure a number is, and whether one model is better than another.
//!
//! Everything is over patients, the unit that was sampled, never over images or boxes. Intervals are bootstrapped
//! ([`bootstrap`]); two models are compared on the same patients ([`compare`]); groups of patients by the worst of them and the gap
//! ([`compare_groups`]). Each answer carries what was done: how many patients, how many resamples, which seed.

mod bootstrap;
mod comparison;
mod error;
mod groups;
mod limits;
mod normal;
mod permutation;
mod plan;
mod units;
mod wilcoxon;

pub use bootstrap::{Interval, bootstrap, bootstrap_mean};
pub use comparison::{Comparison, PairedScores, PatientPair, compare};
pub use error::StatisticsError;
pub use groups::{GroupFloor, GroupMean, GroupReport, GroupScores, compare_groups};
pub use limits::{Limits, limits};
pub use permutation::{FlipMethod, PermutationTest, permutation_test};
pub use plan::{BootstrapPlan, IntervalKind, Level, Resamples, StatisticsSeed};
pub use units::{Clustering, SiteIndex, Units};
pub use wilcoxon::{RankMethod, Wilcoxon, wilcoxon};
