//! M1 and M2: the keys of a session, signed by the keys of the roster.

use super::FirstSetDigest;
use super::codec::{Decode, DecodeError, Encode, Reader, Writer, increasing};
use super::envelope::{Body, MessageType, header};
use super::ids::{Index, Sender, SessionId, fixed_bytes};
use super::label::Label;
use crate::roster::{SIGNATURE_BYTES, Signature};
use crate::session::PARTICIPANTS_MAX;

/// Bytes of one entry of M2.
const ADVERT_BYTES: usize = 4 + 3 * 32 + SIGNATURE_BYTES;

fixed_bytes! {
    /// The X25519 key that pair masks are agreed with.
    MaskPublicKey, 32, "mask key";
    /// The X25519 key that shares are encrypted to.
    SharePublicKey, 32, "share key";
    /// The hash of the seed of a site's own mask.
    SeedCommitment, 32, "seed commitment";
}

/// What a site advertises, fresh in every session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdvertKeys {
    /// For pair masks.
    pub mask: MaskPublicKey,
    /// For shares.
    pub share: SharePublicKey,
    /// To the own mask's seed.
    pub seed: SeedCommitment,
}

/// M1. Its sender is in the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyAdvert {
    /// The keys.
    pub keys: AdvertKeys,
    /// Over session, sender and keys.
    pub signature: Signature,
}

/// One entry of M2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advert {
    /// Whose it is.
    pub index: Index,
    /// The keys and signature of its M1.
    pub advert: KeyAdvert,
}

/// M2: U1, with keys, in strictly increasing order of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    /// The entries.
    pub adverts: Vec<Advert>,
}

impl AdvertKeys {
    /// What is signed: the whole of M1 but for the signature.
    pub fn statement(&self, session: SessionId, index: Index) -> Vec<u8> {
        let header = header(session, MessageType::KeyAdvert, Sender::Client(index));
        Label::ADVERT.prefixed(&[&header, &self.to_bytes()])
    }
}

impl KeySet {
    /// The hash that names U1 and all its keys.
    pub fn digest(&self, session: SessionId) -> FirstSetDigest {
        FirstSetDigest(Label::FIRST_SET.hash(&[session.0.as_bytes(), &self.to_bytes()]))
    }
}

impl Encode for AdvertKeys {
    fn write(&self, out: &mut Writer) {
        self.mask.write(out);
        self.share.write(out);
        self.seed.write(out);
    }
}

impl Decode for AdvertKeys {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mask, share) = (MaskPublicKey::read(from)?, SharePublicKey::read(from)?);
        Ok(Self { mask, share, seed: SeedCommitment::read(from)? })
    }
}

impl Body for KeyAdvert {
    const TYPE: MessageType = MessageType::KeyAdvert;
}

impl Encode for KeyAdvert {
    fn write(&self, out: &mut Writer) {
        self.keys.write(out);
        self.signature.write(out);
    }
}

impl Decode for KeyAdvert {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { keys: AdvertKeys::read(from)?, signature: Signature::read(from)? })
    }
}

impl Encode for Advert {
    fn write(&self, out: &mut Writer) {
        self.index.write(out);
        self.advert.write(out);
    }
}

impl Decode for Advert {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { index: Index::read(from)?, advert: KeyAdvert::read(from)? })
    }
}

impl Body for KeySet {
    const TYPE: MessageType = MessageType::KeySet;
}

impl Encode for KeySet {
    fn write(&self, out: &mut Writer) {
        out.list(&self.adverts);
    }
}

impl Decode for KeySet {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let adverts = from.list("keys", PARTICIPANTS_MAX, ADVERT_BYTES)?;
        Ok(Self { adverts: increasing("keys", adverts, |advert: &Advert| advert.index)? })
    }
}
