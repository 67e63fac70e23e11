//! The side that is dialled: the coordinator. Its certificate and the revocation list change without a restart.

use super::{Clock, ENROLMENT_ALPN, HandshakeError, PEER_ALPN, VERSIONS, only_root, provider, within};
use crate::{Credentials, Crl, FederationName, IdentityError, PeerId, SpiffeId};
use arc_swap::ArcSwap;
use rustls::ConfigBuilder;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::{Acceptor, ClientHello, NoServerSessionStorage, ServerConfig, WebPkiClientVerifier};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// For peers: requires a certificate that the authority issued and that is neither expired nor revoked.
///
/// # Errors
/// Credentials, an authority or lists that rustls cannot use.
pub fn server_config(
    credentials: &Credentials,
    authority_der: &[u8],
    crls: &[&Crl],
    clock: &Clock,
) -> Result<Arc<ServerConfig>, IdentityError> {
    let lists = crls.iter().map(|crl| -> CertificateRevocationListDer<'static> { crl.der().clone() });
    let authority = CertificateDer::from(authority_der.to_vec());
    let verifier = WebPkiClientVerifier::builder_with_provider(only_root(&authority)?, provider())
        .with_crls(lists)
        .only_check_end_entity_revocation()
        .build()?;
    let config = builder(clock)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![credentials.certificate().leaf().clone()], credentials.key().for_tls())?;
    Ok(finished(config, PEER_ALPN))
}

/// For hospitals that enrol: asks for no certificate, and shows the authority's along with its own, so that a client that
/// knows only the authority's fingerprint finds it there.
///
/// # Errors
/// Credentials that rustls cannot use.
pub fn enrolment_server_config(credentials: &Credentials, clock: &Clock) -> Result<Arc<ServerConfig>, IdentityError> {
    let certificate = credentials.certificate();
    let chain = vec![certificate.leaf().clone(), certificate.authority().clone()];
    let config = builder(clock)?.with_no_client_auth().with_single_cert(chain, credentials.key().for_tls())?;
    Ok(finished(config, ENROLMENT_ALPN))
}

/// How long, and over how many bytes, a refused client may take to hang up.
const PARTING_TIME_MAX: Duration = Duration::from_secs(1);
const PARTING_BYTES_MAX: u64 = 256 * 1024;

/// Accepts connections of both kinds on one port.
pub struct ServerTls {
    federation: FederationName,
    clock: Clock,
    /// What the configurations are made of; locked while they are made anew.
    parts: Mutex<Parts>,
    current: ArcSwap<Configs>,
}

struct Parts {
    credentials: Arc<Credentials>,
    crl: Crl,
}

struct Configs {
    peers: Arc<ServerConfig>,
    enrolment: Arc<ServerConfig>,
}

/// An open connection, by what the client has shown.
#[derive(Debug)]
pub enum Accepted {
    /// A holder of a certificate of this federation.
    Peer(Box<TlsStream<TcpStream>>, PeerId),
    /// Someone without a certificate, who may enrol and do nothing else.
    Enrolment(Box<TlsStream<TcpStream>>),
}

impl ServerTls {
    /// Serves with `credentials` and refuses what `crl` revokes.
    ///
    /// # Errors
    /// Credentials or a list that rustls cannot use.
    pub fn new(credentials: Arc<Credentials>, crl: Crl, clock: Clock) -> Result<Self, IdentityError> {
        let parts = Parts { credentials, crl };
        Ok(Self {
            federation: parts.credentials.peer().federation.clone(),
            current: ArcSwap::from_pointee(parts.configs(&clock)?),
            clock,
            parts: Mutex::new(parts),
        })
    }

    /// Puts a new revocation list into force for every connection that opens from now on.
    ///
    /// # Errors
    /// A list that rustls cannot use; the old one stays in force then.
    pub fn reload(&self, crl: Crl) -> Result<(), IdentityError> {
        let parts = self.parts();
        let credentials = parts.credentials.clone();
        self.put(parts, Parts { credentials, crl })
    }

