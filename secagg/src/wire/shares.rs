//! M3, M4 and M9: shares on their way out under encryption, and back in clear.

use super::codec::{Decode, DecodeError, Encode, Reader, Writer, increasing};
use super::envelope::{Body, MessageType};
use super::ids::{Index, fixed_bytes};
use super::{FirstSetDigest, IndexSet};
use crate::session::PARTICIPANTS_MAX;

/// Two shares of 32 bytes and the tag of AES-GCM.
const SEALED_BYTES: usize = 80;
/// Bytes of one entry of M3 and M4, and of one of M9.
const SEALED_ITEM_BYTES: usize = 4 + SEALED_BYTES;
const REVEALED_ITEM_BYTES: usize = 4 + 32;

fixed_bytes! {
    /// A share of the mask secret and one of the seed, encrypted for one site.
    Ciphertext, SEALED_BYTES, "ciphertext";
}

/// One ciphertext: in M3 with whom it is for, in M4 with whom it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedShare {
    /// The other end.
    pub peer: Index,
    /// The ciphertext.
    pub ciphertext: Ciphertext,
}

/// M3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedShares {
    /// The keys they are encrypted under.
    pub first_set: FirstSetDigest,
    /// One for each other site of U1 that the sender shares masks with.
    pub shares: Vec<SealedShare>,
}

/// M4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareSet {
    /// U2: who has sent shares.
    pub second_set: IndexSet,
    /// One from each other site of U2 that the receiver shares masks with.
    pub shares: Vec<SealedShare>,
}

/// One share in clear; of the seed if its owner is in U3, of the mask secret if not.
#[derive(Clone, PartialEq, Eq)]
pub struct RevealedShare {
    /// Whose secret it is of.
    pub owner: Index,
    /// The canonical bytes of the scalar.
    pub share: [u8; 32],
}

/// M9. The kind of each share follows from U3.
#[derive(Clone, PartialEq, Eq)]
pub struct Unmask {
    /// One for each site of U2 that the sender holds a share of.
    pub shares: Vec<RevealedShare>,
}

impl Encode for SealedShare {
    fn write(&self, out: &mut Writer) {
        self.peer.write(out);
        self.ciphertext.write(out);
    }
}

impl Decode for SealedShare {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { peer: Index::read(from)?, ciphertext: Ciphertext::read(from)? })
    }
}

fn sealed(from: &mut Reader<'_>) -> Result<Vec<SealedShare>, DecodeError> {
    let shares = from.list("ciphertexts", PARTICIPANTS_MAX, SEALED_ITEM_BYTES)?;
    increasing("ciphertexts", shares, |share: &SealedShare| share.peer)
}

impl Body for EncryptedShares {
    const TYPE: MessageType = MessageType::EncryptedShares;
}

impl Encode for EncryptedShares {
    fn write(&self, out: &mut Writer) {
        self.first_set.write(out);
        out.list(&self.shares);
    }
}

impl Decode for EncryptedShares {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { first_set: FirstSetDigest::read(from)?, shares: sealed(from)? })
    }
}

impl Body for ShareSet {
    const TYPE: MessageType = MessageType::ShareSet;
}

impl Encode for ShareSet {
    fn write(&self, out: &mut Writer) {
        self.second_set.write(out);
        out.list(&self.shares);
    }
}

impl Decode for ShareSet {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { second_set: IndexSet::read(from)?, shares: sealed(from)? })
    }
}

impl Encode for RevealedShare {
    fn write(&self, out: &mut Writer) {
        self.owner.write(out);
        out.raw(&self.share);
    }
}

impl Decode for RevealedShare {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { owner: Index::read(from)?, share: from.array("share")? })
    }
}

impl Body for Unmask {
    const TYPE: MessageType = MessageType::Unmask;
}

impl Encode for Unmask {
    fn write(&self, out: &mut Writer) {
        out.list(&self.shares);
    }
}

impl Decode for Unmask {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let shares = from.list("shares", PARTICIPANTS_MAX, REVEALED_ITEM_BYTES)?;
        Ok(Self { shares: increasing("shares", shares, |share: &RevealedShare| share.owner)? })
    }
}

impl Drop for RevealedShare {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.share);
    }
}

impl std::fmt::Debug for RevealedShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RevealedShare(of {})", self.owner)
    }
}

impl std::fmt::Debug for Unmask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.shares).finish()
    }
}
