//! One session over a network in memory: who drops out when is an argument.

use super::fixture::{Federation, NOW, rng};
use crate::client::{Client, Event, Output, Policy};
use crate::ring::{Rounding, Update, Weight, load_words};
use crate::server::{Failure, Server, ServerEvent, ServerOutput, ServerStage, accumulate};
use crate::session::SessionParams;
use crate::wire::{Index, IndexSet, MessageType};
use rand_chacha::ChaCha20Rng;
use std::collections::{BTreeMap, VecDeque};

/// The last thing that a site does not do any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Drop {
    Keys,
    Shares,
    Upload,
    Consistency,
    Unmasking,
    Never,
}

impl Drop {
    pub(crate) const ALL: [Self; 6] =
        [Self::Keys, Self::Shares, Self::Upload, Self::Consistency, Self::Unmasking, Self::Never];

    fn prevents(self, kind: MessageType) -> bool {
        match kind {
            MessageType::KeyAdvert => self <= Self::Keys,
            MessageType::EncryptedShares => self <= Self::Shares,
            MessageType::MaskedTrailer => self <= Self::Upload,
            MessageType::Consistency => self <= Self::Consistency,
            MessageType::Unmask => self <= Self::Unmasking,
            _ => false,
        }
    }
}

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    InOrder,
    /// Every message twice, the last first.
    TwiceAndReversed,
    /// The coordinator is replaced by a restored one after every message.
    WithRestarts,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Sum {
    pub(crate) integers: Vec<i64>,
    pub(crate) weight: u64,
    pub(crate) survivors: IndexSet,
}

pub(crate) struct Network<'a> {
    pub(crate) federation: &'a Federation,
    pub(crate) params: SessionParams,
    pub(crate) policy: Policy,
    pub(crate) updates: Vec<Vec<i64>>,
    pub(crate) drops: Vec<Drop>,
    pub(crate) delivery: Delivery,
    pub(crate) seed: u64,
}

/// What happened, for tests that look closer.
pub(crate) struct Transcript {
    pub(crate) result: Result<Sum, Failure>,
    /// Every message that a site sent, in order, with its sender.
    pub(crate) sent: Vec<(Index, Vec<u8>)>,
}

impl Network<'_> {
    pub(crate) fn run(&self) -> Transcript {
        let clients = (0..self.federation.clients.len())
            .map(|place| (place, self.federation.client_with(place, &self.params, self.policy, Default::default())));
        let (server, outputs) = Server::open(self.params.clone(), &self.federation.roster, NOW);
        let mut run = Run {
            network: self,
            server,
            clients: clients.map(|(place, client)| (Index::of_place(place), client)).collect(),
            rng: rng(self.seed),
            events: Vec::new(),
            to_clients: VecDeque::new(),
            sent: Vec::new(),
            sum: vec![0; self.params.vector.bytes() as usize],
            failure: None,
        };
        run.perform(outputs);
        run.finish()
    }

    pub(crate) fn weight(&self, index: Index) -> Weight {
        Weight::new(1 + index.get() % self.params.encoding.weight_max).expect("from 1")
    }

    /// What the sum over `survivors` has to be.
    pub(crate) fn expected(&self, survivors: &IndexSet) -> Sum {
        let mut integers = vec![0_i64; self.params.vector.coordinates() as usize];
        for index in survivors.iter() {
            integers.iter_mut().zip(&self.updates[index.place()]).for_each(|(sum, word)| *sum += word);
        }
        let weight = survivors.iter().map(|index| u64::from(self.weight(index).get())).sum();
        Sum { integers, weight, survivors: survivors.clone() }
    }
}

struct Run<'a> {
    network: &'a Network<'a>,
    server: Server,
    clients: BTreeMap<Index, Client>,
    rng: ChaCha20Rng,
    events: Vec<ServerEvent>,
    to_clients: VecDeque<(Index, Vec<u8>)>,
    sent: Vec<(Index, Vec<u8>)>,
    sum: Vec<u8>,
    failure: Option<Failure>,
}

