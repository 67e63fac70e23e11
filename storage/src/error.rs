//! What can go wrong with files, in words for the person who runs the machine.

use crate::Owner;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use wardround_plan::Digest;

/// Why something was not stored or not read.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The disk or its quota is used up. Nothing that was stored before is lost.
    #[error("no space left for `{path}`: {needed} bytes are needed; free some space on this disk, then try again")]
    DiskFull {
        /// What was to be written.
        path: PathBuf,
        /// Bytes that it needs in all.
        needed: u64,
    },
    /// The file system refused.
    #[error("cannot use `{path}`: {source}")]
    Io {
        /// What was to be read or written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The object store refused.
    #[error("cannot use the object `{key}`: {source}")]
    Store {
        /// What was to be read or written.
        key: String,
        /// Why not.
        source: object_store::Error,
    },
    /// There is no such object.
    #[error("there is no object {digest} here")]
    Missing {
        /// Its name.
        digest: Digest,
    },
    /// The bytes are not those that were announced; they have been discarded.
    #[error("expected an object with digest {expected}, got one with {got}: it was discarded")]
    WrongDigest {
        /// As announced.
        expected: Digest,
        /// As computed.
        got: Digest,
    },
    /// Another size than announced.
    #[error("the object {digest} has {stored} bytes, not the announced {announced}")]
    WrongSize {
        /// Its name.
        digest: Digest,
        /// Size of what is here.
        stored: u64,
        /// Size as announced.
        announced: u64,
    },
    /// Bytes are missing at the end.
    #[error("{received} of {announced} bytes came")]
    Incomplete {
        /// Bytes here.
        received: u64,
        /// Size as announced.
        announced: u64,
    },
    /// Bytes after the announced end.
    #[error("more than the announced {announced} bytes came")]
    PastEnd {
        /// Size as announced.
        announced: u64,
    },
    /// One upload is larger than the limit.
    #[error("an upload of {announced} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// Size as announced.
        announced: u64,
        /// The limit.
        limit: u64,
    },
    /// One owner has too many uploads at work.
    #[error("{owner} has {limit} uploads at work already")]
    Crowded {
        /// Whose uploads.
        owner: Owner,
        /// The limit.
        limit: usize,
    },
    /// All unfinished uploads together are over the limit.
    #[error("unfinished uploads would hold more than {limit} bytes; try again when some have finished")]
    SpoolFull {
        /// The limit.
        limit: u64,
    },
}

impl StorageError {
    /// An error of the file system, of which a full disk is told apart.
    pub(crate) fn io(path: &Path, needed: u64, source: io::Error) -> Self {
        let path = path.to_path_buf();
        if is_full(&source) { Self::DiskFull { path, needed } } else { Self::Io { path, source } }
    }

    /// An error of the object store, of which a full disk is told apart.
    pub(crate) fn store(key: &object_store::path::Path, path: &Path, needed: u64, source: object_store::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&source);
        while let Some(error) = cause {
            if error.downcast_ref::<io::Error>().is_some_and(is_full) {
                return Self::DiskFull { path: path.to_path_buf(), needed };
            }
            cause = error.source();
        }
        Self::Store { key: key.to_string(), source }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
