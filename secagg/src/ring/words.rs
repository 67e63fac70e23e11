//! Centred integers to words of a ring, and back.

use crate::session::Lane;
use pulp::Arch;

/// Writes integers as words, modulo the ring.
///
/// # Panics
/// Never; words and bytes beyond the shorter of both are left alone.
pub fn store_words(lane: Lane, integers: &[i64], bytes: &mut [u8]) {
    match lane {
        Lane::Bits16 => store(integers, bytes, |integer| (integer as u16).to_le_bytes()),
        Lane::Bits32 => store(integers, bytes, |integer| (integer as u32).to_le_bytes()),
        Lane::Bits64 => store(integers, bytes, i64::to_le_bytes),
    }
}

/// Reads words as the integers of smallest magnitude that they can be.
pub fn load_words(lane: Lane, bytes: &[u8], integers: &mut [i64]) {
    match lane {
        Lane::Bits16 => load(bytes, integers, |bytes| i64::from(i16::from_le_bytes(bytes))),
        Lane::Bits32 => load(bytes, integers, |bytes| i64::from(i32::from_le_bytes(bytes))),
        Lane::Bits64 => load(bytes, integers, i64::from_le_bytes),
    }
}

fn store<const N: usize>(integers: &[i64], bytes: &mut [u8], word: impl Fn(i64) -> [u8; N]) {
    Arch::new().dispatch(
        #[inline(always)]
        || integers.iter().zip(bytes.as_chunks_mut().0).for_each(|(integer, place)| *place = word(*integer)),
    );
}

fn load<const N: usize>(bytes: &[u8], integers: &mut [i64], integer: impl Fn([u8; N]) -> i64) {
    Arch::new().dispatch(
        #[inline(always)]
        || bytes.as_chunks().0.iter().zip(integers).for_each(|(word, place)| *place = integer(*word)),
    );
}