    /// Serves with a renewed certificate from now on.
    ///
    /// # Errors
    /// Credentials of someone else, or that rustls cannot use; the old ones stay in use then.
    pub fn replace_credentials(&self, credentials: Arc<Credentials>) -> Result<(), IdentityError> {
        let parts = self.parts();
        let (expected, found) = (parts.credentials.peer().spiffe_id(), credentials.peer().spiffe_id());
        if expected != found {
            return Err(IdentityError::OtherIdentity { expected, found });
        }
        let crl = parts.crl.clone();
        self.put(parts, Parts { credentials, crl })
    }

    /// Completes the handshake with a client that connected, within `limit`
    /// ([`super::HANDSHAKE_TIMEOUT`] unless there is a reason).
    ///
    /// # Errors
    /// A client without a good certificate, one that does not speak TLS 1.3, one that is silent. All concern this one
    /// connection.
    pub async fn accept(&self, stream: TcpStream, limit: Duration) -> Result<Accepted, HandshakeError> {
        within(limit, self.handshake(stream)).await
    }

    async fn handshake(&self, stream: TcpStream) -> Result<Accepted, HandshakeError> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let configs = self.current.load_full();
        if wants_to_enrol(&start.client_hello()) {
            let stream = start.into_stream(configs.enrolment.clone()).await?;
            return Ok(Accepted::Enrolment(Box::new(stream)));
        }
        match start.into_stream(configs.peers.clone()).into_fallible().await {
            Ok(stream) => {
                let peer = self.peer_of(&stream)?;
                Ok(Accepted::Peer(Box::new(stream), peer))
            }
            Err((reason, stream)) => {
                part_with(stream).await;
                Err(reason.into())
            }
        }
    }

    fn peer_of(&self, stream: &TlsStream<TcpStream>) -> Result<PeerId, IdentityError> {
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let peer = PeerId::from_certificate_der(shown.map(AsRef::as_ref).unwrap_or_default())?;
        if peer.federation != self.federation {
            let expected = SpiffeId { federation: self.federation.clone(), role: peer.role.clone() };
            return Err(IdentityError::OtherIdentity { expected, found: peer.spiffe_id() });
        }
        Ok(peer)
    }

    fn put(&self, mut parts: MutexGuard<'_, Parts>, next: Parts) -> Result<(), IdentityError> {
        self.current.store(Arc::new(next.configs(&self.clock)?));
        *parts = next;
        Ok(())
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        // Parts are replaced as a whole, so a panic elsewhere cannot have left half of them.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    fn configs(&self, clock: &Clock) -> Result<Configs, IdentityError> {
        let authority = self.credentials.certificate().authority();
        Ok(Configs {
            peers: server_config(&self.credentials, authority, &[&self.crl], clock)?,
            enrolment: enrolment_server_config(&self.credentials, clock)?,
        })
    }
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerTls({})", self.federation)
    }
}

/// Waits until a refused client has read why. It may have sent its first request by then, and closing a socket with unread
/// bytes in it makes the system throw away the alert on its way to the client.
async fn part_with(mut stream: TcpStream) {
    let parting = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(PARTING_BYTES_MAX), &mut tokio::io::sink()).await
    };
    // Whatever happens here concerns a client that is refused anyway.
    let _ = tokio::time::timeout(PARTING_TIME_MAX, parting).await;
}

fn wants_to_enrol(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|mut protocols| protocols.any(|protocol| protocol == ENROLMENT_ALPN))
}

fn builder(clock: &Clock) -> Result<ConfigBuilder<ServerConfig, rustls::WantsVerifier>, IdentityError> {
    Ok(ServerConfig::builder_with_details(provider(), clock.provider()).with_protocol_versions(VERSIONS)?)
}

fn finished(mut config: ServerConfig, alpn: &[u8]) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![alpn.to_vec()];
    // A resumed session skips the certificate check, and with it the revocation list.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Arc::new(config)
}
