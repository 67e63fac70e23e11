//! TLS between sites and their coordinator: version 1.3 only, certificates of the federation on both sides.
//!
//! One port serves two kinds of connections, told apart by the application protocol that the client asks for:
//!
//! | ALPN | client shows | client checks the server by |
//! |---|---|---|
//! | `h2` | its certificate: issued by the authority, not expired, not revoked | the authority, and the coordinator's name |
//! | `wardround-enrol/1` | nothing: it has no certificate yet | the pinned SHA-256 of the authority's certificate |
//!
//! Sessions are never resumed, since a resumed one would not look at the revocation list. TLS checks a certificate when a
//! connection opens, and not again: closing those of a revoked site is the coordinator's part ([`crate::Crl::revokes`]).
//!
//! In TLS 1.3 the client finishes first. One that is refused learns it at its first read, from an alert;
//! [`alert_in_words`] says what it means.

mod client;
mod clock;
mod server;
#[cfg(test)]
mod tests;
mod verifier;
mod words;

pub use client::{ClientTls, client_config, pinned_client_config};
pub use clock::Clock;
pub use server::{Accepted, ServerTls, enrolment_server_config, server_config};
pub use verifier::ServerRefusal;
pub use words::alert_in_words;

use crate::IdentityError;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::{RootCertStore, SupportedProtocolVersion};
use std::sync::Arc;
use std::time::Duration;

/// Application protocol of those who have no certificate yet.
pub const ENROLMENT_ALPN: &[u8] = b"wardround-enrol/1";
/// Application protocol of everyone else.
pub const PEER_ALPN: &[u8] = b"h2";
/// How long the other side may take for its part of a handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// Why a connection did not come to be.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The other side was silent.
    #[error("the TLS handshake was not over after {after_s} s")]
    TimedOut {
        /// How long we waited.
        after_s: f32,
    },
    /// TLS refused; the source says which side, and why.
    #[error("the TLS handshake failed: {0}")]
    Tls(#[from] std::io::Error),
    /// The certificate is good and names nobody whom we know.
    #[error("the peer's certificate is valid but not accepted: {0}")]
    Peer(#[from] IdentityError),
    /// The address cannot be dialled with TLS.
    #[error("`{0}` is neither a host name nor an address")]
    Host(String),
}

/// The cryptography in use, named once. The provider of the process is never asked, since any dependency may set it.
pub fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    let provider = rustls::crypto::ring::default_provider();
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    compile_error!("wardround-identity needs the feature `ring` or `aws-lc-rs`");
    Arc::new(provider)
}

fn only_root(authority: &CertificateDer<'_>) -> Result<Arc<RootCertStore>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned())?;
    Ok(Arc::new(roots))
}

/// Runs a handshake for at most `limit`.
async fn within<T>(
    limit: Duration,
    handshake: impl Future<Output = Result<T, HandshakeError>>,
) -> Result<T, HandshakeError> {
    match tokio::time::timeout(limit, handshake).await {
        Ok(done) => done,
        Err(_) => Err(HandshakeError::TimedOut { after_s: limit.as_secs_f32() }),
    }
}
