//! A coordinator whose every message a test can change, with real sites.

use super::fixture::{Federation, NOW, index, rng};
use crate::client::{Client, Event, History, Output, Policy};
use crate::refusal::Refusal;
use crate::ring::{Rounding, Update, Weight};
use crate::session::SessionParams;
use crate::wire::{
    Advert, Body, Consistency, Countersignature, Decode, Encode, EncryptedShares, Envelope, Index, IndexSet, KeyAdvert,
    KeySet, MessageType, SealedShare, Sender, ShareSet, SignatureSet, Survivors, Unmask,
};
use rand_chacha::ChaCha20Rng;
use std::collections::BTreeMap;

/// Real sites in one session, and what they said.
pub(crate) struct Puppet {
    pub(crate) federation: Federation,
    pub(crate) params: SessionParams,
    pub(crate) clients: BTreeMap<Index, Client>,
    pub(crate) adverts: BTreeMap<Index, KeyAdvert>,
    pub(crate) shares: BTreeMap<Index, EncryptedShares>,
    pub(crate) signatures: BTreeMap<Index, Consistency>,
    pub(crate) answers: BTreeMap<Index, Unmask>,
    pub(crate) rng: ChaCha20Rng,
}

impl Puppet {
    /// Sites that wait for a session with these parameters.
    pub(crate) fn of(count: usize, change: impl FnOnce(&mut SessionParams)) -> Self {
        let federation = Federation::of(count);
        let params = federation.params(change);
        let client = |place| (Index::of_place(place), federation.client(place, &params));
        Self {
            clients: (0..count).map(client).collect(),
            params,
            federation,
            adverts: BTreeMap::new(),
            shares: BTreeMap::new(),
            signatures: BTreeMap::new(),
            answers: BTreeMap::new(),
            rng: rng(11),
        }
    }

    /// The first site, with its own policy and past.
    pub(crate) fn with_victim(mut self, policy: Policy, history: History) -> Self {
        let victim = self.federation.client_with(0, &self.params, policy, history);
        self.clients.insert(index(1), victim);
        self
    }

    pub(crate) fn feed(&mut self, to: Index, event: Event<'_>) -> Result<Vec<Output>, Refusal> {
        let client = self.clients.remove(&to).expect("a site");
        let (client, outputs) = client.handle(NOW, event, &mut self.rng);
        let refusal = client.refusal().cloned();
        self.clients.insert(to, client);
        self.note(to, &outputs);
        refusal.map_or(Ok(outputs), Err)
    }

    fn note(&mut self, from: Index, outputs: &[Output]) {
        for output in outputs {
            let Output::Send(message) = output else { continue };
            match MessageType::of(message).expect("sites send messages") {
                MessageType::KeyAdvert => drop(self.adverts.insert(from, body(message))),
                MessageType::EncryptedShares => drop(self.shares.insert(from, body(message))),
                MessageType::Consistency => drop(self.signatures.insert(from, body(message))),
                MessageType::Unmask => drop(self.answers.insert(from, body(message))),
                _ => {}
            }
        }
    }

    pub(crate) fn say<T: Body>(&mut self, to: Index, body: T) -> Result<Vec<Output>, Refusal> {
        let message = Envelope { session: self.params.session_id(), sender: Sender::Server, body }.to_bytes();
        self.feed(to, Event::Message(&message))
    }

    pub(crate) fn open(&mut self, to: Index) -> Result<Vec<Output>, Refusal> {
        let params = self.params.to_bytes();
        self.feed(to, Event::Params(&params))
    }

    /// Takes all of `indices` to where their keys are out.
    pub(crate) fn advertised(mut self) -> Self {
        for to in self.everyone() {
            self.open(to).expect("an honest session");
        }
        self
    }

    /// Takes everyone to where their shares are out, with the keys of `first`.
    pub(crate) fn shared(mut self, first: &[u32]) -> Self {
        let keys = self.key_set(first);
        for to in indices(first) {
            self.say(to, keys.clone()).expect("an honest key set");
        }
        self
    }

    /// Takes all of `second` to where they have uploaded.
    pub(crate) fn uploaded(mut self, second: &[u32]) -> Self {
        for to in indices(second) {
            let shares = self.share_set(to, second);
            self.say(to, shares).expect("honest shares");
            self.upload(to).expect("an honest update");
        }
        self
    }

    pub(crate) fn upload(&mut self, to: Index) -> Result<Vec<Output>, Refusal> {
        let update = vec![i64::from(to.get()); self.params.vector.coordinates() as usize];
        let prepared =
            self.clients[&to].prepare(Update::Integers(&update), Weight::ONE, Rounding::Nearest, &mut self.rng);
        let contribution = prepared.expect("it was asked to").expect("sound");
        self.feed(to, Event::Contribute(contribution, None))?;
        let client = self.clients.get_mut(&to).expect("a site");
        while client.next_chunk(Update::Integers(&update))?.is_some() {}
        self.feed(to, Event::Uploaded)
    }

    /// Takes all of `third` to where they have signed that.
    pub(crate) fn signed(mut self, third: &[u32]) -> Self {
        for to in indices(third) {
            let survivors = self.survivors(third);
            self.say(to, survivors).expect("an honest set");
        }
        self
    }

    pub(crate) fn key_set(&self, first: &[u32]) -> KeySet {
        let advert = |index: Index| Advert { index, advert: self.adverts[&index] };
        KeySet { adverts: indices(first).into_iter().map(advert).collect() }
    }

    /// The shares that `to` has to get if U2 is `second`.
    pub(crate) fn share_set(&self, to: Index, second: &[u32]) -> ShareSet {
        let from = indices(second).into_iter().filter(|from| *from != to);
        let share = |from: Index| {
            let sent = self.shares[&from].shares.iter().find(|share| share.peer == to).expect("one for each");
            SealedShare { peer: from, ciphertext: sent.ciphertext }
        };
        ShareSet { second_set: self.set(second), shares: from.map(share).collect() }
    }

    pub(crate) fn survivors(&self, third: &[u32]) -> Survivors {
        Survivors { third_set: self.set(third) }
    }

    pub(crate) fn signature_set(&self, signers: &[u32]) -> SignatureSet {
        let one = |signer: Index| Countersignature { signer, signature: self.signatures[&signer].signature };
        SignatureSet { signatures: indices(signers).into_iter().map(one).collect() }
    }

    pub(crate) fn set(&self, members: &[u32]) -> IndexSet {
        IndexSet::of(self.params.participants.len(), indices(members))
    }

    pub(crate) fn everyone(&self) -> Vec<Index> {
        self.params.indices().filter(|index| self.clients.contains_key(index)).collect()
    }
}

pub(crate) fn indices(numbers: &[u32]) -> Vec<Index> {
    numbers.iter().map(|number| index(*number)).collect()
}

pub(crate) fn body<T: Body>(message: &[u8]) -> T {
    Envelope::<T>::from_bytes(message).expect("what a site sends can be read").body
}
