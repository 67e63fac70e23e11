//! What secure aggregation costs beside training: a site's masking and the coordinator's unmasking, with nothing left out,
//! beside the physical limit of the same machine in the same run, and beside Flower's SecAgg+.
//! `cargo bench --profile dev -p wardround-secagg --bench masking -- [--largest 1e6] [--peer python3] [--memory]`
//!
//! Everything runs on one thread and is measured in processor time of that thread. The limit is AES-256 over every mask byte
//! (by counter or in place, whichever is faster here), added 16 KiB at a time, and for the coordinator every uploaded word added once from memory.
//!
//! The site's figure: an update of reals is bounded, scaled, rounded by chance, masked, framed and hashed. The
//! coordinator's: n vectors are added, secrets put together and compared, masks taken off. Every vector is real, and every
//! sum is compared with the plain one.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes256, Block};
use ctr::Ctr64LE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::time::{ClockId, clock_gettime};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use wardround_plan::{Digest, SiteId, Timestamp};
use wardround_secagg::client::{Client, Event, History, Output, Policy, Site, Trained};
use wardround_secagg::ring::{Rounding, Update, Weight, load_words};
use wardround_secagg::roster::{Enrolment, Roster, SigningKey};
use wardround_secagg::server::{Server, ServerOutput, ServerStage, accumulate};
use wardround_secagg::session::{
    CHUNK_WORDS_DEFAULT, Encoding, Graph, Lane, SUITE, SessionParams, Thresholds, VectorShape,
};
use wardround_secagg::wire::{Attempt, ClientId, ConfigDigest, FederationId, Index, ModelDigest, Round, StudyId};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const SITES: [usize; 3] = [10, 50, 100];
const LENGTHS: [u64; 3] = [100_000, 1_000_000, 10_000_000];
const PIECE: usize = 16 * 1024;
const NOW: Timestamp = Timestamp::from_ms(1);
const SCALE: f64 = 65_536.0;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| arguments.iter().position(|one| one == name).and_then(|place| arguments.get(place + 1));
    let largest = value("--largest").map_or(Ok(f64::INFINITY), |text| text.parse::<f64>())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    if arguments.iter().any(|one| one == "--memory") {
        return pool.install(memory);
    }
    pool.install(|| {
        let limits = Limits::measure();
        println!("{limits}");
        println!("sites   length  dropouts  site s   limit x   server s   limit x   recover s   handshake s");
        for length in LENGTHS.into_iter().filter(|length| *length as f64 <= largest) {
            for sites in SITES {
                for dropouts in [0, sites / 10] {
                    measure(sites, length, dropouts, &limits)?;
                }
            }
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    })?;
    if let Some(python) = value("--peer") {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/peers/secagg_flower.py");
        let status = Command::new(python).args([script, "--largest", &largest.min(1e9).to_string()]).status()?;
        println!("Flower: {status}");
    }
    Ok(())
}

/// What this machine can do at most, on one core.
struct Limits {
    keystream: f64,
    add_in_cache: f64,
    add_from_memory: f64,
}

impl Limits {
    fn measure() -> Self {
        let mut counting = Ctr64LE::<Aes256>::new(&[1; 32].into(), &[2; 16].into());
        let mut stream = vec![0; PIECE];
        let by_counter = rate(64 << 20, || (0..4096).for_each(|_| counting.write_keystream(black_box(&mut stream))));
        let cipher = Aes256::new(&[1; 32].into());
        let mut blocks = vec![Block::default(); PIECE / 16];
        let in_place = rate(64 << 20, || (0..4096).for_each(|_| cipher.encrypt_blocks(black_box(&mut blocks))));
        let keystream = by_counter.max(in_place);
        let mut piece = vec![0; PIECE];
        let add_in_cache = rate(64 << 20, || (0..4096).for_each(|_| add(black_box(&mut piece), black_box(&stream))));
        let (mut sum, vector) = (vec![1; 64 << 20], vec![2; 64 << 20]);
        let add_from_memory = rate(64 << 20, || add(black_box(&mut sum), black_box(&vector)));
        Self { keystream, add_in_cache, add_from_memory }
    }

