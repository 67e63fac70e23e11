//! Ours and PyTorch's in turn, so that both meet the same load of the machine.
//!
//! A busy machine can give two threads less than one core together. Then wall time tells how busy it was, and a ratio on
//! two threads tells how each waits for its own; so what can be had is measured first, and the result says what it is worth.

use crate::Outcome;
use crate::ours::{Shape, processor_time};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const PEER: &str = "benches/peers/unet_torch.py";
const ROUNDS: u32 = 5;
const THREADS: [u32; 2] = [1, 2];
/// How long the cores are tried.
const TRIAL: Duration = Duration::from_millis(500);
/// With less than this part of the cores that were asked for, wall times and ratios on several threads mean nothing.
const CORES_PART_MIN: f64 = 0.9;

/// Milliseconds a step.
#[derive(Clone, Copy)]
struct Cost {
    processor: f64,
    wall: f64,
}

/// Measures a shape on each number of threads; prints a table and a JSON line.
pub fn print(shape: Shape) -> Outcome<()> {
    let Shape { width, depth, pixels, batch, steps } = shape;
    println!(
        "U-Net width {width}, depth {depth}, 1 x {pixels} x {pixels}, batch {batch}; {ROUNDS} rounds of {steps} steps in turn"
    );
    println!("load of the machine, 1 min: {}", load());
    let mut line = json!({ "width": width, "depth": depth, "pixels": pixels, "batch": batch, "load_before": load() });
    for threads in THREADS {
        let mut torch = Torch::start(shape, threads)?;
        let (cores_before, mut pairs) = (cores_to_be_had(threads), Vec::new());
        for _ in 0..ROUNDS {
            let (ours, weights) = ours(shape, threads)?;
            if weights != torch.weights {
                return Err(format!("ours has {weights} weights, PyTorch's {}", torch.weights).into());
            }
            pairs.push((ours, torch.measure(steps)?));
        }
        let cores = cores_before.min(cores_to_be_had(threads));
        line[format!("threads_{threads}")] = summary(threads, cores, &pairs, &torch.version);
    }
    line["load_after"] = json!(load());
    println!("{line}");
    Ok(())
}

fn summary(threads: u32, cores: f64, pairs: &[(Cost, Cost)], version: &str) -> Value {
    let of = |part: fn(&(Cost, Cost)) -> f64| median(pairs.iter().map(part).collect());
    let ours = Cost { processor: of(|pair| pair.0.processor), wall: of(|pair| pair.0.wall) };
    let torch = Cost { processor: of(|pair| pair.1.processor), wall: of(|pair| pair.1.wall) };
    let processor = of(|pair| pair.0.processor / pair.1.processor);
    let wall = of(|pair| pair.0.wall / pair.1.wall);
    println!("{threads} thread(s)  {:>22} {:>12}", "processor ms a step", "wall ms");
    println!("  wardround   {:>22.1} {:>12.1}", ours.processor, ours.wall);
    println!("  PyTorch     {:>22.1} {:>12.1}   ({version})", torch.processor, torch.wall);
    println!("  ratio       {processor:>22.2} {wall:>12.2}   (ours / PyTorch, median of the rounds' ratios)");
    let wall_is_valid = cores >= CORES_PART_MIN * f64::from(threads);
    let processor_is_valid = wall_is_valid || threads == 1;
    if !wall_is_valid {
        let void = if processor_is_valid { "wall times mean" } else { "nothing here means" };
        let anything = if processor_is_valid { "nothing" } else { "anything" };
        println!("  VOID        the machine gave {cores:.2} of {threads} core(s): {void} {anything}");
    }
    let cost = |cost: Cost| json!({ "processor_ms": cost.processor, "wall_ms": cost.wall });
    json!({ "wardround": cost(ours), "torch": cost(torch), "ratio_processor": processor, "ratio_wall": wall,
        "cores": cores, "processor_is_valid": processor_is_valid, "wall_is_valid": wall_is_valid })
}

/// Cores that so many threads together get now, tried with threads that only count.
fn cores_to_be_had(threads: u32) -> f64 {
    let (begun, before) = (Instant::now(), processor_time());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| while begun.elapsed() < TRIAL {});
        }
    });
    (processor_time() - before).as_secs_f64() / begun.elapsed().as_secs_f64()
}

/// One measurement in a process of its own, whose thread pool has the right size; with the number of weights.
fn ours(shape: Shape, threads: u32) -> Outcome<(Cost, u64)> {
    let Shape { width, depth, pixels, batch, steps } = shape;
    let mut command = Command::new(std::env::current_exe()?);
    command.args([width, depth, pixels, batch, steps].map(|number| number.to_string()));
    let output = command.env("RAYON_NUM_THREADS", threads.to_string()).stderr(Stdio::inherit()).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().rev().find_map(|line| serde_json::from_str(line).ok()).ok_or("no measurement of ours")?;
    Ok((cost(&line)?, line["weights"].as_u64().ok_or("no number of weights")?))
}

/// PyTorch in its process.
struct Torch {
    process: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    weights: u64,
    version: String,
}

impl Torch {
    fn start(shape: Shape, threads: u32) -> Outcome<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PEER);
        let mut command = Command::new("python3");
        let numbers =
            [("width", shape.width), ("depth", shape.depth), ("pixels", shape.pixels), ("batch", shape.batch)];
        command.arg(script).args(numbers.map(|(name, number)| format!("--{name}={number}")));
        command.arg(format!("--threads={threads}")).env("OMP_NUM_THREADS", threads.to_string());
        // Without this its threads spin while they wait, which on a busy machine costs PyTorch several times the work itself.
        command.env("OMP_WAIT_POLICY", "PASSIVE");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = process.stdin.take().ok_or("no input")?;
        let lines = BufReader::new(process.stdout.take().ok_or("no output")?).lines();
        let mut torch = Self { process, stdin, lines, weights: 0, version: String::new() };
        let ready = torch.next()?;
        torch.weights = ready["weights"].as_u64().ok_or("no number of weights")?;
        torch.version = format!("torch {}", ready["torch"].as_str().unwrap_or_default());
        Ok(torch)
    }

    fn measure(&mut self, steps: u32) -> Outcome<Cost> {
        writeln!(self.stdin, "{}", json!({ "steps": steps }))?;
        cost(&self.next()?)
    }

    fn next(&mut self) -> Outcome<Value> {
        let line = self.lines.next().ok_or("PyTorch's process ended")??;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn cost(line: &Value) -> Outcome<Cost> {
    let number = |key: &str| line[key].as_f64().ok_or_else(|| format!("no `{key}` in {line}"));
    Ok(Cost { processor: number("processor_ms")?, wall: number("wall_ms")? })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").to_owned()
}
