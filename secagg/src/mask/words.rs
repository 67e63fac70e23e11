//! Adding words of a ring that lie in byte slices, with the widest instructions that the machine has.

use crate::session::Lane;
use pulp::Arch;

/// `sum += words` in the ring of `lane`; both are as long.
pub(crate) fn add_words(lane: Lane, sum: &mut [u8], words: &[u8]) {
    match lane {
        Lane::Bits16 => {
            each(sum, words, |a, b| u16::from_le_bytes(a).wrapping_add(u16::from_le_bytes(b)).to_le_bytes())
        }
        Lane::Bits32 => {
            each(sum, words, |a, b| u32::from_le_bytes(a).wrapping_add(u32::from_le_bytes(b)).to_le_bytes())
        }
        Lane::Bits64 => {
            each(sum, words, |a, b| u64::from_le_bytes(a).wrapping_add(u64::from_le_bytes(b)).to_le_bytes())
        }
    }
}

/// `sum -= words` in the ring of `lane`; both are as long.
pub(crate) fn subtract_words(lane: Lane, sum: &mut [u8], words: &[u8]) {
    match lane {
        Lane::Bits16 => {
            each(sum, words, |a, b| u16::from_le_bytes(a).wrapping_sub(u16::from_le_bytes(b)).to_le_bytes())
        }
        Lane::Bits32 => {
            each(sum, words, |a, b| u32::from_le_bytes(a).wrapping_sub(u32::from_le_bytes(b)).to_le_bytes())
        }
        Lane::Bits64 => {
            each(sum, words, |a, b| u64::from_le_bytes(a).wrapping_sub(u64::from_le_bytes(b)).to_le_bytes())
        }
    }
}

fn each<const N: usize>(sum: &mut [u8], words: &[u8], combine: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    debug_assert_eq!(sum.len(), words.len(), "a mask is made as long as what it is added to");
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let (sum, words) = (sum.as_chunks_mut::<N>().0, words.as_chunks::<N>().0);
            sum.iter_mut().zip(words).for_each(|(a, b)| *a = combine(*a, *b));
        },
    );
}
