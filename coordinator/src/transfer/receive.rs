//! The receiving side of an upload stream.

use super::refusal;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Status, Streaming};
use wardround_proto::v1::Chunk;
use wardround_proto::{CallRefusal, Chunks};
use wardround_storage::{Owner, Part};

/// Takes chunks until every announced byte came, and gives the durable length. Whatever is refused, what came before stays.
pub(super) async fn receive(
    peer: &Owner,
    mut part: Part,
    first: Chunk,
    mut stream: Streaming<Chunk>,
    idle_timeout: Duration,
) -> Result<u64, Status> {
    let superseded = part.superseded().clone();
    let mut chunks = Chunks::new(part.received(), part.size_bytes());
    let mut next = Some(first);
    while let Some(chunk) = next {
        let data = chunks.accept(chunk).map_err(|error| {
            tracing::warn!(%peer, %error, "a chunk was refused");
            CallRefusal::from(error)
        })?;
        part.append(data).await.map_err(|error| refusal(peer, error))?;
        let coming = superseded.run_until_cancelled(self::next(&mut stream, idle_timeout));
        next = coming.await.ok_or(CallRefusal::Superseded)??;
    }
    let committed = part.commit().await.map_err(|error| refusal(peer, error))?;
    if chunks.is_complete() { Ok(committed) } else { Err(CallRefusal::Truncated.into()) }
}

/// The next chunk, if it comes in time.
pub(super) async fn next(stream: &mut Streaming<Chunk>, idle_timeout: Duration) -> Result<Option<Chunk>, Status> {
    timeout(idle_timeout, stream.message()).await.map_err(|_| CallRefusal::Idle)?
}
