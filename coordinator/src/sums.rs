//! The running sum of a round and the model made from it, streamed from disk to disk.
//!
//! A sum is a blob of little-endian `i64`. Adding an update reads the old sum and the update side by side, a block at a
//! time, and writes the new sum: memory does not grow with the model, and no two updates are ever held. The old sum stays
//! until the new one is stored and named in an event, so a crash in between loses nothing.

use bytes::Bytes;
use futures_util::TryStreamExt;
use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;
use wardround_plan::{Digest, Hasher, SiteId};
use wardround_round::coordinator::{Fold, Summed};
use wardround_round::masking::frame_length;
use wardround_round::{ModelRef, RoundId, UpdateRef};
use wardround_secagg::server::{CompleteUpload, Unmasker, UploadReceiver, accumulate};
use wardround_secagg::session::{Lane, TAIL_WORDS};
use wardround_storage::{Blobs, StorageError};
use wardround_strategy::{FedAvg, RoundFacts, ServerRule, Slice, TotalWeight};

/// Weights that are read, added and written at a time.
const BLOCK_WEIGHTS: usize = 64 * 1024;

/// Sums and models on disk.
pub struct Sums {
    blobs: Blobs,
    uploads: BTreeMap<(SiteId, RoundId), UpdateRef>,
}

/// A sum or a model was not made.
#[derive(Debug, thiserror::Error)]
pub enum SumError {
    /// The update holds a number that cannot be added; its sender is at fault.
    #[error("{0}")]
    Update(String),
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A blob broke off or could not be read.
    #[error("a stored sum, update or model cannot be read: {0}")]
    Read(#[from] io::Error),
    /// No site is in the sum.
    #[error("a model was asked for from a sum without sites")]
    Empty,
}

impl Sums {
    /// Sums among these blobs.
    pub fn new(blobs: Blobs) -> Self {
        Self { blobs, uploads: BTreeMap::new() }
    }

    /// Remembers whose update a blob is, so that it is deleted when the site has its receipt.
    pub fn hold_upload(&mut self, site: &SiteId, id: &RoundId, update: UpdateRef) {
        self.uploads.insert((site.clone(), id.clone()), update);
    }

    /// Deletes a site's update, unless another site has sent the very same bytes and they are still needed.
    pub async fn forget_upload(&mut self, site: &SiteId, id: &RoundId) {
        let Some(update) = self.uploads.remove(&(site.clone(), id.clone())) else { return };
        if !self.uploads.values().any(|held| *held == update) {
            self.discard(update.digest).await;
        }
    }

    /// Adds an update to the running sum; gives the digest of the new sum.
    ///
    /// # Errors
    /// [`SumError::Update`] for a number that no sound training makes; the old sum is as it was.
    pub async fn fold(&self, fold: &Fold) -> Result<Digest, SumError> {
        let weights = self.blobs.len(&fold.update.digest).await? / 4;
        let mut update = self.read(&fold.update.digest).await?;
        let mut before = match &fold.onto {
            Some(sum) => Some(self.read(sum).await?),
            None => None,
        };
        let mut output = Output::new(&self.blobs).await?;
        let mut offset = 0;
        while offset < weights {
            let count = BLOCK_WEIGHTS.min((weights - offset) as usize);
            let values = read_f32(&mut update, count).await?;
            let mut sum = match &mut before {
                Some(before) => read_i64(before, count).await?,
                None => vec![0; count],
            };
            if let Err(error) = wardround_strategy::fold(&mut sum, &values, fold.weight) {
                output.abort().await;
                return Err(SumError::Update(format!("{error} (counted from weight {offset})")));
            }
            output.write(sum.iter().flat_map(|sum| sum.to_le_bytes()).collect()).await?;
            offset += count as u64;
        }
        output.finish().await
    }

    /// Checks a masked update as it is read and adds it to the running sum; gives the digest of the new sum, and what the
    /// check gave. `receive` makes the checker from the first message.
    ///
    /// # Errors
    /// [`SumError::Update`] for what is not the signed update of this session; the old sum is as it was.
    pub async fn fold_masked(
        &self,
        fold: &Fold,
        receive: impl FnOnce(&[u8]) -> Result<UploadReceiver, String>,
    ) -> Result<(Digest, CompleteUpload), SumError> {
        let mut update = self.read(&fold.update.digest).await?;
        let mut before = match &fold.onto {
            Some(sum) => Some(self.read(sum).await?),
            None => None,
        };
        let mut output = Output::new(&self.blobs).await?;
        match add_masked(&mut update, before.as_mut(), &mut output, receive).await {
            Ok(complete) => Ok((output.finish().await?, complete)),
            Err(error) => {
                output.abort().await;
                Err(error)
            }
        }
    }

