//! Sessions with fixed randomness, message by message, as `testdata/sessions.json` has them. `tests/vectors/secagg.py`
//! makes the same messages from the same inputs, written from the specification alone.

use super::fixture::{Federation, NOW};
use super::puppet::body;
use crate::client::{Client, Event, Output, Policy};
use crate::ring::{Rounding, Update, Weight, load_words};
use crate::server::{Server, ServerOutput, accumulate};
use crate::session::{Encoding, Lane, SessionParams, VectorShape};
use crate::wire::{Chunk, Encode, Index, MessageType};
use rand::{TryCryptoRng, TryRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use wardround_plan::Digest;

const SITES: usize = 4;
const COORDINATES: u64 = 4100;
/// Vanishes after it has its masks and before its vector is complete.
const DROPOUT: u32 = 2;

/// SHA-256 of a label and a counter, block after block: easily made in any language.
struct CountedHashes {
    label: String,
    blocks: u64,
    left: Vec<u8>,
}

impl CountedHashes {
    fn new(label: String) -> Self {
        Self { label, blocks: 0, left: Vec::new() }
    }
}

impl TryRng for CountedHashes {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            if self.left.is_empty() {
                let block = Digest::of(&[self.label.as_bytes(), &self.blocks.to_le_bytes()].concat());
                self.left = block.as_bytes().iter().rev().copied().collect();
                self.blocks += 1;
            }
            *byte = self.left.pop().expect("32 bytes were put in");
        }
        Ok(())
    }
}

impl TryCryptoRng for CountedHashes {}

fn update(index: Index) -> Vec<f32> {
    let value = |place: u32| ((place * 37 + index.get() * 11) % 129) as f32 / 64.0 - 1.0;
    (0..COORDINATES as u32).map(value).collect()
}

fn weight(index: Index) -> Weight {
    Weight::new(index.get() + 2).expect("not 0")
}

struct Recorder {
    server: Server,
    clients: BTreeMap<Index, (Client, CountedHashes)>,
    from_sites: BTreeMap<Index, Vec<Value>>,
    to_sites: BTreeMap<Index, Vec<String>>,
    queue: Vec<(Index, Vec<u8>)>,
    sum: Vec<u8>,
}

fn named(message: &[u8]) -> Value {
    let kind = format!("{:?}", MessageType::of(message).expect("a message"));
    match MessageType::of(message) {
        Ok(MessageType::Chunk) => json!({ "kind": kind, "sha256": Digest::of(message).to_string() }),
        _ => json!({ "kind": kind, "hex": hex::encode(message) }),
    }
}

impl Recorder {
    fn perform(&mut self, outputs: Vec<ServerOutput>) {
        for output in outputs {
            if let ServerOutput::Send { to, message } = output {
                self.queue.push((to, message));
            }
        }
    }

    fn deliver(&mut self) {
        for (to, message) in std::mem::take(&mut self.queue) {
            let first = self.to_sites.entry(to).or_default();
            first.push(hex::encode(&message));
            let is_params = first.len() == 1;
            self.feed(to, if is_params { Event::Params(&message) } else { Event::Message(&message) });
        }
    }

    fn feed(&mut self, to: Index, event: Event<'_>) {
        let (client, mut rng) = self.clients.remove(&to).expect("it is there");
        let (client, outputs) = client.handle(NOW, event, &mut rng);
        self.clients.insert(to, (client, rng));
        for output in outputs {
            match output {
                Output::Send(message) => {
                    self.from_sites.entry(to).or_default().push(named(&message));
                    let outputs = self.server.handle(to, &message).expect("honest");
                    self.perform(outputs);
                }
                Output::Encode => self.upload(to),
                Output::Aborted(refusal) => panic!("{refusal}"),
                Output::Agreed(_) | Output::Persist(_) | Output::Finished => {}
            }
        }
    }

    fn upload(&mut self, from: Index) {
        let (client, mut rng) = self.clients.remove(&from).expect("it is there");
        let values = update(from);
        let prepared = client.prepare(Update::Reals(&values), weight(from), Rounding::Nearest, &mut rng);
        let contribution = prepared.expect("asked to").expect("sound");
        let (mut client, outputs) = client.handle(NOW, Event::Contribute(contribution, None), &mut rng);
        let [Output::Send(header)] = &outputs[..] else { panic!("{outputs:?}") };
        let mut said = vec![named(header)];
        let mut receiver = self.server.receive(from, header).expect("honest");
        let mut spool = Vec::new();
        while let Some(message) = client.next_chunk(Update::Reals(&values)).expect("the same") {
            said.push(named(&message));
            let _: Chunk = body(&message);
            spool.extend(receiver.chunk(&message).expect("in order"));
        }
        let (client, outputs) = client.handle(NOW, Event::Uploaded, &mut rng);
        let [Output::Send(trailer)] = &outputs[..] else { panic!("{outputs:?}") };
        if from.get() != DROPOUT {
            said.push(named(trailer));
            accumulate(self.server.params().vector.lane, &mut self.sum, &spool);
            let complete = receiver.finish(trailer).expect("honest");
            let outputs = self.server.uploaded(complete).expect("in time");
            self.perform(outputs);
        }
        self.clients.insert(from, (client, rng));
        self.from_sites.entry(from).or_default().extend(said);
    }
}

