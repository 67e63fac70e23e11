//! Leaving out any one check lets an attack through that all of them together refuse.

use super::fixture::{index, rng};
use super::puppet::{Puppet, indices};
use crate::client::{
    Check, Event, History, JournalRecord, JournalStage, NoisePolicy, Policy, ThresholdFloor, omission,
};
use crate::keys::{AgreementSecret, ShareKey};
use crate::refusal::{AbortCode, Refusal};
use crate::ring::{BlockNoise, Contribution, NoiseFailure, NoiseShare, Rounding, Update, Weight};
use crate::session::{DistributedNoise, Graph, NoiseLaw, SessionParams, Suite, Thresholds, VectorShape};
use crate::wire::{
    AdvertKeys, Attempt, ClientId, ConfigDigest, Encode, Envelope, FederationId, Index, KeyAdvert, MaskPublicKey,
    ModelDigest, RosterDigest, Round, SealedShare, Sender, SessionId, SharePublicKey, StudyId,
};
use rayon::prelude::*;
use wardround_plan::Digest;
use zeroize::Zeroizing;

/// What the first site makes of an attack.
type Verdict = Result<(), Refusal>;

const VICTIM: u32 = 1;
const ALL: [u32; 5] = [1, 2, 3, 4, 5];

fn victim() -> Index {
    index(VICTIM)
}

/// Opens a session that differs from what the victim trained for in one thing.
fn opened(policy: Policy, history: History, change: impl FnOnce(&mut SessionParams)) -> Verdict {
    opened_among(5, policy, history, change)
}

fn opened_among(sites: usize, policy: Policy, history: History, change: impl FnOnce(&mut SessionParams)) -> Verdict {
    let mut puppet = Puppet::of(sites, |_| {}).with_victim(policy, history);
    change(&mut puppet.params);
    puppet.open(victim()).map(drop)
}

fn proposed(change: impl FnOnce(&mut SessionParams)) -> Verdict {
    opened(Policy::default(), History::default(), change)
}

fn noise(honest: u32) -> Option<DistributedNoise> {
    Some(DistributedNoise { law: NoiseLaw::Skellam, total_variance: 100.0, honest })
}

fn thresholds(threshold: u32, corrupt: u32) -> Thresholds {
    Thresholds { threshold, corrupt, honest_min: 2 }
}

fn past(records: &[(u32, JournalStage)]) -> History {
    let session = SessionId(Digest::of(b"earlier"));
    let record = |(attempt, stage): &(u32, JournalStage)| JournalRecord {
        study: StudyId([2; 16]),
        round: Round(3),
        attempt: Attempt(*attempt),
        session,
        stage: *stage,
    };
    History::new(records.iter().map(record))
}

fn lone() -> Policy {
    Policy { corrupt_min: 0, ..Policy::default() }
}

fn attack_parameters(check: Check) -> Option<Verdict> {
    let other = Digest::of(b"other");
    Some(match check {
        Check::Suite => proposed(|params| params.suite = Suite(2)),
        Check::Federation => proposed(|params| params.federation = FederationId([9; 16])),
        Check::Study => proposed(|params| params.study = StudyId([9; 16])),
        Check::Round => proposed(|params| params.round = Round(4)),
        Check::Roster => proposed(|params| params.roster = RosterDigest(other)),
        Check::Enrolled => proposed(|params| {
            params.participants[4] = ClientId([0xff; 16]);
        }),
        Check::Cohort => opened_among(2, lone(), History::default(), |params| params.thresholds = thresholds(2, 0)),
        Check::ThresholdReachable => proposed(|params| params.thresholds = thresholds(6, 2)),
        Check::ThresholdFloor => opened(lone(), History::default(), |params| params.thresholds = thresholds(3, 0)),
        Check::OneSum => {
            opened_among(7, Policy::default(), History::default(), |params| params.thresholds = thresholds(5, 3))
        }
        Check::Corrupt => proposed(|params| params.thresholds = thresholds(4, 0)),
        Check::Honest => opened(Policy { honest_min: 3, ..Policy::default() }, History::default(), |_| {}),
        Check::Graph => proposed(|params| params.graph = Graph::HonestButCuriousRegular { degree: 4, seed: [1; 32] }),
        Check::Model => proposed(|params| params.model = ModelDigest(other)),
        Check::Config => proposed(|params| params.config = ConfigDigest(other)),
        Check::Dimension => proposed(|params| {
            params.vector = VectorShape::new(params.vector.lane, 11, 4096).expect("sound");
        }),
        Check::NoWrap => proposed(|params| params.encoding.scale = 1e9),
        Check::NoiseFloor => {
            let policy = Policy { noise: NoisePolicy::AtLeast { multiplier: 1.0 }, ..Policy::default() };
            opened(policy, History::default(), |params| (params.noise, params.encoding.weight_max) = (noise(2), 1))
        }
        Check::NoiseShares => proposed(|params| (params.noise, params.encoding.weight_max) = (noise(3), 1)),
        Check::NoiseWeights => proposed(|params| params.noise = noise(2)),
        Check::NotSigned => opened(Policy::default(), past(&[(1, JournalStage::Signed)]), |params| {
            params.attempt = Attempt(2);
        }),
        Check::NewAttempt => opened(Policy::default(), past(&[(1, JournalStage::Opened)]), |_| {}),
        Check::AttemptBudget => {
            let past = past(&[(1, JournalStage::Opened), (2, JournalStage::Opened)]);
            opened(Policy::default(), past, |params| params.attempt = Attempt(3))
        }
        _ => return None,
    })
}

