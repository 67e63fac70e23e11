//! HKDF-SHA-256 with the session as salt: no key of one session is a key of another.

use super::agreement::AgreementSecret;
use crate::shamir::SecretScalar;
use crate::wire::{FirstSetDigest, Index, Label, MaskPublicKey, SeedCommitment, SessionId, SharePublicKey};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// AES-256 key and initial counter block of one mask.
const MASK_KEY_BYTES: usize = 48;

/// Derives the keys of one session.
#[derive(Clone, Copy)]
pub(crate) struct KeySchedule {
    session: SessionId,
}

/// What a mask is made from.
pub(crate) struct MaskKey(pub(crate) Zeroizing<[u8; MASK_KEY_BYTES]>);

/// Two sites with their mask keys, in the order of their indices whoever asks.
pub(crate) struct PairEnds {
    low: (Index, MaskPublicKey),
    high: (Index, MaskPublicKey),
}

impl PairEnds {
    pub(crate) fn new(one: (Index, MaskPublicKey), other: (Index, MaskPublicKey)) -> Self {
        match one.0 < other.0 {
            true => Self { low: one, high: other },
            false => Self { low: other, high: one },
        }
    }
}

impl KeySchedule {
    pub(crate) fn new(session: SessionId) -> Self {
        Self { session }
    }

    /// mask_sk, from σ.
    pub(crate) fn mask_secret(&self, index: Index, sigma: &SecretScalar) -> AgreementSecret {
        let info = Label::MASK_SECRET.prefixed(&[&index.get().to_le_bytes()]);
        AgreementSecret::new(self.derive(sigma.to_bytes().as_ref(), &info))
    }

    /// The commitment to β.
    pub(crate) fn seed_commitment(&self, index: Index, beta: &SecretScalar) -> SeedCommitment {
        let (index, beta) = (index.get().to_le_bytes(), beta.to_bytes());
        let parts: [&[u8]; 3] = [self.session.0.as_bytes(), &index, beta.as_ref()];
        SeedCommitment(*Label::SEED_COMMITMENT.hash(&parts).as_bytes())
    }

    /// The key that `from` encrypts shares to `to` with; both know it.
    pub(crate) fn share_key(
        &self,
        agreed: &[u8; 32],
        first_set: FirstSetDigest,
        from: (Index, SharePublicKey),
        to: (Index, SharePublicKey),
    ) -> Zeroizing<[u8; 32]> {
        let (i, j) = (from.0.get().to_le_bytes(), to.0.get().to_le_bytes());
        let info = Label::SHARE_KEY.prefixed(&[first_set.0.as_bytes(), &i, &j, &from.1.0, &to.1.0]);
        self.derive(agreed, &info)
    }

    /// The mask of two sites.
    pub(crate) fn pair_mask(&self, agreed: &[u8; 32], ends: &PairEnds) -> MaskKey {
        let (a, b) = (ends.low.0.get().to_le_bytes(), ends.high.0.get().to_le_bytes());
        MaskKey(self.derive(agreed, &Label::PAIR_MASK.prefixed(&[&a, &b, &ends.low.1.0, &ends.high.1.0])))
    }

    /// A site's own mask, from β.
    pub(crate) fn self_mask(&self, index: Index, beta: &SecretScalar) -> MaskKey {
        MaskKey(self.derive(beta.to_bytes().as_ref(), &Label::SELF_MASK.prefixed(&[&index.get().to_le_bytes()])))
    }

    fn derive<const N: usize>(&self, secret: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
        let mut key = Zeroizing::new([0; N]);
        Hkdf::<Sha256>::new(Some(self.session.0.as_bytes()), secret)
            .expand(info, key.as_mut())
            .expect("48 bytes are far below the 8160 that HKDF gives");
        key
    }
}
