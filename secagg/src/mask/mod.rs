//! Masks: AES-256-CTR keystreams that are added to and subtracted from words (specification, 5.4 and 5.10).
//!
//! Word w of a mask is lane w of the keystream, so any piece of a vector can be masked by itself: pieces are made in
//! parallel, and the words that are worked on stay in the first caches while one mask after another is added.

mod stream;
mod words;

pub(crate) use stream::MaskStream;
pub(crate) use words::{add_words, subtract_words};

use crate::keys::MaskKey;
use crate::session::Lane;
use rayon::prelude::*;

/// Bytes that are worked on at once; with as much keystream they fit the first cache or little more.
const PIECE_BYTES: usize = 16 * 1024;

/// Whether a mask is added or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
}

impl Sign {
    /// The sign with which `own` applies its mask with `peer`: the lower index adds.
    pub(crate) fn of_pair(own: crate::wire::Index, peer: crate::wire::Index) -> Self {
        if own < peer { Self::Plus } else { Self::Minus }
    }

    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Plus => Self::Minus,
            Self::Minus => Self::Plus,
        }
    }
}

/// A number of masks with their signs.
pub(crate) struct MaskSum {
    lane: Lane,
    masks: Vec<(Sign, MaskStream)>,
}

impl MaskSum {
    pub(crate) fn new(lane: Lane) -> Self {
        Self { lane, masks: Vec::new() }
    }

    pub(crate) fn push(&mut self, sign: Sign, key: &MaskKey) {
        self.masks.push((sign, MaskStream::new(key)));
    }

    pub(crate) fn len(&self) -> usize {
        self.masks.len()
    }

    /// Applies all masks to words that begin at byte `first_byte` of the vector: a multiple of a word.
    pub(crate) fn apply(&self, first_byte: u64, words: &mut [u8]) {
        let mut keystream = [0; PIECE_BYTES];
        for (number, piece) in words.chunks_mut(PIECE_BYTES).enumerate() {
            let keystream = &mut keystream[..piece.len()];
            for (sign, mask) in &self.masks {
                mask.fill(first_byte + (number * PIECE_BYTES) as u64, keystream);
                match sign {
                    Sign::Plus => add_words(self.lane, piece, keystream),
                    Sign::Minus => subtract_words(self.lane, piece, keystream),
                }
            }
        }
        zeroize::Zeroize::zeroize(&mut keystream);
    }

    /// [`Self::apply`], by as many threads as there are.
    pub(crate) fn apply_in_parallel(&self, first_byte: u64, words: &mut [u8]) {
        let pieces = words.par_chunks_mut(PIECE_BYTES).enumerate();
        pieces.for_each(|(number, piece)| self.apply(first_byte + (number * PIECE_BYTES) as u64, piece));
    }
}

#[cfg(test)]
mod tests;
