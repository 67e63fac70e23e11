//! Processes of this same command, with their logs in files and what they print read line by line.

use crate::exit::Failure;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Tells a process to end when its parent does.
pub const DIE_WITH_PARENT: &str = "WARDROUND_DIE_WITH_PARENT";

/// Asks the kernel to end this process when its parent ends, however that happens.
pub fn die_with_parent() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM)) {
        tracing::warn!(%error, "this process may outlive its parent");
    }
}

/// A process that prints JSON lines; killed when dropped.
pub struct Process {
    name: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: std::path::PathBuf,
}

impl Process {
    /// Starts `wardround ARGUMENTS --json` with its log in `logs/NAME.log`.
    pub fn start(name: &str, logs: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::failed(format!("cannot start {name}: {error}"));
        let log = logs.join(format!("{name}.log"));
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).map_err(failed)?;
        let mut child = Command::new(std::env::current_exe().map_err(failed)?)
            .args(arguments)
            .arg("--json")
            .env(DIE_WITH_PARENT, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stdout = child.stdout.take().expect("it was piped two lines above");
        Ok(Self { name: name.into(), child, lines: BufReader::new(stdout).lines(), log })
    }

    /// The next JSON line; `None` when the process has ended.
    pub async fn next(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            let line = self.lines.next_line().await.map_err(|error| self.failed(&error.to_string()))?;
            match line.map(|line| serde_json::from_str(&line)) {
                None => return Ok(None),
                Some(Ok(value)) => return Ok(Some(value)),
                // Not ours to understand; it is for people.
                Some(Err(_)) => {}
            }
        }
    }

    /// The first line, which says that a server is up.
    pub async fn ready(&mut self) -> Result<Value, Failure> {
        match self.next().await? {
            Some(line) => Ok(line),
            None => Err(self.failed("it ended at once")),
        }
    }

    /// The last line of a command that is expected to succeed.
    pub async fn finish(mut self) -> Result<Value, Failure> {
        let mut last = Value::Null;
        while let Some(line) = self.next().await? {
            last = line;
        }
        let status = self.child.wait().await.map_err(|error| self.failed(&error.to_string()))?;
        if status.success() { Ok(last) } else { Err(self.failed(&status.to_string())) }
    }

    /// Ends the process and waits until it is gone.
    pub async fn stop(mut self) {
        // It may have ended by itself.
        let _ = self.child.kill().await;
    }

    /// What went wrong, with the end of the log.
    pub fn failed(&self, what: &str) -> Failure {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(3).collect();
        let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n  ");
        Failure::failed(format!("{}: {what}; its log {} ends with\n  {tail}", self.name, self.log.display()))
    }
}

/// Runs a command to its end and gives its last line.
pub async fn run(name: &str, logs: &Path, arguments: &[&str]) -> Result<Value, Failure> {
    Process::start(name, logs, arguments)?.finish().await
}
