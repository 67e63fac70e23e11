//! A wire that breaks: forwards TCP connections, and cuts the first ones after a number of bytes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Where a connection breaks.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// After so many bytes to the coordinator.
    Up(u64),
    /// After so many bytes to the site.
    Down(u64),
}

/// Bytes that crossed one connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Crossed {
    pub up: u64,
    pub down: u64,
}

/// A relay to one address.
pub struct Relay {
    pub address: SocketAddr,
    crossed: Arc<Mutex<Vec<Crossed>>>,
}

impl Relay {
    /// Forwards to `target`. The first connections are cut as listed, later ones never.
    pub async fn to(target: SocketAddr, cuts: impl Into<VecDeque<Cut>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let crossed = Arc::new(Mutex::new(Vec::new()));
        let (counts, mut cuts) = (crossed.clone(), cuts.into());
        tokio::spawn(async move {
            while let Ok((site, _)) = listener.accept().await {
                let Ok(coordinator) = TcpStream::connect(target).await else { continue };
                tokio::spawn(forward(site, coordinator, cuts.pop_front(), Counter::new(&counts)));
            }
        });
        Self { address, crossed }
    }

    /// What crossed each connection so far, in the order in which they came.
    pub fn crossed(&self) -> Vec<Crossed> {
        self.crossed.lock().expect("no panic with it").clone()
    }
}

/// Counts the bytes of one connection.
#[derive(Clone)]
struct Counter {
    all: Arc<Mutex<Vec<Crossed>>>,
    connection: usize,
}

impl Counter {
    fn new(all: &Arc<Mutex<Vec<Crossed>>>) -> Self {
        let mut counts = all.lock().expect("no panic with it");
        counts.push(Crossed::default());
        Self { all: all.clone(), connection: counts.len() - 1 }
    }

    fn add(&self, count: impl FnOnce(&mut Crossed)) {
        count(&mut self.all.lock().expect("no panic with it")[self.connection]);
    }
}

/// Ends, and thereby closes both sockets, when either direction ends.
async fn forward(site: TcpStream, coordinator: TcpStream, cut: Option<Cut>, counter: Counter) {
    let ((from_site, to_site), (from_coordinator, to_coordinator)) = (site.into_split(), coordinator.into_split());
    let (up_max, down_max) = match cut {
        Some(Cut::Up(bytes)) => (bytes, u64::MAX),
        Some(Cut::Down(bytes)) => (u64::MAX, bytes),
        None => (u64::MAX, u64::MAX),
    };
    tokio::select! {
        () = pump(from_site, to_coordinator, up_max, |bytes| counter.add(|crossed| crossed.up += bytes)) => {}
        () = pump(from_coordinator, to_site, down_max, |bytes| counter.add(|crossed| crossed.down += bytes)) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, bytes_max: u64, count: impl Fn(u64)) {
    let (mut buffer, mut left) = (vec![0; 64 * 1024], bytes_max);
    while left > 0 {
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let Ok(read @ 1..) = from.read(&mut buffer[..room]).await else { return };
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        left -= read as u64;
        count(read as u64);
    }
}
