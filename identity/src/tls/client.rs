//! The side that dials: a site, an administrator, or a hospital that enrols.

use super::verifier::{CoordinatorVerifier, Trust};
use super::{Clock, ENROLMENT_ALPN, HandshakeError, PEER_ALPN, VERSIONS, only_root, provider, within};
use crate::{Credentials, IdentityError};
use rustls::ConfigBuilder;
use rustls::client::{ClientConfig, Resumption, WantsClientCert};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wardround_plan::Digest;

/// For mutual TLS: shows `credentials`, accepts only the coordinator of the same federation.
///
/// # Errors
/// Credentials that rustls cannot use.
pub fn client_config(credentials: &Credentials, clock: &Clock) -> Result<ClientConfig, IdentityError> {
    let certificate = credentials.certificate();
    let trust =
        Trust::Authority { roots: only_root(certificate.authority())?, federation: certificate.federation().clone() };
    let mut config =
        builder(trust, clock)?.with_client_auth_cert(vec![certificate.leaf().clone()], credentials.key().for_tls())?;
    config.alpn_protocols = vec![PEER_ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// For enrolment: shows nothing, accepts only the coordinator of the authority with this fingerprint.
///
/// # Errors
/// A provider without TLS 1.3.
pub fn pinned_client_config(ca_sha256: Digest, clock: &Clock) -> Result<ClientConfig, IdentityError> {
    let mut config = builder(Trust::Pin(ca_sha256), clock)?.with_no_client_auth();
    config.alpn_protocols = vec![ENROLMENT_ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Dials with TLS.
#[derive(Clone)]
pub struct ClientTls(TlsConnector);

impl ClientTls {
    /// For mutual TLS, see [`client_config`].
    ///
    /// # Errors
    /// As [`client_config`].
    pub fn peer(credentials: &Credentials, clock: &Clock) -> Result<Self, IdentityError> {
        client_config(credentials, clock).map(Self::of)
    }

    /// For enrolment, see [`pinned_client_config`].
    ///
    /// # Errors
    /// As [`pinned_client_config`].
    pub fn enrolment(ca_sha256: Digest, clock: &Clock) -> Result<Self, IdentityError> {
        pinned_client_config(ca_sha256, clock).map(Self::of)
    }

    pub(super) fn of(config: ClientConfig) -> Self {
        Self(Arc::new(config).into())
    }

    /// Wraps a connected `stream` in TLS. `host` is what was dialled: it is sent along for routers that look at it, and
    /// not checked. A server that refuses our certificate says so only at the first read, in words that
    /// [`super::alert_in_words`] explains.
    ///
    /// # Errors
    /// A server that is not our coordinator, one that does not speak TLS 1.3, one that is silent for `limit`.
    pub async fn connect<S>(&self, host: &str, stream: S, limit: Duration) -> Result<TlsStream<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| HandshakeError::Host(host.to_owned()))?;
        within(limit, async { Ok(self.0.connect(name, stream).await?) }).await
    }
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientTls")
    }
}

fn builder(trust: Trust, clock: &Clock) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, IdentityError> {
    // "Dangerous" is rustls' word for any verifier but its own; ours adds to what rustls checks, except the host name.
    Ok(ClientConfig::builder_with_details(provider(), clock.provider())
        .with_protocol_versions(VERSIONS)?
        .dangerous()
        .with_custom_certificate_verifier(CoordinatorVerifier::new(trust)))
}
