//! A coordinator against sites that send anything: real messages in any order and changed in some bytes, or bytes of the
//! input's own. It never panics, and a restart from its events stands where it stood.

#![no_main]

mod federation;

use federation::{Federation, NOW, SITES, rng};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use wardround_secagg::client::{Client, Event, Output};
use wardround_secagg::ring::{Rounding, Update, Weight};
use wardround_secagg::server::{Server, ServerEvent, ServerOutput};
use wardround_secagg::wire::{Encode, Index};

const UPDATE: [f32; 5] = [1.0, -2.0, 0.5, 0.0, 3.5];

thread_local! {
    static FEDERATION: RefCell<Federation> = RefCell::new(Federation::new());
}

struct Play {
    server: Server,
    events: Vec<ServerEvent>,
    clients: Vec<Option<Client>>,
    /// What sites have for the coordinator, not delivered yet.
    queue: Vec<(Index, Vec<u8>)>,
    params: Vec<u8>,
}

fuzz_target!(|bytes: &[u8]| {
    FEDERATION.with_borrow(|federation| {
        let (server, outputs) = Server::open(federation.params.clone(), &federation.roster, NOW);
        let clients = (0..SITES).map(|place| Some(federation.client(place))).collect();
        let params = federation.params.to_bytes();
        let mut play = Play { server, events: Vec::new(), clients, queue: Vec::new(), params };
        play.perform(outputs);
        play.run(bytes);
        let restored = Server::restore(play.events.clone(), &federation.roster, NOW).expect("it was opened");
        assert_eq!(restored.stage(), play.server.stage());
        assert_eq!(restored.survivors(), play.server.survivors());
    });
});

impl Play {
    fn run(&mut self, mut bytes: &[u8]) {
        while let Some((step, rest)) = bytes.split_first() {
            bytes = rest;
            let (argument, rest) = take(bytes, 3);
            match step % 5 {
                0 | 1 => {
                    bytes = rest;
                    self.deliver(argument, step % 5 == 1);
                }
                2 => {
                    let outputs = self.server.deadline();
                    self.perform(outputs);
                }
                3 => {
                    let (message, rest) = take(rest, usize::from(argument.first().copied().unwrap_or(0)));
                    bytes = rest;
                    self.say(site(argument.get(1)), message);
                }
                _ => {
                    bytes = rest;
                    let outputs = self.server.site_left(site(argument.first()));
                    self.perform(outputs);
                }
            }
        }
        drop(self.server.recover());
    }

    /// One of the queue; changed in one byte where the input asks for that.
    fn deliver(&mut self, argument: &[u8], change: bool) {
        let [which, place, bits] = argument else { return };
        if self.queue.is_empty() {
            return;
        }
        let (from, mut message) = self.queue.remove(usize::from(*which) % self.queue.len());
        if change {
            let place = usize::from(*place) % message.len();
            message[place] ^= bits;
        }
        self.say(from, &message);
    }

    fn say(&mut self, from: Index, message: &[u8]) {
        if let Ok(mut upload) = self.server.receive(from, message) {
            // The rest of the upload follows its header, as far as it is in the queue.
            while let Some(place) = self.queue.iter().position(|(sender, _)| *sender == from) {
                let (_, next) = self.queue.remove(place);
                if upload.chunk(&next).is_err() {
                    if let Ok(complete) = upload.finish(&next) {
                        let outputs = self.server.uploaded(complete).unwrap_or_default();
                        self.perform(outputs);
                    }
                    return;
                }
            }
            return;
        }
        if let Ok(outputs) = self.server.handle(from, message) {
            self.perform(outputs);
        }
    }

    fn perform(&mut self, outputs: Vec<ServerOutput>) {
        for output in outputs {
            match output {
                ServerOutput::Persist(event) => self.events.push(event),
                ServerOutput::Send { to, message } => self.to_site(to, &message),
                ServerOutput::Recover | ServerOutput::Failed(_) => {}
            }
        }
    }

    fn to_site(&mut self, to: Index, message: &[u8]) {
        let place = to.get() as usize - 1;
        let Some(client) = self.clients[place].take() else { return };
        let event = if message == self.params { Event::Params(message) } else { Event::Message(message) };
        let (client, outputs) = client.handle(NOW, event, &mut rng_of(to));
        let client = self.keep(to, client, outputs);
        self.clients[place] = Some(client);
    }

    fn keep(&mut self, from: Index, client: Client, outputs: Vec<Output>) -> Client {
        let encode = outputs.contains(&Output::Encode);
        self.queue.extend(outputs.into_iter().filter_map(|one| match one {
            Output::Send(message) => Some((from, message)),
            _ => None,
        }));
        if encode { self.upload(from, client) } else { client }
    }

    fn upload(&mut self, from: Index, client: Client) -> Client {
        let prepared = client.prepare(Update::Reals(&UPDATE), Weight::ONE, Rounding::Nearest, &mut rng_of(from));
        let Some(Ok(contribution)) = prepared else { return client };
        let (mut client, outputs) = client.handle(NOW, Event::Contribute(contribution, None), &mut rng_of(from));
        client = self.keep(from, client, outputs);
        while let Ok(Some(message)) = client.next_chunk(Update::Reals(&UPDATE)) {
            self.queue.push((from, message));
        }
        let (client, outputs) = client.handle(NOW, Event::Uploaded, &mut rng_of(from));
        self.keep(from, client, outputs)
    }
}

/// Each site its own, so that their keys differ.
fn rng_of(site: Index) -> rand_chacha::ChaCha8Rng {
    let mut rng = rng();
    rng.set_stream(u64::from(site.get()));
    rng
}

fn site(byte: Option<&u8>) -> Index {
    Index::new(u32::from(byte.copied().unwrap_or(0)) % 5 + 1).expect("from 1")
}

fn take(bytes: &[u8], count: usize) -> (&[u8], &[u8]) {
    bytes.split_at(count.min(bytes.len()))
}
