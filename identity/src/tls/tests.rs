//! Real handshakes over loopback.

use super::*;
use crate::testing::{Federation, NOW, site};
use crate::{Credentials, Crl, PeerId, Role, load_crl};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wardround_plan::{Digest, Timestamp};

struct Served {
    federation: Federation,
    tls: ServerTls,
}

/// How a connection ended, as each side saw it.
struct Outcome {
    server: Result<Accepted, HandshakeError>,
    client: Result<(), Box<dyn std::error::Error>>,
}

impl Served {
    async fn new() -> Self {
        let federation = Federation::new("lung").await;
        let tls = server(&federation, federation.coordinator().await, NOW);
        Self { federation, tls }
    }

    async fn dialled_by(&self, client: &ClientTls) -> Outcome {
        let (server, client) = self.meet(async |stream| talk(client, stream).await).await;
        Outcome { server, client }
    }

    async fn dialled_with(&self, credentials: &Credentials) -> Outcome {
        self.dialled_by(&ClientTls::peer(credentials, &standing()).expect("configured")).await
    }

    /// Accepts one connection, says "hello" on it, and runs `client` at its other end.
    async fn meet<T>(&self, client: impl AsyncFnOnce(TcpStream) -> T) -> (Result<Accepted, HandshakeError>, T) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = async {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut accepted = self.tls.accept(stream, HANDSHAKE_TIMEOUT).await?;
            let stream = match &mut accepted {
                Accepted::Peer(stream, _) | Accepted::Enrolment(stream) => stream,
            };
            stream.write_all(b"hello").await?;
            stream.flush().await?;
            Ok(accepted)
        };
        tokio::join!(server, async { client(TcpStream::connect(address).await.expect("connected")).await })
    }
}

fn server(federation: &Federation, credentials: Credentials, now: Timestamp) -> ServerTls {
    let crl = load_crl(&federation.folder()).expect("readable");
    ServerTls::new(Arc::new(credentials), crl, Clock::standing_at(now)).expect("configured")
}

fn standing() -> Clock {
    Clock::standing_at(NOW)
}

async fn talk(client: &ClientTls, stream: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    let mut stream = client.connect("localhost", stream, HANDSHAKE_TIMEOUT).await?;
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).await?;
    assert_eq!(&heard, b"hello");
    Ok(())
}

impl Outcome {
    fn peer(self) -> PeerId {
        self.client.expect("the client was served");
        match self.server.expect("the client was accepted") {
            Accepted::Peer(_, peer) => peer,
            Accepted::Enrolment(_) => panic!("expected a peer"),
        }
    }

    /// What the refused client's people read.
    fn refused_by_server(self) -> String {
        assert!(self.server.is_err(), "the server must refuse");
        self.client_words()
    }

    fn client_words(self) -> String {
        let error = self.client.expect_err("the client must learn it");
        alert_in_words(error.as_ref()).unwrap_or_else(|| panic!("no words for {error:?}"))
    }
}

