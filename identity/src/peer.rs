//! Who is at the other end of a connection, read from the certificate that TLS has verified.

use crate::{FederationName, IdentityError, Role, Serial, SpiffeId, x509};
use wardround_plan::{Digest, Timestamp};

/// The holder of a certificate. Authorise on `federation` and `role`; they come from the one URI in the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerId {
    /// Whose authority vouches.
    pub federation: FederationName,
    /// What the peer is.
    pub role: Role,
    /// Which of its certificates; what a revocation list names.
    pub serial: Serial,
    /// SHA-256 of the certificate.
    pub fingerprint: Digest,
    /// When the certificate expires.
    pub not_after: Timestamp,
}

impl PeerId {
    /// Reads the identity from a certificate. This proves nothing: that the certificate chains to the authority and is
    /// neither expired nor revoked is for TLS to check, before.
    ///
    /// # Errors
    /// No certificate, none or several URIs, a URI that names nobody in a federation, a serial number that no authority
    /// of ours writes.
    pub fn from_certificate_der(der: &[u8]) -> Result<Self, IdentityError> {
        let certificate = x509::certificate(der)?;
        let id: SpiffeId = x509::only_uri(&certificate)?.parse()?;
        let serial = Serial::from_bytes(certificate.raw_serial())
            .ok_or_else(|| IdentityError::unreadable("serial number", certificate.raw_serial_as_string()))?;
        Ok(Self {
            federation: id.federation,
            role: id.role,
            serial,
            fingerprint: Digest::of(der),
            not_after: x509::timestamp(certificate.validity().not_after),
        })
    }

    /// The name that is authorised.
    pub fn spiffe_id(&self) -> SpiffeId {
        SpiffeId { federation: self.federation.clone(), role: self.role.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType, SerialNumber};

    fn read(names: &[SanType], serial: &[u8]) -> Result<PeerId, IdentityError> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        params.serial_number = Some(SerialNumber::from_slice(serial));
        let certificate = params.self_signed(&KeyPair::generate().expect("key")).expect("certificate");
        PeerId::from_certificate_der(certificate.der())
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().expect("ASCII"))
    }

    const SERIAL: [u8; 16] = [0x41; 16];

    #[test]
    fn the_one_uri_is_read_and_other_kinds_of_names_do_not_matter() {
        let dns = SanType::DnsName("spiffe.example".try_into().expect("ASCII"));
        let peer = read(&[dns, uri("spiffe://lung/site/a")], &SERIAL).expect("one URI");
        assert_eq!(peer.spiffe_id().to_string(), "spiffe://lung/site/a");
        assert_eq!(peer.serial.as_bytes(), SERIAL);
    }

    #[test]
    fn none_two_and_foreign_uris_are_refused() {
        let good = uri("spiffe://lung/site/a");
        assert!(matches!(read(&[], &SERIAL), Err(IdentityError::UriNames { found: 0 })));
        let two = [good.clone(), uri("spiffe://lung/site/b")];
        assert!(matches!(read(&two, &SERIAL), Err(IdentityError::UriNames { found: 2 })));
        assert!(matches!(read(&[good.clone(), good.clone()], &SERIAL), Err(IdentityError::UriNames { found: 2 })));
        assert!(matches!(read(&[uri("https://lung/site/a")], &SERIAL), Err(IdentityError::Spiffe(_))));
        assert!(matches!(read(&[good], &[0x41; 8]), Err(IdentityError::Unreadable { .. })));
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic() {
        let mut der = Vec::new();
        for byte in [0x30, 0x82, 0xff, 0xff, 0x30, 0x80, 0x00] {
            der.push(byte);
            assert!(PeerId::from_certificate_der(&der).is_err());
        }
    }
}
