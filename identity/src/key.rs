//! A private key: made where it is used, stored readable by its owner alone, wiped when dropped.

use crate::request::ProvenKey;
use crate::{IdentityError, x509};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData, SigningKey};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;
use wardround_plan::Digest;
use zeroize::Zeroizing;

/// An ECDSA P-256 private key. `Debug` prints only the name.
pub struct PrivateKey(Zeroizing<KeyPair>);

impl PrivateKey {
    /// Makes a key from the operating system's randomness.
    ///
    /// # Errors
    /// [`IdentityError::Signing`] where the system has no randomness to give.
    pub fn generate() -> Result<Self, IdentityError> {
        Ok(Self(Zeroizing::new(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?)))
    }

    /// Reads PKCS#8 PEM, ignoring other sections.
    pub(crate) fn from_pem(text: &[u8]) -> Result<Self, IdentityError> {
        let mut der: PrivatePkcs8KeyDer<'static> = x509::first_in_pem("private key (PKCS#8 PEM)", text)?;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_ECDSA_P256_SHA256);
        zeroize::Zeroize::zeroize(&mut der);
        key.map(|key| Self(Zeroizing::new(key))).map_err(|_| IdentityError::KeyKind)
    }

    /// PKCS#8 PEM, to be stored where only the owner can read it.
    pub(crate) fn to_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }

    /// A certificate request, signed with this key. It asks for no name, since the authority decides that.
    ///
    /// # Errors
    /// [`IdentityError::Signing`] where the system has no randomness to give.
    pub fn request_pem(&self) -> Result<String, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(self)?.pem()?)
    }

    /// SHA-256 of the public key (its SubjectPublicKeyInfo): what the federation's manager compares before approving.
    pub fn fingerprint(&self) -> Digest {
        ProvenKey::of(self).fingerprint()
    }

    pub(crate) fn for_tls(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.0.serialize_der()).into()
    }
}

impl PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_text_and_is_not_printed() {
        let key = PrivateKey::generate().expect("key");
        let read = PrivateKey::from_pem(key.to_pem().as_bytes()).expect("its own text");
        assert_eq!(read.fingerprint(), key.fingerprint());
        assert_eq!(format!("{key:?}"), "PrivateKey");
    }

    #[test]
    fn another_kind_of_key_and_a_cut_one_are_refused() {
        let other = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("key").serialize_pem();
        assert!(matches!(PrivateKey::from_pem(other.as_bytes()), Err(IdentityError::KeyKind)));
        let text = PrivateKey::generate().expect("key").to_pem();
        for end in [0, 20, 60, text.len() / 2] {
            assert!(matches!(PrivateKey::from_pem(&text.as_bytes()[..end]), Err(IdentityError::Unreadable { .. })));
        }
    }
}
