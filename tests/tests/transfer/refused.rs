//! What a sender must not do: each is refused with its word, and the upload can still be finished well.

use crate::place::{Desk, Place, bytes, connect, coordinator, object, serve, spool, update};
use bytes::Bytes;
use std::time::Duration;
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;
use tonic::{Code, Status};
use wardround_client::transfer::{TransferError, download, upload};
use wardround_coordinator::transfer::TransferLimits;
use wardround_proto::v1::transfer_client::TransferClient;
use wardround_proto::v1::{Chunk, DownloadRequest, FinishUploadRequest, OpenUploadRequest, UploadProgress};
use wardround_proto::{Announced, CHUNK_BYTES, CallRefusal, MESSAGE_BYTES_MAX, UploadRequest, encode_chunk};

const LENGTH: usize = 3 * CHUNK_BYTES;

/// An open upload and the bytes that belong into it.
struct Open {
    place: Place,
    client: TransferClient<Channel>,
    id: Bytes,
    whole: Bytes,
}

impl Open {
    async fn new() -> Self {
        Self::at(Place::new().await).await
    }

    async fn at(place: Place) -> Self {
        let (mut client, whole) = (place.client().await, bytes(LENGTH, 1));
        let id = open(&mut client, &update(object(&whole))).await.expect("admitted");
        Self { place, client, id, whole }
    }

    /// How many uploads were handed over.
    fn finished(&self) -> usize {
        self.place.desk.0.lock().expect("usable").finished.len()
    }

    fn chunk(&self, index: usize) -> Chunk {
        let at = index * CHUNK_BYTES;
        let data = self.whole.slice(at..at + CHUNK_BYTES);
        Chunk { upload_id: self.id.clone(), ..encode_chunk(at as u64, data) }
    }

    async fn send(&mut self, chunks: Vec<Chunk>) -> Result<UploadProgress, Status> {
        self.client.upload(tokio_stream::iter(chunks)).await.map(|answer| answer.into_inner())
    }

    async fn finish(&mut self) -> Result<(), Status> {
        self.client.finish_upload(FinishUploadRequest { upload_id: self.id.clone() }).await.map(drop)
    }
}

