//! A certificate request, of which nothing is used but the key: names and extensions it asks for are ignored.

use crate::{IdentityError, x509};
use rcgen::{PublicKeyData, SubjectPublicKeyInfo};
use rustls::pki_types::CertificateSigningRequestDer;
use wardround_plan::Digest;
use x509_parser::asn1_rs::FromDer;
use x509_parser::certification_request::X509CertificationRequest;

/// A P-256 public key whose owner has shown that it holds the private one.
#[derive(Debug, Clone)]
pub(crate) struct ProvenKey(SubjectPublicKeyInfo);

impl ProvenKey {
    /// Checks a request: whole, signed by the key that it names, and that key on P-256.
    pub(crate) fn from_request_pem(text: &str) -> Result<Self, IdentityError> {
        let der: CertificateSigningRequestDer<'static> =
            x509::first_in_pem("certificate request (PEM)", text.as_bytes())?;
        let request = x509::whole("certificate request", X509CertificationRequest::from_der(&der))?;
        let key = Self::from_der(request.certification_request_info.subject_pki.raw)?;
        request.verify_signature().map_err(|_| IdentityError::NoProofOfPossession)?;
        Ok(key)
    }

    /// A key that was proven before and stored since.
    pub(crate) fn from_der(public_key: &[u8]) -> Result<Self, IdentityError> {
        let key = SubjectPublicKeyInfo::from_der(public_key).map_err(|_| IdentityError::KeyKind)?;
        if key.algorithm() == &rcgen::PKCS_ECDSA_P256_SHA256 { Ok(Self(key)) } else { Err(IdentityError::KeyKind) }
    }

    /// The public half of a key in hand.
    pub(crate) fn of(key: &impl PublicKeyData) -> Self {
        let der = key.subject_public_key_info();
        Self(SubjectPublicKeyInfo::from_der(&der).expect("rcgen reads the public key that it wrote"))
    }

    /// SHA-256 of the public key as X.509 writes it.
    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(&self.to_der())
    }

    pub(crate) fn to_der(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    pub(crate) fn public_key(&self) -> &SubjectPublicKeyInfo {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrivateKey;
    use rcgen::{CertificateParams, KeyPair};

    #[test]
    fn the_key_of_a_good_request_is_read() {
        let key = PrivateKey::generate().expect("key");
        let proven = ProvenKey::from_request_pem(&key.request_pem().expect("request")).expect("proven");
        assert_eq!(proven.fingerprint(), key.fingerprint());
        assert_eq!(ProvenKey::from_der(&proven.to_der()).expect("stored").fingerprint(), key.fingerprint());
    }

    #[test]
    fn a_request_signed_by_another_key_is_refused() {
        use x509_parser::pem::parse_x509_pem;
        let request = PrivateKey::generate().expect("key").request_pem().expect("request");
        let mut der = parse_x509_pem(request.as_bytes()).expect("PEM").1.contents;
        let last = der.len() - 1;
        der[last] ^= 1;
        let text = pem_of(&der);
        assert!(matches!(ProvenKey::from_request_pem(&text), Err(IdentityError::NoProofOfPossession)));
    }

    #[test]
    fn other_kinds_of_keys_are_refused() {
        for algorithm in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            let key = KeyPair::generate_for(algorithm).expect("key");
            let request = CertificateParams::default().serialize_request(&key).expect("request").pem().expect("PEM");
            assert!(matches!(ProvenKey::from_request_pem(&request), Err(IdentityError::KeyKind)));
        }
    }

    #[test]
    fn cut_and_oversize_requests_are_refused() {
        let request = PrivateKey::generate().expect("key").request_pem().expect("request");
        for end in 0..request.len() - 30 {
            assert!(ProvenKey::from_request_pem(&request[..end]).is_err(), "cut at {end}");
        }
        let oversize = format!("{}{request}", "\n".repeat(70_000));
        assert!(matches!(ProvenKey::from_request_pem(&oversize), Err(IdentityError::Unreadable { .. })));
    }

    /// Written by hand, since a request with a wrong signature is what no library makes.
    fn pem_of(der: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digit = |chunk: &[u8], index: usize| {
            let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            let shown = index * 6 < chunk.len() * 8;
            if shown { char::from(DIGITS[(bits >> (18 - 6 * index) & 63) as usize]) } else { '=' }
        };
        let body: String = der.chunks(3).flat_map(|chunk| (0..4).map(move |index| digit(chunk, index))).collect();
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n")
    }
}
