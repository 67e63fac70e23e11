//! The ring that sums live in: integers modulo 2^16, 2^32 or 2^64, little-endian.

use crate::wire::{Decode, DecodeError, Encode, Reader, Writer, refused};

/// The width of one word of a masked vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Half the traffic, for a few sites and coarse updates.
    Bits16,
    /// Up to about ten thousand sites at the precision of an `f32`.
    Bits32,
    /// Exact integer statistics, and sums in the fixed point of ordinary rounds.
    Bits64,
}

impl Lane {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Bits16, Self::Bits32, Self::Bits64];

    /// Bits of a word.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Bits16 => 16,
            Self::Bits32 => 32,
            Self::Bits64 => 64,
        }
    }

    /// Bytes of a word.
    pub const fn bytes(self) -> usize {
        self.bits() as usize / 8
    }

    /// The first magnitude that a centred word cannot have with either sign: 2^(bits - 1).
    pub const fn half(self) -> u128 {
        1 << (self.bits() - 1)
    }
}

impl Encode for Lane {
    fn write(&self, out: &mut Writer) {
        out.u8(self.bits() as u8);
    }
}

impl Decode for Lane {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bits = from.u8("lane")?;
        let known = Self::ALL.into_iter().find(|lane| lane.bits() == u32::from(bits));
        known.ok_or_else(|| refused("lane", bits, "16, 32 or 64"))
    }
}
