//! A coordinator that cheats gets an abort, or the one sum it would have had anyway.

use super::fixture::{NOW, index};
use super::puppet::{Puppet, indices};
use crate::client::{Client, Event, History, JournalRecord, JournalStage, Output, Policy};
use crate::refusal::{AbortCode, Refusal};
use crate::wire::{Abort, Attempt, Countersignature, Encode, Envelope, MessageType, Sender, SignatureSet};
use proptest::prelude::*;

const ALL: [u32; 5] = [1, 2, 3, 4, 5];

fn uploaded() -> Puppet {
    Puppet::of(5, |_| {}).advertised().shared(&ALL).uploaded(&ALL)
}

#[test]
fn a_session_without_this_site_is_refused() {
    let mut puppet = Puppet::of(5, |_| {});
    puppet.params.participants.remove(0);
    puppet.params.thresholds = crate::session::Thresholds { threshold: 3, corrupt: 1, honest_min: 2 };
    assert_eq!(puppet.open(index(1)), Err(Refusal::NotListed));
}

#[test]
fn two_sites_are_refused_whatever_is_proposed() {
    for (threshold, corrupt) in [(1, 0), (2, 0), (2, 1)] {
        let mut puppet = Puppet::of(2, |params| {
            params.thresholds = crate::session::Thresholds { threshold, corrupt, honest_min: 0 };
        });
        assert!(puppet.open(index(1)).is_err(), "t = {threshold}, c = {corrupt}");
    }
}

#[test]
fn keys_of_another_session_are_refused() {
    let other = Puppet::of(5, |params| params.attempt = Attempt(2)).advertised();
    let mut puppet = Puppet::of(5, |_| {}).advertised();
    puppet.adverts.insert(index(3), other.adverts[&index(3)]);
    let keys = puppet.key_set(&ALL);
    assert_eq!(puppet.say(index(1), keys), Err(Refusal::Signature { index: index(3), what: "keys" }));
}

#[test]
fn a_peer_listed_twice_is_refused() {
    let mut puppet = Puppet::of(5, |_| {}).advertised();
    let mut keys = puppet.key_set(&ALL);
    keys.adverts.insert(2, keys.adverts[2]);
    assert!(matches!(puppet.say(index(1), keys), Err(Refusal::Malformed(_))));
}

#[test]
fn a_signer_given_twice_does_not_count_twice() {
    let mut puppet = uploaded().signed(&ALL);
    let mut signatures = puppet.signature_set(&[1, 2, 3]);
    signatures.signatures.push(signatures.signatures[2]);
    assert!(matches!(puppet.say(index(1), signatures), Err(Refusal::Malformed(_))));
}

#[test]
fn a_signature_in_another_s_name_is_refused() {
    let mut puppet = uploaded().signed(&ALL);
    let borrowed = puppet.signatures[&index(2)].signature;
    let mut signatures = puppet.signature_set(&[1, 2, 3]).signatures;
    signatures.push(Countersignature { signer: index(4), signature: borrowed });
    let refused = puppet.say(index(1), SignatureSet { signatures });
    assert_eq!(refused, Err(Refusal::Signature { index: index(4), what: "sets" }));
}

#[test]
fn stages_in_another_order_are_refused() {
    let mut puppet = Puppet::of(5, |_| {}).advertised();
    let survivors = puppet.survivors(&ALL);
    let refused = puppet.say(index(1), survivors).expect_err("U3 before U1");
    assert_eq!(refused, Refusal::OutOfTurn { got: MessageType::Survivors, done: "sent its keys" });
    let mut puppet = Puppet::of(5, |_| {}).advertised().shared(&ALL);
    let survivors = puppet.survivors(&ALL);
    assert_eq!(puppet.say(index(1), survivors).expect_err("U3 before the upload").code(), AbortCode::ProtocolOrder);
}

