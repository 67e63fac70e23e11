//! The coordinator against sites that lie, come late, or send rubbish.

use super::fixture::{Federation, NOW, index, rng};
use super::puppet::{Puppet, indices};
use crate::roster::Signature;
use crate::server::{Failure, Rejection, Server, ServerEvent, ServerOutput, ServerStage};
use crate::session::{Graph, Thresholds};
use crate::shamir::SecretScalar;
use crate::wire::{
    Body, Chunk, Decode, Encode, Envelope, Index, MaskPublicKey, MaskedHeader, MaskedTrailer, RevealedShare, Sender,
    Unmask, VectorDigest,
};

/// A puppet's sites with an honest server beside them.
struct Session {
    puppet: Puppet,
    server: Server,
}

impl Session {
    fn says<T: Body>(&self, from: Index, body: T) -> Vec<u8> {
        Envelope { session: self.server.session(), sender: Sender::Client(from), body }.to_bytes()
    }

    fn hear<T: Body>(&mut self, from: Index, body: T) -> Result<Vec<ServerOutput>, Rejection> {
        let message = self.says(from, body);
        self.server.handle(from, &message)
    }

    /// Everyone has advertised.
    fn advertised(sites: usize) -> Self {
        let puppet = Puppet::of(sites, |_| {}).advertised();
        let (server, _) = Server::open(puppet.params.clone(), &puppet.federation.roster, NOW);
        Self { puppet, server }
    }

    /// All of these have signed that all of these survive.
    fn signed(sites: u32) -> Self {
        let everyone: Vec<u32> = (1..=sites).collect();
        let Self { puppet, server } = Self::advertised(sites as usize);
        let mut session = Self { puppet: puppet.shared(&everyone).uploaded(&everyone).signed(&everyone), server };
        for from in session.puppet.everyone() {
            let advert = session.puppet.adverts[&from];
            session.hear(from, advert).expect("honest");
        }
        for from in session.puppet.everyone() {
            let shares = session.puppet.shares[&from].clone();
            session.hear(from, shares).expect("honest");
        }
        for from in session.puppet.everyone() {
            upload_zeros(&mut session.server, &session.puppet, from);
        }
        for from in session.puppet.everyone() {
            let signature = session.puppet.signatures[&from];
            session.hear(from, signature).expect("honest");
        }
        let signatures = session.puppet.signature_set(&everyone);
        for from in session.puppet.everyone() {
            session.puppet.say(from, signatures.clone()).expect("honest");
        }
        session
    }

    /// Takes answers in, with shares of `owner` by `liars` replaced.
    fn answered(mut self, owner: Index, liars: &[u32]) -> Self {
        for from in self.puppet.everyone() {
            let mut shares = self.puppet.answers[&from].shares.clone();
            if liars.contains(&from.get()) {
                let wrong = SecretScalar::random(&mut self.puppet.rng);
                shares[owner.place()] = RevealedShare { owner, share: *wrong.to_bytes() };
            }
            self.hear(from, Unmask { shares }).expect("looks honest");
        }
        self
    }
}

/// A complete upload in a site's name; what is in it does not matter here.
pub(super) fn upload_zeros(server: &mut Server, puppet: &Puppet, from: Index) {
    let mut receiver = server.receive(from, &header(puppet, from)).expect("in time");
    let bytes = vec![0; puppet.params.vector.bytes_of(0)];
    receiver.chunk(&says(puppet, from, Chunk { number: 0, bytes: bytes.clone() })).expect("in order");
    let complete = receiver.finish(&trailer(puppet, from, &bytes)).expect("signed");
    server.uploaded(complete).expect("in time");
}

fn says<T: Body>(puppet: &Puppet, from: Index, body: T) -> Vec<u8> {
    Envelope { session: puppet.params.session_id(), sender: Sender::Client(from), body }.to_bytes()
}

fn header(puppet: &Puppet, from: Index) -> Vec<u8> {
    let session = puppet.params.session_id();
    let everyone: Vec<u32> = puppet.adverts.keys().map(|index| index.get()).collect();
    let first_set = puppet.key_set(&everyone).digest(session);
    let second_set = puppet.set(&everyone).second_digest(session);
    says(puppet, from, MaskedHeader { first_set, second_set, chunks: 1 })
}

fn trailer(puppet: &Puppet, from: Index, bytes: &[u8]) -> Vec<u8> {
    let digest = VectorDigest(wardround_plan::Digest::of(bytes));
    let statement = digest.statement(puppet.params.session_id(), from);
    says(puppet, from, MaskedTrailer { digest, signature: puppet.federation.keys[from.place()].sign(&statement) })
}