    /// Takes the masks off a sum; gives the digest of the sum without them, which is one of ordinary updates.
    ///
    /// # Errors
    /// [`SumError::Update`] where what is left is no sum of what the sites sent.
    pub async fn unmask(&self, sum: Digest, unmasker: Unmasker) -> Result<Digest, SumError> {
        let words = self.blobs.len(&sum).await? / 8;
        let coordinates = words.checked_sub(u64::from(TAIL_WORDS)).ok_or(SumError::Empty)?;
        let unmasker = Arc::new(unmasker);
        let mut masked = self.read(&sum).await?;
        let mut output = Output::new(&self.blobs).await?;
        let mut offset = 0;
        while offset < coordinates {
            let count = BLOCK_WEIGHTS.min((coordinates - offset) as usize);
            let mut block = vec![0; count * 8];
            masked.read_exact(&mut block).await?;
            let remover = unmasker.clone();
            let work = move || {
                remover.unmask(offset, &mut block);
                block
            };
            let block = tokio::task::spawn_blocking(work).await;
            output.write(block.map_err(io::Error::other)?).await?;
            offset += count as u64;
        }
        let mut tail = vec![0; usize::from(TAIL_WORDS) * 8];
        masked.read_exact(&mut tail).await?;
        unmasker.unmask(coordinates, &mut tail);
        if let Err(error) = unmasker.total_weight(&tail) {
            output.abort().await;
            return Err(SumError::Update(error.to_string()));
        }
        output.finish().await
    }

    /// The words of a sum of scores.
    ///
    /// # Errors
    /// The disk.
    pub async fn words(&self, sum: Digest) -> Result<Vec<i64>, SumError> {
        let words = self.blobs.len(&sum).await? / 8;
        Ok(read_i64(&mut self.read(&sum).await?, words as usize).await?)
    }

    /// The next model: `model` moved by the weighted mean, or against the mean gradient.
    ///
    /// # Errors
    /// The disk.
    pub async fn apply(&self, model: ModelRef, sum: Digest, of: Summed) -> Result<ModelRef, SumError> {
        let per_unit = match of {
            Summed::Updates(weights) => TotalWeight::of(weights).ok_or(SumError::Empty)?.per_unit(),
            Summed::Gradients { per_unit } => per_unit,
        };
        let (mut before, mut sums) = (self.read(&model.digest).await?, self.read(&sum).await?);
        let mut output = Output::new(&self.blobs).await?;
        let mut left = (model.bytes / 4) as usize;
        let mut mean = vec![0.0; BLOCK_WEIGHTS.min(left)];
        while left > 0 {
            let count = BLOCK_WEIGHTS.min(left);
            let (mut values, sum) = (read_f32(&mut before, count).await?, read_i64(&mut sums, count).await?);
            mean.iter_mut().zip(&sum).for_each(|(mean, sum)| *mean = *sum as f64 * per_unit);
            FedAvg.apply(&RoundFacts::ALL, Slice::stateless(&mut values, &mean[..count]));
            output.write(values.into_iter().flat_map(f32::to_le_bytes).collect()).await?;
            left -= count;
        }
        Ok(ModelRef { digest: output.finish().await?, bytes: model.bytes })
    }

    /// Deletes a blob that is of no more use. One that stays by mistake costs space, not correctness.
    pub async fn discard(&self, blob: Digest) {
        if let Err(error) = self.blobs.delete(&blob).await {
            tracing::warn!(%error, "a blob of no more use was not deleted");
        }
    }

