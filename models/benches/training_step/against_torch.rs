//! Ours and PyTorch's in turn, so that both meet the same load of the machine.
//!
//! A busy machine can give two threads less than one core together. Then wall time tells how busy it was, and a ratio on
//! two threads tells how each waits for its own; so what can be had is measured first, and the result says what it is worth.

use crate::Outcome;
use crate::cost::{Cost, cores_to_be_had, load, median, ours};
use crate::ours::{Kind, Shape};
use crate::peer::Peer;
use serde_json::{Value, json};

const PEER: &str = "unet_torch.py";
const ROUNDS: u32 = 5;
const THREADS: [u32; 2] = [1, 2];
/// With less than this part of the cores that were asked for, wall times and ratios on several threads mean nothing.
const CORES_PART_MIN: f64 = 0.9;

/// Measures a shape on each number of threads; prints a table and a JSON line.
pub fn print(shape: Shape) -> Outcome<()> {
    let Shape { width, depth, pixels, batch, steps } = shape;
    println!(
        "U-Net width {width}, depth {depth}, 1 x {pixels} x {pixels}, batch {batch}; {ROUNDS} rounds of {steps} steps in turn"
    );
    println!("load of the machine, 1 min: {}", load());
    let mut line = json!({ "width": width, "depth": depth, "pixels": pixels, "batch": batch, "load_before": load() });
    for threads in THREADS {
        let mut torch = Peer::start(PEER, shape, threads)?;
        let (cores_before, mut pairs) = (cores_to_be_had(threads), Vec::new());
        for _ in 0..ROUNDS {
            let (ours, weights) = ours(shape, Kind::Plain, threads)?;
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
    let (ours, torch): (Vec<Cost>, Vec<Cost>) = pairs.iter().copied().unzip();
    let (ours, torch) = (Cost::median(&ours), Cost::median(&torch));
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
    json!({ "wardround": ours.json(), "torch": torch.json(), "ratio_processor": processor, "ratio_wall": wall,
        "cores": cores, "processor_is_valid": processor_is_valid, "wall_is_valid": wall_is_valid })
}
