//! A transfer service on a socket of its own, and a client for it.

use bytes::Bytes;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Channel, Endpoint};
use wardround_coordinator::transfer::{Admission, Admitted, TransferLimits, TransferService};
use wardround_plan::Digest;
use wardround_proto::v1::transfer_client::TransferClient;
use wardround_proto::{Announced, CallRefusal, UploadPurpose, UploadRequest, round_id};
use wardround_storage::{Blobs, Owner, Spool, SpoolLimits};

/// What a test decides about transfers, and what it learns of them.
#[derive(Debug, Default)]
pub struct Decisions {
    /// Refuses every upload.
    pub refuse: Option<CallRefusal>,
    /// Size that every update must have; any where not set.
    pub size_bytes: Option<u64>,
    /// An object that no one may read.
    pub hidden: Option<Digest>,
    /// Uploads that were handed over.
    pub finished: Vec<UploadRequest>,
}

/// Decides as the test says.
#[derive(Clone, Default)]
pub struct Desk(pub Arc<Mutex<Decisions>>);

#[tonic::async_trait]
impl Admission for Desk {
    async fn admit(&self, _: &Owner, upload: &UploadRequest) -> Result<Admitted, CallRefusal> {
        let decisions = self.0.lock().expect("no test panics with it");
        let size_bytes = decisions.size_bytes.unwrap_or(upload.object.size_bytes);
        decisions.refuse.map_or(Ok(Admitted { size_bytes }), Err)
    }

    async fn finished(&self, _: &Owner, upload: &UploadRequest) -> Result<(), CallRefusal> {
        self.0.lock().expect("no test panics with it").finished.push(upload.clone());
        Ok(())
    }

    async fn readable(&self, _: &Owner, digest: &Digest) -> Result<(), CallRefusal> {
        let hidden = self.0.lock().expect("no test panics with it").hidden;
        if hidden == Some(*digest) { Err(CallRefusal::NotFound) } else { Ok(()) }
    }
}

/// A coordinator's half and a site's half, each with a folder.
pub struct Place {
    pub address: SocketAddr,
    pub desk: Desk,
    pub coordinator: Spool,
    pub site: Spool,
    _folders: [tempfile::TempDir; 2],
    _server: DropGuard,
}

impl Place {
    pub async fn new() -> Self {
        Self::with(TransferLimits::default()).await
    }

    pub async fn with(limits: TransferLimits) -> Self {
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let [coordinator, site] = [0, 1].map(|side| spool(folders[side].path()));
        let desk = Desk::default();
        let (address, _server) = serve(coordinator.clone(), desk.clone(), limits, Some("site-a")).await;
        Self { address, desk, coordinator, site, _folders: folders, _server }
    }

    pub async fn client(&self) -> TransferClient<Channel> {
        connect(self.address).await
    }
}

pub fn spool(folder: &Path) -> Spool {
    Spool::open(&Blobs::open(folder).expect("usable"), SpoolLimits::default()).expect("usable")
}

/// Serves until the guard is dropped. Every caller is `peer`.
pub async fn serve(
    spool: Spool,
    desk: Desk,
    limits: TransferLimits,
    peer: Option<&'static str>,
) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let stop = CancellationToken::new();
    let identify = move |_: &tonic::Extensions| peer.map(|name| Owner::new(name).expect("a name"));
    let service = TransferService::new(desk, identify, spool, limits).into_server();
    let serving = wardround_proto::server()
        .add_service(service)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.clone().cancelled_owned());
    tokio::spawn(serving);
    (address, stop.drop_guard())
}

pub async fn connect(address: SocketAddr) -> TransferClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    TransferClient::new(wardround_proto::endpoint(endpoint).connect().await.expect("served"))
}

/// `length` bytes without a pattern that repeats at chunk borders; different for each `seed`.
pub fn bytes(length: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length.div_ceil(8)).flat_map(|_| next()).take(length).collect()
}

pub fn object(bytes: &[u8]) -> Announced {
    Announced { digest: Digest::of(bytes), size_bytes: bytes.len() as u64 }
}

pub fn update(object: Announced) -> UploadRequest {
    UploadRequest { purpose: UploadPurpose::Summand(round_id("hearts", 3, 1, false).expect("good")), object }
}

pub fn coordinator() -> Owner {
    Owner::new("coordinator").expect("a name")
}