#[test]
fn liars_are_found_and_the_secret_is_right_all_the_same() {
    for liars in [&[][..], &[2], &[7], &[1, 2]] {
        let session = Session::signed(7).answered(index(3), liars);
        let unmasker = session.server.recover().expect("five of seven are honest");
        let blamed: Vec<(u32, u32)> = unmasker.blamed().map(|one| (one.owner.get(), one.holder.get())).collect();
        assert_eq!(blamed, liars.iter().map(|liar| (3, *liar)).collect::<Vec<_>>());
        assert_eq!(unmasker.masks(), 7, "one mask of each, and no pairs");
    }
}

#[test]
fn more_liars_than_spare_shares_end_the_session_with_their_names() {
    let session = Session::signed(7).answered(index(3), &[1, 2, 6]);
    let failure = session.server.recover().err().expect("four honest shares of five");
    let Failure::Shares { owner, holders } = failure else { panic!("{failure}") };
    assert_eq!((owner, holders.len()), (index(3), 7));
}

#[test]
fn nothing_is_recovered_before_the_end() {
    let session = Session::signed(5);
    assert_eq!(session.server.recover().err(), Some(Failure::NotClosed { stage: ServerStage::Unmasking }));
}

#[test]
fn a_message_is_heard_once_and_only_from_its_sender() {
    let mut session = Session::advertised(5);
    let advert = session.puppet.adverts[&index(2)];
    assert_eq!(session.hear(index(2), advert).expect("honest").len(), 1);
    assert_eq!(session.hear(index(2), advert), Ok(Vec::new()), "the same again");
    let message = session.says(index(2), advert);
    assert_eq!(session.server.handle(index(3), &message), Err(Rejection::WrongSession));
    let other = Session::advertised(5);
    let mut changed = other.puppet.adverts[&index(3)];
    changed.keys.mask = MaskPublicKey([5; 32]);
    assert_eq!(session.hear(index(3), changed), Err(Rejection::Signature { index: index(3) }));
    let mut second = advert;
    second.signature = Signature([1; 64]);
    assert_eq!(session.hear(index(2), second), Err(Rejection::SecondThoughts { index: index(2) }));
}

#[test]
fn keys_that_would_end_the_session_are_rejected_beforehand() {
    let mut session = Session::advertised(5);
    let honest = session.puppet.adverts[&index(1)];
    session.hear(index(1), honest).expect("honest");
    for keys in [
        crate::wire::AdvertKeys { mask: honest.keys.mask, ..session.puppet.adverts[&index(2)].keys },
        crate::wire::AdvertKeys { mask: MaskPublicKey([0; 32]), ..session.puppet.adverts[&index(2)].keys },
    ] {
        let statement = keys.statement(session.server.session(), index(2));
        let signature = session.puppet.federation.keys[1].sign(&statement);
        let rejected = session.hear(index(2), crate::wire::KeyAdvert { keys, signature });
        assert_eq!(rejected, Err(Rejection::Keys { index: index(2) }));
    }
}

#[test]
fn late_and_foreign_messages_are_rejected_and_the_session_goes_on() {
    let mut session = Session::advertised(5);
    for from in indices(&[1, 2, 3, 4]) {
        let advert = session.puppet.adverts[&from];
        session.hear(from, advert).expect("honest");
    }
    assert!(matches!(session.server.deadline()[..], [ServerOutput::Persist(_), ServerOutput::Send { .. }, ..]));
    let late = session.puppet.adverts[&index(5)];
    assert!(matches!(session.hear(index(5), late), Err(Rejection::OutOfTurn { .. })));
    session.puppet = session.puppet.shared(&[1, 2, 3, 4]);
    let mut shares = session.puppet.shares[&index(1)].clone();
    shares.shares.pop();
    assert_eq!(session.hear(index(1), shares), Err(Rejection::ShareList { index: index(1) }));
    let shares = session.puppet.shares[&index(1)].clone();
    session.hear(index(1), shares).expect("honest at last");
}

