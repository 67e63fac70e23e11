//! One process per state folder: two would overwrite each other's rounds.
//!
//! The kernel holds the lock for the open file, so that it ends with the process however that dies.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Name of the file that is locked.
const FILE: &str = "lock";
/// More than the digits of any process id.
const PID_BYTES_MAX: u64 = 20;

/// The right to use a state folder, until dropped.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process uses it.
    #[error("another {who} (pid {pid}) is using the folder `{folder}`: stop it, or use another folder")]
    Held {
        /// What kind of process wants the folder.
        who: &'static str,
        /// The process that has it, as it wrote itself.
        pid: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The file system refused.
    #[error("cannot lock the folder `{folder}`: {source}")]
    Io {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl StateLock {
    /// Takes `folder`, which is created where absent, for this process, a `who`.
    ///
    /// # Errors
    /// [`LockError::Held`] with the process that has it.
    pub fn acquire(folder: &Path, who: &'static str) -> Result<Self, LockError> {
        let io = |source| LockError::Io { folder: folder.to_path_buf(), source };
        std::fs::create_dir_all(folder).map_err(io)?;
        let path = folder.join(FILE);
        // Not truncated: until the lock is ours, the file holds the other's pid.
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => write_pid(&mut file).map_err(io)?,
            Err(Errno::WOULDBLOCK) => {
                return Err(LockError::Held { who, pid: read_pid(&mut file), folder: folder.to_path_buf() });
            }
            Err(error) => return Err(io(error.into())),
        }
        Ok(Self { _file: file })
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    write!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> String {
    let mut pid = String::new();
    let read = file.take(PID_BYTES_MAX).read_to_string(&mut pid);
    if read.is_ok() && !pid.is_empty() { pid } else { "unknown".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_is_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = StateLock::acquire(folder.path(), "coordinator").expect("free");
        let error = StateLock::acquire(folder.path(), "coordinator").expect_err("held");
        let expected = format!("another coordinator (pid {}) is using", std::process::id());
        assert!(error.to_string().starts_with(&expected), "{error}");
        drop(first);
        assert!(StateLock::acquire(folder.path(), "coordinator").is_ok());
    }

    #[test]
    fn a_longer_pid_of_a_dead_holder_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE), "99999999999999").expect("writable");
        let _held = StateLock::acquire(folder.path(), "site").expect("no one holds it");
        let text = std::fs::read_to_string(folder.path().join(FILE)).expect("readable");
        assert_eq!(text, std::process::id().to_string());
    }
}
