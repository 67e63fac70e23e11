//! Fetching models and sending updates.
//!
//! Each function makes one attempt. An error says whether another one can succeed ([`TransferError::is_resumable`]); it goes
//! on where this one ended. Waiting between attempts is the caller's, see [`crate::backoff`].

mod download;
mod upload;

pub use download::download;
pub use upload::upload;

use std::time::Duration;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{Body as HttpBody, Bytes, StdError};
use tonic::{Code, Status};
use wardround_proto::{CallRefusal, ChunkError};
use wardround_storage::StorageError;

/// Longest wait for the next message of the coordinator while a transfer runs.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Any channel to a coordinator.
pub trait Connection:
    GrpcService<
        Body,
        Error: Into<StdError>,
        ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
    >
{
}

impl<T> Connection for T where
    T: GrpcService<
            Body,
            Error: Into<StdError>,
            ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
        >
{
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Bytes there, those of earlier attempts included.
    pub done_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// Why an attempt ended.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The coordinator said no.
    #[error("the coordinator refused the transfer: {0}")]
    Refused(CallRefusal),
    /// The connection broke, or the coordinator is not there.
    #[error("the connection to the coordinator broke: {}", .0.message())]
    Broken(Box<Status>),
    /// Nothing came for too long.
    #[error("the coordinator sent nothing for {} s", IDLE_TIMEOUT.as_secs())]
    Idle,
    /// The coordinator restarted since the upload was opened.
    #[error("the coordinator does not know the upload any more: it restarted")]
    Forgotten,
    /// The coordinator sent a wrong chunk.
    #[error("the coordinator sent a wrong chunk: {0}")]
    Chunk(#[from] ChunkError),
    /// The coordinator's answer is not in order.
    #[error("the coordinator's answer is not in order: {0}")]
    Answer(&'static str),
    /// Something is wrong with this site's files.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl TransferError {
    /// True where the same call can succeed later, and goes on where this one ended.
    pub fn is_resumable(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_passing(),
            Self::Broken(status) => !matches!(status.code(), Code::Unimplemented | Code::InvalidArgument),
            Self::Idle | Self::Forgotten | Self::Chunk(_) => true,
            Self::Answer(_) => false,
            Self::Storage(error) => {
                use StorageError::{DiskFull, Incomplete, WrongDigest};
                matches!(error, WrongDigest { .. } | DiskFull { .. } | Incomplete { .. })
            }
        }
    }
}

impl From<Status> for TransferError {
    fn from(status: Status) -> Self {
        CallRefusal::of(&status).map_or_else(|| Self::Broken(Box::new(status)), Self::Refused)
    }
}
