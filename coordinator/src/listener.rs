//! The one door: TCP in, TLS checked, connections handed to the right set of services.
//!
//! tonic's own TLS has no revocation list and no reload, so the handshake is done here. What comes out is a stream
//! that knows its peer, and that ends the moment its certificate is revoked: TLS itself checks only at the handshake.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;
use wardround_identity::tls::{Accepted, HANDSHAKE_TIMEOUT, ServerTls};
use wardround_identity::{Crl, PeerId, Serial};

/// Pause after the operating system refuses a connection, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that passed the handshake and wait to be served.
const QUEUE_MAX: usize = 64;

/// A stream with a peer that has shown its certificate.
pub struct PeerStream {
    inner: Box<TlsStream<TcpStream>>,
    peer: PeerId,
    revoked: Pin<Box<WaitForCancellationFutureOwned>>,
    _open: Registered,
    _permit: OwnedSemaphorePermit,
}

/// A stream with somebody who has no certificate yet.
pub struct NewcomerStream {
    inner: Box<TlsStream<TcpStream>>,
    _permit: OwnedSemaphorePermit,
}

/// Open connections with the serial of their certificate, so that they can be closed when it is revoked.
#[derive(Clone, Default)]
pub struct Connections {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    open: BTreeMap<u64, (Serial, CancellationToken)>,
    revoked: BTreeSet<Serial>,
}

/// An open connection; forgotten when dropped.
struct Registered {
    connections: Connections,
    number: u64,
    token: CancellationToken,
}

/// Connections for the two sets of services.
pub struct Doors {
    /// Peers with a certificate.
    pub peers: mpsc::Receiver<io::Result<PeerStream>>,
    /// Those who want one.
    pub newcomers: mpsc::Receiver<io::Result<NewcomerStream>>,
}

/// Bounds of the accept loop.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Handshakes under way.
    pub handshakes_max: u32,
    /// Connections open.
    pub connections_max: u32,
}

impl Connections {
    /// Closes every connection whose certificate is revoked, and refuses its calls from now on.
    pub fn revoke(&self, crl: &Crl) {
        let mut inner = self.lock();
        inner.revoked = crl.serials.clone();
        let closing = inner.open.values().filter(|(serial, _)| crl.serials.contains(serial));
        closing.for_each(|(_, token)| token.cancel());
    }

    /// Whether a certificate is revoked; asked on every call.
    pub fn is_revoked(&self, serial: &Serial) -> bool {
        self.lock().revoked.contains(serial)
    }

    fn register(&self, serial: Serial) -> Registered {
        let token = CancellationToken::new();
        let mut inner = self.lock();
        inner.next += 1;
        let number = inner.next;
        inner.open.insert(number, (serial, token.clone()));
        Registered { connections: self.clone(), number, token }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.connections.lock().open.remove(&self.number);
    }
}

/// Accepts until the doors are closed from inside.
pub fn open_doors(listener: TcpListener, tls: Arc<ServerTls>, connections: Connections, bounds: Bounds) -> Doors {
    let (peers_in, peers) = mpsc::channel(QUEUE_MAX);
    let (newcomers_in, newcomers) = mpsc::channel(QUEUE_MAX);
    tokio::spawn(async move {
        let handshakes = Arc::new(Semaphore::new(bounds.handshakes_max as usize));
        let open = Arc::new(Semaphore::new(bounds.connections_max as usize));
        while !peers_in.is_closed() {
            // Waiting for a permit before accepting leaves the rest in the kernel's queue.
            let (Ok(handshake), Ok(permit)) =
                (handshakes.clone().acquire_owned().await, open.clone().acquire_owned().await)
            else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let door = Door {
                tls: tls.clone(),
                connections: connections.clone(),
                peers: peers_in.clone(),
                newcomers: newcomers_in.clone(),
            };
            tokio::spawn(async move {
                door.let_in(stream, permit).await;
                drop(handshake);
            });
        }
    });
    Doors { peers, newcomers }
}

struct Door {
    tls: Arc<ServerTls>,
    connections: Connections,
    peers: mpsc::Sender<io::Result<PeerStream>>,
    newcomers: mpsc::Sender<io::Result<NewcomerStream>>,
}

impl Door {
    async fn let_in(self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let from = stream.peer_addr().map(|address| address.to_string()).unwrap_or_default();
        let _ = stream.set_nodelay(true);
        match self.tls.accept(stream, HANDSHAKE_TIMEOUT).await {
            Ok(Accepted::Peer(inner, peer)) => {
                let registered = self.connections.register(peer.serial);
                // A revocation between the handshake and this line would otherwise be missed.
                if self.connections.is_revoked(&peer.serial) {
                    return;
                }
                let revoked = Box::pin(registered.token.clone().cancelled_owned());
                let stream = PeerStream { inner, peer, revoked, _open: registered, _permit: permit };
                let _ = self.peers.send(Ok(stream)).await;
            }
            Ok(Accepted::Enrolment(inner)) => {
                let _ = self.newcomers.send(Ok(NewcomerStream { inner, _permit: permit })).await;
            }
            Err(error) => tracing::info!(%from, %error, "connection refused"),
        }
    }
}

impl Connected for PeerStream {
    type ConnectInfo = PeerId;
    fn connect_info(&self) -> PeerId {
        self.peer.clone()
    }
}

impl Connected for NewcomerStream {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

impl AsyncRead for PeerStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.revoked.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the peer's certificate was revoked",
            )));
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncRead for NewcomerStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

macro_rules! write_through {
    ($type:ty) => {
        impl AsyncWrite for $type {
            fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.inner).poll_write(cx, buf)
            }
            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.inner).poll_flush(cx)
            }
            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.inner).poll_shutdown(cx)
            }
            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
            }
            fn is_write_vectored(&self) -> bool {
                self.inner.is_write_vectored()
            }
        }
    };
}
write_through!(PeerStream);
write_through!(NewcomerStream);
