//! An upload over mutual TLS on loopback: ours, and beside it the same by grpcio.
//!
//! Ours is all of it: 256 KiB chunks with a CRC each from a file, written and flushed every 8 MiB by the coordinator, hashed
//! whole, made an object. The peer sends the same file in the same chunks with the same P-256 certificates, twice: `bare`
//! throws the bytes away as they come; `kept` writes, flushes and hashes them as ours does, without CRCs. All files are in
//! memory, so that no disk is measured.

use crate::machine;
use crate::options::Options;
use crate::place::{Place, Serving, text};
use crate::process::{Running, own_processor_time};
use crate::trouble::Trouble;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tonic::transport::Channel;
use wardround_client::transfer::upload;
use wardround_client::{Address, dial};
use wardround_identity::Credentials;
use wardround_identity::tls::{ClientTls, Clock};
use wardround_plan::{Digest, Timestamp};
use wardround_proto::v1::transfer_client::TransferClient;
use wardround_proto::{Announced, UploadPurpose, UploadRequest};
use wardround_storage::Blobs;

const PEER: &str = "benches/peers/upload_grpcio.py";
/// How the peer takes an upload.
const PEER_KINDS: [&str; 2] = ["bare", "kept"];

/// One upload, or many added up.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    client: Duration,
    server: Duration,
}

/// All uploads of one kind.
struct Series {
    name: &'static str,
    bytes: u64,
    costs: Vec<Cost>,
}

pub async fn run(options: &Options) -> Result<(), Trouble> {
    let (rounds, mib) = (options.number("rounds", 7)?, options.number("mib", 256)?);
    let bytes = u64::from(mib) << 20;
    let series = |name| Series { name, bytes, costs: Vec::new() };
    let place = Place::found(&machine::folder_in_memory())?;
    let mut ours = Ours::start(&place).await?;
    let mut peer = if options.wants("peer") { Some(Peer::start(&place)?) } else { None };
    let mut all = vec![series("wardround")];
    all.extend(PEER_KINDS.into_iter().filter(|_| peer.is_some()).map(series));
    let before = machine::describe();
    // Round 0 warms up.
    for round in 0..=rounds {
        let content = content(bytes, round);
        let digest = ours.blobs.put_bytes(content.into()).await?;
        let mut costs = vec![ours.send(digest, bytes).await?];
        if let Some(peer) = &mut peer {
            for kind in PEER_KINDS {
                costs.push(peer.send(kind, &ours.blobs.path(&digest))?);
            }
        }
        ours.forget(&place, &digest).await?;
        if round > 0 {
            all.iter_mut().zip(costs).for_each(|(series, cost)| series.costs.push(cost));
        }
    }
    show(&all, bytes, &before);
    Ok(())
}

/// The coordinator in its process, and a study lead here.
struct Ours {
    serving: Serving,
    client: TransferClient<Channel>,
    blobs: Blobs,
}

impl Ours {
    async fn start(place: &Place) -> Result<Self, Trouble> {
        let serving = place.serve()?;
        let credentials = Credentials::load(&place.federation().join("lead"), now())?;
        let tls = ClientTls::peer(&credentials, &Clock::system())?;
        let address: Address = serving.address.parse()?;
        let client = TransferClient::new(dial(&address, tls).await?);
        let folder = place.root().join("lead");
        std::fs::create_dir_all(&folder)?;
        Ok(Self { serving, client, blobs: Blobs::open(&folder)? })
    }

    async fn send(&mut self, digest: Digest, size_bytes: u64) -> Result<Cost, Trouble> {
        let object = Announced { digest, size_bytes };
        let request = UploadRequest { purpose: UploadPurpose::InitialModel, object };
        let before = (Instant::now(), own_processor_time(), self.serving.process.processor_time()?);
        upload(&mut self.client, &self.blobs, &request, |_| {}).await?;
        let server = self.serving.process.processor_time()? - before.2;
        Ok(Cost { wall: before.0.elapsed(), client: own_processor_time() - before.1, server })
    }

    /// Makes room on both sides.
    async fn forget(&self, place: &Place, digest: &Digest) -> Result<(), Trouble> {
        self.blobs.delete(digest).await?;
        Ok(std::fs::remove_file(place.federation().join("state/sha256").join(digest.to_string()))?)
    }
}