    /// Seconds for `masks` masks over `bytes` each.
    fn masking(&self, masks: u64, bytes: u64) -> f64 {
        (masks * bytes) as f64 * (1.0 / self.keystream + 1.0 / self.add_in_cache)
    }
}

impl std::fmt::Display for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [keystream, cache, memory] =
            [self.keystream, self.add_in_cache, self.add_from_memory].map(|rate| rate / 1e9);
        write!(f, "one core: keystream {keystream:.2} GB/s, add {cache:.2} GB/s in cache, {memory:.2} GB/s from memory")
    }
}

fn add(sum: &mut [u8], words: &[u8]) {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            for (a, b) in sum.as_chunks_mut().0.iter_mut().zip(words.as_chunks().0) {
                *a = u32::from_le_bytes(*a).wrapping_add(u32::from_le_bytes(*b)).to_le_bytes();
            }
        },
    );
}

/// Bytes a second in the best of a few runs.
fn rate(bytes: usize, mut work: impl FnMut()) -> f64 {
    let run = |_| bytes as f64 / seconds(&mut work).1;
    (0..7).map(run).fold(0.0, f64::max)
}

/// What `work` gives, and the processor time that this thread took for it.
fn seconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    };
    let start = now();
    let result = work();
    (result, now() - start)
}

fn measure(sites: usize, length: u64, dropouts: usize, limits: &Limits) -> Outcome<()> {
    let mut session = Session::new(sites, length)?;
    session.handshake()?;
    let update: Vec<f32> = (0..length).map(|place| ((place * 37) % 2001) as f32 / 1000.0 - 1.0).collect();
    let (mut site_s, mut adding_s) = (f64::INFINITY, 0.0);
    for number in 0..sites {
        let index = session.index(number);
        let (messages, spent) = session.mask(index, &update)?;
        site_s = site_s.min(spent);
        match number < dropouts {
            true => session.drop_out(index),
            false => adding_s += session.upload(index, &messages)?,
        }
    }
    let (recover_s, unmask_s) = session.finish(&update)?;
    let bytes = 4 * (length + 4);
    let site_limit = limits.masking(sites as u64, bytes);
    let left = (sites - dropouts) as u64;
    let masks = left + left * dropouts as u64;
    let server_limit = limits.masking(masks, bytes) + (left * bytes) as f64 / limits.add_from_memory;
    let server_s = adding_s + recover_s + unmask_s;
    println!(
        "{sites:5} {length:8} {dropouts:9} {site_s:7.4} {:9.2} {server_s:10.4} {:9.2} {recover_s:11.4} {:13.3}",
        site_s / site_limit,
        server_s / server_limit,
        session.handshake_s,
    );
    Ok(())
}

/// What one of three sites needs beside its update while its chunks are made, sent and forgotten.
fn memory() -> Outcome<()> {
    // The longest first: what a process has had it may use again unseen.
    for length in LENGTHS.into_iter().rev() {
        let update = vec![0.5; length as usize];
        let mut session = Session::new(3, length)?;
        session.sum = Vec::new();
        session.handshake()?;
        let index = session.index(0);
        let client = session.clients.remove(&index).ok_or("it is there")?;
        // Writing 5 there sets the peak back to what is held now.
        std::fs::write("/proc/self/clear_refs", "5")?;
        let before = peak_kib()?;
        let (_, messages) = masked(client, Update::Reals(&update), &mut session.rng, |_| {})?;
        let grown = peak_kib()?.saturating_sub(before);
        let kept: usize = messages.iter().map(Vec::len).sum();
        println!("{length} coordinates: {grown} KiB beside the update, {kept} bytes of messages kept");
    }
    Ok(())
}

fn peak_kib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// A whole session in this process.
struct Session {
    server: Server,
    clients: BTreeMap<Index, Client>,
    rng: StdRng,
    queue: Vec<(Index, Vec<u8>)>,
    sum: Vec<u8>,
    /// Of one site: everything but its vector.
    handshake_s: f64,
    gone: BTreeSet<Index>,
}

