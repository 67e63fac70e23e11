//! One keystream: AES-256 over a 64-bit little-endian counter in the first half of the block.

use crate::keys::MaskKey;
use aes::Aes256;
use ctr::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherSeek};
use ctr::{Ctr64LE, CtrCore};
use zeroize::Zeroizing;

/// A mask, expanded so that any of its bytes can be had.
pub(crate) struct MaskStream {
    cipher: Aes256,
    first_block: Zeroizing<[u8; 16]>,
}

impl MaskStream {
    pub(crate) fn new(key: &MaskKey) -> Self {
        let (aes, block) = key.0.split_at(32);
        let cipher = Aes256::new_from_slice(aes).expect("the first 32 bytes are the key");
        Self { cipher, first_block: Zeroizing::new(block.try_into().expect("16 of 48 bytes are left")) }
    }

    /// Writes the keystream from byte `first` on. The counter starts at the key's block and wraps after 2^64 blocks,
    /// more than any vector has.
    pub(crate) fn fill(&self, first: u64, keystream: &mut [u8]) {
        let core = CtrCore::inner_iv_init(self.cipher.clone(), (&*self.first_block).into());
        let mut stream = Ctr64LE::from_core(core);
        stream.seek(first);
        stream.write_keystream(keystream);
    }
}
