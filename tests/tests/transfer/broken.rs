//! Connections that break, and coordinators that are killed: the next attempt goes on where the last one ended.

use crate::large::Server;
use crate::place::{Place, bytes, connect, coordinator, object, update};
use crate::relay::{Cut, Relay};
use wardround_client::transfer::{Moved, download, upload};
use wardround_plan::Digest;

const MIB: u64 = 1024 * 1024;
/// More than the flow-control windows hold: when so much has crossed, the receiver has taken some of it.
const CUT_AFTER: u64 = 12 * MIB;
const LENGTH: usize = 24 * MIB as usize;

#[tokio::test]
async fn a_broken_upload_goes_on_from_the_committed_offset() {
    let place = Place::new().await;
    let relay = Relay::to(place.address, [Cut::Up(CUT_AFTER)]).await;
    let change = bytes(LENGTH, 1);
    place.site.blobs().put_bytes(change.clone()).await.expect("stored");
    let (mut client, request) = (connect(relay.address).await, update(object(&change)));

    let error = upload(&mut client, place.site.blobs(), &request, |_| {}).await.expect_err("cut");
    assert!(error.is_resumable(), "{error:?}");
    let mut seen = Vec::new();
    upload(&mut client, place.site.blobs(), &request, |moved| seen.push(moved)).await.expect("sent");

    check_resumed(&seen, relay.crossed()[1].up);
    assert_eq!(place.coordinator.blobs().get_bytes(&Digest::of(&change)).await.expect("there"), change);
}

#[tokio::test]
async fn a_broken_download_goes_on_from_the_partial_file() {
    let place = Place::new().await;
    let relay = Relay::to(place.address, [Cut::Down(CUT_AFTER)]).await;
    let model = bytes(LENGTH, 2);
    place.coordinator.blobs().put_bytes(model.clone()).await.expect("stored");
    let mut client = connect(relay.address).await;

    let error = download(&mut client, &place.site, &coordinator(), object(&model), |_| {}).await.expect_err("cut");
    assert!(error.is_resumable(), "{error:?}");
    let (mut seen, from) = (Vec::new(), coordinator());
    let fetched = download(&mut client, &place.site, &from, object(&model), |moved| seen.push(moved));
    fetched.await.expect("fetched");

    check_resumed(&seen, relay.crossed()[1].down);
    assert_eq!(place.site.blobs().get_bytes(&Digest::of(&model)).await.expect("there"), model);
}

#[tokio::test]
async fn a_wire_that_always_breaks_is_crossed_in_the_end() {
    let place = Place::new().await;
    let cuts: Vec<_> = (1..=20).map(|n| if n % 2 == 0 { Cut::Up(n * 400_000) } else { Cut::Down(n * 40) }).collect();
    let relay = Relay::to(place.address, cuts).await;
    let change = bytes(8 * MIB as usize, 3);
    place.site.blobs().put_bytes(change.clone()).await.expect("stored");
    let mut attempts = 0;
    loop {
        let mut client = loop {
            let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", relay.address));
            let endpoint = wardround_proto::endpoint(endpoint.expect("an address"));
            if let Ok(channel) = endpoint.connect().await {
                break wardround_proto::v1::transfer_client::TransferClient::new(channel);
            }
        };
        attempts += 1;
        match upload(&mut client, place.site.blobs(), &update(object(&change)), |_| {}).await {
            Ok(()) => break,
            Err(error) => assert!(error.is_resumable() && attempts < 30, "attempt {attempts}: {error:?}"),
        }
    }
    assert!(attempts > 1 && place.coordinator.blobs().contains(&Digest::of(&change)).await.expect("usable"));
}

#[tokio::test]
async fn a_killed_coordinator_goes_on_with_what_it_had() {
    let place = Place::new().await;
    let change = bytes(LENGTH, 4);
    place.site.blobs().put_bytes(change.clone()).await.expect("stored");
    let (folder, request) = (tempfile::tempdir().expect("a folder"), update(object(&change)));

    let first = Server::start(folder.path());
    let relay = Relay::to(first.address, [Cut::Up(CUT_AFTER)]).await;
    let cut = upload(&mut connect(relay.address).await, place.site.blobs(), &request, |_| {}).await;
    assert!(cut.is_err_and(|error| error.is_resumable()));
    first.kill();

    let second = Server::start(folder.path());
    let relay = Relay::to(second.address, []).await;
    let mut seen = Vec::new();
    let mut client = connect(relay.address).await;
    upload(&mut client, place.site.blobs(), &request, |moved| seen.push(moved)).await.expect("sent");
    check_resumed(&seen, relay.crossed()[0].up);
}

/// The second attempt began after the start, ended with the whole, and sent less than that.
fn check_resumed(seen: &[Moved], crossed_bytes: u64) {
    let length = LENGTH as u64;
    let begun = seen.first().expect("something was left to send").done_bytes;
    assert!(begun > wardround_proto::CHUNK_BYTES as u64, "began again at the start");
    assert_eq!(seen.last().map(|moved| moved.done_bytes), Some(length));
    assert!(crossed_bytes < length, "{crossed_bytes} of {length} bytes crossed again");
}