fn session(lane: Lane) -> Value {
    let federation = Federation::of(SITES);
    let params = federation.params(|params| {
        params.vector = VectorShape::new(lane, COORDINATES, 4096).expect("sound");
        let scale = if lane == Lane::Bits16 { 100.0 } else { 65_536.0 };
        params.encoding = Encoding { scale, clip_linf: 4.0, clip_l2: 1e6, weight_max: 8 };
    });
    let label = |index: Index| format!("site {index} of {} bits", lane.bits());
    let client = |place| {
        let index = Index::of_place(place);
        let client = federation.client_with(place, &params, Policy::default(), Default::default());
        (index, (client, CountedHashes::new(label(index))))
    };
    let (server, outputs) = Server::open(params.clone(), &federation.roster, NOW);
    let mut recorder = Recorder {
        server,
        clients: (0..SITES).map(client).collect(),
        from_sites: BTreeMap::new(),
        to_sites: BTreeMap::new(),
        queue: Vec::new(),
        sum: vec![0; params.vector.bytes() as usize],
    };
    recorder.perform(outputs);
    for _ in 0..3 {
        recorder.deliver();
    }
    let outputs = recorder.server.deadline();
    recorder.perform(outputs);
    recorder.deliver();
    recorder.deliver();
    written(&federation, &params, &label, recorder)
}

fn written(
    federation: &Federation,
    params: &SessionParams,
    label: &dyn Fn(Index) -> String,
    mut recorder: Recorder,
) -> Value {
    let unmasker = recorder.server.recover().expect("three of four are left");
    unmasker.unmask(0, &mut recorder.sum);
    unmasker.judge(&recorder.sum).expect("canaries are in order");
    let mut sum = vec![0; params.vector.words() as usize];
    load_words(params.vector.lane, &recorder.sum, &mut sum);
    let site = |index: Index| {
        json!({
            "client_id": hex::encode(federation.clients[index.place()].0),
            "signing_secret": hex::encode(*federation.keys[index.place()].to_secret()),
            "randomness": label(index),
            "weight": weight(index).get(),
            "sends": recorder.from_sites[&index],
            "is_told": recorder.to_sites[&index],
        })
    };
    json!({
        "lane": params.vector.lane.bits(),
        "coordinates": COORDINATES,
        "chunk_words": params.vector.chunk_words(),
        "round": params.round.0,
        "attempt": params.attempt.0,
        "federation": hex::encode(params.federation.0),
        "study": hex::encode(params.study.0),
        "model": params.model.0.to_string(),
        "plan": params.config.0.to_string(),
        "roster": params.roster.0.to_string(),
        "threshold": params.thresholds.threshold,
        "corrupt": params.thresholds.corrupt,
        "honest_min": params.thresholds.honest_min,
        "scale": params.encoding.scale,
        "clip_linf": params.encoding.clip_linf,
        "clip_l2": params.encoding.clip_l2,
        "weight_max": params.encoding.weight_max,
        "dropout": DROPOUT,
        "session": recorder.server.session().0.to_string(),
        "params": hex::encode(params.to_bytes()),
        "sites": params.indices().map(site).collect::<Vec<_>>(),
        "sum_sha256": Digest::of(&recorder.sum).to_string(),
        "sum_begins": sum[..8],
        "sum_ends": sum[sum.len() - 4..],
    })
}

fn vectors() -> Value {
    json!({
        "origin": "made by this crate (the test write_the_vectors_anew) and reproduced by tests/vectors/secagg.py",
        "randomness": "SHA-256(label || counter as u64 little-endian), block after block",
        "update": "((37 place + 11 index) mod 129) / 64 - 1, to the nearest unit",
        "sessions": Lane::ALL.map(session),
    })
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/sessions.json")
}

#[test]
fn every_message_is_the_one_on_file() {
    let text = std::fs::read_to_string(path()).expect("the vectors are part of the sources");
    let on_file: Value = serde_json::from_str(&text).expect("JSON");
    let made = vectors();
    for (made, on_file) in
        made["sessions"].as_array().expect("a list").iter().zip(on_file["sessions"].as_array().expect("a list"))
    {
        for (key, value) in made.as_object().expect("a session") {
            assert_eq!(value, &on_file[key], "{key} at {} bits", made["lane"]);
        }
    }
    assert_eq!(made, on_file);
}

#[test]
#[ignore = "writes the vectors anew, after a change of the protocol"]
fn write_the_vectors_anew() {
    let text = serde_json::to_string_pretty(&vectors()).expect("JSON") + "\n";
    std::fs::write(path(), text).expect("the sources can be written");
}
