//! Taking the masks off the sum, piece by piece and in parallel.

use super::recover::Blame;
use crate::mask::{MaskSum, add_words};
use crate::ring::{DecodeSum, SumError, TotalWeight};
use crate::session::{Lane, SessionParams, TAIL_WORDS};
use crate::wire::IndexSet;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Bytes that one thread adds at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Adds a complete vector, or the same piece of it, to the sum. Both are as long; the order of vectors changes nothing.
pub fn accumulate(lane: Lane, sum: &mut [u8], vector: &[u8]) {
    let pieces = sum.par_chunks_mut(PIECE_BYTES).zip(vector.par_chunks(PIECE_BYTES));
    pieces.for_each(|(sum, vector)| {
        let length = sum.len().min(vector.len());
        add_words(lane, &mut sum[..length], &vector[..length]);
    });
}

/// All masks that are left in the sum over U3.
pub struct Unmasker {
    params: SessionParams,
    third_set: IndexSet,
    masks: MaskSum,
    blamed: BTreeSet<Blame>,
}

impl Unmasker {
    pub(super) fn new(params: SessionParams, third_set: IndexSet, masks: MaskSum, blamed: BTreeSet<Blame>) -> Self {
        Self { params, third_set, masks, blamed }
    }

    /// Takes the masks off words of the sum that begin at word `first_word` of the vector. Once for each word.
    pub fn unmask(&self, first_word: u64, words: &mut [u8]) {
        self.masks.apply_in_parallel(first_word * self.params.vector.lane.bytes() as u64, words);
    }

    /// Judges the unmasked sum by the words behind its coordinates, and says what its coordinates are divided by.
    ///
    /// # Errors
    /// [`SumError`]: an upload was corrupt; the sum is not to be used.
    pub fn total_weight(&self, tail: &[u8]) -> Result<TotalWeight, SumError> {
        TotalWeight::read(&self.params, self.third_set.len(), tail)
    }

    /// [`Self::total_weight`] for a sum that is held whole, and how to decode it.
    ///
    /// # Errors
    /// [`SumError`]
    pub fn judge(&self, sum: &[u8]) -> Result<DecodeSum, SumError> {
        let tail_bytes = usize::from(TAIL_WORDS) * self.params.vector.lane.bytes();
        let tail = sum.len().saturating_sub(tail_bytes);
        Ok(DecodeSum::new(&self.params, self.total_weight(&sum[tail..])?))
    }

    /// U3
    pub fn survivors(&self) -> &IndexSet {
        &self.third_set
    }

    /// How many masks are taken off each word.
    pub fn masks(&self) -> usize {
        self.masks.len()
    }

    /// Shares that were wrong, though the sum is right: for the operator.
    pub fn blamed(&self) -> impl Iterator<Item = &Blame> {
        self.blamed.iter()
    }
}