/// Site 2 is a traitor whose keys the coordinator knows.
fn traitor(puppet: &mut Puppet, keys: AdvertKeys) {
    let statement = keys.statement(puppet.params.session_id(), index(2));
    let signature = puppet.federation.keys[1].sign(&statement);
    puppet.adverts.insert(index(2), KeyAdvert { keys, signature });
}

fn attack_keys(check: Check) -> Option<Verdict> {
    let mut puppet = Puppet::of(5, |_| {}).advertised();
    let mut keys = puppet.key_set(&ALL);
    match check {
        Check::Session => {
            let session = SessionId(Digest::of(b"another session"));
            let message = Envelope { session, sender: Sender::Server, body: keys }.to_bytes();
            return Some(puppet.feed(victim(), Event::Message(&message)).map(drop));
        }
        Check::AdvertListed => {
            let stranger = crate::wire::Advert { index: index(6), advert: keys.adverts[4].advert };
            let mut fresh = stranger;
            fresh.advert.keys.mask = MaskPublicKey([77; 32]);
            fresh.advert.keys.share = SharePublicKey([78; 32]);
            keys.adverts.push(fresh);
        }
        Check::AdvertSigned => keys.adverts[3].advert.keys.mask = MaskPublicKey([9; 32]),
        Check::KeysDistinct => {
            let copied = AdvertKeys { share: SharePublicKey([5; 32]), ..puppet.adverts[&index(3)].keys };
            traitor(&mut puppet, copied);
            keys = puppet.key_set(&ALL);
        }
        Check::KeysContribute => {
            let small = AdvertKeys { mask: MaskPublicKey([0; 32]), ..puppet.adverts[&index(2)].keys };
            traitor(&mut puppet, small);
            keys = puppet.key_set(&ALL);
        }
        Check::OwnAdvert => keys = puppet.key_set(&[2, 3, 4, 5]),
        Check::FirstSetSize => keys = puppet.key_set(&[1, 2, 3]),
        _ => return None,
    }
    Some(puppet.say(victim(), keys).map(drop))
}

/// A share that is no scalar, from a traitor who wrote its keys itself.
fn not_canonical() -> Verdict {
    let mut puppet = Puppet::of(5, |_| {}).advertised();
    let secret = AgreementSecret::new(Zeroizing::new([3; 32]));
    let share = SharePublicKey(secret.public());
    let keys = AdvertKeys { share, ..puppet.adverts[&index(2)].keys };
    traitor(&mut puppet, keys);
    let session = puppet.params.session_id();
    let first = puppet.key_set(&ALL);
    let first_digest = first.digest(session);
    for to in indices(&[1, 3, 4, 5]) {
        puppet.say(to, first.clone()).expect("signed by all");
    }
    // The traitor's own machine has other keys by now and plays no further part.
    let to = puppet.adverts[&victim()].keys.share;
    let key = ShareKey::between(session, first_digest, &secret, &to, (index(2), share), (victim(), to)).expect("sound");
    let ciphertext = key.seal_bytes(&[0xff; 64]);
    let mut shares = puppet.share_set(victim(), &[1, 3, 4, 5]);
    shares.second_set = puppet.set(&ALL);
    shares.shares.insert(0, SealedShare { peer: index(2), ciphertext });
    puppet.say(victim(), shares).map(drop)
}