impl Session {
    fn new(count: usize, length: u64) -> Outcome<Self> {
        let mut rng = StdRng::seed_from_u64(1);
        let authority = SigningKey::generate(&mut rng);
        let federation = FederationId([1; 16]);
        let mut members = Vec::new();
        for number in 0..count {
            let name = SiteId::new(format!("site-{number}"))?;
            members.push((ClientId::of_site(&name), name, Arc::new(SigningKey::generate(&mut rng))));
        }
        members.sort_by_key(|(client, ..)| *client);
        let certify = |(client, name, key): &(ClientId, SiteId, Arc<SigningKey>)| {
            let enrolment = Enrolment {
                federation,
                client: *client,
                name: name.clone(),
                key: key.public(),
                tls_key_sha256: [0; 32],
                not_before: Timestamp::from_ms(0),
                not_after: Timestamp::from_ms(9),
                serial: 0,
            };
            enrolment.certify(&authority)
        };
        let certificates = members.iter().map(certify).collect();
        let roster = Arc::new(Roster::new(federation, &authority.public(), certificates, BTreeSet::new())?);
        let params = params(&roster, members.iter().map(|(client, ..)| *client).collect(), length)?;
        let (server, outputs) = Server::open(params.clone(), &roster, NOW);
        let member = |(place, (client, _, key)): (usize, (ClientId, SiteId, Arc<SigningKey>))| {
            let site = Site { client, key, roster: roster.clone(), policy: Policy::default() };
            let (model, config) = (params.model, params.config);
            let trained = Trained { study: params.study, round: params.round, model, config, coordinates: length };
            let index = Index::new(place as u32 + 1).ok_or("counted from 1")?;
            Ok((index, Client::new(site, trained, History::default())))
        };
        let clients =
            members.into_iter().enumerate().map(member).collect::<Result<_, Box<dyn Error + Send + Sync>>>()?;
        let sum = vec![0; params.vector.bytes() as usize];
        let (gone, queue) = (BTreeSet::new(), Vec::new());
        let mut session = Self { server, clients, rng, queue, sum, handshake_s: 0.0, gone };
        session.perform(outputs);
        Ok(session)
    }

    fn index(&self, number: usize) -> Index {
        Index::new(number as u32 + 1).expect("counted from 1")
    }

    fn perform(&mut self, outputs: Vec<ServerOutput>) {
        for output in outputs {
            if let ServerOutput::Send { to, message } = output {
                self.queue.push((to, message));
            }
        }
    }

    /// Up to where every site has its masks.
    fn handshake(&mut self) -> Outcome<()> {
        for _ in 0..3 {
            self.deliver()?;
        }
        Ok(())
    }

