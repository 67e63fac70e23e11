//! Who may send and read what: asked before a byte is taken.

use tonic::async_trait;
use wardround_plan::Digest;
use wardround_proto::{CallRefusal, UploadRequest};
use wardround_storage::Owner;

/// Decides about transfers. Implemented by whoever knows the rounds.
#[async_trait]
pub trait Admission: Send + Sync + 'static {
    /// May `peer` send this now? If so, how large must it be?
    async fn admit(&self, peer: &Owner, upload: &UploadRequest) -> Result<Admitted, CallRefusal>;

    /// The whole of an admitted upload is an object now. Must be idempotent: a peer that lost the answer asks again.
    /// The answer goes to the peer, so what it promises must be durable before.
    async fn finished(&self, peer: &Owner, upload: &UploadRequest) -> Result<(), CallRefusal>;

    /// May `peer` read this object? [`CallRefusal::NotFound`] tells nothing about whether it exists.
    async fn readable(&self, peer: &Owner, digest: &Digest) -> Result<(), CallRefusal>;
}

/// An upload that may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Size that the object must have, in bytes.
    pub size_bytes: u64,
}