impl Run<'_> {
    fn finish(mut self) -> Transcript {
        while self.server.stage() < ServerStage::Closed {
            self.deliver_all();
            if self.server.stage() < ServerStage::Closed {
                let outputs = self.server.deadline();
                self.perform(outputs);
            }
        }
        self.deliver_all();
        let result = match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.unmasked(),
        };
        Transcript { result, sent: self.sent }
    }

    fn unmasked(&mut self) -> Result<Sum, Failure> {
        let unmasker = self.server.recover()?;
        unmasker.unmask(0, &mut self.sum);
        let shape = self.network.params.vector;
        let tail = shape.coordinates() as usize * shape.lane.bytes();
        let weight = unmasker.total_weight(&self.sum[tail..]).expect("canaries are in order").get();
        let mut integers = vec![0; shape.coordinates() as usize];
        load_words(shape.lane, &self.sum[..tail], &mut integers);
        Ok(Sum { integers, weight, survivors: unmasker.survivors().clone() })
    }

    fn perform(&mut self, outputs: Vec<ServerOutput>) {
        for output in outputs {
            match output {
                ServerOutput::Persist(event) => self.events.push(event),
                ServerOutput::Send { to, message } => self.send(to, message),
                ServerOutput::Failed(failure) => self.failure = Some(failure),
                ServerOutput::Recover => {}
            }
        }
        if self.network.delivery == Delivery::WithRestarts {
            self.restart();
        }
    }

    fn restart(&mut self) {
        let events = self.events.clone();
        let roster = &self.network.federation.roster;
        self.server = Server::restore(events, roster, NOW).expect("the first event opens");
        // It tells again what it told; whatever was under way is lost or comes twice.
        for output in self.server.resume() {
            match output {
                ServerOutput::Send { to, message } => self.to_clients.push_back((to, message)),
                ServerOutput::Persist(_) => unreachable!("every event was stored"),
                ServerOutput::Failed(failure) => self.failure = Some(failure),
                ServerOutput::Recover => {}
            }
        }
    }

    fn send(&mut self, to: Index, message: Vec<u8>) {
        if self.network.delivery == Delivery::TwiceAndReversed {
            self.to_clients.push_front((to, message.clone()));
            self.to_clients.push_front((to, message));
        } else {
            self.to_clients.push_back((to, message));
        }
    }

    fn deliver_all(&mut self) {
        while let Some((to, message)) = self.to_clients.pop_front() {
            let is_params = message == crate::wire::Encode::to_bytes(&self.network.params);
            let event = if is_params { Event::Params(&message) } else { Event::Message(&message) };
            self.feed(to, event);
        }
    }

    fn feed(&mut self, to: Index, event: Event<'_>) {
        let Some(client) = self.clients.remove(&to) else { return };
        let (client, outputs) = client.handle(NOW, event, &mut self.rng);
        self.clients.insert(to, client);
        for output in outputs {
            match output {
                Output::Send(message) => self.hear(to, message),
                Output::Encode => self.upload(to),
                Output::Aborted(refusal) => panic!("site {to} refused an honest session: {refusal}"),
                Output::Agreed(_) | Output::Persist(_) | Output::Finished => {}
            }
        }
    }

    fn hear(&mut self, from: Index, message: Vec<u8>) {
        let kind = MessageType::of(&message).expect("a message");
        if self.network.drops[from.place()].prevents(kind) {
            self.clients.remove(&from);
            return;
        }
        self.sent.push((from, message.clone()));
        let times = if self.network.delivery == Delivery::TwiceAndReversed { 2 } else { 1 };
        for _ in 0..times {
            // A second copy may come after its stage is over.
            if let Ok(outputs) = self.server.handle(from, &message) {
                self.perform(outputs);
            }
        }
    }

    fn upload(&mut self, from: Index) {
        let update = &self.network.updates[from.place()];
        let (header, client) = self.begin_upload(from, Update::Integers(update));
        self.sent.push((from, header.clone()));
        let mut client = client;
        let mut receiver = self.server.receive(from, &header).expect("an honest header");
        let mut spool = Vec::new();
        while let Some(message) = client.next_chunk(Update::Integers(update)).expect("the same update") {
            spool.extend(receiver.chunk(&message).expect("an honest chunk"));
            self.sent.push((from, message));
        }
        let (client, outputs) = client.handle(NOW, Event::Uploaded, &mut self.rng);
        let [Output::Send(trailer)] = &outputs[..] else { panic!("a trailer: {outputs:?}") };
        if self.network.drops[from.place()].prevents(MessageType::MaskedTrailer) {
            return;
        }
        self.clients.insert(from, client);
        self.sent.push((from, trailer.clone()));
        let complete = receiver.finish(trailer).expect("an honest trailer");
        accumulate(self.network.params.vector.lane, &mut self.sum, &spool);
        let outputs = self.server.uploaded(complete).expect("in time");
        self.perform(outputs);
    }

    fn begin_upload(&mut self, from: Index, update: Update<'_>) -> (Vec<u8>, Client) {
        let client = self.clients.remove(&from).expect("it has just spoken");
        let weight = self.network.weight(from);
        let prepared = client.prepare(update, weight, Rounding::Nearest, &mut self.rng);
        let contribution = prepared.expect("it was asked to").expect("sound");
        let (client, outputs) = client.handle(NOW, Event::Contribute(contribution, None), &mut self.rng);
        let [Output::Send(header)] = &outputs[..] else { panic!("a header: {outputs:?}") };
        (header.clone(), client)
    }
}
