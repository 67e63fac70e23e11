//! A peer in its process, asked for a few steps at a time.

use crate::Outcome;
use crate::cost::Cost;
use crate::ours::Shape;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A script of `benches/peers`, running.
pub struct Peer {
    process: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// Weights of its network.
    pub weights: u64,
    /// What it is.
    pub version: String,
}

impl Peer {
    /// Starts the script for a shape on so many threads; the first time that installs what it needs.
    pub fn start(script: &str, shape: Shape, threads: u32) -> Outcome<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("benches/peers").join(script);
        let mut command = Command::new("python3");
        let numbers =
            [("width", shape.width), ("depth", shape.depth), ("pixels", shape.pixels), ("batch", shape.batch)];
        command.arg(script).args(numbers.map(|(name, number)| format!("--{name}={number}")));
        command.arg(format!("--threads={threads}")).env("OMP_NUM_THREADS", threads.to_string());
        // Without this its threads spin while they wait, which on a busy machine costs it several times the work itself.
        command.env("OMP_WAIT_POLICY", "PASSIVE");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = process.stdin.take().ok_or("no input")?;
        let lines = BufReader::new(process.stdout.take().ok_or("no output")?).lines();
        let mut peer = Self { process, stdin, lines, weights: 0, version: String::new() };
        let ready = peer.next()?;
        peer.weights = ready["weights"].as_u64().ok_or("no number of weights")?;
        peer.version = ready["version"].as_str().unwrap_or_default().to_owned();
        Ok(peer)
    }

    /// The median of so many steps.
    pub fn measure(&mut self, steps: u32) -> Outcome<Cost> {
        writeln!(self.stdin, "{}", json!({ "steps": steps }))?;
        Cost::read(&self.next()?)
    }

    fn next(&mut self) -> Outcome<Value> {
        let line = self.lines.next().ok_or("the peer's process ended")??;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