async fn open(client: &mut TransferClient<Channel>, request: &UploadRequest) -> Result<Bytes, Status> {
    let answer = client.open_upload(OpenUploadRequest::from(request)).await;
    answer.map(|answer| answer.into_inner().upload_id)
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> Option<CallRefusal> {
    CallRefusal::of(&answer.expect_err("refused"))
}

/// Sends a good chunk and then a bad one; the good one stays, and the rest completes the upload.
async fn check_bad_chunk(spoil: impl Fn(Chunk) -> Chunk, expected: CallRefusal) {
    let mut upload = Open::new().await;
    let chunks = vec![upload.chunk(0), spoil(upload.chunk(1))];
    assert_eq!(refusal(upload.send(chunks).await), Some(expected));
    let progress = upload.send(vec![upload.chunk(1), upload.chunk(2)]).await.expect("goes on after the good chunk");
    assert_eq!(progress.committed_offset, LENGTH as u64);
    upload.finish().await.expect("whole");
    assert_eq!(upload.finished(), 1);
}

#[tokio::test]
async fn a_corrupted_chunk_is_refused() {
    check_bad_chunk(|chunk| Chunk { data: bytes(CHUNK_BYTES, 9), ..chunk }, CallRefusal::CorruptChunk).await;
}

#[tokio::test]
async fn a_gap_and_a_repeat_are_refused() {
    check_bad_chunk(|chunk| Chunk { offset: chunk.offset + 1, ..chunk }, CallRefusal::WrongOffset).await;
    check_bad_chunk(|chunk| Chunk { offset: 0, ..chunk }, CallRefusal::WrongOffset).await;
}

#[tokio::test]
async fn an_empty_and_an_oversize_chunk_are_refused() {
    check_bad_chunk(|chunk| encode_chunk(chunk.offset, Bytes::new()), CallRefusal::Malformed).await;
    check_bad_chunk(|chunk| encode_chunk(chunk.offset, bytes(CHUNK_BYTES + 1, 3)), CallRefusal::TooLarge).await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_before_it_is_read() {
    let mut upload = Open::new().await;
    let huge = Chunk { data: Bytes::from(vec![0; MESSAGE_BYTES_MAX + 1]), ..upload.chunk(0) };
    assert_eq!(upload.send(vec![huge]).await.expect_err("refused").code(), Code::OutOfRange);
}

#[tokio::test]
async fn bytes_after_the_announced_size_are_refused() {
    let mut upload = Open::new().await;
    let past = encode_chunk(LENGTH as u64, Bytes::from_static(b"x"));
    let chunks = vec![upload.chunk(0), upload.chunk(1), upload.chunk(2), past];
    assert_eq!(refusal(upload.send(chunks).await), Some(CallRefusal::TooLarge));
    upload.finish().await.expect("every announced byte is there");
}

#[tokio::test]
async fn a_truncated_stream_is_refused_and_cannot_be_finished() {
    let mut upload = Open::new().await;
    let chunks = vec![upload.chunk(0)];
    assert_eq!(refusal(upload.send(chunks).await), Some(CallRefusal::Truncated));
    assert_eq!(refusal(upload.finish().await), Some(CallRefusal::Truncated));
    upload.send(vec![upload.chunk(1), upload.chunk(2)]).await.expect("goes on");
    upload.finish().await.expect("whole");
}

#[tokio::test]
async fn a_stream_without_chunks_or_of_an_unknown_upload_is_refused() {
    let mut upload = Open::new().await;
    assert_eq!(refusal(upload.send(Vec::new()).await), Some(CallRefusal::Malformed));
    let foreign = Chunk { upload_id: bytes(32, 5), ..upload.chunk(0) };
    assert_eq!(refusal(upload.send(vec![foreign]).await), Some(CallRefusal::NotFound));
    upload.id = Bytes::new();
    assert_eq!(refusal(upload.finish().await), Some(CallRefusal::NotFound));
}

#[tokio::test]
async fn a_wrong_whole_is_discarded_and_can_be_sent_again() {
    let mut upload = Open::new().await;
    let other = encode_chunk(0, bytes(CHUNK_BYTES, 77));
    let chunks = vec![Chunk { upload_id: upload.id.clone(), ..other }, upload.chunk(1), upload.chunk(2)];
    upload.send(chunks).await.expect("each chunk is whole");
    assert_eq!(refusal(upload.finish().await), Some(CallRefusal::WrongDigest));
    assert_eq!(upload.finished(), 0);

    let again = upload.send(vec![upload.chunk(0), upload.chunk(1), upload.chunk(2)]).await;
    assert_eq!(again.expect("from the start").committed_offset, LENGTH as u64);
    upload.finish().await.expect("the right one now");
}

#[tokio::test]
async fn finishing_twice_hands_over_once() {
    let mut upload = Open::new().await;
    upload.send(vec![upload.chunk(0), upload.chunk(1), upload.chunk(2)]).await.expect("sent");
    upload.finish().await.expect("whole");
    upload.finish().await.expect("known");
    assert_eq!(upload.finished(), 1);
}

#[tokio::test]
async fn a_size_that_is_not_expected_is_refused() {
    let place = Place::new().await;
    place.desk.0.lock().expect("usable").size_bytes = Some(LENGTH as u64 + 1);
    let answer = open(&mut place.client().await, &update(object(&bytes(LENGTH, 1)))).await;
    assert_eq!(refusal(answer), Some(CallRefusal::WrongSize));
}

#[tokio::test]
async fn a_refusal_of_the_round_reaches_the_site_as_its_word() {
    let place = Place::new().await;
    place.desk.0.lock().expect("usable").refuse = Some(CallRefusal::NotExpected);
    let request = update(object(&bytes(10, 1)));
    let error = upload(&mut place.client().await, place.site.blobs(), &request, |_| {}).await.expect_err("refused");
    assert!(matches!(error, TransferError::Refused(CallRefusal::NotExpected)) && !error.is_resumable(), "{error}");
}

#[tokio::test]
async fn a_caller_without_identity_is_refused_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, _server) = serve(spool(folder.path()), Desk::default(), TransferLimits::default(), None).await;
    let mut client = connect(address).await;
    let request = update(object(b"x"));
    let sha256 = Bytes::copy_from_slice(request.object.digest.as_bytes());
    let answers = [
        open(&mut client, &request).await.map(drop),
        client.upload(tokio_stream::iter([Chunk::default()])).await.map(drop),
        client.finish_upload(FinishUploadRequest::default()).await.map(drop),
        client.download(DownloadRequest { sha256, offset: 0 }).await.map(drop),
    ];
    for answer in answers {
        assert_eq!(refusal(answer), Some(CallRefusal::Unknown));
    }
}

