//! Google's dp-accounting in a process of its own, asked for one number at a time.

use crate::Outcome;
use crate::cases::{Budget, Training};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const SCRIPT: &str = "../benches/peers/accounting_google.py";

/// `benches/peers/accounting_google.py`, running.
pub struct Google {
    process: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it is.
    pub version: String,
}

/// A number, and the processor seconds that it took.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// ε or σ.
    pub value: f64,
    /// Median, in seconds.
    pub seconds: f64,
}

impl Google {
    /// Starts it on one thread; the first time that installs it.
    pub fn start() -> Outcome<Self> {
        let mut command = Command::new("python3");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT));
        command.envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|name| (name, "1")));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = process.stdin.take().ok_or("no input")?;
        let lines = BufReader::new(process.stdout.take().ok_or("no output")?).lines();
        let mut google = Self { process, stdin, lines, version: String::new() };
        google.version = google.next()?["version"].as_str().unwrap_or_default().to_owned();
        Ok(google)
    }

    /// ε by PLD on a grid of losses.
    pub fn epsilon_pld(&mut self, case: &Training, grid: f64) -> Outcome<Answer> {
        self.ask(&json!({ "ask": "epsilon_pld", "segments": case.segments, "delta": case.delta, "grid": grid }))
    }

    /// ε by RDP.
    pub fn epsilon_rdp(&mut self, case: &Training) -> Outcome<Answer> {
        self.ask(&json!({ "ask": "epsilon_rdp", "segments": case.segments, "delta": case.delta }))
    }

    /// σ by PLD, to an absolute tolerance.
    pub fn noise(&mut self, case: &Budget, grid: f64, tolerance: f64) -> Outcome<Answer> {
        self.ask(&json!({ "ask": "noise", "epsilon": case.epsilon, "delta": case.delta, "grid": grid,
            "sampling_rate": case.sampling_rate, "steps": case.steps, "tolerance": tolerance }))
    }

    fn ask(&mut self, what: &Value) -> Outcome<Answer> {
        writeln!(self.stdin, "{what}")?;
        let answer = self.next()?;
        let number = |key: &str| answer[key].as_f64().ok_or_else(|| format!("no number `{key}` in {answer}"));
        Ok(Answer { value: number("value")?, seconds: number("seconds")? })
    }

    fn next(&mut self) -> Outcome<Value> {
        let line = self.lines.next().ok_or("the peer's process ended")??;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Google {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
