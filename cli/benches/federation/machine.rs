//! On what, and how busy it was: a figure without these means nothing.

use serde_json::{Value, json};
use std::path::PathBuf;

/// Files here are in memory on Linux: what is measured is then not the disk.
const MEMORY_FOLDER: &str = "/dev/shm";

/// The machine and its load now.
pub fn describe() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let name = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let load: Option<f64> = read("/proc/loadavg").split_whitespace().next().and_then(|load| load.parse().ok());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({ "processor": name.trim_start_matches([' ', '\t', ':']), "cores": cores, "load_1min": load })
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
