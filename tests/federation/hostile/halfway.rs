//! A line that goes dead in the middle of an upload: what a site sends beyond so many bytes never arrives, and nobody is told.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes copied at a time.
const BLOCK_BYTES: usize = 4096;

/// A listener in front of a coordinator.
pub struct Halfway {
    address: SocketAddr,
    /// What still passes from sites to the coordinator.
    left: Arc<AtomicU64>,
}

impl Halfway {
    /// Lets `up_bytes_max` bytes through to `coordinator`, and all that comes back.
    pub fn before(coordinator: SocketAddr, up_bytes_max: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let (address, left) = (listener.local_addr().expect("bound"), Arc::new(AtomicU64::new(up_bytes_max)));
        let budget = left.clone();
        std::thread::spawn(move || {
            while let Ok((site, _)) = listener.accept() {
                let Ok(coordinator) = TcpStream::connect(coordinator) else { continue };
                join(site, coordinator, budget.clone());
            }
        });
        Self { address, left }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the line is dead.
    pub fn is_dead(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

fn join(site: TcpStream, coordinator: TcpStream, left: Arc<AtomicU64>) {
    let (from_site, to_coordinator) = (site.try_clone(), coordinator.try_clone());
    if let (Ok(from_site), Ok(to_coordinator)) = (from_site, to_coordinator) {
        std::thread::spawn(move || pass(from_site, to_coordinator, |block| take(&left, block)));
        std::thread::spawn(move || pass(coordinator, site, |block| block));
    }
}

/// Copies what `admit` lets through until one end closes.
fn pass(mut from: TcpStream, mut to: TcpStream, admit: impl Fn(usize) -> usize) {
    let mut block = [0; BLOCK_BYTES];
    while let Ok(read @ 1..) = from.read(&mut block) {
        if to.write_all(&block[..admit(read)]).is_err() {
            break;
        }
    }
    // Already closed by the other end, perhaps.
    let _ = to.shutdown(Shutdown::Both);
}

/// How many of `bytes` may still pass.
fn take(left: &AtomicU64, bytes: usize) -> usize {
    let before = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(bytes as u64)));
    before.map_or(0, |before| (before as usize).min(bytes))
}

#[test]
fn a_line_that_is_dead_takes_everything_and_delivers_nothing() {
    let coordinator = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let halfway = Halfway::before(coordinator.local_addr().expect("bound"), 5);
    let mut site = TcpStream::connect(halfway.address()).expect("it listens");
    let (mut accepted, _) = coordinator.accept().expect("it is let through");
    site.write_all(b"half and no more").expect("taken");
    site.shutdown(Shutdown::Write).expect("open");
    let mut heard = Vec::new();
    accepted.read_to_end(&mut heard).expect("closed in order");
    assert_eq!(heard, b"half ");
    assert!(halfway.is_dead());
}