/// grpcio's server and client, in a process each.
struct Peer {
    server: Running,
    client: Running,
}

impl Peer {
    fn start(place: &Place) -> Result<Self, Trouble> {
        let (federation, scratch) = (place.federation(), place.root().join("peer"));
        std::fs::create_dir_all(&scratch)?;
        let script = |role: &str, credentials: &str| {
            let mut command = Command::new("python3");
            command.arg(repository().join(PEER)).arg(role).arg("--scratch").arg(&scratch);
            command.arg("--identity").arg(federation.join(credentials).join("identity.pem"));
            command.arg("--authority").arg(federation.join("authority/authority.pem"));
            command
        };
        let mut server = Running::start(&mut script("server", "coordinator"))?;
        let listening = server.next()?;
        let mut client = script("client", "lead");
        let mut client = Running::start(client.args(["--address", text(&listening, "listening")?]))?;
        client.next()?;
        Ok(Self { server, client })
    }

    fn send(&mut self, kind: &str, file: &Path) -> Result<Cost, Trouble> {
        let before = (self.client.processor_time()?, self.server.processor_time()?);
        self.client.tell(&json!({ "kind": kind, "file": file }))?;
        let seconds = self.client.next()?["seconds"].as_f64().ok_or_else(|| Trouble::new("no `seconds`"))?;
        let (client, server) = (self.client.processor_time()? - before.0, self.server.processor_time()? - before.1);
        Ok(Cost { wall: Duration::from_secs_f64(seconds), client, server })
    }
}

impl Series {
    fn gb(&self) -> f64 {
        self.bytes as f64 / 1e9
    }

    fn gb_per_second(&self) -> Vec<f64> {
        self.costs.iter().map(|cost| self.gb() / cost.wall.as_secs_f64()).collect()
    }

    /// Of client and server, over all rounds: one round is too short for ticks of 10 ms.
    fn processor_per_gb(&self) -> [f64; 2] {
        let all = self.gb() * self.costs.len() as f64;
        let sum = |part: fn(&Cost) -> Duration| self.costs.iter().map(part).sum::<Duration>().as_secs_f64() / all;
        [sum(|cost| cost.client), sum(|cost| cost.server)]
    }

    fn processor_total_per_gb(&self) -> f64 {
        self.processor_per_gb().iter().sum()
    }
}

fn show(all: &[Series], bytes: u64, before: &serde_json::Value) {
    println!("upload of {} MiB over mutual TLS on loopback, {} rounds; {before}", bytes >> 20, all[0].costs.len());
    println!(
        "{:<14} {:>12} {:>10} {:>16} {:>8} {:>8}",
        "", "GB/s median", "best", "processor s/GB", "client", "server"
    );
    let mut rows = Vec::new();
    for series in all {
        let ([client, server], rates) = (series.processor_per_gb(), series.gb_per_second());
        let (middle, [_, _, best]) = (machine::median(rates.clone()), machine::spread(rates));
        let total = client + server;
        println!("{:<14} {middle:>12.2} {best:>10.2} {total:>16.2} {client:>8.2} {server:>8.2}", series.name);
        let row = json!({ "name": series.name, "gb_per_s": middle, "best": best, "client_s_per_gb": client, "server_s_per_gb": server });
        rows.push(row);
    }
    let mut ratios = serde_json::Map::new();
    for peer in &all[1..] {
        let pairs = all[0].gb_per_second().into_iter().zip(peer.gb_per_second());
        let speed = machine::median(pairs.map(|(ours, theirs)| ours / theirs).collect());
        let processor = all[0].processor_total_per_gb() / peer.processor_total_per_gb();
        println!("wardround against grpcio {}: {speed:.2} x the speed, {processor:.2} x the processor time", peer.name);
        ratios.insert(peer.name.to_owned(), json!({ "speed": speed, "processor": processor }));
    }
    let after = machine::describe();
    println!("{}", json!({ "upload": rows, "mib": bytes >> 20, "ratios": ratios, "before": before, "after": after }));
}

/// Bytes that no compression or sharing can shorten, different in each round (xorshift64).
fn content(bytes: u64, round: u32) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ u64::from(round + 1);
    let mut content = Vec::with_capacity(bytes as usize);
    for _ in 0..bytes / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The wall clock.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(since.as_millis() as u64)
}