#[test]
fn the_same_message_again_gets_the_same_answer_and_another_one_an_end() {
    let mut puppet = uploaded();
    let survivors = puppet.survivors(&ALL);
    let first = puppet.say(index(1), survivors.clone()).expect("honest");
    let again = puppet.say(index(1), survivors).expect("the same again");
    let sent =
        |outputs: &[Output]| outputs.iter().filter(|one| matches!(one, Output::Send(_))).cloned().collect::<Vec<_>>();
    assert_eq!(sent(&first), sent(&again));
    assert_eq!(again.len(), 1, "nothing is signed or stored a second time");
    let other = puppet.survivors(&[1, 2, 3, 4]);
    let refused = puppet.say(index(1), other);
    assert_eq!(refused, Err(Refusal::SecondThoughts { got: MessageType::Survivors }));
}

#[test]
fn a_second_session_is_refused_while_the_first_is_open_and_after_it() {
    let mut puppet = Puppet::of(5, |_| {}).advertised();
    puppet.params.attempt = Attempt(2);
    assert_eq!(puppet.open(index(1)), Err(Refusal::SecondSession));

    let mut puppet = uploaded().signed(&ALL);
    let signatures = puppet.signature_set(&ALL);
    puppet.say(index(1), signatures).expect("honest");
    puppet.params.attempt = Attempt(2);
    assert_eq!(puppet.open(index(1)), Err(Refusal::SecondSession));
}

fn journal_of(outputs: &[Output]) -> Vec<JournalRecord> {
    outputs
        .iter()
        .filter_map(|output| if let Output::Persist(record) = output { Some(*record) } else { None })
        .collect()
}

#[test]
fn a_restarted_site_that_has_signed_signs_no_second_set_of_that_round() {
    let mut puppet = uploaded();
    let survivors = puppet.survivors(&ALL);
    let outputs = puppet.say(index(1), survivors).expect("honest");
    let records = journal_of(&outputs);
    assert_eq!(records.iter().map(|record| record.stage).collect::<Vec<_>>(), [JournalStage::Signed]);
    assert!(matches!(outputs[..], [Output::Persist(_), Output::Send(_)]), "stored before it is sent");
    for attempt in [1, 2, 3] {
        puppet.params.attempt = Attempt(attempt);
        puppet = puppet.with_victim(Policy::default(), History::new(records.clone()));
        let refused = puppet.open(index(1)).expect_err("it has signed");
        assert_eq!(refused.code(), AbortCode::Replay, "attempt {attempt}");
    }
}

#[test]
fn what_is_opened_is_stored_before_keys_leave() {
    let mut puppet = Puppet::of(5, |_| {});
    let outputs = puppet.open(index(1)).expect("honest");
    let [Output::Agreed(agreement), Output::Persist(record), Output::Send(_)] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(record.stage, JournalStage::Opened);
    assert_eq!((agreement.cohort, agreement.dropouts_tolerated, agreement.honest_inputs), (5, 1, 2));
}

#[test]
fn a_site_out_of_the_session_says_nothing_more() {
    let mut puppet = Puppet::of(5, |_| {}).advertised();
    let keys = puppet.key_set(&[1, 2, 3]);
    let client = puppet.clients.remove(&index(1)).expect("a site");
    let message = Envelope { session: puppet.params.session_id(), sender: Sender::Server, body: keys }.to_bytes();
    let (client, outputs) = client.handle(NOW, Event::Message(&message), &mut puppet.rng);
    let [Output::Send(farewell), Output::Aborted(refusal)] = &outputs[..] else { panic!("{outputs:?}") };
    let said: Abort = super::puppet::body(farewell);
    assert_eq!((said.code, said.detail), (AbortCode::SetSize, refusal.detail()));
    puppet.clients.insert(index(1), client);
    let keys = puppet.key_set(&ALL);
    let message = Envelope { session: puppet.params.session_id(), sender: Sender::Server, body: keys }.to_bytes();
    let client: Client = puppet.clients.remove(&index(1)).expect("a site");
    let (client, outputs) = client.handle(NOW, Event::Message(&message), &mut puppet.rng);
    assert!(outputs.is_empty() && client.refusal().is_some());
}

