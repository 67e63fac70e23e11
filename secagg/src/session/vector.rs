//! The masked vector: d coordinates and four words that say whether the sum is sound, cut into chunks.

use super::Lane;
use crate::wire::{Decode, DecodeError, Encode, Reader, Writer, refused};
use std::ops::Range;

/// Words that are made at once: the accumulator and the keystream of a block stay in the first caches.
pub const BLOCK_WORDS: u32 = 4096;
/// Words behind the coordinates: 1, the weight, 0, 0.
pub const TAIL_WORDS: u8 = 4;
/// Largest chunk: 8 MiB of 64-bit words.
pub const CHUNK_WORDS_MAX: u32 = 1 << 20;
/// What most sessions use: 1 MiB of 32-bit words.
pub const CHUNK_WORDS_DEFAULT: u32 = 1 << 18;
/// Most coordinates: four billion, so that chunk numbers and file sizes stay far inside their types.
const COORDINATES_MAX: u64 = 1 << 32;

/// The shape of a masked vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorShape {
    /// The width of a word.
    pub lane: Lane,
    coordinates: u64,
    chunk_words: u32,
}

impl VectorShape {
    /// `coordinates` words and a tail, in chunks of `chunk_words`.
    ///
    /// # Errors
    /// No or more than 2^32 coordinates; chunks that are not a multiple of [`BLOCK_WORDS`] up to [`CHUNK_WORDS_MAX`].
    pub fn new(lane: Lane, coordinates: u64, chunk_words: u32) -> Result<Self, DecodeError> {
        if !(1..=COORDINATES_MAX).contains(&coordinates) {
            return Err(refused("d", coordinates, "1 to 2^32"));
        }
        if chunk_words == 0 || !chunk_words.is_multiple_of(BLOCK_WORDS) || chunk_words > CHUNK_WORDS_MAX {
            return Err(refused("chunk words", chunk_words, "a multiple of 4096 up to 2^20"));
        }
        Ok(Self { lane, coordinates, chunk_words })
    }

    /// d
    pub fn coordinates(&self) -> u64 {
        self.coordinates
    }

    /// Words of a full chunk.
    pub fn chunk_words(&self) -> u32 {
        self.chunk_words
    }

    /// d and the tail.
    pub fn words(&self) -> u64 {
        self.coordinates + u64::from(TAIL_WORDS)
    }

    /// Bytes of the whole vector.
    pub fn bytes(&self) -> u64 {
        self.words() * self.lane.bytes() as u64
    }

    /// Number of chunks.
    pub fn chunks(&self) -> u32 {
        u32::try_from(self.words().div_ceil(u64::from(self.chunk_words))).expect("2^32 words in chunks of 4096")
    }

    /// The words of one chunk; empty behind the last.
    pub fn words_of(&self, chunk: u32) -> Range<u64> {
        let first = (u64::from(chunk) * u64::from(self.chunk_words)).min(self.words());
        first..(first + u64::from(self.chunk_words)).min(self.words())
    }

    /// The coordinates of one chunk; shorter than its words where the tail begins.
    pub fn coordinates_of(&self, chunk: u32) -> Range<u64> {
        let words = self.words_of(chunk);
        words.start.min(self.coordinates)..words.end.min(self.coordinates)
    }

    /// Bytes of one chunk.
    pub fn bytes_of(&self, chunk: u32) -> usize {
        let words = self.words_of(chunk);
        (words.end - words.start) as usize * self.lane.bytes()
    }
}

impl Encode for VectorShape {
    fn write(&self, out: &mut Writer) {
        self.lane.write(out);
        out.u64(self.coordinates);
        out.u32(self.chunk_words);
    }
}

impl Decode for VectorShape {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(Lane::read(from)?, from.u64("d")?, from.u32("chunk words")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_every_word_once_and_the_tail_is_no_coordinate() {
        for coordinates in [1, 4091, 4092, 4093, 4096, 8188, 8190, 9000] {
            let shape = VectorShape::new(Lane::Bits32, coordinates, 4096).expect("sound");
            let mut next = (0, 0);
            for chunk in 0..shape.chunks() {
                let (words, inside) = (shape.words_of(chunk), shape.coordinates_of(chunk));
                assert!(words.start == next.0 && inside.start == next.1 && !words.is_empty(), "d = {coordinates}");
                assert_eq!(shape.bytes_of(chunk), 4 * (words.end - words.start) as usize);
                next = (words.end, inside.end);
            }
            assert_eq!(next, (coordinates + 4, coordinates));
            assert!(shape.words_of(shape.chunks()).is_empty());
        }
    }

    #[test]
    fn shapes_out_of_bounds_are_refused() {
        for (coordinates, chunk_words) in [(0, 4096), (1 << 33, 4096), (1, 0), (1, 4095), (1, 1 << 21)] {
            assert!(VectorShape::new(Lane::Bits32, coordinates, chunk_words).is_err(), "{coordinates}, {chunk_words}");
        }
    }
}