fn attack_shares(check: Check) -> Option<Verdict> {
    let four = || Puppet::of(5, |_| {}).advertised().shared(&[1, 2, 3, 4]);
    let five = || Puppet::of(5, |_| {}).advertised().shared(&ALL);
    let (mut puppet, shares) = match check {
        Check::SecondSetInFirst => {
            let puppet = four();
            let mut shares = puppet.share_set(victim(), &[1, 2, 3, 4]);
            shares.second_set = puppet.set(&ALL);
            (puppet, shares)
        }
        Check::SecondSetHasOwn => {
            let puppet = five();
            let shares = puppet.share_set(victim(), &[2, 3, 4, 5]);
            (puppet, shares)
        }
        Check::SecondSetSize => {
            let puppet = five();
            let shares = puppet.share_set(victim(), &[1, 2, 3]);
            (puppet, shares)
        }
        Check::SharesComplete => {
            let puppet = five();
            let mut shares = puppet.share_set(victim(), &ALL);
            shares.shares.pop();
            (puppet, shares)
        }
        Check::SharesOpen => {
            let puppet = five();
            let mut shares = puppet.share_set(victim(), &ALL);
            shares.shares[1].ciphertext = puppet.share_set(index(5), &ALL).shares[2].ciphertext;
            (puppet, shares)
        }
        Check::SharesCanonical => return Some(not_canonical()),
        _ => return None,
    };
    Some(puppet.say(victim(), shares).map(drop))
}

fn attack_sets(check: Check) -> Option<Verdict> {
    let uploaded = |second: &[u32]| Puppet::of(5, |_| {}).advertised().shared(&ALL).uploaded(second);
    let (mut puppet, third) = match check {
        Check::ThirdSetInSecond => (uploaded(&[1, 2, 3, 4]), &ALL[..]),
        Check::ThirdSetHasOwn => (uploaded(&ALL), &[2, 3, 4, 5][..]),
        Check::ThirdSetSize => (uploaded(&ALL), &[1, 2, 3][..]),
        Check::Order => {
            // Parameters and U3 for two sums: a second and different U3 after the first was signed.
            let mut puppet = uploaded(&ALL).signed(&ALL);
            let survivors = puppet.survivors(&[1, 2, 3, 4]);
            return Some(puppet.say(victim(), survivors).map(drop));
        }
        _ => return None,
    };
    let survivors = puppet.survivors(third);
    Some(puppet.say(victim(), survivors).map(drop))
}

fn attack_signatures(check: Check) -> Option<Verdict> {
    let third = [1, 2, 3, 4];
    let mut puppet = Puppet::of(5, |_| {}).advertised().shared(&ALL).uploaded(&ALL).signed(&third);
    let signatures = match check {
        Check::SignersInThirdSet => {
            // Site 5 is a traitor and signs for a set that it is not in, in place of site 4.
            let sets = puppet.signatures[&victim()].sets;
            let statement = sets.statement(puppet.params.session_id(), index(5));
            let signature = puppet.federation.keys[4].sign(&statement);
            puppet.signatures.insert(index(5), crate::wire::Consistency { sets, signature });
            puppet.signature_set(&[1, 2, 3, 5])
        }
        Check::SetsSigned => {
            // Site 4 signed for everyone, not for these four.
            let mut sets = puppet.signatures[&index(4)].sets;
            sets.third = puppet.set(&ALL).third_digest(puppet.params.session_id());
            let statement = sets.statement(puppet.params.session_id(), index(4));
            let signature = puppet.federation.keys[3].sign(&statement);
            puppet.signatures.insert(index(4), crate::wire::Consistency { sets, signature });
            puppet.signature_set(&third)
        }
        Check::SignersEnough => puppet.signature_set(&[1, 2, 3]),
        _ => return None,
    };
    Some(puppet.say(victim(), signatures).map(drop))
}

/// Noise that is far too narrow.
struct Whisper;

impl NoiseShare for Whisper {
    fn law(&self) -> NoiseLaw {
        NoiseLaw::Skellam
    }
    fn variance(&self) -> f64 {
        1.0
    }
    fn blocks(&mut self, _: usize) -> Result<Vec<Box<dyn BlockNoise>>, NoiseFailure> {
        Ok(Vec::new())
    }
}

