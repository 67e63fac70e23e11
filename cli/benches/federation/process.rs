//! Processes that answer in JSON lines, and what they cost.

use crate::trouble::Trouble;
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// `USER_HZ`: what `/proc` counts processor time in, whatever the kernel's own clock does.
const TICKS_PER_SECOND: u64 = 100;

/// A running process; killed when dropped.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What a process has used since it began.
pub struct Usage {
    /// User and system time.
    pub processor_s: f64,
    /// The most memory it ever had.
    pub peak_kib: u64,
}

impl Running {
    /// Starts a command.
    pub fn start(command: &mut Command) -> Result<Self, Trouble> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| Trouble::new("no output to read"))?;
        Ok(Self { stdin: child.stdin.take(), lines: BufReader::new(stdout).lines(), child })
    }

    /// The next JSON line; other lines are for people.
    pub fn next(&mut self) -> Result<Value, Trouble> {
        for line in self.lines.by_ref() {
            if let Ok(value) = serde_json::from_str(&line?) {
                return Ok(value);
            }
        }
        Err(Trouble::new(format!("a process ended too soon: {:?}", self.child.wait())))
    }

    /// Sends one line.
    pub fn tell(&mut self, line: &Value) -> Result<(), Trouble> {
        let stdin = self.stdin.as_mut().ok_or_else(|| Trouble::new("no input to write to"))?;
        Ok(writeln!(stdin, "{line}")?)
    }

    /// Processor time so far, in steps of 10 ms.
    pub fn processor_time(&self) -> Result<Duration, Trouble> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name, in parentheses, may hold spaces; the 12th and 13th words after it are user and system time.
        let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = words.skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }

    /// Memory in use now.
    pub fn resident_kib(&self) -> Result<u64, Trouble> {
        self.status_kib("VmRSS:")
    }

    /// What it has used so far.
    pub fn usage(&self) -> Result<Usage, Trouble> {
        let processor_s = self.processor_time()?.as_secs_f64();
        Ok(Usage { processor_s, peak_kib: self.status_kib("VmHWM:")? })
    }

    fn status_kib(&self, key: &str) -> Result<u64, Trouble> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse().ok());
        kib.ok_or_else(|| Trouble::new(format!("no {key} the process is gone")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time of this process.
pub fn own_processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
