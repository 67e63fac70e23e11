//! How a client knows its coordinator: by the name that the authority put into the certificate, not by the host name.
//!
//! Hospitals dial addresses that mean something only to them: a port forwarded through a VPN, a line in `/etc/hosts`, a
//! tunnel's end on loopback. Such a name proves nothing, and checking it would only make people switch checks off. The
//! SPIFFE id does not depend on the road: whoever holds a certificate for `spiffe://FEDERATION/coordinator` is the
//! coordinator, wherever it was found.

use super::{VERSIONS, only_root, provider};
use crate::{FederationName, IdentityError, PeerId, Role, SpiffeId, x509};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, PeerIncompatible, RootCertStore, SignatureScheme};
use std::sync::Arc;
use wardround_plan::Digest;

/// Why a server is not our coordinator although TLS itself has nothing against it.
#[derive(Debug, thiserror::Error)]
pub enum ServerRefusal {
    /// No certificate shown has the pinned fingerprint.
    #[error(
        "none of the certificates shown has the fingerprint {pinned}: either --ca-sha256 is mistyped, or the address \
         belongs to another federation, or a proxy on the way inspects TLS and shows its own certificate"
    )]
    NotPinned {
        /// What was expected.
        pinned: Digest,
    },
    /// The certificate is for someone else.
    #[error("the server is {found}, expected {expected}: the address leads to the wrong machine")]
    NotCoordinator {
        /// Whom we dialled.
        expected: SpiffeId,
        /// Who answered.
        found: SpiffeId,
    },
    /// The certificate is none of a federation's.
    #[error("the server's certificate is none of a federation's: {0}")]
    Foreign(#[from] IdentityError),
}

/// What a client trusts to begin with.
#[derive(Debug)]
pub(super) enum Trust {
    /// The certificate of the authority, from enrolment.
    Authority {
        /// The only trust anchor.
        roots: Arc<RootCertStore>,
        /// Its federation.
        federation: FederationName,
    },
    /// The authority's fingerprint, from the invitation.
    Pin(Digest),
}

/// Accepts the coordinator of one federation, and nobody else.
#[derive(Debug)]
pub(super) struct CoordinatorVerifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl CoordinatorVerifier {
    pub(super) fn new(trust: Trust) -> Arc<Self> {
        Arc::new(Self { trust, algorithms: provider().signature_verification_algorithms })
    }
}

impl ServerCertVerifier for CoordinatorVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (roots, federation) = self.trust.anchor(others)?;
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, others, now, self.algorithms.all)?;
        check_coordinator(end_entity, federation)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        debug_assert_eq!(VERSIONS.len(), 1, "only TLS 1.3 is offered");
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl Trust {
    /// The trust anchor and its federation. A pinned one is found by its fingerprint among the certificates shown, and
    /// only then used to judge the others.
    fn anchor(&self, shown: &[CertificateDer<'_>]) -> Result<(Arc<RootCertStore>, FederationName), rustls::Error> {
        match self {
            Self::Authority { roots, federation } => Ok((roots.clone(), federation.clone())),
            Self::Pin(pinned) => {
                let authority = shown
                    .iter()
                    .find(|certificate| Digest::of(certificate) == *pinned)
                    .ok_or_else(|| refused(ServerRefusal::NotPinned { pinned: *pinned }))?;
                let federation = x509::federation(authority).map_err(|error| refused(error.into()))?;
                Ok((only_root(authority)?, federation))
            }
        }
    }
}

fn check_coordinator(certificate: &CertificateDer<'_>, federation: FederationName) -> Result<(), rustls::Error> {
    let peer = PeerId::from_certificate_der(certificate).map_err(|error| refused(error.into()))?;
    let (expected, found) = (SpiffeId { federation, role: Role::Coordinator }, peer.spiffe_id());
    if found == expected { Ok(()) } else { Err(refused(ServerRefusal::NotCoordinator { expected, found })) }
}

fn refused(reason: ServerRefusal) -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(reason))).into()
}
