//! Saying no to one site without failing the round.

use crate::RoundId;
use serde::{Deserialize, Serialize};
use wardround_plan::SiteId;

/// Why the coordinator did not accept what a site said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// The round is not open: it is over, was never opened, or belongs to another study.
    #[error("{0} is not open")]
    NotOpen(RoundId),
    /// The site was not invited to the round, or has refused it.
    #[error("site {0} is not expected in this round")]
    NotExpected(SiteId),
    /// The site has sent another update for this round already.
    #[error("site {0} has already sent an update for this round")]
    Duplicate(SiteId),
    /// The update has the wrong size.
    #[error("the update has {got} bytes, the plan's layout {expected}")]
    Size {
        /// Bytes of the plan's layout.
        expected: u64,
        /// Bytes announced.
        got: u64,
    },
    /// The update holds a number that no sound training makes.
    #[error("{0}")]
    Content(String),
}