#[test]
fn chunks_out_of_order_short_or_long_and_changed_ones_are_rejected() {
    let mut session = Session::advertised(3);
    session.puppet = session.puppet.shared(&[1, 2, 3]);
    for from in session.puppet.everyone() {
        let advert = session.puppet.adverts[&from];
        session.hear(from, advert).expect("honest");
    }
    for from in session.puppet.everyone() {
        let shares = session.puppet.shares[&from].clone();
        session.hear(from, shares).expect("honest");
    }
    let (puppet, from) = (&session.puppet, index(1));
    let bytes = puppet.params.vector.bytes_of(0);
    let receive = || session.server.receive(from, &header(puppet, from)).expect("in time");
    for (number, length) in [(1, bytes), (0, bytes - 1), (0, bytes + 1), (0, 0), (u32::MAX, bytes)] {
        let rejected = receive().chunk(&says(puppet, from, Chunk { number, bytes: vec![0; length] }));
        assert_eq!(rejected, Err(Rejection::Chunk { index: from, number, bytes: length }));
    }
    let mut twice = receive();
    let chunk = says(puppet, from, Chunk { number: 0, bytes: vec![0; bytes] });
    twice.chunk(&chunk).expect("in order");
    assert!(twice.chunk(&chunk).is_err(), "a chunk more than there are");
    let rejected = receive().finish(&trailer(puppet, from, &[])).err();
    assert_eq!(rejected, Some(Rejection::Vector { index: from }), "a trailer without chunks");
    let mut changed = receive();
    changed.chunk(&chunk).expect("in order");
    assert_eq!(changed.finish(&trailer(puppet, from, &[1])).err(), Some(Rejection::Vector { index: from }));
    let mut unsigned = receive();
    unsigned.chunk(&chunk).expect("in order");
    let mut message = trailer(puppet, from, &vec![0; bytes]);
    *message.last_mut().expect("a signature") ^= 1;
    assert_eq!(unsigned.finish(&message).err(), Some(Rejection::Signature { index: from }));
    let foreign = session.server.receive(index(2), &header(puppet, from)).err();
    assert_eq!(foreign, Some(Rejection::WrongSession));
}

#[test]
fn events_come_back_as_they_were_and_any_bytes_only_err() {
    let session = Session::advertised(4);
    let digest = VectorDigest(wardround_plan::Digest::of(b"vector"));
    let events = [
        ServerEvent::Opened(Box::new(session.puppet.params.clone())),
        ServerEvent::Heard { from: index(2), message: vec![1, 2, 3] },
        ServerEvent::Uploaded { from: index(3), digest },
        ServerEvent::Left { from: index(4) },
        ServerEvent::Closed { stage: ServerStage::Upload },
    ];
    for event in events {
        let bytes = event.to_bytes();
        assert_eq!(ServerEvent::from_bytes(&bytes), Ok(event));
        assert!(ServerEvent::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    }
    assert!(ServerEvent::from_bytes(&[5, 5]).is_err() && ServerEvent::from_bytes(&[6]).is_err());
    assert!(Server::restore([], &session.puppet.federation.roster, NOW).is_none());
}

#[test]
fn a_site_that_leaves_is_not_waited_for() {
    let mut session = Session::advertised(5);
    for from in indices(&[1, 2, 3, 4]) {
        let advert = session.puppet.adverts[&from];
        session.hear(from, advert).expect("honest");
    }
    session.server.site_left(index(5));
    assert_eq!(session.server.stage(), ServerStage::Shares, "nobody else is waited for");
}

#[test]
fn a_regular_graph_sums_with_dropouts_when_policy_names_it() {
    use super::network::{Delivery, Drop, Network};
    use crate::client::{GraphPolicy, Policy};
    let federation = Federation::of(14);
    let params = federation.params(|params| {
        params.graph = Graph::HonestButCuriousRegular { degree: 8, seed: [4; 32] };
        params.thresholds = Thresholds { threshold: 7, corrupt: 1, honest_min: 2 };
    });
    let policy = Policy { graph: GraphPolicy::AlsoHonestButCurious, ..Policy::default() };
    for (dropped, stage) in
        [(0, Drop::Never), (1, Drop::Shares), (1, Drop::Upload), (2, Drop::Upload), (1, Drop::Unmasking)]
    {
        let mut drops = vec![Drop::Never; 14];
        drops[..dropped].fill(stage);
        let mut source = rng(1);
        let word = |_: usize| (rand_chacha::rand_core::Rng::next_u32(&mut source) % 2000) as i64 - 1000;
        let updates: Vec<Vec<i64>> = (0..140).map(word).collect::<Vec<_>>().chunks(10).map(<[i64]>::to_vec).collect();
        let network = Network {
            federation: &federation,
            params: params.clone(),
            policy,
            updates,
            drops: drops.clone(),
            delivery: Delivery::InOrder,
            seed: 2,
        };
        let sum = network.run().result.expect("seven are left around every site");
        let survivors = drops.iter().enumerate().filter(|(_, drop)| **drop > Drop::Upload);
        let survivors = crate::wire::IndexSet::of(14, survivors.map(|(place, _)| Index::of_place(place)));
        assert_eq!(sum, network.expected(&survivors), "{dropped} at {stage:?}");
    }
}
