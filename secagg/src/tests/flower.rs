//! The eight faults of the most used implementation (specification, 1.1), each a test that ours passes.

use super::fixture::{Federation, NOW, index};
use super::network::{Delivery, Drop, Network};
use super::puppet::{Puppet, indices};
use crate::client::Policy;
use crate::keys::{KeySchedule, MaskKey};
use crate::mask::MaskStream;
use crate::refusal::{AbortCode, Refusal};
use crate::server::{Failure, Server, ServerStage};
use crate::session::Thresholds;
use crate::shamir::SecretScalar;
use crate::wire::{
    Attempt, Encode, Envelope, MaskPublicKey, MessageType, ModelDigest, RevealedShare, Sender, SharePublicKey, Unmask,
};
use wardround_plan::Digest;
use zeroize::Zeroizing;

const ALL: [u32; 5] = [1, 2, 3, 4, 5];

/// 1: there, the seed was folded to 32 bits by XOR, and a linear generator made the mask.
#[test]
fn flower_1_seeds_of_one_fold_give_different_masks() {
    let (mut one, mut other) = ([0; 48], [0; 48]);
    one[0] = 1;
    other[4] = 1;
    let masks = [one, other].map(|key| {
        let mut mask = [0; 64];
        MaskStream::new(&MaskKey(Zeroizing::new(key))).fill(0, &mut mask);
        mask
    });
    assert_ne!(masks[0], masks[1]);
}

/// 2: there, naming one site as active and as dead got both of its shares.
#[test]
fn flower_2_no_site_gives_both_shares_of_a_peer() {
    let mut puppet = Puppet::of(5, |_| {}).advertised().shared(&ALL).uploaded(&ALL).signed(&[1, 2, 3, 4]);
    let signatures = puppet.signature_set(&[1, 2, 3, 4]);
    for to in indices(&[1, 2, 3, 4]) {
        puppet.say(to, signatures.clone()).expect("honest");
        assert_eq!(puppet.answers[&to].shares.len(), 5, "one share of each");
        // Asked again as if site 5 had survived: nothing more is said.
        let survivors = puppet.survivors(&ALL);
        assert_eq!(puppet.say(to, survivors).expect("its secrets are gone"), []);
    }
}

/// 3: there, keys came unsigned, so the coordinator could put its own in between.
#[test]
fn flower_3_keys_of_the_coordinator_in_a_site_s_name_are_refused() {
    let mut puppet = Puppet::of(5, |_| {}).advertised();
    let advert = puppet.adverts.get_mut(&index(4)).expect("advertised");
    (advert.keys.mask, advert.keys.share) = (MaskPublicKey([9; 32]), SharePublicKey([8; 32]));
    let keys = puppet.key_set(&ALL);
    assert_eq!(puppet.say(index(1), keys), Err(Refusal::Signature { index: index(4), what: "keys" }));
}

/// 4: there, nothing made sure that all sites were told the same survivors.
#[test]
fn flower_4_survivor_lists_that_differ_get_no_share() {
    let mut puppet = Puppet::of(5, |_| {}).advertised().shared(&ALL).uploaded(&ALL);
    for (to, third) in [(1, &ALL[..]), (2, &ALL), (3, &[1, 2, 3, 4]), (4, &[1, 2, 3, 4]), (5, &[1, 3, 4, 5])] {
        let survivors = puppet.survivors(third);
        puppet.say(index(to), survivors).expect("each list for itself is in order");
    }
    for to in indices(&ALL) {
        let signatures = puppet.signature_set(&ALL);
        let refused = puppet.say(to, signatures).expect_err("the others signed something else");
        assert!(matches!(refused.code(), AbortCode::Signature | AbortCode::SetMismatch), "{refused}");
    }
    assert!(puppet.answers.is_empty());
}

/// 5: there, the coordinator set every threshold; one was answered.
#[test]
fn flower_5_a_threshold_of_one_is_refused() {
    for (threshold, corrupt) in [(1, 0), (1, 1), (2, 1), (3, 1)] {
        let mut puppet = Puppet::of(5, |params| {
            params.thresholds = Thresholds { threshold, corrupt, honest_min: 0 };
        });
        assert_eq!(puppet.open(index(1)).expect_err("too low").code(), AbortCode::Policy);
    }
    let mut puppet = Puppet::of(5, |_| {}).advertised().shared(&ALL).uploaded(&ALL);
    let survivors = puppet.survivors(&[1]);
    assert_eq!(puppet.say(index(1), survivors).expect_err("a sum of one").code(), AbortCode::SetSize);
}

