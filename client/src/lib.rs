//! The hospital's agent: policy, state, training, transport.
//!
//! It dials out and never listens. A plan runs here only if the hospital's settings list it; a scan is read only after
//! that; and what leaves is a [`wardround_privacy::Released`] value.

mod agent;
mod alone;
pub mod backoff;
mod config;
mod dial;
mod enrol;
mod folder;
mod guard;
mod journal;
mod ledger;
mod notice;
mod payments;
mod policy;
mod report;
mod seat;
mod session;
pub mod transfer;
mod work;

pub use agent::{Agent, AgentError};
pub use alone::{AloneError, Baseline, by_itself, train_alone};
pub use config::{ComputeConfig, ConfigError, DataConfig, PolicyConfig, SiteConfig};
pub use dial::{Address, DialError, dial};
pub use enrol::{EnrolError, Ticket, enrol, fetch_roster, keep_certificate};
pub use guard::StepGuard;
pub use ledger::{SiteLedger, SiteLedgerError};
pub use notice::{Direction, Notice};
pub use policy::Policy;
pub use report::{KeptStudy, ReportError, SiteReport, kept_study, site_report};
pub use session::status_in_words;
