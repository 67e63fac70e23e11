//! `wardround/v1` on the wire: the generated code, and the one place where bytes from a peer become types that cannot be wrong.
//!
//! Nothing a peer sends is believed: every conversion here either gives a checked type or a [`CallRefusal`], and never panics.

mod chunks;
mod control;
mod fields;
mod http2;
mod status;
mod upload;

pub use chunks::{CHUNK_BYTES, ChunkError, Chunks, MESSAGE_BYTES_MAX, encode_chunk};
pub use fields::{FieldError, digest, plan_digest, round, round_id, site, study};
pub use http2::{
    CONNECTION_WINDOW_BYTES, FRAME_BYTES_MAX, PING_EVERY, PING_TIMEOUT, STREAM_WINDOW_BYTES, TCP_KEEPALIVE_AFTER,
    endpoint, server,
};
pub use status::CallRefusal;
pub use upload::{Announced, UploadPurpose, UploadRequest};

/// Generated from `wardround/v1/*.proto`; see `tests/generated.rs`.
#[allow(clippy::all, reason = "generated")]
pub mod v1 {
    include!("generated/wardround.v1.rs");
}