/// 6: there, nothing bound a session to a model or a round, and it could be begun anew at any time.
#[test]
fn flower_6_another_model_and_a_second_beginning_are_refused() {
    let mut puppet = Puppet::of(5, |_| {});
    puppet.params.model = ModelDigest(Digest::of(b"a model for this site alone"));
    assert_eq!(puppet.open(index(1)), Err(Refusal::OtherModel));
    for stage in 1..=3 {
        let mut puppet = Puppet::of(5, |_| {}).advertised();
        if stage > 1 {
            puppet = puppet.shared(&ALL);
        }
        if stage > 2 {
            puppet = puppet.uploaded(&ALL);
        }
        puppet.params.attempt = Attempt(2);
        assert_eq!(puppet.open(index(1)), Err(Refusal::SecondSession), "after step {stage}");
    }
}

/// 7: there, example counts and metrics came back in clear beside the masked vector.
#[test]
fn flower_7_a_site_s_weight_and_update_are_in_the_masked_words_alone() {
    let federation = Federation::of(4);
    let run = |value: i64| {
        let params = federation.params(|_| {});
        let mut updates = vec![vec![5; 10]; 4];
        updates[2] = vec![value; 10];
        let drops = vec![Drop::Never; 4];
        let policy = Policy::default();
        Network { federation: &federation, params, policy, updates, drops, delivery: Delivery::InOrder, seed: 3 }.run()
    };
    let (one, other) = (run(7), run(-9000));
    let is_masked =
        |message: &[u8]| matches!(MessageType::of(message), Ok(MessageType::Chunk | MessageType::MaskedTrailer));
    for (first, second) in one.sent.iter().zip(&other.sent) {
        let same = first == second;
        assert!(same || (first.0 == index(3) && is_masked(&first.1)), "only the masked words of site 3 may differ");
    }
    assert_eq!(one.sent.len(), other.sent.len());
    let lengths = |transcript: &super::network::Transcript| {
        transcript.sent.iter().map(|(_, message)| message.len()).collect::<Vec<_>>()
    };
    assert_eq!(lengths(&one), lengths(&other), "and their length says nothing");
}

/// 8: there, overflow was a warning, and a key that did not fit what had been advertised went unnoticed.
#[test]
fn flower_8_overflow_is_refused_and_wrong_keys_are_noticed() {
    let mut puppet = Puppet::of(5, |params| params.encoding.scale = 5e7);
    assert_eq!(puppet.open(index(1)), Err(Refusal::Overflow));

    let mut puppet = Puppet::of(3, |_| {}).advertised().shared(&[1, 2, 3]).uploaded(&[1, 2, 3]);
    let (mut server, _) = Server::open(puppet.params.clone(), &puppet.federation.roster, NOW);
    server_up_to_upload(&mut server, &puppet);
    puppet = puppet.signed(&[1, 2, 3]);
    let session = puppet.params.session_id();
    for from in indices(&[1, 2, 3]) {
        let message = Envelope { session, sender: Sender::Client(from), body: puppet.signatures[&from] }.to_bytes();
        server.handle(from, &message).expect("honest");
    }
    let signatures = puppet.signature_set(&[1, 2, 3]);
    for from in indices(&[1, 2, 3]) {
        puppet.say(from, signatures.clone()).expect("honest");
        let mut shares = puppet.answers[&from].shares.clone();
        if from == index(3) {
            // A share of site 1's seed that is a scalar, but not the one it was sent.
            let wrong = SecretScalar::random(&mut puppet.rng);
            shares[0] = RevealedShare { owner: index(1), share: *wrong.to_bytes() };
        }
        let message = Envelope { session, sender: Sender::Client(from), body: Unmask { shares } }.to_bytes();
        server.handle(from, &message).expect("looks honest");
    }
    assert_eq!(server.stage(), ServerStage::Closed);
    let failure = server.recover().err().expect("three of three are needed, and one lied");
    assert_eq!(failure, Failure::Shares { owner: index(1), holders: indices(&[1, 2, 3]) });
    let schedule = KeySchedule::new(session);
    let wrong = SecretScalar::random(&mut puppet.rng);
    assert_ne!(schedule.seed_commitment(index(1), &wrong), puppet.adverts[&index(1)].keys.seed);
}

/// Tells the server what the puppets said, with uploads that it takes as complete.
fn server_up_to_upload(server: &mut Server, puppet: &Puppet) {
    let session = puppet.params.session_id();
    for (from, advert) in &puppet.adverts {
        let message = Envelope { session, sender: Sender::Client(*from), body: *advert }.to_bytes();
        server.handle(*from, &message).expect("honest");
    }
    for (from, shares) in &puppet.shares {
        let message = Envelope { session, sender: Sender::Client(*from), body: shares.clone() }.to_bytes();
        server.handle(*from, &message).expect("honest");
    }
    for from in puppet.everyone() {
        super::recovery::upload_zeros(server, puppet, from);
    }
}