#[test]
fn another_update_than_was_bounded_does_not_leave() {
    use crate::ring::{Rounding, Update, Weight};
    let others = [Update::Integers(&[0; 10]), Update::Reals(&[0.0; 9]), Update::Reals(&[0.0; 11])];
    let integers = [Update::Integers(&[i64::MAX; 10]), Update::Reals(&[0.0; 10]), Update::Integers(&[0; 9])];
    for (prepared, others) in [(Update::Reals(&[0.0; 10]), others), (Update::Integers(&[0; 10]), integers)] {
        let mut puppet = Puppet::of(5, |_| {}).advertised().shared(&ALL);
        let shares = puppet.share_set(index(1), &ALL);
        puppet.say(index(1), shares).expect("honest");
        let client = &puppet.clients[&index(1)];
        let bounded = client.prepare(prepared, Weight::ONE, Rounding::Nearest, &mut puppet.rng);
        let contribution = bounded.expect("asked to").expect("sound");
        puppet.feed(index(1), Event::Contribute(contribution, None)).expect("sound");
        let client = puppet.clients.get_mut(&index(1)).expect("a site");
        for other in others {
            assert_eq!(client.next_chunk(other), Err(Refusal::OwnEntry { what: "update" }));
        }
        assert!(client.next_chunk(prepared).is_ok_and(|chunk| chunk.is_some()), "the one that was bounded does");
    }
}

#[test]
fn time_and_the_operator_end_a_session_at_any_stage() {
    for (event, code) in [(Event::Deadline, AbortCode::Deadline), (Event::LocalAbort, AbortCode::Policy)] {
        let mut puppet = uploaded();
        assert_eq!(puppet.feed(index(1), event).expect_err("ended").code(), code);
    }
}

#[test]
fn an_abort_of_the_coordinator_is_final() {
    let mut puppet = uploaded();
    let detail = Refusal::NotListed.detail();
    let ended = puppet.say(index(2), Abort { code: AbortCode::Policy, detail });
    assert_eq!(ended, Err(Refusal::Ended { by: "the coordinator" }));
}

#[test]
fn every_share_that_leaves_is_of_one_kind_and_of_each_site_once() {
    let mut puppet = uploaded().signed(&[1, 2, 3, 4]);
    let signatures = puppet.signature_set(&[1, 2, 3, 4]);
    for to in indices(&[1, 2, 3, 4]) {
        puppet.say(to, signatures.clone()).expect("honest");
    }
    for answer in puppet.answers.values() {
        assert_eq!(answer.shares.iter().map(|share| share.owner).collect::<Vec<_>>(), indices(&ALL));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// One bit of any message to one site: it refuses, or it goes on as if nothing had been said.
    #[test]
    fn a_changed_bit_gets_nothing(stage in 0_usize..5, place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut puppet = match stage {
            0 => Puppet::of(5, |_| {}),
            1 => Puppet::of(5, |_| {}).advertised(),
            2 => Puppet::of(5, |_| {}).advertised().shared(&ALL),
            3 => uploaded(),
            _ => uploaded().signed(&ALL),
        };
        let session = puppet.params.session_id();
        let sender = Sender::Server;
        let mut message = match stage {
            0 => puppet.params.to_bytes(),
            1 => Envelope { session, sender, body: puppet.key_set(&ALL) }.to_bytes(),
            2 => Envelope { session, sender, body: puppet.share_set(index(1), &ALL) }.to_bytes(),
            3 => Envelope { session, sender, body: puppet.survivors(&ALL) }.to_bytes(),
            _ => Envelope { session, sender, body: puppet.signature_set(&ALL) }.to_bytes(),
        };
        let at = place.index(message.len());
        message[at] ^= 1 << bit;
        let event = if stage == 0 { Event::Params(&message) } else { Event::Message(&message) };
        let verdict = puppet.feed(index(1), event);
        // Two changes are other sound proposals: parameters that are as safe, and a U3 without one other site.
        let allowed = matches!(stage, 0 | 3);
        prop_assert!(verdict.is_err() || allowed, "stage {} byte {} bit {}", stage, at, bit);
        if stage == 3 && verdict.is_ok() {
            let signed = puppet.signatures[&index(1)].sets.third;
            let fewer = (2..=5).any(|gone| {
                let third: Vec<u32> = ALL.iter().copied().filter(|one| *one != gone).collect();
                puppet.set(&third).third_digest(session) == signed
            });
            prop_assert!(fewer, "what it signed is what it was told");
        }
    }
}
