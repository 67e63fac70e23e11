//! Fetching an object by its digest.

use super::{Connection, IDLE_TIMEOUT, Moved, TransferError};
use bytes::Bytes;
use tokio::time::timeout;
use tonic::Streaming;
use wardround_proto::v1::transfer_client::TransferClient;
use wardround_proto::v1::{Chunk, DownloadRequest};
use wardround_proto::{Announced, Chunks};
use wardround_storage::{Begun, Owner, Part, Spool};

/// Fetches `object` into the blobs of `spool`, from where an earlier attempt ended; at once where it is there already.
///
/// `from` names the sender among the parts of the spool. `moved` is told after each chunk.
///
/// # Errors
/// After any error what came stays, except where the whole did not have its digest.
pub async fn download<T: Connection>(
    client: &mut TransferClient<T>,
    spool: &Spool,
    from: &Owner,
    object: Announced,
    mut moved: impl FnMut(Moved),
) -> Result<(), TransferError> {
    let Begun::Part(mut part) = spool.begin(from, object.digest, object.size_bytes).await? else { return Ok(()) };
    if part.received() < object.size_bytes {
        let sha256 = Bytes::copy_from_slice(object.digest.as_bytes());
        let stream = client.download(DownloadRequest { sha256, offset: part.received() }).await?.into_inner();
        receive(&mut part, stream, &mut moved).await?;
    }
    Ok(part.finish().await?)
}

async fn receive(
    part: &mut Part,
    mut stream: Streaming<Chunk>,
    moved: &mut impl FnMut(Moved),
) -> Result<(), TransferError> {
    let total_bytes = part.size_bytes();
    let mut chunks = Chunks::new(part.received(), total_bytes);
    while let Some(chunk) = timeout(IDLE_TIMEOUT, stream.message()).await.map_err(|_| TransferError::Idle)?? {
        part.append(chunks.accept(chunk)?).await?;
        moved(Moved { done_bytes: part.received(), total_bytes });
    }
    Ok(())
}
