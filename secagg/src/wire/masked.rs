//! M5: a masked vector as header, chunks in order, trailer.

use super::codec::{Decode, DecodeError, Encode, Reader, Writer};
use super::envelope::{Body, MessageType, header};
use super::ids::{Index, Sender, SessionId};
use super::label::Label;
use super::{FirstSetDigest, SecondSetDigest, VectorDigest};
use crate::roster::Signature;

/// Most bytes of one chunk: the largest chunk of 64-bit words that a session may have.
pub const CHUNK_BYTES_MAX: usize = 8 * crate::session::CHUNK_WORDS_MAX as usize;

/// What a masked vector belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskedHeader {
    /// The keys of its masks.
    pub first_set: FirstSetDigest,
    /// With whom its masks are shared.
    pub second_set: SecondSetDigest,
    /// Chunks that follow.
    pub chunks: u32,
}

/// A piece of a masked vector.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its place, from 0.
    pub number: u32,
    /// Masked words, little-endian.
    pub bytes: Vec<u8>,
}

/// The end of a masked vector. Without it the vector is not in the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskedTrailer {
    /// SHA-256 over the bytes of the chunks, in order.
    pub digest: VectorDigest,
    /// Over session, sender and digest.
    pub signature: Signature,
}

impl VectorDigest {
    /// What a site signs of its vector.
    pub fn statement(self, session: SessionId, index: Index) -> Vec<u8> {
        let header = header(session, MessageType::MaskedTrailer, Sender::Client(index));
        Label::MASKED.prefixed(&[&header, self.0.as_bytes()])
    }
}

impl Body for MaskedHeader {
    const TYPE: MessageType = MessageType::MaskedHeader;
}

impl Encode for MaskedHeader {
    fn write(&self, out: &mut Writer) {
        self.first_set.write(out);
        self.second_set.write(out);
        out.u32(self.chunks);
    }
}

impl Decode for MaskedHeader {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (first_set, second_set) = (FirstSetDigest::read(from)?, SecondSetDigest::read(from)?);
        Ok(Self { first_set, second_set, chunks: from.u32("chunks")? })
    }
}

impl Body for Chunk {
    const TYPE: MessageType = MessageType::Chunk;
}

impl Encode for Chunk {
    fn write(&self, out: &mut Writer) {
        out.u32(self.number);
        out.bytes(&self.bytes);
    }
}

impl Decode for Chunk {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { number: from.u32("chunk")?, bytes: from.bytes("chunk", CHUNK_BYTES_MAX)?.to_vec() })
    }
}

impl Body for MaskedTrailer {
    const TYPE: MessageType = MessageType::MaskedTrailer;
}

impl Encode for MaskedTrailer {
    fn write(&self, out: &mut Writer) {
        self.digest.write(out);
        self.signature.write(out);
    }
}

impl Decode for MaskedTrailer {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { digest: VectorDigest::read(from)?, signature: Signature::read(from)? })
    }
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({}, {} bytes)", self.number, self.bytes.len())
    }
}
