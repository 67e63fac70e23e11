//! How much is moved at once, and how long nothing may move.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wardround_proto::CallRefusal;
use wardround_storage::Owner;

/// Named limits of the transfer service.
#[derive(Debug, Clone, Copy)]
pub struct TransferLimits {
    /// Longest wait for the next chunk of an upload, or for a peer to take the next one of a download.
    pub idle_timeout: Duration,
    /// Upload streams of one peer at once.
    pub uploads_per_peer_max: usize,
    /// Upload streams of all peers at once.
    pub uploads_max: usize,
    /// Download streams of one peer at once.
    pub downloads_per_peer_max: usize,
    /// Download streams of all peers at once.
    pub downloads_max: usize,
}

/// A limited number of streams, for each peer and for all.
#[derive(Debug)]
pub(super) struct Slots {
    per_peer_max: usize,
    all: Arc<Semaphore>,
    /// One entry per peer that ever came; peers are members of the federation, so few.
    peers: Mutex<BTreeMap<Owner, Arc<Semaphore>>>,
}

/// The right to one stream, until dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _peer: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Slots {
    pub(super) fn new(per_peer_max: usize, all_max: usize) -> Self {
        Self { per_peer_max, all: Arc::new(Semaphore::new(all_max)), peers: Mutex::default() }
    }

    /// A slot for `peer`, or [`CallRefusal::Busy`] at once: a peer that waits here would hold a connection for nothing.
    pub(super) fn take(&self, peer: &Owner) -> Result<Slot, CallRefusal> {
        let of_peer = {
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = || Arc::new(Semaphore::new(self.per_peer_max));
            peers.entry(peer.clone()).or_insert_with(fresh).clone()
        };
        let busy = |_| CallRefusal::Busy;
        let of_peer = of_peer.try_acquire_owned().map_err(busy)?;
        Ok(Slot { _peer: of_peer, _all: self.all.clone().try_acquire_owned().map_err(busy)? })
    }
}

impl Default for TransferLimits {
    /// 30 s; 2 streams a peer and 64 in all, each way.
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(30),
            uploads_per_peer_max: 2,
            uploads_max: 64,
            downloads_per_peer_max: 2,
            downloads_max: 64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_limited_per_peer_and_in_all_and_given_back() {
        let slots = Slots::new(2, 3);
        let [a, b] = ["a", "b"].map(|name| Owner::new(name).expect("a name"));
        let held = [slots.take(&a).expect("first"), slots.take(&a).expect("second")];
        assert_eq!(slots.take(&a).err(), Some(CallRefusal::Busy), "two a peer");
        let _third = slots.take(&b).expect("third in all");
        assert_eq!(slots.take(&b).err(), Some(CallRefusal::Busy), "three in all");
        drop(held);
        assert!(slots.take(&a).is_ok() && slots.take(&b).is_ok());
    }
}
