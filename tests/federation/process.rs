//! One process that runs until it is killed, with what it says in files.

use crate::binary::wardround;
use crate::patience::{LONG, wait_for};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A server; killed when dropped.
pub struct Process {
    child: Child,
    said: PathBuf,
    log: PathBuf,
    /// What it had said before it was started this time.
    heard: usize,
}

impl Process {
    /// Starts `wardround ARGUMENTS --json`; what it prints goes to `logs/NAME.out`, its log to `logs/NAME.log`.
    pub fn start(name: &str, logs: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(wardround());
        command.args(arguments).arg("--json");
        Self::spawn(name, logs, command)
    }

    /// Starts any command; what it prints goes to `logs/NAME.out`, its log to `logs/NAME.log`.
    pub fn spawn(name: &str, logs: &Path, mut command: Command) -> Self {
        let (said, log) = (logs.join(format!("{name}.out")), logs.join(format!("{name}.log")));
        let heard = lines(&said).len();
        let child = command
            .env_remove("RUST_LOG")
            // A test that is stopped leaves nothing behind.
            .env("WARDROUND_DIE_WITH_PARENT", "1")
            .stdin(Stdio::null())
            .stdout(append(&said))
            .stderr(append(&log))
            .spawn()
            .expect("the binary can be started");
        Self { child, said, log, heard }
    }

    /// Waits for its first document, which says that it is up; `None` if it ended instead.
    pub fn ready(&mut self) -> Option<Value> {
        wait_for("a first word", LONG, || match self.said().into_iter().next() {
            Some(first) => Some(Some(first)),
            None => self.ended().map(|_| None),
        })
    }

    /// SIGKILL: it has no chance to tidy up.
    pub fn kill(&mut self) {
        // One that has ended by itself is dead already.
        let _ = self.child.kill();
        self.child.wait().expect("a child of ours");
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Every document it has printed since it was started.
    pub fn said(&self) -> Vec<Value> {
        lines(&self.said).into_iter().skip(self.heard).collect()
    }

    /// Its log, from the first start on.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("it was opened at the start")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("a folder of ours")
}

/// A line that a killed process left half written is no document.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
