//! An object written piece by piece, for what is too large to hold in memory.

use crate::{Blobs, StorageError};
use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{MultipartUpload, PutPayload};
use wardround_plan::{Digest, Hasher};

/// An object being written. Dropped or aborted, it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    blobs: Blobs,
    key: Key,
    upload: Box<dyn MultipartUpload>,
    hasher: HasherInProgress,
    written_bytes: u64,
}

/// `Debug` without the state of the hash.
struct HasherInProgress(Hasher);

impl BlobWriter {
    pub(crate) fn new(blobs: Blobs, key: Key, upload: Box<dyn MultipartUpload>) -> Self {
        Self { blobs, key, upload, hasher: HasherInProgress(Hasher::new()), written_bytes: 0 }
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// After [`StorageError::DiskFull`], or any other error, the object cannot be finished.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        self.hasher.0.update(&bytes);
        self.written_bytes += bytes.len() as u64;
        let written = self.upload.put_part(PutPayload::from(bytes)).await;
        written.map_err(|error| self.failed(error))
    }

    /// Makes the object durable and visible, if it is the `expected` one.
    ///
    /// # Errors
    /// [`StorageError::WrongDigest`]: what was written is discarded.
    pub async fn finish(mut self, expected: Digest) -> Result<(), StorageError> {
        let got = std::mem::replace(&mut self.hasher.0, Hasher::new()).finish();
        if got != expected {
            self.abort().await?;
            return Err(StorageError::WrongDigest { expected, got });
        }
        self.upload.complete().await.map_err(|error| self.failed(error))?;
        self.blobs.adopt(&self.key, &expected).await
    }

    /// Removes what was written.
    pub async fn abort(mut self) -> Result<(), StorageError> {
        self.upload.abort().await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: object_store::Error) -> StorageError {
        let path = self.blobs.folder().join(self.key.as_ref());
        StorageError::store(&self.key, &path, self.written_bytes, error)
    }
}

impl std::fmt::Debug for HasherInProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &std::path::Path) -> usize {
        ["sha256", "incoming"].iter().map(|part| std::fs::read_dir(folder.join(part)).expect("a folder").count()).sum()
    }

    async fn written(blobs: &Blobs) -> BlobWriter {
        let mut writer = blobs.writer().await.expect("space");
        for piece in ["one ", "two ", "three"] {
            writer.write(Bytes::from_static(piece.as_bytes())).await.expect("space");
        }
        writer
    }

    #[tokio::test]
    async fn pieces_become_one_object_only_when_finished() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(folder.path()).expect("usable");
        let expected = Digest::of(b"one two three");
        for _ in 0..2 {
            let writer = written(&blobs).await;
            writer.finish(expected).await.expect("the right digest");
            assert_eq!(blobs.get_bytes(&expected).await.expect("there"), "one two three");
        }
        assert_eq!(files(folder.path()), 1);
    }

    #[tokio::test]
    async fn a_wrong_digest_and_an_abort_leave_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(folder.path()).expect("usable");
        let error = written(&blobs).await.finish(Digest::of(b"other")).await.expect_err("another digest");
        assert!(matches!(error, StorageError::WrongDigest { .. }), "{error}");
        written(&blobs).await.abort().await.expect("removed");
        assert_eq!(files(folder.path()), 0);
    }
}
