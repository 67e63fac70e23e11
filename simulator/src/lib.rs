//! Many virtual sites in one process: a study rehearsed by the code that a federation runs, in virtual time, with the same bits
//! every time.
//!
//! A [`Scenario`] is a plan with a `[simulation]` section. [`Run::start`] takes it, some [`LocalWork`] and an empty folder;
//! [`Run::resume`] goes on after a kill; [`verify`] compares two runs event by event. Same scenario and work give the same
//! digests for any number of workers, any scheduling, and after any number of kills: sums are integers, streams are numbered,
//! and nothing is decided by who was first.
//!
//! Nothing that comes out of a simulation protects anybody: its coins and noise repeat from a public seed.

mod client_level;
mod crew;
mod draw;
mod faults;
mod gather;
mod partition;
mod poison;
mod rule;
mod run;
mod scenario;
mod scenario_rules;
mod seat;
mod section;
mod secure;
mod seeds;
mod shared_noise;
mod site;
mod spent;
mod states;
mod sweep;
pub mod toys;
mod training;
mod work;

pub use partition::{Partition, PartitionError, PatientTraits, Role, picture};
pub use poison::Poison;
pub use run::{
    AttemptRecord, Comparison, Ending, EvaluationRecord, Event, Manifest, Nobody, Observer, Options, Outcome, Progress,
    RoundRecord, Run, RunError, RunSummary, Secagg, Traffic, scenario_of, verify,
};
pub use scenario::{Scenario, ScenarioError};
pub use section::{FaultsSection, LateJoiners, Leavers, Poisoning, SimulationSection, Spread};
pub use site::{Attempt, SiteNumber};
pub use spent::{SpentError, epsilon_after};
pub use sweep::{Override, Setting, SweepError, SweepManifest, Variant, VariantRecord, variants};
pub use training::{Bench, DataError, Grouping, PlanTraining};
pub use work::{Job, Labels, LocalWork, Report, WorkError};

pub(crate) use seeds::Seeds;
