//! The key with which a site signs in secure aggregation (specification, 5.2), apart from the one it dials with.
//!
//! Threat met here: a coordinator that speaks in a site's name. The authority certifies TLS keys every few days and may
//! live beside the coordinator; this key is made once, stays at the site, and is certified by a
//! [`RosterAuthority`](crate::RosterAuthority) that the coordinator need not be.

mod identity;
mod key_file;
mod request;

pub use identity::SigningIdentity;
pub use request::EnrolmentRequest;

pub(crate) use key_file::{create_key, read_key};
pub(crate) use request::{enrolment_fingerprint, is_possession};

use crate::IdentityError;
use ed25519_dalek::Signer;
use rand::TryRng;
use rand::rngs::SysRng;
use wardround_plan::Digest;
use wardround_secagg::roster::{PublicKey, Signature, SigningKey};
use zeroize::Zeroizing;

/// What a signature made in this crate is for stands at the front of what is signed, so that none serves as another. The
/// labels of secure aggregation begin with `wardround-secagg-`, so those are others, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A site shows that it holds the key it enrols with.
    Possession,
    /// The roster authority signs a whole roster.
    Roster,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Possession => b"wardround/signing-key-possession/v1\0",
            Self::Roster => b"wardround/roster/v1\0",
        }
    }

    /// Signs `statement` for this purpose.
    pub(crate) fn sign(self, key: &SigningKey, statement: &[u8]) -> Signature {
        let key = ed25519_dalek::SigningKey::from_bytes(&key.to_secret());
        Signature(key.sign(&self.labelled(statement)).to_bytes())
    }

    /// Whether the owner of `key` signed `statement` for this purpose. Strict: neither malleable signatures nor keys of
    /// small order pass.
    pub(crate) fn is_signed_by(self, key: &PublicKey, statement: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        ed25519_dalek::VerifyingKey::from_bytes(&key.0)
            .is_ok_and(|key| key.verify_strict(&self.labelled(statement), &signature).is_ok())
    }

    fn labelled(self, statement: &[u8]) -> Vec<u8> {
        [self.label(), statement].concat()
    }
}

/// SHA-256 of a signing key: what people compare over the phone, in full.
pub fn signing_key_fingerprint(key: &PublicKey) -> Digest {
    Digest::of(&key.0)
}

/// A fresh key from the operating system's randomness.
pub(crate) fn draw_key() -> Result<SigningKey, IdentityError> {
    let mut secret = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(secret.as_mut())?;
    Ok(SigningKey::from_secret(&secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_purpose_statement_and_key_alone() {
        let [key, other] = [7, 8].map(|byte| SigningKey::from_secret(&Zeroizing::new([byte; 32])));
        let signature = Purpose::Roster.sign(&key, b"statement");
        assert!(Purpose::Roster.is_signed_by(&key.public(), b"statement", &signature));
        assert!(!Purpose::Possession.is_signed_by(&key.public(), b"statement", &signature));
        assert!(!Purpose::Roster.is_signed_by(&key.public(), b"statemenT", &signature));
        assert!(!Purpose::Roster.is_signed_by(&other.public(), b"statement", &signature));
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // The identity: with it, R = identity and s = 0 satisfy the cofactored equation for every message.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!Purpose::Possession.is_signed_by(&PublicKey(identity), b"anything", &Signature(signature)));
    }
}
