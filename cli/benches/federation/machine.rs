//! On what, and how busy it was: a figure without these means nothing.

use crate::process::own_processor_time;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Files here are in memory on Linux: what is measured is then not the disk.
const MEMORY_FOLDER: &str = "/dev/shm";

/// How long the cores are tried.
const TRIAL: Duration = Duration::from_millis(500);

/// The machine, its load, and the cores that can be had of it now: with fewer than it has, wall times are bounds only.
pub fn describe() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let name = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let load: Option<f64> = read("/proc/loadavg").split_whitespace().next().and_then(|load| load.parse().ok());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({ "processor": name.trim_start_matches([' ', '\t', ':']), "cores": cores, "load_1min": load, "cores_to_be_had": cores_to_be_had(cores) })
}

/// Tried with threads that only count.
fn cores_to_be_had(threads: usize) -> f64 {
    let (begun, before) = (Instant::now(), own_processor_time());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| while begun.elapsed() < TRIAL {});
        }
    });
    (own_processor_time() - before).as_secs_f64() / begun.elapsed().as_secs_f64()
}

/// A folder in memory where there is one.
pub fn folder_in_memory() -> PathBuf {
    let memory = PathBuf::from(MEMORY_FOLDER);
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The smallest, the value below which nine of ten are, the largest.
pub fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values.get((part * (values.len().max(1) - 1) as f64).round() as usize).copied();
    [0.0, 0.9, 1.0].map(|part| at(part).unwrap_or(f64::NAN))
}
