//! Transfers in pieces: each chunk has its place and its checksum, and is refused where either is wrong.
//!
//! The checksum finds damage early and names its place; only the SHA-256 of the whole is evidence of content.

use crate::v1::Chunk;
use bytes::Bytes;

/// Data bytes in a chunk, at most. Larger ones gain nothing; smaller ones cost more per byte.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// Bytes of any one message, at most: a guard on memory, far above every message that is sent.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A chunk of `data` (1 to [`CHUNK_BYTES`] bytes) that begins at `offset` in the whole.
pub fn encode_chunk(offset: u64, data: Bytes) -> Chunk {
    Chunk { upload_id: Bytes::new(), offset, crc32c: crc32c::crc32c(&data), data }
}

/// The chunks of one transfer, which must come in order, without gap, and end at the announced size.
#[derive(Debug)]
pub struct Chunks {
    offset: u64,
    size_bytes: u64,
}

/// Why a chunk was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A chunk moves the transfer forward.
    #[error("the chunk at {offset} is empty")]
    Empty {
        /// Where.
        offset: u64,
    },
    /// More than [`CHUNK_BYTES`].
    #[error("the chunk at {offset} has {length} bytes; at most {CHUNK_BYTES} are allowed")]
    TooLong {
        /// Where.
        offset: u64,
        /// Its bytes.
        length: usize,
    },
    /// Bytes after the announced end.
    #[error("the chunk at {offset} goes on after the announced {size_bytes} bytes")]
    PastEnd {
        /// Where.
        offset: u64,
        /// The announced size.
        size_bytes: u64,
    },
    /// A gap, an overlap or a repeated chunk.
    #[error("expected the chunk at {expected}, got the one at {got}")]
    Offset {
        /// Where the last chunk ended.
        expected: u64,
        /// Where this one begins.
        got: u64,
    },
    /// Damaged on the way.
    #[error("the chunk at {offset} does not have its checksum: it was damaged on the way")]
    Checksum {
        /// Where.
        offset: u64,
    },
}

impl Chunks {
    /// Expects the chunks of `size_bytes` from `offset` on.
    pub const fn new(offset: u64, size_bytes: u64) -> Self {
        Self { offset, size_bytes }
    }

    /// The data of `chunk`, if it is the next one and whole. A refused chunk changes nothing.
    pub fn accept(&mut self, chunk: Chunk) -> Result<Bytes, ChunkError> {
        let Chunk { offset, data, crc32c, .. } = chunk;
        let length = data.len();
        if length == 0 {
            return Err(ChunkError::Empty { offset });
        }
        if length > CHUNK_BYTES {
            return Err(ChunkError::TooLong { offset, length });
        }
        if offset != self.offset {
            return Err(ChunkError::Offset { expected: self.offset, got: offset });
        }
        if length as u64 > self.size_bytes.saturating_sub(offset) {
            return Err(ChunkError::PastEnd { offset, size_bytes: self.size_bytes });
        }
        if crc32c::crc32c(&data) != crc32c {
            return Err(ChunkError::Checksum { offset });
        }
        self.offset += length as u64;
        Ok(data)
    }

    /// Where the next chunk begins.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// True where every announced byte came.
    pub const fn is_complete(&self) -> bool {
        self.offset >= self.size_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn checksum_agrees_with_rfc_3720() {
        assert_eq!(encode_chunk(0, Bytes::from(vec![0; 32])).crc32c, 0x8a91_36aa);
        assert_eq!(encode_chunk(0, Bytes::from(vec![0xff; 32])).crc32c, 0x62a8_ab43);
    }

    #[test]
    fn each_fault_is_named_and_changes_nothing() {
        let mut chunks = Chunks::new(10, 20);
        let data = || Bytes::from_static(b"abcd");
        let damaged = Chunk { crc32c: 1, ..encode_chunk(10, data()) };
        let long = Bytes::from(vec![0; CHUNK_BYTES + 1]);
        let cases = [
            (encode_chunk(10, Bytes::new()), ChunkError::Empty { offset: 10 }),
            (encode_chunk(10, long), ChunkError::TooLong { offset: 10, length: CHUNK_BYTES + 1 }),
            (encode_chunk(9, data()), ChunkError::Offset { expected: 10, got: 9 }),
            (encode_chunk(u64::MAX, data()), ChunkError::Offset { expected: 10, got: u64::MAX }),
            (encode_chunk(10, Bytes::from_static(&[1; 11])), ChunkError::PastEnd { offset: 10, size_bytes: 20 }),
            (damaged, ChunkError::Checksum { offset: 10 }),
        ];
        for (chunk, expected) in cases {
            assert_eq!(chunks.accept(chunk), Err(expected));
            assert_eq!(chunks.offset(), 10);
        }
        assert!(chunks.accept(encode_chunk(10, Bytes::from_static(&[1; 10]))).is_ok() && chunks.is_complete());
    }

    #[test]
    fn a_full_chunk_is_accepted() {
        let mut chunks = Chunks::new(0, CHUNK_BYTES as u64);
        assert!(chunks.accept(encode_chunk(0, Bytes::from(vec![3; CHUNK_BYTES]))).is_ok());
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 1..20)) {
            let whole = pieces.concat();
            let (mut chunks, mut offset, mut back) = (Chunks::new(0, whole.len() as u64), 0, Vec::new());
            for piece in pieces {
                let length = piece.len() as u64;
                back.extend(chunks.accept(encode_chunk(offset, piece.into())).expect("in order"));
                offset += length;
            }
            prop_assert!(chunks.is_complete());
            prop_assert_eq!(back, whole);
        }

        #[test]
        fn a_flipped_bit_is_found(data in prop::collection::vec(any::<u8>(), 1..300), bit in any::<prop::sample::Index>()) {
            let size = data.len() as u64;
            let mut chunk = encode_chunk(0, data.clone().into());
            let mut damaged = data;
            let bit = bit.index(damaged.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
            chunk.data = damaged.into();
            prop_assert_eq!(Chunks::new(0, size).accept(chunk), Err(ChunkError::Checksum { offset: 0 }));
        }

        #[test]
        fn any_bytes_only_err(bytes in prop::collection::vec(any::<u8>(), 0..400), offset: u64, size: u64) {
            use prost::Message as _;
            if let Ok(chunk) = Chunk::decode(bytes.as_slice()) {
                let _ = Chunks::new(offset, size).accept(chunk);
            }
            let _ = Chunks::new(offset, size).accept(encode_chunk(offset, bytes.into()));
        }
    }
}
