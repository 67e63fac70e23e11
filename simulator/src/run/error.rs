//! Why a run cannot start, go on or be compared.

use crate::{ScenarioError, WorkError};
use std::io;
use std::path::{Path, PathBuf};
use wardround_plan::RoundNumber;

/// Why a run ended without its last round.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is a run already.
    #[error("`{folder}` holds a run already: resume it, or name another folder")]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process works in the folder.
    #[error("another process is running in `{folder}`: wait for it, or stop it")]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of the run.
    #[error("`{file}` cannot be used: {source}")]
    File {
        /// Which.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of the run that says something impossible.
    #[error("`{file}` is not what a run writes: {what}; the folder cannot be resumed")]
    Broken {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The scenario in the folder cannot be read.
    #[error("the scenario of the run: {0}")]
    Scenario(#[from] ScenarioError),
    /// The run was begun otherwise, so going on would not give the same bits.
    #[error("the run was begun with {key} {begun}, now it is {now}; resume it as it was begun")]
    Otherwise {
        /// What differs.
        key: &'static str,
        /// As it was.
        begun: String,
        /// As it is.
        now: String,
    },
    /// No worker could be made.
    #[error("no worker: {0}")]
    Worker(#[from] WorkError),
    /// A round had too few updates at every attempt.
    #[error(
        "round {round} had {got} updates at the last of {attempts} attempts, `min_sites` asks {needed}: \
         ask more sites, lower `min_sites`, or let less go wrong"
    )]
    TooFew {
        /// The round.
        round: RoundNumber,
        /// Updates at the last attempt.
        got: u32,
        /// The plan's `min_sites`.
        needed: u32,
        /// The plan's `attempts`.
        attempts: u32,
    },
    /// The strategy made no next model.
    #[error("round {round}: {reason}")]
    Advance {
        /// The round.
        round: RoundNumber,
        /// The strategy's reason.
        reason: String,
    },
    /// The plan's strategy does not fit the model.
    #[error("[strategy]: {0}")]
    Strategy(String),
    /// The plan's privacy cannot be simulated.
    #[error("[privacy]: {0}")]
    Privacy(String),
    /// Secure aggregation among the sites of a round failed.
    #[error("round {round}: secure aggregation failed: {reason}")]
    Secagg {
        /// The round.
        round: RoundNumber,
        /// Why.
        reason: String,
    },
}

impl RunError {
    /// The file system's answer about `file`.
    pub(crate) fn file(file: &Path) -> impl FnOnce(io::Error) -> Self + use<'_> {
        move |source| Self::File { file: file.to_owned(), source }
    }

    /// Something in `file` that no run writes.
    pub(crate) fn broken(file: &Path, what: impl ToString) -> Self {
        Self::Broken { file: file.to_owned(), what: what.to_string() }
    }
}
