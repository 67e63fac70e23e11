//! A 400 MB model both ways between two processes, with bounded memory at both ends.

use crate::place::{Desk, connect, coordinator, serve, spool, update};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use wardround_client::transfer::{download, upload};
use wardround_coordinator::transfer::TransferLimits;
use wardround_plan::{Digest, Hasher};
use wardround_proto::Announced;

const MODEL_BYTES: u64 = 400_000_000;
const UPDATE_BYTES: u64 = 400_000_004;
const RESIDENT_KIB_MAX: u64 = 120 * 1024;

/// This test binary starts itself: what the child is to be, where, and with whom.
const ROLE: &str = "WARDROUND_TRANSFER_ROLE";
const FOLDER: &str = "WARDROUND_TRANSFER_FOLDER";
const ADDRESS: &str = "WARDROUND_TRANSFER_ADDRESS";

#[test]
fn a_large_model_crosses_both_ways_in_bounded_memory() {
    let [here, there] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    sparse(here.path(), MODEL_BYTES);
    sparse(there.path(), UPDATE_BYTES);

    let server = Server::start(here.path());
    let mut site = child("site", there.path()).env(ADDRESS, server.address.to_string()).spawn().expect("starts");
    assert!(site.wait().expect("ends").success(), "the site failed");

    let resident = server.resident_kib_max();
    println!("coordinator: {resident} KiB resident at most");
    assert!(resident < RESIDENT_KIB_MAX, "the coordinator held {resident} KiB");
    let [model, change] = [MODEL_BYTES, UPDATE_BYTES].map(|size| zeros(size).digest.to_string());
    assert!(there.path().join("sha256").join(model).exists() && here.path().join("sha256").join(change).exists());
}

/// Not a test of its own: what a child process does. In the parent, nothing.
#[test]
fn child_process() {
    let (Ok(role), Ok(folder)) = (std::env::var(ROLE), std::env::var(FOLDER)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match role.as_str() {
        "coordinator" => runtime.block_on(serve_until_killed(Path::new(&folder))),
        _ => runtime.block_on(transfer_both_ways(Path::new(&folder))),
    }
}

/// A coordinator in a process of its own, killed at the latest when dropped.
pub struct Server {
    pub address: SocketAddr,
    process: Child,
}

impl Server {
    pub fn start(folder: &Path) -> Self {
        let mut process = child("coordinator", folder).stdout(Stdio::piped()).spawn().expect("starts");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        let mut lines = output.lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.split("serving ").nth(1).and_then(|address| address.parse().ok()));
        Self { address: address.expect("says where it serves"), process }
    }

    /// As SIGKILL does it.
    pub fn kill(mut self) {
        self.process.kill().and_then(|()| self.process.wait()).expect("is there");
    }

    fn resident_kib_max(&self) -> u64 {
        resident_kib_max(&format!("/proc/{}/status", self.process.id()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn child(role: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", "large::child_process", "--nocapture"]).env(ROLE, role).env(FOLDER, folder);
    command
}

async fn serve_until_killed(folder: &Path) {
    let limits = TransferLimits::default();
    let (address, _server) = serve(spool(folder), Desk::default(), limits, Some("site-a")).await;
    println!("serving {address}");
    std::io::stdout().flush().expect("piped");
    std::future::pending().await
}

async fn transfer_both_ways(folder: &Path) {
    let address = std::env::var(ADDRESS).expect("given").parse().expect("an address");
    let (mut client, site) = (connect(address).await, spool(folder));
    download(&mut client, &site, &coordinator(), zeros(MODEL_BYTES), |_| {}).await.expect("fetched");
    upload(&mut client, site.blobs(), &update(zeros(UPDATE_BYTES)), |_| {}).await.expect("sent");
    let resident = resident_kib_max("/proc/self/status");
    println!("site: {resident} KiB resident at most");
    assert!(resident < RESIDENT_KIB_MAX, "the site held {resident} KiB");
}

/// An object of zeros that takes no room on the disk.
fn sparse(folder: &Path, size_bytes: u64) {
    let folder = folder.join("sha256");
    std::fs::create_dir_all(&folder).expect("writable");
    let file = File::create(folder.join(zeros(size_bytes).digest.to_string())).expect("writable");
    file.set_len(size_bytes).expect("no room needed");
}

fn zeros(size_bytes: u64) -> Announced {
    let block = [0; 1 << 16];
    let mut hasher = Hasher::new();
    (0..size_bytes / block.len() as u64).for_each(|_| hasher.update(&block));
    hasher.update(&block[..(size_bytes % block.len() as u64) as usize]);
    let digest: Digest = hasher.finish();
    Announced { digest, size_bytes }
}

fn resident_kib_max(status: &str) -> u64 {
    let text = std::fs::read_to_string(status).expect("the process is there");
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).expect("a line of Linux");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}
