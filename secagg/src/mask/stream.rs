//! One keystream: AES-256 over a 64-bit little-endian counter in the first half of the block, as `ctr::Ctr64LE` has it.
//!
//! Counters are written first and encrypted in place, many at once: that keeps the vector units busier than making each
//! when it is needed.

use crate::keys::MaskKey;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes::{Aes256, Block};
use zeroize::Zeroizing;

/// Bytes of a block.
const BLOCK: usize = 16;

/// A mask, expanded so that any of its bytes can be had.
pub(crate) struct MaskStream {
    cipher: Aes256,
    /// The counter of block 0.
    counter: Zeroizing<u64>,
    /// The second half of every block.
    nonce: Zeroizing<u64>,
}

impl MaskStream {
    pub(crate) fn new(key: &MaskKey) -> Self {
        let (aes, block) = key.0.split_at(32);
        let half = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 of 16 bytes"));
        Self {
            cipher: Aes256::new_from_slice(aes).expect("the first 32 bytes are the key"),
            counter: Zeroizing::new(half(&block[..8])),
            nonce: Zeroizing::new(half(&block[8..])),
        }
    }

    /// Writes the keystream from byte `first` on. The counter starts at the key's block and wraps after 2^64 blocks,
    /// more than any vector has.
    pub(crate) fn fill(&self, first: u64, keystream: &mut [u8]) {
        let (block, inside) = (first / BLOCK as u64, (first % BLOCK as u64) as usize);
        let head = ((BLOCK - inside) % BLOCK).min(keystream.len());
        let (head, rest) = keystream.split_at_mut(head);
        self.part_of_block(block, inside, head);
        let block = block + u64::from(inside > 0);
        let (whole, tail) = rest.as_chunks_mut::<BLOCK>();
        self.blocks(block, whole);
        self.part_of_block(block + whole.len() as u64, 0, tail);
    }

    fn part_of_block(&self, block: u64, inside: usize, bytes: &mut [u8]) {
        if !bytes.is_empty() {
            let mut whole = Zeroizing::new([[0; BLOCK]]);
            self.blocks(block, whole.as_mut());
            bytes.copy_from_slice(&whole[0][inside..inside + bytes.len()]);
        }
    }

    fn blocks(&self, first: u64, blocks: &mut [[u8; BLOCK]]) {
        let (mut counter, nonce) = (self.counter.wrapping_add(first), u128::from(*self.nonce) << 64);
        for block in blocks.iter_mut() {
            *block = (nonce | u128::from(counter)).to_le_bytes();
            counter = counter.wrapping_add(1);
        }
        let blocks: &mut [Block] = Array::cast_slice_from_core_mut(blocks);
        self.cipher.encrypt_blocks(blocks);
    }
}
