//! Content-addressed objects: each is written once, under its SHA-256, and never changes.
//!
//! A folder holds `sha256/<hex>` (whole objects), `incoming/` (objects being written, emptied at open) and `spool/`
//! (resumable uploads, see [`crate::Spool`]); all on one file system, so that an object becomes visible by a rename.

use crate::{BlobWriter, StorageError};
use bytes::Bytes;
use futures_util::{Stream, stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wardround_plan::Digest;

/// Bytes that a reader yields at once, at most.
pub const READ_BYTES: u64 = 256 * 1024;

const WHOLE: &str = "sha256";
const INCOMING: &str = "incoming";

/// Objects in a folder. Clones share it.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: LocalFileSystem,
    folder: Arc<PathBuf>,
    written: Arc<AtomicU64>,
}

impl Blobs {
    /// Uses `folder`, which is created where absent. What a killed process left half written is removed, so the folder
    /// must be used by one process at a time (see [`crate::StateLock`]).
    pub fn open(folder: &Path) -> Result<Self, StorageError> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| StorageError::io(&path, 0, source)
        };
        for part in [WHOLE, INCOMING] {
            let path = folder.join(part);
            fs::create_dir_all(&path).map_err(io(&path))?;
            remove_strays(&path).map_err(io(&path))?;
        }
        let root = Key::default();
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|e| StorageError::store(&root, folder, 0, e))?;
        let folder = folder.canonicalize().map_err(io(folder))?;
        Ok(Self { store: store.with_fsync(true), folder: Arc::new(folder), written: Arc::default() })
    }

    /// Stores `bytes` and gives their digest. Storing what is there already changes nothing.
    ///
    /// # Errors
    /// [`StorageError::DiskFull`] leaves no trace of the object.
    pub async fn put_bytes(&self, bytes: Bytes) -> Result<Digest, StorageError> {
        let needed = bytes.len() as u64;
        let digest = digest_of(bytes.clone()).await;
        let key = self.key(&digest);
        match self.store.put_opts(&key, PutPayload::from(bytes), PutMode::Create.into()).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(digest),
            Err(error) => Err(StorageError::store(&key, &self.path(&digest), needed, error)),
        }
    }

    /// Stores an object piece by piece; nothing is visible before [`BlobWriter::finish`].
    pub async fn writer(&self) -> Result<BlobWriter, StorageError> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let key = Key::from_iter([INCOMING.to_owned(), number.to_string()]);
        let opened = self.store.put_multipart(&key).await;
        let upload = opened.map_err(|error| StorageError::store(&key, &self.folder.join(key.as_ref()), 0, error))?;
        Ok(BlobWriter::new(self.clone(), key, upload))
    }

    /// The object from `offset` on, in pieces of at most [`READ_BYTES`]; nothing where `offset` is at or after its end.
    ///
    /// # Errors
    /// [`StorageError::Missing`], also where the object is deleted while it is read.
    pub async fn reader(
        &self,
        digest: Digest,
        offset: u64,
    ) -> Result<impl Stream<Item = Result<Bytes, StorageError>> + Send + use<>, StorageError> {
        let size = self.len(&digest).await?;
        let blobs = self.clone();
        Ok(stream::try_unfold(offset, move |from| {
            let blobs = blobs.clone();
            async move {
                if from >= size {
                    return Ok(None);
                }
                let bytes = blobs.read(&digest, from..size.min(from + READ_BYTES)).await?;
                let next = from + bytes.len() as u64;
                Ok(Some((bytes, next)))
            }
        }))
    }

    /// The whole object in memory.
    pub async fn get_bytes(&self, digest: &Digest) -> Result<Bytes, StorageError> {
        let size = self.len(digest).await?;
        if size == 0 { Ok(Bytes::new()) } else { self.read(digest, 0..size).await }
    }

    /// Size of the object in bytes.
    ///
    /// # Errors
    /// [`StorageError::Missing`] where it is not here.
    pub async fn len(&self, digest: &Digest) -> Result<u64, StorageError> {
        let head = self.store.head(&self.key(digest)).await;
        head.map(|meta| meta.size).map_err(|error| self.failed(digest, error))
    }

    /// True where the object is here, whole.
    pub async fn contains(&self, digest: &Digest) -> Result<bool, StorageError> {
        match self.len(digest).await {
            Ok(_) => Ok(true),
            Err(StorageError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Forgets the object; there may be none.
    pub async fn delete(&self, digest: &Digest) -> Result<(), StorageError> {
        match self.store.delete(&self.key(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(digest, error)),
        }
    }

    /// Where the object lies, or would lie, as a file.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(WHOLE).join(digest.to_string())
    }

    /// Makes the complete, durable object at `from` visible under `digest`. An equal one may be there already.
    pub(crate) async fn adopt(&self, from: &Key, digest: &Digest) -> Result<(), StorageError> {
        self.store.rename(from, &self.key(digest)).await.map_err(|error| self.failed(digest, error))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    async fn read(&self, digest: &Digest, range: std::ops::Range<u64>) -> Result<Bytes, StorageError> {
        self.store.get_range(&self.key(digest), range).await.map_err(|error| self.failed(digest, error))
    }

    fn failed(&self, digest: &Digest, error: object_store::Error) -> StorageError {
        match error {
            object_store::Error::NotFound { .. } => StorageError::Missing { digest: *digest },
            error => StorageError::store(&self.key(digest), &self.path(digest), 0, error),
        }
    }

    fn key(&self, digest: &Digest) -> Key {
        Key::from_iter([WHOLE.to_owned(), digest.to_string()])
    }
}

/// SHA-256 off the async threads: a large model takes a good part of a second.
async fn digest_of(bytes: Bytes) -> Digest {
    let work = tokio::task::spawn_blocking(move || Digest::of(&bytes));
    work.await.expect("hashing does not panic and is not aborted")
}

/// Everything in `folder` that is not named by a digest.
fn remove_strays(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let whole = path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.parse::<Digest>().is_ok());
        if !whole && path.is_file() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt as _;

    async fn read_from(blobs: &Blobs, digest: Digest, offset: u64) -> Vec<u8> {
        let reader = blobs.reader(digest, offset).await.expect("there");
        reader.try_collect::<Vec<_>>().await.expect("readable").concat()
    }

    #[tokio::test]
    async fn bytes_come_back_from_any_offset() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(folder.path()).expect("usable");
        let bytes: Vec<u8> = (0..READ_BYTES as u32 * 2 + 77).map(|i| (i % 251) as u8).collect();
        let digest = blobs.put_bytes(bytes.clone().into()).await.expect("stored");
        assert_eq!(blobs.len(&digest).await.expect("there"), bytes.len() as u64);
        for offset in [0, 1, READ_BYTES as usize, READ_BYTES as usize * 2 + 76, bytes.len(), bytes.len() + 1] {
            let expected = bytes.get(offset..).unwrap_or_default();
            assert_eq!(read_from(&blobs, digest, offset as u64).await, expected, "{offset}");
        }
        assert_eq!(blobs.get_bytes(&digest).await.expect("there"), bytes);
    }

    #[tokio::test]
    async fn storing_twice_and_deleting_twice_is_no_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(folder.path()).expect("usable");
        for bytes in [Bytes::new(), Bytes::from_static(b"model")] {
            let digest = blobs.put_bytes(bytes.clone()).await.expect("stored");
            assert_eq!(blobs.put_bytes(bytes.clone()).await.expect("there"), digest);
            assert_eq!(blobs.get_bytes(&digest).await.expect("there"), bytes);
            blobs.delete(&digest).await.expect("deleted");
            blobs.delete(&digest).await.expect("nothing to delete");
            assert!(!blobs.contains(&digest).await.expect("usable"));
            assert!(matches!(blobs.reader(digest, 0).await.err(), Some(StorageError::Missing { .. })));
        }
    }

    #[tokio::test]
    async fn what_a_killed_process_left_is_removed_at_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Blobs::open(folder.path()).expect("usable").put_bytes(Bytes::from_static(b"x")).await.expect("ok");
        let stray = [format!("{WHOLE}/{kept}#1"), format!("{INCOMING}/0#1"), format!("{INCOMING}/0")];
        for name in &stray {
            fs::write(folder.path().join(name), b"half").expect("writable");
        }
        let blobs = Blobs::open(folder.path()).expect("usable");
        assert!(stray.iter().all(|name| !folder.path().join(name).exists()));
        assert!(blobs.contains(&kept).await.expect("usable"));
    }
}
