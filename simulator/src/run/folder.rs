//! A run's folder: what it is made of, and how it survives a kill at any instant.
//!
//! Tables and events are appended as rounds go. A checkpoint is what counts: it holds the model and how long each appended
//! file was, and it appears all at once, after those files are safe on disk. What a kill left behind the last checkpoint is
//! cut off when the run is resumed.

use super::RunError;
use super::record::{SCORES_HEAD, SITES_HEAD, TIMING_HEAD};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Files of a run.
pub(crate) const SCENARIO: &str = "scenario.toml";
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const EVENTS: &str = "events.jsonl";
pub(crate) const CHECKPOINT: &str = "checkpoint.bin";
const SITES: &str = "sites.csv";
pub(super) const SCORES: &str = "scores.csv";
/// Wall-clock times; the only table that differs from run to run.
pub(super) const TIMING: &str = "timing.csv";
const LOCK: &str = "lock";

/// A run's folder, used by this process alone.
#[derive(Debug)]
pub(crate) struct RunFolder {
    dir: PathBuf,
    /// One line an event.
    pub(crate) events: Table,
    /// One row an asked site.
    pub(crate) sites: Table,
    /// One row a measured site.
    pub(crate) scores: Table,
    /// One row a round.
    pub(crate) timing: Table,
    _lock: File,
}

/// A file that only grows.
#[derive(Debug)]
pub(crate) struct Table {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl RunFolder {
    /// A new run in `dir`, which is made if absent.
    ///
    /// # Errors
    /// [`RunError::Exists`], [`RunError::Busy`], [`RunError::File`].
    pub(crate) fn create(dir: &Path) -> Result<Self, RunError> {
        std::fs::create_dir_all(dir).map_err(RunError::file(dir))?;
        let lock = locked(dir)?;
        if dir.join(MANIFEST).exists() {
            return Err(RunError::Exists { folder: dir.to_owned() });
        }
        let table = |name, head: &str| {
            let mut table = Table::open(&dir.join(name), 0)?;
            table.append(head)?;
            Ok::<_, RunError>(table)
        };
        let events = table(EVENTS, "")?;
        let (sites, scores) = (table(SITES, SITES_HEAD)?, table(SCORES, SCORES_HEAD)?);
        Ok(Self { dir: dir.to_owned(), events, sites, scores, timing: table(TIMING, TIMING_HEAD)?, _lock: lock })
    }

    /// The run in `dir` as it was at its last checkpoint.
    ///
    /// # Errors
    /// [`RunError::Busy`], [`RunError::File`], and [`RunError::Broken`] where a file is shorter than the checkpoint says.
    pub(crate) fn reopen(dir: &Path, lengths: Lengths) -> Result<Self, RunError> {
        let lock = locked(dir)?;
        let table = |name, bytes| Table::open(&dir.join(name), bytes);
        let Lengths { events, sites, scores, timing } = lengths;
        Ok(Self {
            dir: dir.to_owned(),
            events: table(EVENTS, events)?,
            sites: table(SITES, sites)?,
            scores: table(SCORES, scores)?,
            timing: table(TIMING, timing)?,
            _lock: lock,
        })
    }

    /// Makes every table durable; then tells how long each is.
    pub(crate) fn sync(&mut self) -> Result<Lengths, RunError> {
        for table in [&mut self.events, &mut self.sites, &mut self.scores, &mut self.timing] {
            table.file.sync_data().map_err(RunError::file(&table.path))?;
        }
        let Self { events, sites, scores, timing, .. } = self;
        Ok(Lengths { events: events.bytes, sites: sites.bytes, scores: scores.bytes, timing: timing.bytes })
    }

    /// Writes a whole file, durably and all at once.
    pub(crate) fn put(&self, name: &str, parts: &[&[u8]]) -> Result<(), RunError> {
        let (path, part) = (self.dir.join(name), self.dir.join(format!("{name}.part")));
        let mut file = File::create(&part).map_err(RunError::file(&part))?;
        for bytes in parts {
            file.write_all(bytes).map_err(RunError::file(&part))?;
        }
        file.sync_all().map_err(RunError::file(&part))?;
        std::fs::rename(&part, &path).map_err(RunError::file(&path))?;
        // The new name is safe once the folder is.
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(RunError::file(&self.dir))
    }
}

/// How long each table was at a checkpoint, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lengths {
    pub(super) events: u64,
    sites: u64,
    pub(super) scores: u64,
    pub(super) timing: u64,
}

impl Table {
    /// The file, cut to `bytes`.
    fn open(path: &Path, bytes: u64) -> Result<Self, RunError> {
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(RunError::file(path))?;
        let found = file.metadata().map_err(RunError::file(path))?.len();
        if found < bytes {
            return Err(RunError::broken(path, format!("it has {found} bytes, the checkpoint counted {bytes}")));
        }
        file.set_len(bytes).and_then(|()| file.seek(SeekFrom::End(0))).map_err(RunError::file(path))?;
        Ok(Self { path: path.to_owned(), file, bytes })
    }

    /// Adds text at the end.
    pub(crate) fn append(&mut self, text: &str) -> Result<(), RunError> {
        self.file.write_all(text.as_bytes()).map_err(RunError::file(&self.path))?;
        self.bytes += text.len() as u64;
        Ok(())
    }
}

/// The lock of a folder; the kernel keeps it for as long as the file is open, however the process ends.
fn locked(dir: &Path) -> Result<File, RunError> {
    let path = dir.join(LOCK);
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(RunError::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RunError::Busy { folder: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(RunError::File { file: path, source }),
    }
}
