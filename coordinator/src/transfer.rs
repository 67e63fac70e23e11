//! Models out, updates in: the gRPC service `wardround.v1.Transfer`.
//!
//! Who may send and read what is decided elsewhere, by an [`Admission`]; here bytes are moved. A peer that sends wrong,
//! slow, or too much is refused alone: its upload stays resumable, and no other peer's is touched.

mod admission;
mod download;
mod limits;
mod opened;
mod receive;

pub use admission::{Admission, Admitted};
pub use limits::TransferLimits;

use limits::Slots;
use opened::Opened;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Extensions, Request, Response, Status, Streaming, async_trait};
use wardround_proto::v1::transfer_server::{Transfer, TransferServer};
use wardround_proto::v1::{
    Chunk, DownloadRequest, FinishUploadRequest, OpenUploadRequest, OpenUploadResponse, UploadProgress, UploadReceipt,
};
use wardround_proto::{CallRefusal, MESSAGE_BYTES_MAX, UploadRequest, digest};
use wardround_storage::{Begun, Owner, Spool, StorageError};

/// Moves models and updates for the peers that `identify` finds in a request.
pub struct TransferService<A, I> {
    admission: A,
    identify: I,
    spool: Spool,
    limits: TransferLimits,
    opened: Opened,
    uploads: Slots,
    downloads: Slots,
}

impl<A, I> TransferService<A, I>
where
    A: Admission,
    I: Fn(&Extensions) -> Option<Owner> + Send + Sync + 'static,
{
    /// Objects go to and come from `spool` and its blobs.
    pub fn new(admission: A, identify: I, spool: Spool, limits: TransferLimits) -> Self {
        Self {
            admission,
            identify,
            spool,
            opened: Opened::default(),
            uploads: Slots::new(limits.uploads_per_peer_max, limits.uploads_max),
            downloads: Slots::new(limits.downloads_per_peer_max, limits.downloads_max),
            limits,
        }
    }

    /// As a service for a tonic server, with the limit on messages set.
    pub fn into_server(self) -> TransferServer<Self> {
        TransferServer::new(self).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn peer<T>(&self, request: &Request<T>) -> Result<Owner, CallRefusal> {
        (self.identify)(request.extensions()).ok_or(CallRefusal::Unknown)
    }

    async fn begin(&self, peer: &Owner, upload: &UploadRequest) -> Result<Begun, CallRefusal> {
        let begun = self.spool.begin(peer, upload.object.digest, upload.object.size_bytes).await;
        begun.map_err(|error| refusal(peer, error))
    }
}

#[async_trait]
impl<A, I> Transfer for TransferService<A, I>
where
    A: Admission,
    I: Fn(&Extensions) -> Option<Owner> + Send + Sync + 'static,
{
    type DownloadStream = ReceiverStream<Result<Chunk, Status>>;

    async fn open_upload(&self, request: Request<OpenUploadRequest>) -> Result<Response<OpenUploadResponse>, Status> {
        let peer = self.peer(&request)?;
        let upload = UploadRequest::try_from(request.into_inner()).map_err(CallRefusal::from)?;
        let admitted = self.admission.admit(&peer, &upload).await?;
        if admitted.size_bytes != upload.object.size_bytes {
            return Err(CallRefusal::WrongSize.into());
        }
        let (committed_offset, already_complete) = match self.begin(&peer, &upload).await? {
            Begun::Complete => (upload.object.size_bytes, true),
            Begun::Part(part) => (part.committed(), false),
        };
        let upload_id = self.opened.insert(&peer, upload);
        Ok(Response::new(OpenUploadResponse { upload_id, committed_offset, already_complete }))
    }

    async fn upload(&self, request: Request<Streaming<Chunk>>) -> Result<Response<UploadProgress>, Status> {
        let peer = self.peer(&request)?;
        let _slot = self.uploads.take(&peer)?;
        let mut stream = request.into_inner();
        let first = receive::next(&mut stream, self.limits.idle_timeout).await?.ok_or(CallRefusal::Malformed)?;
        let upload = self.opened.find(&peer, &first.upload_id)?;
        let committed_offset = match self.begin(&peer, &upload).await? {
            Begun::Complete => upload.object.size_bytes,
            Begun::Part(part) => receive::receive(&peer, part, first, stream, self.limits.idle_timeout).await?,
        };
        Ok(Response::new(UploadProgress { committed_offset }))
    }

    async fn finish_upload(&self, request: Request<FinishUploadRequest>) -> Result<Response<UploadReceipt>, Status> {
        let peer = self.peer(&request)?;
        let id = request.into_inner().upload_id;
        let upload = self.opened.find(&peer, &id)?;
        if let Begun::Part(part) = self.begin(&peer, &upload).await? {
            part.finish().await.map_err(|error| refusal(&peer, error))?;
        }
        if !self.opened.is_finished(&peer, &id) {
            self.admission.finished(&peer, &upload).await?;
            self.opened.finish(&peer, &id);
        }
        Ok(Response::new(UploadReceipt { sha256: upload.object.digest.as_bytes().to_vec().into() }))
    }

    async fn download(&self, request: Request<DownloadRequest>) -> Result<Response<Self::DownloadStream>, Status> {
        let peer = self.peer(&request)?;
        let DownloadRequest { sha256, offset } = request.into_inner();
        let digest = digest("sha256", &sha256).map_err(CallRefusal::from)?;
        self.admission.readable(&peer, &digest).await?;
        let slot = self.downloads.take(&peer)?;
        let blobs = self.spool.blobs();
        let size = blobs.len(&digest).await.map_err(|error| refusal(&peer, error))?;
        if offset > size {
            return Err(CallRefusal::WrongOffset.into());
        }
        let reader = blobs.reader(digest, offset).await.map_err(|error| refusal(&peer, error))?;
        Ok(Response::new(download::send(peer, reader, offset, slot, self.limits.idle_timeout)))
    }
}

/// What a peer may learn of `error`; the log gets the rest.
fn refusal(peer: &Owner, error: StorageError) -> CallRefusal {
    let refusal = match &error {
        StorageError::DiskFull { .. } | StorageError::SpoolFull { .. } => CallRefusal::NoSpace,
        StorageError::Missing { .. } => CallRefusal::NotFound,
        StorageError::WrongDigest { .. } => CallRefusal::WrongDigest,
        StorageError::WrongSize { .. } => CallRefusal::WrongSize,
        StorageError::Incomplete { .. } => CallRefusal::Truncated,
        StorageError::PastEnd { .. } | StorageError::TooLarge { .. } => CallRefusal::TooLarge,
        StorageError::Crowded { .. } => CallRefusal::Busy,
        StorageError::Io { .. } | StorageError::Store { .. } => CallRefusal::Internal,
    };
    match refusal {
        CallRefusal::Internal | CallRefusal::NoSpace => tracing::error!(%peer, %error, "a transfer failed here"),
        _ => tracing::warn!(%peer, %error, "a transfer was refused"),
    }
    refusal
}