fn attack_from_within(check: Check) -> Option<Verdict> {
    let noisy = |params: &mut SessionParams| (params.noise, params.encoding.weight_max) = (noise(2), 1);
    let masking = |change: fn(&mut SessionParams)| {
        let mut puppet = Puppet::of(5, change).advertised().shared(&ALL);
        let shares = puppet.share_set(victim(), &ALL);
        puppet.say(victim(), shares).expect("honest shares");
        puppet
    };
    let prepare = |params: &SessionParams| {
        let update = Update::Integers(&[1; 10]);
        Contribution::prepare(params, update, Weight::ONE, Rounding::Nearest, &mut rng(1)).expect("sound")
    };
    match check {
        Check::OwnUpdate => {
            let mut puppet = masking(|_| {});
            let contribution = prepare(&puppet.params);
            puppet.feed(victim(), Event::Contribute(contribution, None)).expect("sound");
            // It ends before its only chunk was made.
            Some(puppet.feed(victim(), Event::Uploaded).map(drop))
        }
        Check::OwnNoise => {
            let mut puppet = masking(noisy);
            let contribution = prepare(&puppet.params);
            Some(puppet.feed(victim(), Event::Contribute(contribution, Some(Box::new(Whisper)))).map(drop))
        }
        _ => None,
    }
}

fn attack(check: Check) -> Verdict {
    attack_parameters(check)
        .or_else(|| attack_keys(check))
        .or_else(|| attack_shares(check))
        .or_else(|| attack_sets(check))
        .or_else(|| attack_signatures(check))
        .or_else(|| attack_from_within(check))
        .unwrap_or_else(|| panic!("no attack shows what {check:?} is for"))
}

fn expected(check: Check) -> AbortCode {
    use Check::*;
    match check {
        Suite | Federation | Study | Round | Cohort | ThresholdReachable | ThresholdFloor | OneSum | Corrupt
        | Honest | Graph | NoiseFloor | NoiseShares | NoiseWeights | OwnNoise => AbortCode::Policy,
        Roster | Enrolled => AbortCode::Roster,
        Model | Config | Dimension => AbortCode::ModelHash,
        NoWrap => AbortCode::Overflow,
        NotSigned | NewAttempt | AttemptBudget => AbortCode::Replay,
        Session => AbortCode::ProtocolOrder,
        AdvertSigned | SetsSigned => AbortCode::Signature,
        FirstSetSize | SecondSetSize | ThirdSetSize | SignersEnough => AbortCode::SetSize,
        SharesOpen | SharesCanonical => AbortCode::Decrypt,
        AdvertListed | KeysDistinct | KeysContribute | OwnAdvert | SecondSetInFirst | SecondSetHasOwn
        | SharesComplete | ThirdSetInSecond | ThirdSetHasOwn | SignersInThirdSet | OwnUpdate | Order => {
            AbortCode::SetMismatch
        }
    }
}

#[test]
fn every_check_refuses_an_attack_that_passes_without_it() {
    for check in Check::ALL.iter().copied() {
        let refused = omission::without(None, || attack(check)).expect_err("an attack has to be refused");
        assert_eq!(refused.code(), expected(check), "{check:?}: {refused}");
        let passed = omission::without(Some(check), || attack(check));
        assert_eq!(passed, Ok(()), "without {check:?} the attack has to pass, or another check does its work");
    }
}

/// That an attack passes is the doing of its own check alone: with any other left out it is refused all the same.
#[test]
fn no_check_stands_in_for_another() {
    // A thread that waits within one attack may run another whole one; `without` puts back what it found.
    Check::ALL.par_iter().for_each(|check| {
        for other in Check::ALL.iter().filter(|other| *other != check) {
            assert!(omission::without(Some(*other), || attack(*check)).is_err(), "{check:?} without {other:?}");
        }
    });
}

#[test]
fn a_floor_on_the_threshold_can_be_given_up_for_dropouts() {
    let policy = Policy { threshold: ThresholdFloor::OneSum, ..Policy::default() };
    let verdict =
        |threshold| opened_among(10, policy, History::default(), |params| params.thresholds = thresholds(threshold, 1));
    assert_eq!(verdict(6), Ok(()), "six of ten with one traitor: four dropouts");
    assert!(matches!(verdict(5), Err(Refusal::Threshold { .. })), "five of ten could be signed for twice");
}
