//! Uploads that were announced and admitted, by the id that later messages name them with.
//!
//! Kept in memory only: after a restart a peer is told that its upload is not found, opens it again, and goes on.

use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use wardround_proto::{CallRefusal, UploadRequest};
use wardround_storage::Owner;

/// Uploads remembered per peer; one more forgets the oldest.
const OPENED_PER_PEER_MAX: usize = 8;

/// Admitted uploads of all peers.
#[derive(Debug, Default)]
pub(super) struct Opened(Mutex<BTreeMap<Owner, VecDeque<Upload>>>);

#[derive(Debug)]
struct Upload {
    id: Bytes,
    request: UploadRequest,
    is_finished: bool,
}

impl Opened {
    /// Remembers an admitted upload, and gives its id.
    pub(super) fn insert(&self, peer: &Owner, request: UploadRequest) -> Bytes {
        let id = request.id(peer.as_str());
        let mut peers = self.peers();
        let uploads = peers.entry(peer.clone()).or_default();
        if uploads.iter().all(|upload| upload.id != id) {
            uploads.truncate(OPENED_PER_PEER_MAX - 1);
            uploads.push_front(Upload { id: id.clone(), request, is_finished: false });
        }
        id
    }

    /// Notes that an upload was handed over.
    pub(super) fn finish(&self, peer: &Owner, id: &Bytes) {
        let mut peers = self.peers();
        let uploads = peers.get_mut(peer).into_iter().flatten();
        uploads.filter(|upload| upload.id == id).for_each(|upload| upload.is_finished = true);
    }

    /// An upload of this `peer`; those of others are not found.
    pub(super) fn find(&self, peer: &Owner, id: &Bytes) -> Result<UploadRequest, CallRefusal> {
        let peers = self.peers();
        let mut uploads = peers.get(peer).into_iter().flatten();
        uploads.find(|upload| upload.id == id).map(|upload| upload.request.clone()).ok_or(CallRefusal::NotFound)
    }

    /// True where the upload was handed over before.
    pub(super) fn is_finished(&self, peer: &Owner, id: &Bytes) -> bool {
        self.peers().get(peer).into_iter().flatten().any(|upload| upload.id == id && upload.is_finished)
    }

    fn peers(&self) -> MutexGuard<'_, BTreeMap<Owner, VecDeque<Upload>>> {
        // The table is consistent at every point where code that holds it could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_plan::Digest;
    use wardround_proto::{Announced, UploadPurpose};

    fn request(size_bytes: u64) -> UploadRequest {
        let object = Announced { digest: Digest::of(b"x"), size_bytes };
        UploadRequest { purpose: UploadPurpose::InitialModel, object }
    }

    #[test]
    fn an_upload_is_found_by_its_own_peer_only() {
        let opened = Opened::default();
        let [a, b] = ["a", "b"].map(|name| Owner::new(name).expect("a name"));
        let id = opened.insert(&a, request(1));
        assert_eq!(opened.find(&a, &id), Ok(request(1)));
        assert_eq!(opened.find(&b, &id), Err(CallRefusal::NotFound));
        assert_eq!(opened.find(&a, &Bytes::new()), Err(CallRefusal::NotFound));
    }

    #[test]
    fn one_more_than_the_limit_forgets_the_oldest_and_a_repeat_none() {
        let opened = Opened::default();
        let peer = Owner::new("a").expect("a name");
        let ids: Vec<_> = (1..=OPENED_PER_PEER_MAX as u64).map(|n| opened.insert(&peer, request(n))).collect();
        opened.finish(&peer, &ids[0]);
        assert_eq!(opened.insert(&peer, request(1)), ids[0]);
        assert!(ids.iter().all(|id| opened.find(&peer, id).is_ok()) && opened.is_finished(&peer, &ids[0]));
        opened.insert(&peer, request(99));
        assert_eq!(opened.find(&peer, &ids[0]), Err(CallRefusal::NotFound));
        assert!(opened.find(&peer, &ids[1]).is_ok() && !opened.is_finished(&peer, &ids[1]));
    }
}
