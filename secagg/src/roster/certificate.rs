//! What the enrolment authority says of one site.

use super::{PublicKey, Signature, SigningKey};
use crate::wire::{ClientId, Decode, DecodeError, Encode, FederationId, Label, Reader, Writer, refused};
use wardround_plan::{SiteId, Timestamp};

/// Longest name: that of a [`SiteId`].
const NAME_BYTES_MAX: usize = 63;

/// What is certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The federation.
    pub federation: FederationId,
    /// The site's id in sessions.
    pub client: ClientId,
    /// The site's name.
    pub name: SiteId,
    /// What it signs with.
    pub key: PublicKey,
    /// SHA-256 of the public key of its TLS certificate.
    pub tls_key_sha256: [u8; 32],
    /// Valid from here.
    pub not_before: Timestamp,
    /// Valid up to here.
    pub not_after: Timestamp,
    /// For revocation.
    pub serial: u64,
}

/// An enrolment with the authority's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentCertificate {
    /// What is certified.
    pub enrolment: Enrolment,
    /// Over the enrolment.
    pub signature: Signature,
}

impl Enrolment {
    /// Certifies the enrolment with the authority's key.
    pub fn certify(self, authority: &SigningKey) -> EnrolmentCertificate {
        let signature = authority.sign(&self.statement());
        EnrolmentCertificate { enrolment: self, signature }
    }

    /// Whether it holds at `now`.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    fn statement(&self) -> Vec<u8> {
        Label::CERTIFICATE.prefixed(&[&self.to_bytes()])
    }
}

impl EnrolmentCertificate {
    /// Whether the authority with `key` issued this.
    pub fn is_issued_by(&self, key: &PublicKey) -> bool {
        key.has_signed(&self.enrolment.statement(), &self.signature)
    }
}

impl Encode for Enrolment {
    fn write(&self, out: &mut Writer) {
        self.federation.write(out);
        self.client.write(out);
        out.bytes(self.name.as_str().as_bytes());
        self.key.write(out);
        out.raw(&self.tls_key_sha256);
        out.u64(self.not_before.as_ms());
        out.u64(self.not_after.as_ms());
        out.u64(self.serial);
    }
}

impl Decode for Enrolment {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            federation: FederationId::read(from)?,
            client: ClientId::read(from)?,
            name: name(from)?,
            key: PublicKey::read(from)?,
            tls_key_sha256: from.array("TLS key hash")?,
            not_before: Timestamp::from_ms(from.u64("not before")?),
            not_after: Timestamp::from_ms(from.u64("not after")?),
            serial: from.u64("serial")?,
        })
    }
}

fn name(from: &mut Reader<'_>) -> Result<SiteId, DecodeError> {
    let bytes = from.bytes("name", NAME_BYTES_MAX)?;
    let text = String::from_utf8_lossy(bytes);
    SiteId::new(text.clone()).map_err(|_| refused("name", text, "the name of a site"))
}

impl Encode for EnrolmentCertificate {
    fn write(&self, out: &mut Writer) {
        self.enrolment.write(out);
        self.signature.write(out);
    }
}

impl Decode for EnrolmentCertificate {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { enrolment: Enrolment::read(from)?, signature: Signature::read(from)? })
    }
}
