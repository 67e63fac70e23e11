//! The sending side of a download stream.

use super::limits::Slot;
use super::refusal;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use wardround_proto::encode_chunk;
use wardround_proto::v1::Chunk;
use wardround_storage::{Owner, StorageError};

/// Chunks read ahead of the peer.
const AHEAD_CHUNKS: usize = 2;

/// Streams what `reader` yields as chunks from `offset` on. Ends, and gives the slot back, when the peer goes away or stops taking.
pub(super) fn send(
    peer: Owner,
    reader: impl Stream<Item = Result<Bytes, StorageError>> + Send + 'static,
    offset: u64,
    slot: Slot,
    idle_timeout: Duration,
) -> ReceiverStream<Result<Chunk, Status>> {
    let (sender, receiver) = mpsc::channel(AHEAD_CHUNKS);
    tokio::spawn(async move {
        let _slot = slot;
        let mut reader = pin!(reader);
        let mut at = offset;
        while let Some(piece) = reader.next().await {
            let message = match piece {
                Ok(bytes) => {
                    let chunk = encode_chunk(at, bytes);
                    at += chunk.data.len() as u64;
                    Ok(chunk)
                }
                Err(error) => Err(Status::from(refusal(&peer, error))),
            };
            if sender.send_timeout(message, idle_timeout).await.is_err() {
                tracing::info!(%peer, at, "a peer stopped taking a download");
                break;
            }
        }
    });
    ReceiverStream::new(receiver)
}
