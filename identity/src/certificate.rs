//! A certificate as the authority issues it: the holder's, followed by the authority's own.

use crate::{FederationName, IdentityError, PeerId, x509};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use wardround_plan::{Digest, Timestamp};

/// A holder's certificate and that of the authority which signed it. The signature has been checked; whether it is still
/// valid, and for whom, is for the reader to ask.
#[derive(Debug, Clone)]
pub struct Certificate {
    pem: String,
    leaf: CertificateDer<'static>,
    authority: CertificateDer<'static>,
    peer: PeerId,
    key_fingerprint: Digest,
    not_before: Timestamp,
}

impl Certificate {
    /// Reads the two certificates from PEM, as they cross the wire and lie in files.
    ///
    /// # Errors
    /// Other than exactly two certificates, a holder without a name in a federation, an authority that did not sign the
    /// holder's certificate or that speaks for another federation.
    pub fn from_pem(text: &str) -> Result<Self, IdentityError> {
        let (leaf, authority) = two_certificates(text)?;
        let peer = PeerId::from_certificate_der(&leaf)?;
        check_signed(&leaf, &authority)?;
        if x509::federation(&authority)? != peer.federation {
            return Err(IdentityError::NotSignedByAuthority);
        }
        let read = x509::certificate(&leaf)?;
        let key_fingerprint = Digest::of(read.public_key().raw);
        let not_before = x509::timestamp(read.validity().not_before);
        Ok(Self { pem: text.to_owned(), leaf, authority, peer, key_fingerprint, not_before })
    }

    /// Both certificates as PEM.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// Who holds it.
    pub fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// The federation of the authority that signed it.
    pub fn federation(&self) -> &FederationName {
        &self.peer.federation
    }

    /// SHA-256 of the authority's certificate.
    pub fn authority_sha256(&self) -> Digest {
        Digest::of(&self.authority)
    }

    /// SHA-256 of the certified public key.
    pub fn key_fingerprint(&self) -> Digest {
        self.key_fingerprint
    }

    /// From when on it is valid.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// When it expires.
    pub fn not_after(&self) -> Timestamp {
        self.peer.not_after
    }

    pub(crate) fn leaf(&self) -> &CertificateDer<'static> {
        &self.leaf
    }

    pub(crate) fn authority(&self) -> &CertificateDer<'static> {
        &self.authority
    }
}

fn two_certificates(text: &str) -> Result<(CertificateDer<'static>, CertificateDer<'static>), IdentityError> {
    const WHAT: &str = "certificate of the holder followed by that of the authority (PEM)";
    if text.len() as u64 > x509::PEM_BYTES_MAX {
        return Err(IdentityError::unreadable(WHAT, format!("longer than {} bytes", x509::PEM_BYTES_MAX)));
    }
    let found = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| IdentityError::unreadable(WHAT, error))?;
    let count = found.len();
    let [leaf, authority] = <[_; 2]>::try_from(found)
        .map_err(|_| IdentityError::unreadable(WHAT, format!("found {count} certificates")))?;
    Ok((leaf, authority))
}

fn check_signed(leaf: &[u8], authority: &[u8]) -> Result<(), IdentityError> {
    let authority = x509::certificate(authority)?;
    x509::certificate(leaf)?
        .verify_signature(Some(authority.public_key()))
        .map_err(|_| IdentityError::NotSignedByAuthority)
}
