//! Transfers that nothing disturbs.

use crate::place::{Place, bytes, coordinator, object, update};
use wardround_client::transfer::{Moved, download, upload};
use wardround_plan::Digest;
use wardround_proto::{Announced, CHUNK_BYTES};

#[tokio::test]
async fn models_and_updates_of_any_size_cross_unchanged() {
    let place = Place::new().await;
    let mut client = place.client().await;
    for length in [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 9 * 1024 * 1024 + 5] {
        let (model, change) = (bytes(length, 1), bytes(length, 2));
        place.coordinator.blobs().put_bytes(model.clone()).await.expect("stored");
        place.site.blobs().put_bytes(change.clone()).await.expect("stored");

        let down = download(&mut client, &place.site, &coordinator(), object(&model), |_| {}).await;
        let up = upload(&mut client, place.site.blobs(), &update(object(&change)), |_| {}).await;
        assert!(down.is_ok() && up.is_ok(), "{length}: {down:?} {up:?}");

        assert_eq!(place.site.blobs().get_bytes(&Digest::of(&model)).await.expect("there"), model);
        assert_eq!(place.coordinator.blobs().get_bytes(&Digest::of(&change)).await.expect("there"), change);
    }
}

#[tokio::test]
async fn progress_grows_to_the_whole() {
    let place = Place::new().await;
    let change = bytes(3 * CHUNK_BYTES, 1);
    place.site.blobs().put_bytes(change.clone()).await.expect("stored");
    let mut seen = Vec::new();
    let request = update(object(&change));
    upload(&mut place.client().await, place.site.blobs(), &request, |moved| seen.push(moved)).await.expect("sent");
    let chunk = CHUNK_BYTES as u64;
    let expected = [chunk, 2 * chunk, 3 * chunk].map(|done_bytes| Moved { done_bytes, total_bytes: 3 * chunk });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn what_is_there_is_not_sent_again() {
    let place = Place::new().await;
    let mut client = place.client().await;
    let both = bytes(CHUNK_BYTES, 1);
    for side in [&place.site, &place.coordinator] {
        side.blobs().put_bytes(both.clone()).await.expect("stored");
    }
    let unmoved = |moved: Moved| panic!("sent {moved:?}");
    download(&mut client, &place.site, &coordinator(), object(&both), unmoved).await.expect("cached");
    for _ in 0..2 {
        upload(&mut client, place.site.blobs(), &update(object(&both)), unmoved).await.expect("known");
    }
    assert_eq!(place.desk.0.lock().expect("usable").finished, [update(object(&both))], "handed over once");
}

#[tokio::test]
async fn an_object_that_may_not_be_read_looks_like_one_that_is_not_there() {
    let place = Place::new().await;
    let hidden = bytes(100, 1);
    let digest = place.coordinator.blobs().put_bytes(hidden.clone()).await.expect("stored");
    place.desk.0.lock().expect("usable").hidden = Some(digest);
    let mut client = place.client().await;
    let absent = Announced { digest: Digest::of(b"absent"), size_bytes: 100 };
    let mut errors = Vec::new();
    for object in [object(&hidden), absent] {
        let error = download(&mut client, &place.site, &coordinator(), object, |_| {}).await.expect_err("refused");
        assert!(!error.is_resumable());
        errors.push(error.to_string());
    }
    assert_eq!(errors[0], errors[1]);
}
