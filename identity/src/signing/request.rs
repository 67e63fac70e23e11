//! What a site asks the authority with: a certificate request, and its signing key with a proof that it holds it.
//!
//! The proof is a signature over (authority, site, TLS key), so that it serves for no other site, federation or enrolment.

use super::Purpose;
use crate::IdentityError;
use crate::request::ProvenKey;
use wardround_plan::{Digest, Hasher, SiteId};
use wardround_secagg::roster::{PublicKey, Signature, SigningKey};
use wardround_secagg::wire::Writer;

/// A site's request to join.
#[derive(Debug, Clone)]
pub struct EnrolmentRequest {
    csr_pem: String,
    signing_key: PublicKey,
    possession: Signature,
}

impl EnrolmentRequest {
    /// The request of `site` to the authority with the pinned fingerprint.
    ///
    /// # Errors
    /// A certificate request that is not one of [`SiteKeys::csr_pem`](crate::SiteKeys::csr_pem).
    pub fn new(
        csr_pem: String,
        signing_key: &SigningKey,
        site: &SiteId,
        ca_sha256: Digest,
    ) -> Result<Self, IdentityError> {
        let tls_key_sha256 = ProvenKey::from_request_pem(&csr_pem)?.fingerprint();
        let possession = Purpose::Possession.sign(signing_key, &statement(ca_sha256, site, tls_key_sha256));
        Ok(Self { csr_pem, signing_key: signing_key.public(), possession })
    }

    /// The request as it came over the wire; nothing is believed yet.
    ///
    /// # Errors
    /// [`IdentityError::SigningKeyKind`] for other than 32 bytes of key and 64 of signature.
    pub fn from_wire(csr_pem: String, signing_key: &[u8], possession: &[u8]) -> Result<Self, IdentityError> {
        let kind = |_| IdentityError::SigningKeyKind;
        let signing_key = PublicKey(signing_key.try_into().map_err(kind)?);
        Ok(Self { csr_pem, signing_key, possession: Signature(possession.try_into().map_err(kind)?) })
    }

    /// The certificate request.
    pub fn csr_pem(&self) -> &str {
        &self.csr_pem
    }

    /// The signing key.
    pub fn signing_key(&self) -> PublicKey {
        self.signing_key
    }

    /// The proof that the site holds it.
    pub fn possession(&self) -> &Signature {
        &self.possession
    }

    /// The fingerprint of both keys: what the hospital reads out to the federation's manager.
    ///
    /// # Errors
    /// As [`EnrolmentRequest::new`].
    pub fn fingerprint(&self) -> Result<Digest, IdentityError> {
        let tls_key_sha256 = ProvenKey::from_request_pem(&self.csr_pem)?.fingerprint();
        Ok(enrolment_fingerprint(tls_key_sha256, Some(&self.signing_key)))
    }
}

/// What a person compares before a site is approved: of both keys, so that neither can be exchanged on the way. A site
/// that asked before there were signing keys has the fingerprint of its TLS key.
pub(crate) fn enrolment_fingerprint(tls_key_sha256: Digest, signing_key: Option<&PublicKey>) -> Digest {
    let Some(signing_key) = signing_key else { return tls_key_sha256 };
    let mut hasher = Hasher::new();
    hasher.update(b"wardround/enrolment-keys/v1\0");
    hasher.update(tls_key_sha256.as_bytes());
    hasher.update(&signing_key.0);
    hasher.finish()
}

/// Whether the owner of `signing_key` asked to enrol `site`, with this TLS key, at this authority.
pub(crate) fn is_possession(
    signing_key: &PublicKey,
    possession: &Signature,
    ca_sha256: Digest,
    site: &SiteId,
    tls_key_sha256: Digest,
) -> bool {
    Purpose::Possession.is_signed_by(signing_key, &statement(ca_sha256, site, tls_key_sha256), possession)
}

fn statement(ca_sha256: Digest, site: &SiteId, tls_key_sha256: Digest) -> Vec<u8> {
    let mut out = Writer::default();
    out.raw(ca_sha256.as_bytes());
    out.bytes(site.as_str().as_bytes());
    out.raw(tls_key_sha256.as_bytes());
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrivateKey;
    use crate::testing::site;
    use zeroize::Zeroizing;

    #[test]
    fn a_proof_serves_for_its_authority_site_and_keys_alone() {
        let [key, other] = [1, 2].map(|byte| SigningKey::from_secret(&Zeroizing::new([byte; 32])));
        let (anna, berta, ca) = (site("st-anna"), site("st-berta"), Digest::of(b"ca"));
        let tls = PrivateKey::generate().expect("key");
        let request = tls.request_pem().expect("request");
        let request = EnrolmentRequest::new(request, &key, &anna, ca).expect("made");
        let holds = |key: &SigningKey, ca, site, tls| is_possession(&key.public(), request.possession(), ca, site, tls);
        assert!(holds(&key, ca, &anna, tls.fingerprint()));
        assert!(!holds(&other, ca, &anna, tls.fingerprint()));
        assert!(!holds(&key, Digest::of(b"another"), &anna, tls.fingerprint()));
        assert!(!holds(&key, ca, &berta, tls.fingerprint()));
        assert!(!holds(&key, ca, &anna, Digest::of(b"another")));
    }

    #[test]
    fn the_fingerprint_tells_either_key_apart() {
        let [one, two] = [1, 2].map(|byte| PublicKey([byte; 32]));
        let [left, right] = [b"left", b"righ"].map(|text| Digest::of(text));
        let all = [(left, &one), (left, &two), (right, &one)].map(|(tls, key)| enrolment_fingerprint(tls, Some(key)));
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
        assert_eq!(enrolment_fingerprint(left, None), left);
    }

    #[test]
    fn other_lengths_are_no_keys_and_no_proofs() {
        for (key, possession) in [(0, 64), (31, 64), (33, 64), (32, 0), (32, 63), (32, 65)] {
            let read = EnrolmentRequest::from_wire(String::new(), &vec![0; key], &vec![0; possession]);
            assert!(matches!(read, Err(IdentityError::SigningKeyKind)), "{key} and {possession} bytes");
        }
    }
}
