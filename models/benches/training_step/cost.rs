//! What a step costs, ours in processes of their own, and what the machine gives.

use crate::Outcome;
use crate::ours::{Kind, Shape, processor_time};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long the cores are tried.
const TRIAL: Duration = Duration::from_millis(500);

/// Milliseconds a step, and the most memory of its process.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Processor time.
    pub processor: f64,
    /// Wall time.
    pub wall: f64,
    /// Most memory of the process, less what it had before the network, MiB.
    pub peak_mib: f64,
}

impl Cost {
    /// From a line `{"processor_ms": ..., "wall_ms": ..., "peak_mib": ...}`.
    pub fn read(line: &Value) -> Outcome<Self> {
        let number = |key: &str| line[key].as_f64().ok_or_else(|| format!("no `{key}` in {line}"));
        Ok(Self { processor: number("processor_ms")?, wall: number("wall_ms")?, peak_mib: number("peak_mib")? })
    }

    /// As JSON.
    pub fn json(self) -> Value {
        json!({ "processor_ms": self.processor, "wall_ms": self.wall, "peak_mib": self.peak_mib })
    }

    /// Each number's median.
    pub fn median(costs: &[Self]) -> Self {
        let of = |part: fn(&Self) -> f64| median(costs.iter().map(part).collect());
        Self { processor: of(|cost| cost.processor), wall: of(|cost| cost.wall), peak_mib: of(|cost| cost.peak_mib) }
    }

    /// Each number as a part of another's.
    pub fn part_of(self, whole: Self) -> Self {
        Self {
            processor: self.processor / whole.processor,
            wall: self.wall / whole.wall,
            peak_mib: self.peak_mib / whole.peak_mib,
        }
    }
}

/// One measurement of ours in a process of its own, whose thread pool has the right size; with the number of weights.
pub fn ours(shape: Shape, kind: Kind, threads: u32) -> Outcome<(Cost, u64)> {
    let Shape { width, depth, pixels, batch, steps } = shape;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(kind.word()).args([width, depth, pixels, batch, steps].map(|number| number.to_string()));
    let output = command.env("RAYON_NUM_THREADS", threads.to_string()).stderr(Stdio::inherit()).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().rev().find_map(|line| serde_json::from_str(line).ok()).ok_or("no measurement of ours")?;
    Ok((Cost::read(&line)?, line["weights"].as_u64().ok_or("no number of weights")?))
}

/// Cores that so many threads together get now, tried with threads that only count.
pub fn cores_to_be_had(threads: u32) -> f64 {
    let (begun, before) = (Instant::now(), processor_time());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| while begun.elapsed() < TRIAL {});
        }
    });
    (processor_time() - before).as_secs_f64() / begun.elapsed().as_secs_f64()
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Load of the machine over the last minute.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").to_owned()
}
