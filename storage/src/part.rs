//! One unfinished upload, held by one task at a time.

use crate::spool::{Spool, Turn};
use crate::{Owner, StorageError};
use bytes::Bytes;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use wardround_plan::{Digest, Hasher};

/// Bytes after which what came is made durable.
const SYNC_EVERY_BYTES: u64 = 8 * 1024 * 1024;
const HASH_BUFFER_BYTES: usize = 1024 * 1024;

/// What came of an upload so far. Dropped unfinished, it stays and can be begun again.
#[derive(Debug)]
pub struct Part {
    spool: Spool,
    owner: Owner,
    digest: Digest,
    size_bytes: u64,
    received: u64,
    committed: u64,
    file: Arc<HeldFile>,
    superseded: CancellationToken,
}

/// The file with the right to write it: a write that outlives its task still excludes the next holder.
#[derive(Debug)]
pub(crate) struct HeldFile {
    file: File,
    path: PathBuf,
    _turn: Turn,
}

/// What the next holder of a part goes on from.
pub(crate) struct Claim {
    pub(crate) spool: Spool,
    pub(crate) owner: Owner,
    pub(crate) digest: Digest,
    pub(crate) size_bytes: u64,
    pub(crate) superseded: CancellationToken,
}

impl Part {
    pub(crate) async fn open(claim: Claim, path: PathBuf, turn: Turn) -> Result<Self, StorageError> {
        let Claim { spool, owner, digest, size_bytes, superseded } = claim;
        let (file, received) = blocking(move || {
            let (file, received) = open_file(&path, size_bytes)?;
            Ok((Arc::new(HeldFile { file, path, _turn: turn }), received))
        })
        .await?;
        Ok(Self { spool, owner, digest, size_bytes, received, committed: received, file, superseded })
    }

    /// Appends `bytes`, and makes them durable each 8 MiB and at the end.
    ///
    /// # Errors
    /// [`StorageError::PastEnd`] changes nothing; after any other error the part goes back to what is durable.
    pub async fn append(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        let end = self.received.saturating_add(bytes.len() as u64);
        if end > self.size_bytes {
            return Err(StorageError::PastEnd { announced: self.size_bytes });
        }
        let sync = end - self.committed >= SYNC_EVERY_BYTES || end == self.size_bytes;
        let (held, at, back, needed) = (self.file.clone(), self.received, self.committed, self.size_bytes);
        blocking(move || held.write(&bytes, at, sync).map_err(|error| held.failed(back, needed, error))).await?;
        self.received = end;
        if sync {
            self.committed = end;
        }
        Ok(())
    }

    /// Makes everything that came durable, and gives its length.
    pub async fn commit(&mut self) -> Result<u64, StorageError> {
        if self.committed < self.received {
            let (held, back, needed) = (self.file.clone(), self.committed, self.size_bytes);
            blocking(move || held.file.sync_data().map_err(|error| held.failed(back, needed, error))).await?;
            self.committed = self.received;
        }
        Ok(self.committed)
    }

    /// Checks the whole against its digest and makes it an object.
    ///
    /// # Errors
    /// [`StorageError::Incomplete`]: the part stays. [`StorageError::WrongDigest`]: it is discarded.
    pub async fn finish(mut self) -> Result<(), StorageError> {
        if self.received < self.size_bytes {
            return Err(StorageError::Incomplete { received: self.received, announced: self.size_bytes });
        }
        self.commit().await?;
        let held = self.file.clone();
        // Read back, not hashed on the way in: a resumed upload needs it, and this is what is on the disk.
        let got = blocking(move || held.hash().map_err(|error| StorageError::io(&held.path, 0, error))).await?;
        if got != self.digest {
            let expected = self.digest;
            self.discard().await?;
            return Err(StorageError::WrongDigest { expected, got });
        }
        self.spool.adopt(&self.owner, &self.digest).await
    }

    /// Removes what came.
    pub async fn discard(self) -> Result<(), StorageError> {
        self.spool.forget(&self.owner, &self.digest)
    }

    /// Bytes that came, durable or not.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Bytes that are durable: where an upload goes on after anything was killed.
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// Size of the whole, as announced.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Cancelled when another task begins this upload again: let go of it then.
    pub fn superseded(&self) -> &CancellationToken {
        &self.superseded
    }
}

impl HeldFile {
    fn write(&self, bytes: &[u8], at: u64, sync: bool) -> io::Result<()> {
        self.file.write_all_at(bytes, at)?;
        if sync { self.file.sync_data() } else { Ok(()) }
    }

    /// Goes back to what is durable, so that the length of the file is never more than was written well.
    fn failed(&self, committed: u64, needed: u64, error: io::Error) -> StorageError {
        let cut = self.file.set_len(committed);
        StorageError::io(&self.path, needed, cut.err().unwrap_or(error))
    }

    fn hash(&self) -> io::Result<Digest> {
        let (mut hasher, mut buffer, mut file) = (Hasher::new(), vec![0; HASH_BUFFER_BYTES], &self.file);
        file.rewind()?;
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                read => hasher.update(&buffer[..read]),
            }
        }
    }
}

/// The file of a part, with room for the whole, and its durable length.
fn open_file(path: &Path, size_bytes: u64) -> Result<(File, u64), StorageError> {
    let failed = |error| StorageError::io(path, size_bytes, error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    let mut length = file.metadata().map_err(failed)?.len();
    if length > size_bytes {
        file.set_len(0).map_err(failed)?;
        length = 0;
    }
    reserve(&file, length, size_bytes).map_err(failed)?;
    // A killed process may have written more than it synced.
    file.sync_all().map_err(failed)?;
    Ok((file, length))
}

/// Asks for the room before a byte has crossed the wire; the length stays what was written.
fn reserve(file: &File, length: u64, size_bytes: u64) -> io::Result<()> {
    if length == size_bytes {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, length, size_bytes - length) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work).await.expect("file work does not panic and is not aborted")
}
