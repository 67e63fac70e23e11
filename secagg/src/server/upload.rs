//! M5: a masked vector as it comes. Its chunks go to a spool; only a vector that is complete and signed may be added to
//! the sum, because half of one could not be taken out again.

use super::rejection::Rejection;
use crate::roster::PublicKey;
use crate::session::VectorShape;
use crate::wire::{Body, Chunk, Decode, Envelope, Index, MaskedTrailer, Sender, SessionId, VectorDigest};
use wardround_plan::Hasher;

/// One site's vector on its way.
pub struct UploadReceiver {
    session: SessionId,
    from: Index,
    key: PublicKey,
    shape: VectorShape,
    next_chunk: u32,
    digest: Hasher,
}

/// A vector that has come whole and is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompleteUpload {
    pub(super) session: SessionId,
    pub(super) from: Index,
    pub(super) digest: VectorDigest,
}

impl UploadReceiver {
    pub(super) fn new(session: SessionId, from: Index, key: PublicKey, shape: VectorShape) -> Self {
        Self { session, from, key, shape, next_chunk: 0, digest: Hasher::new() }
    }

    /// Takes the next chunk in and gives its bytes back, to be spooled.
    ///
    /// # Errors
    /// [`Rejection`]; the upload has to begin anew.
    pub fn chunk(&mut self, message: &[u8]) -> Result<Vec<u8>, Rejection> {
        let Chunk { number, bytes } = read(message, self.session, self.from)?;
        if number != self.next_chunk || number >= self.shape.chunks() || bytes.len() != self.shape.bytes_of(number) {
            return Err(Rejection::Chunk { index: self.from, number, bytes: bytes.len() });
        }
        self.digest.update(&bytes);
        self.next_chunk += 1;
        Ok(bytes)
    }

    /// Takes the trailer in.
    ///
    /// # Errors
    /// [`Rejection`] for chunks that are missing, or are not those that the site signed.
    pub fn finish(self, message: &[u8]) -> Result<CompleteUpload, Rejection> {
        let MaskedTrailer { digest, signature } = read(message, self.session, self.from)?;
        let complete = self.next_chunk == self.shape.chunks();
        if !complete || digest.0 != self.digest.finish() {
            return Err(Rejection::Vector { index: self.from });
        }
        if !self.key.has_signed(&digest.statement(self.session, self.from), &signature) {
            return Err(Rejection::Signature { index: self.from });
        }
        Ok(CompleteUpload { session: self.session, from: self.from, digest })
    }
}

impl CompleteUpload {
    /// Whose it is.
    pub fn from(&self) -> Index {
        self.from
    }
}

/// A message of `from` in `session`.
pub(super) fn read<T: Body>(message: &[u8], session: SessionId, from: Index) -> Result<T, Rejection> {
    let envelope = Envelope::<T>::from_bytes(message)?;
    match envelope.session == session && envelope.sender == Sender::Client(from) {
        true => Ok(envelope.body),
        false => Err(Rejection::WrongSession),
    }
}
