//! A masked vector on its way to the coordinator.

use crate::work::Desk;
use bytes::Bytes;
use wardround_plan::Hasher;
use wardround_proto::Announced;
use wardround_round::masking::frame;
use wardround_round::participant::UploadFailure;
use wardround_secagg::client::Output;
use wardround_storage::BlobWriter;

/// A masked update on this site's disk, as long as it takes to send it.
pub(super) struct MaskedFile {
    writer: BlobWriter,
    hasher: Hasher,
    size_bytes: u64,
}

impl MaskedFile {
    pub(super) async fn new(desk: &Desk) -> Result<Self, UploadFailure> {
        let writer = desk.spool.blobs().writer().await;
        let writer = writer.map_err(|error| UploadFailure::Rejected(error.to_string()))?;
        Ok(Self { writer, hasher: Hasher::new(), size_bytes: 0 })
    }

    /// What the machine wants to be sent; where it refuses, that.
    pub(super) async fn messages(&mut self, outputs: Vec<Output>) -> Result<(), UploadFailure> {
        for output in outputs {
            match output {
                Output::Send(message) => self.message(&message).await?,
                Output::Aborted(refusal) => return Err(UploadFailure::Rejected(refusal.to_string())),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) async fn message(&mut self, message: &[u8]) -> Result<(), UploadFailure> {
        let framed = frame(message);
        self.hasher.update(&framed);
        self.size_bytes += framed.len() as u64;
        let written = self.writer.write(Bytes::from(framed)).await;
        written.map_err(|error| UploadFailure::Rejected(error.to_string()))
    }

    pub(super) async fn finish(self) -> Result<Announced, UploadFailure> {
        let digest = self.hasher.finish();
        let finished = self.writer.finish(digest).await;
        finished.map_err(|error| UploadFailure::Rejected(error.to_string()))?;
        Ok(Announced { digest, size_bytes: self.size_bytes })
    }
}