#[tokio::test]
async fn sites_are_told_apart_by_their_certificates() {
    let served = Served::new().await;
    for name in ["st-anna", "st-berta"] {
        let credentials = served.federation.enrolled(name).await;
        let peer = served.dialled_with(&credentials).await.peer();
        assert_eq!(peer.role, Role::Site(site(name)));
        assert_eq!(&peer, credentials.peer());
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let served = Served::new().await;
    let hour = Duration::from_secs(3600).as_millis() as u64;
    let week_ago = |hours: u64| Timestamp::from_ms(NOW.as_ms() - (7 * 24 - hours) * hour);
    let fresh = served.federation.enrolled_at("st-anna", week_ago(1)).await;
    served.dialled_with(&fresh).await.peer();
    let expired = served.federation.enrolled_at("st-berta", week_ago(0)).await;
    // Valid to the second at which it expires, and not one longer.
    served.dialled_with(&expired).await.peer();
    let later = Timestamp::from_ms(NOW.as_ms() + 1000);
    let served = Served { tls: server(&served.federation, served.federation.coordinator().await, later), ..served };
    let words = served.dialled_with(&expired).await.refused_by_server();
    assert!(words.contains("this site's certificate has expired"), "{words}");
    served.dialled_with(&fresh).await.peer();
}

#[tokio::test]
async fn a_revoked_site_is_refused_after_a_reload_while_another_goes_on() {
    let served = Served::new().await;
    let anna = served.federation.enrolled("st-anna").await;
    let berta = served.federation.enrolled("st-berta").await;
    served.dialled_with(&anna).await.peer();
    served.federation.authority.revoke(&site("st-anna"), NOW).await.expect("revoked");
    served.tls.reload(load_crl(&served.federation.folder()).expect("readable")).expect("reloaded");
    let words = served.dialled_with(&anna).await.refused_by_server();
    assert!(words.contains("revoked") && words.contains("new invitation"), "{words}");
    served.dialled_with(&berta).await.peer();
}

#[tokio::test]
async fn a_refused_client_that_talks_first_still_learns_why() {
    let served = Served::new().await;
    let anna = served.federation.enrolled("st-anna").await;
    served.federation.authority.revoke(&site("st-anna"), NOW).await.expect("revoked");
    served.tls.reload(load_crl(&served.federation.folder()).expect("readable")).expect("reloaded");
    let client = ClientTls::peer(&anna, &standing()).expect("configured");
    for _ in 0..5 {
        let (server, answer) = served
            .meet(async |stream: TcpStream| {
                let mut stream = client.connect("localhost", stream, HANDSHAKE_TIMEOUT).await.expect("not yet refused");
                for _ in 0..10 {
                    stream.write_all(&[0; 8 * 1024]).await.and(stream.flush().await).expect("nobody hung up");
                    // The server refuses somewhere in between.
                    tokio::task::yield_now().await;
                }
                stream.read_u8().await.expect_err("refused")
            })
            .await;
        assert!(server.is_err());
        assert!(alert_in_words(&answer).is_some_and(|words| words.contains("revoked")), "{answer:?}");
    }
}

#[tokio::test]
async fn the_same_name_from_another_authority_is_refused() {
    let served = Served::new().await;
    let impostors = Served::new().await;
    let impostor = impostors.federation.enrolled("st-anna").await;
    assert_eq!(impostor.peer().spiffe_id(), served.federation.enrolled("st-anna").await.peer().spiffe_id());
    // The client notices first; one that trusts whomever it meets is refused by the server.
    let words = served.dialled_with(&impostor).await.client_words();
    assert!(words.contains("not issued by the federation's authority"), "{words}");
    let words = served.dialled_by(&trusting(Some(&impostor))).await.refused_by_server();
    assert!(words.contains("another federation"), "{words}");
}

/// A client that trusts every server and shows this certificate, or none.
fn trusting(shown: Option<&Credentials>) -> ClientTls {
    let builder = rustls::ClientConfig::builder_with_details(provider(), standing().provider())
        .with_protocol_versions(VERSIONS)
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting));
    let mut config = match shown {
        None => builder.with_no_client_auth(),
        Some(shown) => builder
            .with_client_auth_cert(vec![shown.certificate().leaf().clone()], shown.key().for_tls())
            .expect("key and certificate fit"),
    };
    config.alpn_protocols = vec![PEER_ALPN.to_vec()];
    ClientTls::of(config)
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let served = Served::new().await;
    let words = served.dialled_by(&trusting(None)).await.refused_by_server();
    assert!(words.contains("shown no certificate"), "{words}");
}

#[tokio::test]
async fn a_site_cannot_pose_as_the_coordinator() {
    let served = Served::new().await;
    let posing = served.federation.enrolled("st-anna").await;
    let served = Served { tls: server(&served.federation, posing, NOW), ..served };
    let victim = served.federation.enrolled("st-berta").await;
    let words = served.dialled_with(&victim).await.client_words();
    assert!(words.contains("not its coordinator"), "{words}");
    let enrolling = ClientTls::enrolment(served.federation.authority.fingerprint(), &standing()).expect("configured");
    let words = served.dialled_by(&enrolling).await.client_words();
    assert!(words.contains("not its coordinator"), "{words}");
}

#[tokio::test]
async fn a_certificate_that_may_serve_but_is_no_coordinators_is_refused() {
    let federation = Federation::new("lung").await;
    let certificate = federation.coordinator().await;
    let other = crate::FederationName::new("heart").expect("a name");
    let roots = only_root(certificate.certificate().authority()).expect("a root");
    let verifier = verifier::CoordinatorVerifier::new(verifier::Trust::Authority { roots, federation: other });
    let time = standing().provider().current_time().expect("standing");
    let name = "localhost".try_into().expect("a host");
    let leaf = certificate.certificate().leaf();
    let error = rustls::client::danger::ServerCertVerifier::verify_server_cert(&*verifier, leaf, &[], &name, &[], time);
    let words = alert_in_words(&error.expect_err("another federation's")).expect("words");
    assert!(words.contains("spiffe://lung/coordinator") && words.contains("spiffe://heart/coordinator"), "{words}");
}

#[tokio::test]
async fn enrolment_needs_only_the_pin() {
    let served = Served::new().await;
    let pin = served.federation.authority.fingerprint();
    let outcome = served.dialled_by(&ClientTls::enrolment(pin, &standing()).expect("configured")).await;
    outcome.client.expect("served");
    assert!(matches!(outcome.server, Ok(Accepted::Enrolment(_))));
}

#[tokio::test]
async fn another_pin_is_refused_with_both_reasons() {
    let served = Served::new().await;
    let pins = [Digest::of(b"another"), Digest::of(served.federation.coordinator().await.certificate().leaf())];
    for pin in pins {
        let client = ClientTls::enrolment(pin, &standing()).expect("configured");
        let words = served.dialled_by(&client).await.client_words();
        assert!(words.contains("--ca-sha256") && words.contains("proxy"), "{words}");
    }
}