#[tokio::test]
async fn a_silent_sender_is_refused_and_what_came_stays() {
    let place = Place::with(TransferLimits { idle_timeout: Duration::from_millis(500), ..Default::default() }).await;
    let mut upload = Open::at(place).await;
    let silent = tokio_stream::iter([upload.chunk(0)]).chain(tokio_stream::pending());
    assert_eq!(refusal(upload.client.upload(silent).await), Some(CallRefusal::Idle));
    upload.send(vec![upload.chunk(1), upload.chunk(2)]).await.expect("goes on");
}

#[tokio::test]
async fn a_stream_over_the_limit_is_busy_and_opening_again_takes_over() {
    let place = Place::with(TransferLimits { uploads_per_peer_max: 1, ..Default::default() }).await;
    let mut upload = Open::at(place).await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    sender.send(upload.chunk(0)).await.expect("room");
    let mut other = upload.client.clone();
    let first =
        tokio::spawn(
            async move { other.upload(tokio_stream::wrappers::ReceiverStream::new(receiver)).await.map(drop) },
        );
    // Once its first chunk has left the channel, the first stream is ahead of the next one on the connection.
    drop(sender.reserve().await.expect("the first stream runs"));
    assert_eq!(refusal(upload.send(vec![upload.chunk(0)]).await), Some(CallRefusal::Busy));
    // Opening takes over from a stream whose first chunk has arrived, so until then there is nothing to take over.
    while !first.is_finished() {
        open(&mut upload.client, &update(object(&upload.whole))).await.expect("opens again");
    }
    assert_eq!(refusal(first.await.expect("no panic")), Some(CallRefusal::Superseded));
}

#[tokio::test]
async fn a_peer_that_stops_taking_a_download_loses_its_slot() {
    let limits =
        TransferLimits { downloads_per_peer_max: 1, idle_timeout: Duration::from_millis(200), ..Default::default() };
    let place = Place::with(limits).await;
    let model = bytes(32 * 1024 * 1024, 1);
    place.coordinator.blobs().put_bytes(model.clone()).await.expect("stored");
    let sha256 = Bytes::copy_from_slice(object(&model).digest.as_bytes());
    let mut client = place.client().await;
    let ask = DownloadRequest { sha256, offset: 0 };
    let not_taken = client.download(ask.clone()).await.expect("begun");
    let mut other = place.client().await;
    assert_eq!(refusal(other.download(ask.clone()).await), Some(CallRefusal::Busy));
    while let Err(status) = other.download(ask.clone()).await {
        assert_eq!(CallRefusal::of(&status), Some(CallRefusal::Busy));
    }
    drop(not_taken);
}

#[tokio::test]
async fn a_download_from_after_the_end_is_refused_and_from_the_end_is_empty() {
    let place = Place::new().await;
    let digest = place.coordinator.blobs().put_bytes(bytes(10, 1)).await.expect("stored");
    let sha256 = Bytes::copy_from_slice(digest.as_bytes());
    let mut client = place.client().await;
    let after = client.download(DownloadRequest { sha256: sha256.clone(), offset: 11 }).await;
    assert_eq!(refusal(after), Some(CallRefusal::WrongOffset));
    let mut end = client.download(DownloadRequest { sha256, offset: 10 }).await.expect("empty").into_inner();
    assert!(end.message().await.expect("no error").is_none());
    let short = client.download(DownloadRequest { sha256: Bytes::from_static(b"short"), offset: 0 }).await;
    assert_eq!(refusal(short), Some(CallRefusal::Malformed));
}

#[tokio::test]
async fn a_model_of_another_size_than_announced_is_refused_by_the_site() {
    let place = Place::new().await;
    let model = bytes(1000, 1);
    place.coordinator.blobs().put_bytes(model.clone()).await.expect("stored");
    let (mut client, from) = (place.client().await, coordinator());
    for size_bytes in [999, 1001] {
        let object = Announced { size_bytes, ..object(&model) };
        let fetched = download(&mut client, &place.site, &from, object, |_| {}).await;
        assert!(fetched.is_err(), "{size_bytes}");
        assert!(!place.site.blobs().contains(&object.digest).await.expect("usable"));
    }
}
