//! One site against a coordinator that sends anything, in any order: what honest peers would send, changed in some bytes,
//! or bytes of the input's own. It never panics, and after a refusal it says nothing more.

#![no_main]

mod federation;

use federation::{Federation, NOW, rng};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use wardround_secagg::client::{Client, Event, Output};
use wardround_secagg::ring::{Rounding, Update, Weight};
use wardround_secagg::server::{Server, ServerOutput};
use wardround_secagg::wire::{Encode, Index};

const UPDATE: [f32; 5] = [1.0, -2.0, 0.5, 0.0, 3.5];

thread_local! {
    static FEDERATION: RefCell<Federation> = RefCell::new(Federation::new());
}

/// The victim is the first site; two honest ones and a server make the messages that are changed.
struct Play<'a> {
    federation: &'a Federation,
    victim: Client,
    peers: Vec<Client>,
    server: Server,
    /// The last message that an honest server had for the victim.
    honest: Vec<u8>,
}

fuzz_target!(|bytes: &[u8]| {
    FEDERATION.with_borrow(|federation| {
        let (server, _) = Server::open(federation.params.clone(), &federation.roster, NOW);
        let peers = vec![federation.client(1), federation.client(2)];
        let honest = federation.params.to_bytes();
        let mut play = Play { federation, victim: federation.client(0), peers, server, honest };
        play.run(bytes);
    });
});

impl Play<'_> {
    fn run(&mut self, mut bytes: &[u8]) {
        while let Some((step, rest)) = bytes.split_first() {
            bytes = rest;
            match step % 6 {
                0 => self.forward(),
                1 => {
                    let (place, rest) = take(bytes, 3);
                    bytes = rest;
                    self.changed(place);
                }
                2 => {
                    let (length, rest) = take(bytes, 1);
                    let (message, rest) = take(rest, usize::from(length.first().copied().unwrap_or(0)));
                    bytes = rest;
                    self.feed(Event::Message(message));
                }
                3 => {
                    let params = self.federation.params.to_bytes();
                    self.feed(Event::Params(&params));
                }
                4 => self.feed(Event::Uploaded),
                _ => self.contribute(),
            }
        }
    }

    /// What an honest server would send next.
    fn forward(&mut self) {
        let message = self.honest.clone();
        let params = self.federation.params.to_bytes();
        self.feed(if message == params { Event::Params(&message) } else { Event::Message(&message) });
    }

    fn changed(&mut self, change: &[u8]) {
        let [low, high, bits] = change else { return };
        let mut message = self.honest.clone();
        let place = usize::from(u16::from_le_bytes([*low, *high])) % message.len();
        message[place] ^= bits;
        let is_params = self.honest == self.federation.params.to_bytes();
        self.feed(if is_params { Event::Params(&message) } else { Event::Message(&message) });
    }

    fn contribute(&mut self) {
        let prepared = self.victim.prepare(Update::Reals(&UPDATE), Weight::ONE, Rounding::Stochastic, &mut rng());
        let Some(Ok(contribution)) = prepared else { return };
        self.feed(Event::Contribute(contribution, None));
        while let Ok(Some(_)) = self.victim.next_chunk(Update::Reals(&UPDATE)) {}
    }

    fn feed(&mut self, event: Event<'_>) {
        let was_out = self.victim.refusal().is_some();
        let client = std::mem::replace(&mut self.victim, self.federation.client(0));
        let (client, outputs) = client.handle(NOW, event, &mut rng());
        assert!(!was_out || outputs.is_empty(), "a site that is out has spoken");
        self.victim = client;
        for output in outputs {
            if let Output::Send(message) = output {
                self.to_server(1, &message);
            }
        }
    }

    fn to_server(&mut self, from: u32, message: &[u8]) {
        let Some(index) = Index::new(from) else { return };
        let Ok(outputs) = self.server.handle(index, message) else { return };
        for output in outputs {
            if let ServerOutput::Send { to, message } = output {
                self.to_site(to, message);
            }
        }
        self.peers_advertise();
    }

    fn to_site(&mut self, to: Index, message: Vec<u8>) {
        if to.get() == 1 {
            self.honest = message;
            return;
        }
        self.peer(to.get(), Event::Message(&message));
    }

    fn peers_advertise(&mut self) {
        let params = self.federation.params.to_bytes();
        for number in [2, 3] {
            if self.peers[number as usize - 2].params().is_none() {
                self.peer(number, Event::Params(&params));
            }
        }
    }

    fn peer(&mut self, number: u32, event: Event<'_>) {
        let place = number as usize - 2;
        let client = std::mem::replace(&mut self.peers[place], self.federation.client(number as usize - 1));
        let (client, outputs) = client.handle(NOW, event, &mut rng());
        self.peers[place] = client;
        for output in outputs {
            if let Output::Send(message) = output {
                self.to_server(number, &message);
            }
        }
    }
}

fn take(bytes: &[u8], count: usize) -> (&[u8], &[u8]) {
    bytes.split_at(count.min(bytes.len()))
}
