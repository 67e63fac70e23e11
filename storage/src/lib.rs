//! What both shells keep: a database of events, models and updates by their digest, uploads that can be resumed, and the lock of a state folder.
//!
//! What is promised durable is fsynced. A half object is never visible under its digest, whatever is killed or full.

mod blobs;
mod database;
mod error;
mod lock;
mod owner;
mod part;
mod spool;
mod writer;

pub use blobs::{Blobs, READ_BYTES};
pub use database::{Database, DatabaseError};
pub use error::StorageError;
pub use lock::{LockError, StateLock};
pub use owner::{Owner, OwnerError};
pub use part::Part;
pub use spool::{Begun, Spool, SpoolLimits};
pub use writer::BlobWriter;
