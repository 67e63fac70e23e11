//! Shares on their way: AES-256-GCM under a key that is used for one message, so the nonce can be zero.

use super::agreement::AgreementSecret;
use super::derivation::KeySchedule;
use crate::shamir::{SecretScalar, ShareError};
use crate::wire::{Ciphertext, FirstSetDigest, Index, SessionId, SharePublicKey};
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

/// What one site holds of another's two secrets.
pub(crate) struct SharePair {
    /// Of the mask secret, σ.
    pub(crate) mask: SecretScalar,
    /// Of the own mask's seed, β.
    pub(crate) seed: SecretScalar,
}

/// The key of one message from one site to another.
pub(crate) struct ShareKey {
    key: Zeroizing<[u8; 32]>,
    associated: Vec<u8>,
}

impl ShareKey {
    /// As the sender or the receiver has it; `secret` belongs to one end, and `None` where the other end's key is of
    /// small order.
    pub(crate) fn between(
        session: SessionId,
        first_set: FirstSetDigest,
        secret: &AgreementSecret,
        other: &SharePublicKey,
        from: (Index, SharePublicKey),
        to: (Index, SharePublicKey),
    ) -> Option<Self> {
        let agreed = secret.agree(&other.0)?;
        let key = KeySchedule::new(session).share_key(&agreed, first_set, from, to);
        let (i, j) = (from.0.get().to_le_bytes(), to.0.get().to_le_bytes());
        let associated = [session.0.as_bytes(), first_set.0.as_bytes().as_slice(), &i, &j].concat();
        Some(Self { key, associated })
    }

    pub(crate) fn seal(&self, shares: &SharePair) -> Ciphertext {
        let mut plain = Zeroizing::new([0; 64]);
        plain[..32].copy_from_slice(shares.mask.to_bytes().as_ref());
        plain[32..].copy_from_slice(shares.seed.to_bytes().as_ref());
        self.seal_bytes(&plain)
    }

    pub(crate) fn seal_bytes(&self, plain: &[u8; 64]) -> Ciphertext {
        let payload = Payload { msg: plain.as_ref(), aad: &self.associated };
        let sealed = self.cipher().encrypt(&Nonce::default(), payload).expect("64 bytes are within AES-GCM's limits");
        Ciphertext(sealed.try_into().expect("64 bytes and a tag of 16"))
    }

    /// The plaintext; `None` where it is not what the sender sealed.
    pub(crate) fn open(&self, sealed: &Ciphertext) -> Option<OpenedShares> {
        let payload = Payload { msg: &sealed.0, aad: &self.associated };
        let plain = Zeroizing::new(self.cipher().decrypt(&Nonce::default(), payload).ok()?);
        let mut opened = OpenedShares { mask: Zeroizing::new([0; 32]), seed: Zeroizing::new([0; 32]) };
        opened.mask.copy_from_slice(plain.get(..32)?);
        opened.seed.copy_from_slice(plain.get(32..64)?);
        Some(opened)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.key).into())
    }
}

/// Decrypted, not yet known to be scalars.
pub(crate) struct OpenedShares {
    mask: Zeroizing<[u8; 32]>,
    seed: Zeroizing<[u8; 32]>,
}

impl OpenedShares {
    pub(crate) fn scalars(&self) -> Result<SharePair, ShareError> {
        let mask = SecretScalar::from_canonical(&self.mask)?;
        Ok(SharePair { mask, seed: SecretScalar::from_canonical(&self.seed)? })
    }
}
