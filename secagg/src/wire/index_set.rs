//! A set of participants as a bitmap: index i is bit (i - 1) mod 8 of byte (i - 1) / 8.

use super::codec::{Decode, DecodeError, Encode, Reader, Writer};
use super::ids::Index;
use crate::session::PARTICIPANTS_MAX;

/// A set of indices of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSet {
    bits: Vec<u8>,
}

impl IndexSet {
    /// None of `participants`.
    pub fn empty(participants: usize) -> Self {
        Self { bits: vec![0; participants.div_ceil(8)] }
    }

    /// These of `participants`; an index beyond them is left out.
    pub fn of(participants: usize, indices: impl IntoIterator<Item = Index>) -> Self {
        let mut set = Self::empty(participants);
        indices.into_iter().for_each(|index| set.insert(index));
        set
    }

    /// Adds one; an index beyond the bitmap is left out.
    pub fn insert(&mut self, index: Index) {
        if let Some(byte) = self.bits.get_mut(index.place() / 8) {
            *byte |= 1 << (index.place() % 8);
        }
    }

    /// Whether `index` is in the set.
    pub fn contains(&self, index: Index) -> bool {
        self.bits.get(index.place() / 8).is_some_and(|byte| byte >> (index.place() % 8) & 1 == 1)
    }

    /// How many are in the set.
    pub fn len(&self) -> usize {
        self.bits.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// Whether nobody is in the set.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether everybody here is in `other` too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|index| other.contains(index))
    }

    /// Those that are in `self` and not in `other`.
    pub fn without(&self, other: &Self) -> impl Iterator<Item = Index> {
        self.iter().filter(|index| !other.contains(*index))
    }

    /// In increasing order.
    pub fn iter(&self) -> impl Iterator<Item = Index> {
        (0..self.bits.len() * 8).map(Index::of_place).filter(|index| self.contains(*index))
    }

    /// Whether this is the bitmap of a session of `participants`: as long as that, and no bit behind the last.
    pub fn fits(&self, participants: usize) -> bool {
        self.bits.len() == participants.div_ceil(8) && self.iter().all(|index| index.place() < participants)
    }
}

impl Encode for IndexSet {
    fn write(&self, out: &mut Writer) {
        out.bytes(&self.bits);
    }
}

impl Decode for IndexSet {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { bits: from.bytes("bitmap", PARTICIPANTS_MAX.div_ceil(8))?.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(indices: &[u32]) -> IndexSet {
        IndexSet::of(9, indices.iter().filter_map(|index| Index::new(*index)))
    }

    #[test]
    fn bits_are_counted_from_the_low_end() {
        assert_eq!(set(&[1, 3, 9]).to_bytes(), [2, 0, 0, 0, 0b101, 1]);
        assert_eq!(set(&[9, 1, 3, 3]).iter().map(Index::get).collect::<Vec<_>>(), [1, 3, 9]);
        assert_eq!(set(&[1, 3, 9]).len(), 3);
    }

    #[test]
    fn subsets_and_differences() {
        assert!(set(&[1, 9]).is_subset(&set(&[1, 2, 9])));
        assert!(!set(&[1, 4]).is_subset(&set(&[1, 2, 9])));
        assert!(set(&[1, 2, 9]).without(&set(&[2])).map(Index::get).eq([1, 9]));
        assert!(set(&[]).is_empty());
    }

    #[test]
    fn a_bitmap_of_another_session_does_not_fit() {
        assert!(set(&[9]).fits(9));
        assert!(!set(&[9]).fits(8), "a bit behind the last");
        assert!(!set(&[1]).fits(8), "a byte too long");
        assert!(!set(&[1]).fits(17), "a byte too short");
    }
}
