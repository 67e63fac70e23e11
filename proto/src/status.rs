//! What a peer may learn of a refused call: one word from a fixed vocabulary.
//!
//! The word crosses the wire in the status metadata, with a fixed sentence for people. Details (paths, names, numbers of
//! the refusing side) go to its log and never cross the wire.

use crate::{ChunkError, FieldError};
use tonic::{Code, Status};

/// Carries the word of a [`CallRefusal`].
const METADATA_KEY: &str = "wardround-refusal";

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CallRefusal {
    /// The caller has no identity that is known here.
    #[error("the caller is not known here")]
    Unknown,
    /// The caller is known, and may not do this.
    #[error("the caller may not do this")]
    Forbidden,
    /// A field is missing, malformed or out of its bounds.
    #[error("the message is malformed")]
    Malformed,
    /// Nothing of this name is here, or the caller may not see it.
    #[error("there is no such object, study or upload")]
    NotFound,
    /// Well formed, but not now: another round, another phase, already done.
    #[error("this is not expected now")]
    NotExpected,
    /// The announced size is not the size that is expected.
    #[error("the size is not the expected one")]
    WrongSize,
    /// More than a named limit of the receiver.
    #[error("a limit on size is exceeded")]
    TooLarge,
    /// A chunk was damaged on the way.
    #[error("a chunk does not have its checksum")]
    CorruptChunk,
    /// A chunk does not go on where the last one ended.
    #[error("a chunk is not at the expected offset")]
    WrongOffset,
    /// The stream ended, or an upload was finished, before its announced size.
    #[error("the transfer ended before its announced size")]
    Truncated,
    /// The whole does not have the announced digest; what was received is discarded.
    #[error("the whole does not have the announced digest; it was discarded")]
    WrongDigest,
    /// Another stream of the same upload took over.
    #[error("another stream of this upload took over")]
    Superseded,
    /// Nothing came for too long.
    #[error("the transfer was idle for too long")]
    Idle,
    /// A limit on how much is done at once is reached; try again later.
    #[error("too much is going on; try again later")]
    Busy,
    /// The receiver's disk is full; try again later.
    #[error("the receiver has no space left; try again later")]
    NoSpace,
    /// The receiver failed; its log says why.
    #[error("the receiver failed; its log says why")]
    Internal,
}

impl CallRefusal {
    /// The whole vocabulary.
    pub const ALL: [Self; 16] = [
        Self::Unknown,
        Self::Forbidden,
        Self::Malformed,
        Self::NotFound,
        Self::NotExpected,
        Self::WrongSize,
        Self::TooLarge,
        Self::CorruptChunk,
        Self::WrongOffset,
        Self::Truncated,
        Self::WrongDigest,
        Self::Superseded,
        Self::Idle,
        Self::Busy,
        Self::NoSpace,
        Self::Internal,
    ];

    /// The refusal in a status, where the peer named one of the vocabulary.
    pub fn of(status: &Status) -> Option<Self> {
        let word = status.metadata().get(METADATA_KEY)?.to_str().ok()?;
        Self::ALL.into_iter().find(|refusal| refusal.word() == word)
    }

    /// True where the same call can succeed later without anything being changed by a person.
    pub const fn is_passing(self) -> bool {
        use CallRefusal::*;
        matches!(self, CorruptChunk | WrongOffset | Truncated | WrongDigest | Superseded | Idle | Busy | NoSpace)
    }

    /// The word on the wire. Never change one: peers of other versions know it.
    const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown-caller",
            Self::Forbidden => "forbidden",
            Self::Malformed => "malformed",
            Self::NotFound => "not-found",
            Self::NotExpected => "not-expected",
            Self::WrongSize => "wrong-size",
            Self::TooLarge => "too-large",
            Self::CorruptChunk => "corrupt-chunk",
            Self::WrongOffset => "wrong-offset",
            Self::Truncated => "truncated",
            Self::WrongDigest => "wrong-digest",
            Self::Superseded => "superseded",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::NoSpace => "no-space",
            Self::Internal => "internal",
        }
    }

    const fn code(self) -> Code {
        match self {
            Self::Unknown => Code::Unauthenticated,
            Self::Forbidden => Code::PermissionDenied,
            Self::Malformed | Self::WrongSize => Code::InvalidArgument,
            Self::NotFound => Code::NotFound,
            Self::NotExpected => Code::FailedPrecondition,
            Self::WrongOffset | Self::Truncated => Code::OutOfRange,
            Self::CorruptChunk | Self::WrongDigest => Code::DataLoss,
            Self::Superseded => Code::Aborted,
            Self::Idle => Code::DeadlineExceeded,
            Self::TooLarge | Self::Busy | Self::NoSpace => Code::ResourceExhausted,
            Self::Internal => Code::Internal,
        }
    }
}

impl From<CallRefusal> for Status {
    fn from(refusal: CallRefusal) -> Self {
        let mut status = Self::new(refusal.code(), refusal.to_string());
        status.metadata_mut().insert(METADATA_KEY, tonic::metadata::MetadataValue::from_static(refusal.word()));
        status
    }
}

impl From<FieldError> for CallRefusal {
    fn from(_: FieldError) -> Self {
        Self::Malformed
    }
}

impl From<ChunkError> for CallRefusal {
    fn from(error: ChunkError) -> Self {
        match error {
            ChunkError::Empty { .. } => Self::Malformed,
            ChunkError::TooLong { .. } | ChunkError::PastEnd { .. } => Self::TooLarge,
            ChunkError::Checksum { .. } => Self::CorruptChunk,
            ChunkError::Offset { .. } => Self::WrongOffset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_refusal_survives_the_wire() {
        for refusal in CallRefusal::ALL {
            let status = Status::from(refusal);
            assert_eq!(CallRefusal::of(&status), Some(refusal));
            assert_ne!(status.code(), Code::Ok);
        }
    }

    #[test]
    fn words_differ() {
        let words: BTreeSet<_> = CallRefusal::ALL.into_iter().map(CallRefusal::word).collect();
        assert_eq!(words.len(), CallRefusal::ALL.len());
    }

    #[test]
    fn a_foreign_status_is_no_refusal() {
        assert_eq!(CallRefusal::of(&Status::unavailable("broken pipe")), None);
        let mut status = Status::internal("x");
        status.metadata_mut().insert(METADATA_KEY, tonic::metadata::MetadataValue::from_static("made-up"));
        assert_eq!(CallRefusal::of(&status), None);
    }
}
