//! Why the site's ledger did not do what was asked, in words.

use super::turn::AppendError;
use std::path::PathBuf;
use wardround_identity::files::FileError;
use wardround_privacy::{DecisionError, LedgerError, Refused};
use wardround_round::{Refusal, RefusalReason};
use wardround_storage::DatabaseError;

/// The ledger said no, or cannot be used. In either case nothing was promised, and nothing may be released.
#[derive(Debug, thiserror::Error)]
pub enum SiteLedgerError {
    /// Its rules say no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It is not what was written.
    #[error(transparent)]
    Broken(#[from] LedgerError),
    /// The file cannot be read or written.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The anchor or the lock cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The anchor says something else than a head.
    #[error("`{}` is not as this site writes it: put the newest copy of it back", .path.display())]
    Anchor {
        /// The file.
        path: PathBuf,
    },
    /// A ledger without its anchor.
    #[error(
        "the ledger has {links} links and its anchor `{}` is missing. If the credentials folder was moved or made anew, copy the \
         file from the old one; if it is lost, write into it the head (NUMBER:HASH) that the last `wardround budget show` \
         printed: a ledger that does not contain it was cut off",
        .path.display()
    )]
    NoAnchor {
        /// Where the anchor should be.
        path: PathBuf,
        /// Links in the ledger.
        links: u64,
    },
    /// An anchor without its ledger.
    #[error(
        "the ledger `{}` is missing or empty, and the anchor `{}` says that it was written: put the newest copy of the ledger \
         back. If there is none: move the anchor away, name the officers again, and let two of them write off what it may have \
         held (`wardround budget write-off --help`)",
        .ledger.display(), .anchor.display()
    )]
    NoLedger {
        /// Where the ledger should be.
        ledger: PathBuf,
        /// Where the anchor is.
        anchor: PathBuf,
    },
    /// A link was changed or removed while this process knew it.
    #[error("the ledger `{}` was changed by something else than this program while it was in use: nothing is trained", .path.display())]
    Exchanged {
        /// The file.
        path: PathBuf,
    },
    /// Somebody holds it for too long.
    #[error("another process has held the ledger's lock `{}` for {seconds} s: try again, or stop that process", .path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// The process ends.
    #[error("the ledger was not asked, because the process is ending")]
    Ending,
}

impl SiteLedgerError {
    /// For the coordinator: the rules' own words, and no file name.
    pub fn refusal(&self) -> Refusal {
        let unusable = RefusalReason::LedgerUnusable;
        match self {
            Self::Refused(refused @ Refused::RolledBack { .. }) => Refusal::new(unusable, refused.to_string()),
            Self::Refused(refused) => Refusal::new(RefusalReason::BudgetExceeded, refused.to_string()),
            Self::Broken(broken) => Refusal::new(unusable, broken.to_string()),
            _ => Refusal::new(
                unusable,
                "this site's privacy ledger cannot be used, so nothing is trained; the site's log says why",
            ),
        }
    }
}

impl From<DecisionError<AppendError>> for SiteLedgerError {
    fn from(error: DecisionError<AppendError>) -> Self {
        match error {
            DecisionError::Refused(refused) => Self::Refused(refused),
            DecisionError::Log(AppendError::Database(error)) => Self::Database(error),
            DecisionError::Log(AppendError::Anchor(error)) => Self::File(error),
            DecisionError::Log(AppendError::NoTurn) => Self::Ending,
        }
    }
}