#[tokio::test]
async fn an_enroller_with_a_certificate_of_a_peer_stays_an_enroller() {
    let served = Served::new().await;
    let credentials = served.federation.enrolled("st-anna").await;
    let mut config = client_config(&credentials, &standing()).expect("configured");
    config.alpn_protocols = vec![PEER_ALPN.to_vec(), ENROLMENT_ALPN.to_vec()];
    let outcome = served.dialled_by(&ClientTls::of(config)).await;
    assert!(matches!(outcome.server, Ok(Accepted::Enrolment(_))));
}

/// A ClientHello of TLS 1.2 as RFC 5246 writes it: no `supported_versions`, one suite, P-256.
const TLS12_HELLO: &[u8] = &[
    0x16, 0x03, 0x01, 0x00, 0x45, // a handshake record
    0x01, 0x00, 0x00, 0x41, // ClientHello
    0x03, 0x03, // version 1.2
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    32, 0x00, // no session
    0x00, 0x02, 0xc0, 0x2b, // ECDHE-ECDSA-AES128-GCM-SHA256
    0x01, 0x00, // no compression
    0x00, 0x16, // extensions:
    0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17, // groups: P-256
    0x00, 0x0b, 0x00, 0x02, 0x01, 0x00, // uncompressed points
    0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03, // ECDSA with P-256 and SHA-256
];

#[tokio::test]
async fn tls_1_2_is_refused_with_the_alert_for_it() {
    let served = Served::new().await;
    let (server, answer) = served
        .meet(async |mut stream: TcpStream| {
            stream.write_all(TLS12_HELLO).await.expect("sent");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.map(|_| answer)
        })
        .await;
    assert!(server.is_err());
    assert_eq!(answer.expect("an answer")[..7], [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 70]);
}

#[tokio::test]
async fn bytes_that_are_not_tls_are_refused() {
    let served = Served::new().await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4096], &[0x16, 3, 1, 0xff, 0xff, 1], b""] {
        let (server, ()) = served
            .meet(async |mut stream: TcpStream| {
                // The server may close before it has read everything.
                let _: io::Result<()> = stream.write_all(garbage).await;
            })
            .await;
        assert!(server.is_err());
    }
}

#[tokio::test]
async fn a_silent_client_is_let_go() {
    let served = Served::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
    let (stream, _) = listener.accept().await.expect("a connection");
    let refused = served.tls.accept(stream, Duration::from_millis(1)).await;
    assert!(matches!(refused, Err(HandshakeError::TimedOut { .. })));
    drop(silent);
}

#[tokio::test]
async fn sessions_are_not_resumed() {
    let served = Served::new().await;
    let anna = served.federation.enrolled("st-anna").await;
    // A client that would resume if it were given a ticket.
    let mut config = client_config(&anna, &standing()).expect("configured");
    config.resumption = rustls::client::Resumption::in_memory_sessions(8);
    let client = ClientTls::of(config);
    served.dialled_by(&client).await.peer();
    let (_, kind) = served
        .meet(async |stream: TcpStream| {
            let mut stream = client.connect("localhost", stream, HANDSHAKE_TIMEOUT).await.expect("served");
            stream.read_exact(&mut [0; 5]).await.expect("hello");
            stream.get_ref().1.handshake_kind()
        })
        .await;
    assert_eq!(kind, Some(rustls::HandshakeKind::Full));
}

#[tokio::test]
async fn the_coordinator_takes_up_a_renewed_certificate_and_no_other() {
    let served = Served::new().await;
    let anna = Arc::new(served.federation.enrolled("st-anna").await);
    assert!(matches!(served.tls.replace_credentials(anna.clone()), Err(IdentityError::OtherIdentity { .. })));
    let renewed = Arc::new(served.federation.coordinator().await);
    served.tls.replace_credentials(renewed.clone()).expect("renewed");
    let client = ClientTls::peer(&anna, &standing()).expect("configured");
    let (_, shown) = served
        .meet(async |stream: TcpStream| {
            let stream = client.connect("localhost", stream, HANDSHAKE_TIMEOUT).await.expect("served");
            Digest::of(&stream.get_ref().1.peer_certificates().expect("shown")[0])
        })
        .await;
    assert_eq!(shown, renewed.peer().fingerprint);
}

#[tokio::test]
async fn a_list_of_another_authority_locks_out_instead_of_letting_in() {
    let served = Served::new().await;
    let other = Federation::new("lung").await;
    let foreign: Crl = load_crl(&other.folder()).expect("readable");
    served.tls.reload(foreign).expect("rustls reads it");
    let anna = served.federation.enrolled("st-anna").await;
    assert!(served.dialled_with(&anna).await.server.is_err());
}

/// Accepts any server: for playing a client that does not care whom it talks to.
#[derive(Debug)]
struct Trusting;

impl rustls::client::danger::ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("not offered".into()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
