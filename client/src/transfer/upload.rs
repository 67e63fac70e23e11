//! Sending an object by its digest.

use super::{Connection, Moved, TransferError};
use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::{Stream, StreamExt as _};
use std::pin::pin;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use wardround_proto::v1::transfer_client::TransferClient;
use wardround_proto::v1::{Chunk, FinishUploadRequest, OpenUploadResponse};
use wardround_proto::{CallRefusal, UploadRequest, encode_chunk};
use wardround_storage::{Blobs, StorageError};

/// Chunks read ahead of the connection.
const AHEAD_CHUNKS: usize = 2;

/// Sends the object of `request` from `blobs`, from where an earlier attempt ended, and hands it over.
///
/// Idempotent: sending what the coordinator has already costs two short calls. `moved` is told after each chunk.
///
/// # Errors
/// After any error the coordinator keeps what came, except where the whole did not have its digest.
pub async fn upload<T: Connection>(
    client: &mut TransferClient<T>,
    blobs: &Blobs,
    request: &UploadRequest,
    mut moved: impl FnMut(Moved),
) -> Result<(), TransferError> {
    let opened = client.open_upload(wardround_proto::v1::OpenUploadRequest::from(request)).await?.into_inner();
    let OpenUploadResponse { upload_id, committed_offset, already_complete } = opened;
    let total_bytes = request.object.size_bytes;
    if committed_offset > total_bytes {
        return Err(TransferError::Answer("more bytes are said to be there than the object has"));
    }
    if !already_complete && committed_offset < total_bytes {
        let reader = blobs.reader(request.object.digest, committed_offset).await?;
        let outgoing = Outgoing { upload_id: upload_id.clone(), offset: committed_offset, total_bytes };
        send(client, reader, outgoing, &mut moved).await?;
    }
    let receipt = client.finish_upload(FinishUploadRequest { upload_id }).await.map_err(after_opening)?.into_inner();
    if receipt.sha256 != request.object.digest.as_bytes()[..] {
        return Err(TransferError::Answer("the receipt is for another object"));
    }
    Ok(())
}

/// What the chunks of one stream are labelled with.
struct Outgoing {
    upload_id: Bytes,
    offset: u64,
    total_bytes: u64,
}

/// Sends what `reader` yields; ends early where the coordinator answers early, which is a refusal.
async fn send<T: Connection>(
    client: &mut TransferClient<T>,
    reader: impl Stream<Item = Result<Bytes, StorageError>>,
    outgoing: Outgoing,
    moved: &mut impl FnMut(Moved),
) -> Result<(), TransferError> {
    let (sender, receiver) = mpsc::channel(AHEAD_CHUNKS);
    let call = pin!(client.upload(ReceiverStream::new(receiver)));
    let feed = pin!(feed(reader, outgoing, sender, moved));
    match select(call, feed).await {
        Either::Left((answer, _)) => drop(answer.map_err(after_opening)?),
        Either::Right((Ok(()), call)) => drop(call.await.map_err(after_opening)?),
        Either::Right((Err(error), _)) => return Err(error.into()),
    }
    Ok(())
}

/// An upload that was just opened and is not found was opened at a process that is no more.
fn after_opening(status: Status) -> TransferError {
    match TransferError::from(status) {
        TransferError::Refused(CallRefusal::NotFound) => TransferError::Forgotten,
        error => error,
    }
}

async fn feed(
    reader: impl Stream<Item = Result<Bytes, StorageError>>,
    outgoing: Outgoing,
    sender: mpsc::Sender<Chunk>,
    moved: &mut impl FnMut(Moved),
) -> Result<(), StorageError> {
    let Outgoing { mut upload_id, mut offset, total_bytes } = outgoing;
    let mut reader = pin!(reader);
    while let Some(bytes) = reader.next().await.transpose()? {
        // Only the first chunk of a stream names its upload.
        let chunk = Chunk { upload_id: std::mem::take(&mut upload_id), ..encode_chunk(offset, bytes) };
        offset += chunk.data.len() as u64;
        if sender.send(chunk).await.is_err() {
            return Ok(());
        }
        moved(Moved { done_bytes: offset, total_bytes });
    }
    Ok(())
}
