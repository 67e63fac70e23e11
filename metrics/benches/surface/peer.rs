//! MONAI and surface-distance in a process of their own, asked for one number at a time.

use crate::organ::{Organ, SHAPE, SPACING_MM};
use crate::{Measured, Outcome};
use ndarray::ArrayD;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const SCRIPT: &str = "../benches/peers/metrics_surface.py";

/// `benches/peers/metrics_surface.py`, running.
pub struct Peer {
    process: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// What answers.
    pub version: String,
}

/// A value, and the median of the seconds that it took.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The score.
    pub value: f64,
    /// Of processor time or on the wall, as asked.
    pub seconds: f64,
}

impl Peer {
    /// Starts it; the first time that installs it.
    pub fn start(measured: Measured) -> Outcome<Self> {
        let mut command = Command::new("python3");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT));
        if let Measured::OneThread = measured {
            command.arg("--one-thread");
            command.envs(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|name| (name, "1")));
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = process.stdin.take().ok_or("no input")?;
        let lines = BufReader::new(process.stdout.take().ok_or("no output")?).lines();
        let mut peer = Self { process, stdin, lines, version: String::new() };
        peer.version = peer.next()?["version"].as_str().unwrap_or_default().to_owned();
        Ok(peer)
    }

    /// Hands over the masks of an organ.
    pub fn load(&mut self, organ: &Organ) -> Outcome<()> {
        let prediction = written("prediction", &organ.prediction)?;
        let truth = written("truth", &organ.truth)?;
        let case = json!({ "prediction": prediction, "truth": truth, "shape": SHAPE, "spacing": SPACING_MM });
        writeln!(self.stdin, "{case}")?;
        self.next().map(drop)
    }

    /// What `who` says of the metric with our name.
    pub fn ask(&mut self, who: &str, metric: &str) -> Outcome<Answer> {
        writeln!(self.stdin, "{}", json!({ "who": who, "metric": metric }))?;
        let answer = self.next()?;
        let number = |key: &str| answer[key].as_f64().ok_or_else(|| format!("no number `{key}` in {answer}"));
        Ok(Answer { value: number("value")?, seconds: number("seconds")? })
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

fn written(name: &str, mask: &ArrayD<u8>) -> Outcome<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.u8"));
    fs::write(&path, mask.as_slice().ok_or("not in standard layout")?)?;
    Ok(path)
}
