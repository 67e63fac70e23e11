//! The signing key of a site: it signs labelled statements of this protocol and nothing else.

use crate::wire::{Decode, DecodeError, Encode, Reader, Writer};
use ed25519_dalek::Signer;
use rand::CryptoRng;
use zeroize::Zeroizing;

/// Bytes of an Ed25519 signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// A site's Ed25519 key, made at enrolment. It stays in the process of the site and is wiped when dropped.
pub struct SigningKey(ed25519_dalek::SigningKey);

/// The public half, as it stands in the roster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; SIGNATURE_BYTES]);

impl SigningKey {
    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(secret.as_mut());
        Self::from_secret(&secret)
    }

    /// The key with these secret bytes, as the site's key file keeps them.
    pub fn from_secret(secret: &Zeroizing<[u8; 32]>) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// The secret bytes, for the site's key file.
    pub fn to_secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, statement: &[u8]) -> Signature {
        Signature(self.0.sign(statement).to_bytes())
    }
}

impl PublicKey {
    /// Strict verification: neither malleable signatures nor keys of small order pass.
    pub(crate) fn has_signed(&self, statement: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        ed25519_dalek::VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(statement, &signature).is_ok())
    }
}

impl Encode for PublicKey {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.0);
    }
}

impl Decode for PublicKey {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.array("signing key").map(Self)
    }
}

impl Encode for Signature {
    fn write(&self, out: &mut Writer) {
        out.raw(&self.0);
    }
}

impl Decode for Signature {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.array("signature").map(Self)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signature")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn signatures_hold_for_their_statement_and_key_alone() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let [key, other] = [SigningKey::generate(&mut rng), SigningKey::generate(&mut rng)];
        let signature = key.sign(b"statement");
        assert!(key.public().has_signed(b"statement", &signature));
        assert!(!key.public().has_signed(b"statemenT", &signature));
        assert!(!other.public().has_signed(b"statement", &signature));
        assert!(SigningKey::from_secret(&key.to_secret()).public() == key.public());
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // The identity: with it, R = identity and s = 0 satisfy the cofactored equation for every message.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; SIGNATURE_BYTES];
        signature[0] = 1;
        assert!(!PublicKey(identity).has_signed(b"anything", &Signature(signature)));
    }

    #[test]
    fn a_key_prints_its_name_only() {
        let key = SigningKey::from_secret(&Zeroizing::new([7; 32]));
        assert_eq!(format!("{key:?}"), "SigningKey");
    }
}
