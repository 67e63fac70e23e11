//! Time and memory of this process.

use super::Outcome;
use std::time::{Duration, Instant};

/// Processor and wall-clock time.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Of all threads together.
    pub processor_s: f64,
    pub wall_s: f64,
}

/// An instant on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    processor: Duration,
    wall: Instant,
}

impl Cost {
    /// More than anything.
    pub const MAX: Self = Self { processor_s: f64::MAX, wall_s: f64::MAX };

    /// What `work` costs.
    pub fn of(work: impl FnOnce()) -> Self {
        let begin = Clock::now();
        work();
        begin.elapsed()
    }

    /// The smaller of each.
    pub fn least(self, other: Self) -> Self {
        Self { processor_s: self.processor_s.min(other.processor_s), wall_s: self.wall_s.min(other.wall_s) }
    }
}

impl Clock {
    pub fn now() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let processor = Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32);
        Self { processor, wall: Instant::now() }
    }

    pub fn elapsed(&self) -> Cost {
        let now = Self::now();
        let processor_s = now.processor.saturating_sub(self.processor).as_secs_f64();
        Cost { processor_s, wall_s: (now.wall - self.wall).as_secs_f64() }
    }
}

/// Processor cores.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// The most memory this process has held.
pub fn peak_kib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    peak.ok_or_else(|| "this system does not tell a process's peak memory".into())
}
