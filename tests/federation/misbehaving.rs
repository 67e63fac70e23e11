//! A certified site that sends what no honest one does: each is refused with its word, and the round goes on.

use crate::federation::{Federation, finished_model};
use crate::plans::{ROUNDS, Tiny};
use crate::puppet::{Puppet, Sent};
use wardround_proto::{Announced, CallRefusal};
use wardround_round::Invitation;

/// `north` is honest, `west` is not, and `south` holds its update back until `west` is done.
struct Cast {
    federation: Federation,
    south: Puppet,
    west: Puppet,
}

impl Cast {
    async fn assemble() -> Self {
        let mut federation = Federation::without_sites(&Tiny { min_sites: 2, ..Tiny::default() }.text());
        let south = Puppet::dial(&federation.place, "south").await;
        let west = Puppet::dial(&federation.place, "west").await;
        federation.restart("north");
        Self { federation, south, west }
    }

    /// The next round, in which everybody is.
    async fn round(&mut self) -> Invitation {
        let invitation = self.west.invitation().await;
        assert_eq!(self.south.invitation().await.id, invitation.id);
        assert_eq!(invitation.cohort.len(), 3, "{invitation:?}");
        invitation
    }

    async fn west_sends(&mut self, invitation: &Invitation, update: Sent) -> Result<(), CallRefusal> {
        self.west.send(&invitation.id, update).await
    }

    /// South sends what it has held back.
    async fn close(&mut self, invitation: &Invitation) {
        self.south.send(&invitation.id, filled(invitation, 0.0)).await.expect("an honest update");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_update_is_refused_by_name_and_the_study_finishes() {
    let mut cast = Cast::assemble().await;
    let spoiled = cast.round().await;
    refuses_what_is_not_the_announced_update(&mut cast, &spoiled).await;
    cast.close(&spoiled).await;

    let counted = cast.round().await;
    counts_one_update_once(&mut cast, &counted, &spoiled).await;
    cast.close(&counted).await;

    let late = cast.round().await;
    assert_eq!(cast.west_sends(&counted, filled(&counted, 0.5)).await, Err(CallRefusal::NotExpected), "closed round");
    cast.west_sends(&late, filled(&late, 0.0)).await.expect("an honest update");
    cast.close(&late).await;

    let last = cast.round().await;
    cast.west_sends(&last, filled(&last, 0.0)).await.expect("an honest update");
    cast.close(&last).await;

    let federation = cast.federation;
    let status = tokio::task::spawn_blocking(move || federation.finish()).await.expect("finishes");
    finished_model(&status);
    let included = |round: usize| status["history"][round]["included"].as_array().map(Vec::len);
    assert_eq!((0..ROUNDS as usize).map(included).collect::<Vec<_>>(), [Some(2), Some(3), Some(3), Some(3)]);
}

async fn refuses_what_is_not_the_announced_update(cast: &mut Cast, round: &Invitation) {
    let size = round.model.bytes as usize;
    let good = || filled(round, 0.0);
    for bytes in [0, 4, size - 4, size + 4] {
        let refused = cast.west_sends(round, Sent::honest(vec![0; bytes])).await;
        let expected = if bytes == 0 { CallRefusal::Malformed } else { CallRefusal::WrongSize };
        assert!(
            matches!(refused, Err(why) if why == CallRefusal::WrongSize || why == expected),
            "{bytes}: {refused:?}"
        );
    }
    let oversize = Announced { size_bytes: u64::MAX, ..good().announced };
    let refused = cast.west_sends(round, Sent { announced: oversize, ..good() }).await;
    assert!(matches!(refused, Err(CallRefusal::WrongSize | CallRefusal::TooLarge)), "{refused:?}");

    let truncated = Sent { bytes: good().bytes.slice(..size / 2), ..good() };
    assert_eq!(cast.west_sends(round, truncated).await, Err(CallRefusal::Truncated));
    let other = Sent { bytes: vec![1; size].into(), ..filled(round, 0.25) };
    assert_eq!(cast.west_sends(round, other).await, Err(CallRefusal::WrongDigest));

    assert_eq!(cast.west_sends(round, filled(round, f32::NAN)).await, Err(CallRefusal::Malformed));
    let after = cast.west_sends(round, good()).await;
    assert_eq!(after, Err(CallRefusal::NotExpected), "a site that sent NaN is out of the round");
}

async fn counts_one_update_once(cast: &mut Cast, round: &Invitation, earlier: &Invitation) {
    let replayed = cast.west_sends(earlier, filled(earlier, 0.0)).await;
    assert_eq!(replayed, Err(CallRefusal::NotExpected), "an earlier round");
    for _ in 0..2 {
        cast.west_sends(round, filled(round, 0.5)).await.expect("the same bytes are the same update");
    }
    let second = cast.west_sends(round, filled(round, 0.75)).await;
    assert_eq!(second, Err(CallRefusal::NotExpected), "another update of the same site");
}

/// An update of the right size, full of one number.
fn filled(invitation: &Invitation, value: f32) -> Sent {
    let weights = invitation.model.bytes as usize / 4;
    Sent::honest(value.to_le_bytes().repeat(weights))
}