    fn deliver(&mut self) -> Outcome<()> {
        for (number, (to, message)) in std::mem::take(&mut self.queue).into_iter().enumerate() {
            if self.gone.contains(&to) {
                continue;
            }
            let is_params = self.server.stage() == ServerStage::Keys;
            let event = if is_params { Event::Params(&message) } else { Event::Message(&message) };
            let (outputs, spent) = self.feed(to, event)?;
            self.handshake_s += if number == 0 { spent } else { 0.0 };
            for output in outputs {
                match output {
                    Output::Send(reply) => {
                        let outputs = self.server.handle(to, &reply)?;
                        self.perform(outputs);
                    }
                    Output::Aborted(refusal) => return Err(refusal.into()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn feed(&mut self, to: Index, event: Event<'_>) -> Outcome<(Vec<Output>, f64)> {
        let client = self.clients.remove(&to).ok_or("it is there")?;
        let ((client, outputs), spent) = seconds(|| client.handle(NOW, event, &mut self.rng));
        self.clients.insert(to, client);
        Ok((outputs, spent))
    }

    /// Masks one site's update: header, chunks, trailer.
    fn mask(&mut self, index: Index, update: &[f32]) -> Outcome<(Vec<Vec<u8>>, f64)> {
        let client = self.clients.remove(&index).ok_or("it is there")?;
        let mut chunks = Vec::new();
        let (made, spent) =
            seconds(|| masked(client, Update::Reals(update), &mut self.rng, |chunk| chunks.push(chunk)));
        let (client, [header, trailer]) = made?;
        self.clients.insert(index, client);
        let messages = std::iter::once(header).chain(chunks).chain([trailer]).collect();
        Ok((messages, spent))
    }

    /// A site goes after it was given its masks.
    fn drop_out(&mut self, index: Index) {
        self.gone.insert(index);
        let outputs = self.server.site_left(index);
        self.perform(outputs);
    }

    /// Takes one upload in; seconds for adding it.
    fn upload(&mut self, index: Index, messages: &[Vec<u8>]) -> Outcome<f64> {
        let [header, chunks @ .., trailer] = messages else { return Err("header and trailer".into()) };
        let mut receiver = self.server.receive(index, header)?;
        let mut words = Vec::with_capacity(self.sum.len());
        for chunk in chunks {
            words.extend(receiver.chunk(chunk)?);
        }
        let complete = receiver.finish(trailer)?;
        let lane = self.server.params().vector.lane;
        let ((), spent) = seconds(|| accumulate(lane, &mut self.sum, &words));
        let outputs = self.server.uploaded(complete)?;
        self.perform(outputs);
        Ok(spent)
    }

    /// Seconds for putting secrets together, and for taking masks off.
    fn finish(&mut self, update: &[f32]) -> Outcome<(f64, f64)> {
        self.deliver()?;
        self.deliver()?;
        let (unmasker, recover_s) = seconds(|| self.server.recover());
        let unmasker = unmasker?;
        let ((), unmask_s) = seconds(|| unmasker.unmask(0, &mut self.sum));
        let decode = unmasker.judge(&self.sum)?;
        let mut integers = vec![0; update.len()];
        load_words(Lane::Bits32, &self.sum, &mut integers);
        let wrong = |(sum, real): (&i64, &f32)| (decode.mean(*sum) - f64::from(*real)).abs() > 1.0 / SCALE;
        match integers.iter().zip(update).any(wrong) {
            true => Err("the sum is not the plain one".into()),
            false => Ok((recover_s, unmask_s)),
        }
    }
}

/// Header and trailer; chunks go where they are taken.
fn masked(
    client: Client,
    update: Update<'_>,
    rng: &mut StdRng,
    mut take: impl FnMut(Vec<u8>),
) -> Outcome<(Client, [Vec<u8>; 2])> {
    let contribution = client.prepare(update, Weight::ONE, Rounding::Stochastic, rng).ok_or("it was asked to")??;
    let (mut client, header) = client.handle(NOW, Event::Contribute(contribution, None), rng);
    while let Some(message) = client.next_chunk(update)? {
        take(message);
    }
    let (client, trailer) = client.handle(NOW, Event::Uploaded, rng);
    Ok((client, [sent(header)?, sent(trailer)?]))
}

/// The one message among the outputs.
fn sent(outputs: Vec<Output>) -> Outcome<Vec<u8>> {
    let message = |one| if let Output::Send(message) = one { Some(message) } else { None };
    Ok(outputs.into_iter().find_map(message).ok_or("a message")?)
}

fn params(roster: &Roster, participants: Vec<ClientId>, length: u64) -> Outcome<SessionParams> {
    let thresholds = Thresholds::recommended(participants.len() as u32).ok_or("three or more")?;
    let digest = Digest::of(b"benchmark");
    Ok(SessionParams {
        suite: SUITE,
        federation: roster.federation(),
        study: StudyId([2; 16]),
        round: Round(1),
        attempt: Attempt(1),
        model: ModelDigest(digest),
        config: ConfigDigest(digest),
        roster: roster.digest(),
        participants,
        thresholds,
        graph: Graph::Complete,
        vector: VectorShape::new(Lane::Bits32, length, CHUNK_WORDS_DEFAULT)?,
        encoding: Encoding { scale: SCALE, clip_linf: 4.0, clip_l2: 1e9, weight_max: 1 },
        noise: None,
    })
}