    async fn read(&self, blob: &Digest) -> Result<Reader, SumError> {
        let stream = self.blobs.reader(*blob, 0).await?;
        Ok(Box::pin(StreamReader::new(stream.map_err(io::Error::other))))
    }
}

/// Message after message of a masked update: checked, then added block by block.
async fn add_masked(
    update: &mut Reader,
    mut before: Option<&mut Reader>,
    output: &mut Output,
    receive: impl FnOnce(&[u8]) -> Result<UploadReceiver, String>,
) -> Result<CompleteUpload, SumError> {
    let header = next_message(update).await?.ok_or_else(|| SumError::Update("the masked update is empty".into()))?;
    let mut receiver = receive(&header).map_err(SumError::Update)?;
    let wrong = |error: wardround_secagg::server::Rejection| SumError::Update(error.to_string());
    let mut message = next_message(update).await?;
    while let Some(chunk) = message {
        message = next_message(update).await?;
        if message.is_none() {
            return receiver.finish(&chunk).map_err(wrong);
        }
        let vector = receiver.chunk(&chunk).map_err(wrong)?;
        let sum = match &mut before {
            Some(before) => {
                let mut sum = vec![0; vector.len()];
                before.read_exact(&mut sum).await?;
                accumulate(Lane::Bits64, &mut sum, &vector);
                sum
            }
            None => vector,
        };
        output.write(sum).await?;
    }
    Err(SumError::Update("the masked update breaks off after its header".into()))
}

/// The next message of a masked update; `None` at its end.
async fn next_message(update: &mut Reader) -> Result<Option<Vec<u8>>, SumError> {
    let mut length = [0; 4];
    match update.read_exact(&mut length).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let mut message = vec![0; frame_length(length).map_err(SumError::Update)?];
    match update.read_exact(&mut message).await {
        Ok(_) => Ok(Some(message)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(SumError::Update("the masked update breaks off within a message".into()))
        }
        Err(error) => Err(error.into()),
    }
}

type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// A new blob and its digest, which grow together.
struct Output {
    writer: wardround_storage::BlobWriter,
    hasher: Hasher,
}

impl Output {
    async fn new(blobs: &Blobs) -> Result<Self, SumError> {
        Ok(Self { writer: blobs.writer().await?, hasher: Hasher::new() })
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), SumError> {
        self.hasher.update(&bytes);
        Ok(self.writer.write(Bytes::from(bytes)).await?)
    }

    async fn finish(self) -> Result<Digest, SumError> {
        let digest = self.hasher.finish();
        self.writer.finish(digest).await?;
        Ok(digest)
    }

    async fn abort(self) {
        if let Err(error) = self.writer.abort().await {
            tracing::warn!(%error, "a half-written sum was not deleted");
        }
    }
}

async fn read_f32(reader: &mut Reader, count: usize) -> io::Result<Vec<f32>> {
    let mut bytes = vec![0; count * 4];
    reader.read_exact(&mut bytes).await?;
    Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

async fn read_i64(reader: &mut Reader, count: usize) -> io::Result<Vec<i64>> {
    let mut bytes = vec![0; count * 8];
    reader.read_exact(&mut bytes).await?;
    let word = |b: &[u8]| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
    Ok(bytes.chunks_exact(8).map(word).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_plan::{RoundNumber, StudyId};
    use wardround_round::{Attempt, Summand};

    fn fold(update: Digest, weight: u32, onto: Option<Digest>) -> Fold {
        let study = StudyId::new("s").expect("a name");
        let (round, attempt) = (RoundNumber::FIRST, Attempt::FIRST);
        let id = RoundId { study, round, attempt, summand: Summand::Update };
        Fold { site: SiteId::new("a").expect("a name"), id, update: UpdateRef { digest: update }, weight, onto }
    }

    async fn put(blobs: &Blobs, values: &[f32]) -> Digest {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        blobs.put_bytes(bytes.into()).await.expect("stored")
    }

    #[tokio::test]
    async fn streamed_sums_make_the_mean_across_block_borders() {
        let dir = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(dir.path()).expect("opens");
        let sums = Sums::new(blobs.clone());
        let count = BLOCK_WEIGHTS + 3;
        let model = put(&blobs, &vec![1.0; count]).await;
        let (one, two) = (put(&blobs, &vec![1.0; count]).await, put(&blobs, &vec![4.0; count]).await);
        let first = sums.fold(&fold(one, 1, None)).await.expect("adds");
        let both = sums.fold(&fold(two, 2, Some(first))).await.expect("adds");
        let turned = sums.fold(&fold(two, 2, None)).await.expect("adds");
        assert_eq!(sums.fold(&fold(one, 1, Some(turned))).await.expect("adds"), both, "order changes no bit");
        let model = ModelRef { digest: model, bytes: count as u64 * 4 };
        let next = sums.apply(model, both, Summed::Updates(vec![1, 2])).await.expect("applies");
        assert_eq!(next.digest, put(&blobs, &vec![4.0; count]).await);
    }

    #[tokio::test]
    async fn nan_in_an_update_is_refused_and_leaves_the_sum() {
        let dir = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(dir.path()).expect("opens");
        let sums = Sums::new(blobs.clone());
        let first = sums.fold(&fold(put(&blobs, &[1.0, 2.0]).await, 1, None)).await.expect("adds");
        let bad = put(&blobs, &[1.0, f32::NAN]).await;
        let error = sums.fold(&fold(bad, 1, Some(first))).await.expect_err("NaN");
        assert!(matches!(&error, SumError::Update(reason) if reason.contains("weight 1")), "{error}");
        assert!(blobs.contains(&first).await.expect("readable"));
    }
}
