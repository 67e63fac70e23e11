//! Private steps against plain ones: ours against ours, and Opacus against PyTorch, all in turn.
//!
//! Each side is measured against its own plain step of the same round, so that both meet the same load of the machine; the
//! result is the median of the rounds' ratios. Nobody draws noise.

use crate::Outcome;
use crate::cost::{Cost, cores_to_be_had, load, ours};
use crate::ours::{Kind, Shape};
use crate::peer::Peer;
use serde_json::{Value, json};

const ROUNDS: u32 = 9;
const THREADS: [u32; 2] = [1, 2];

/// Plain and private of one round.
struct Pair {
    plain: Cost,
    private: Cost,
}

/// Measures a shape on each number of threads; prints a table and a JSON line.
pub fn print(shape: Shape) -> Outcome<()> {
    let Shape { width, depth, pixels, batch, steps } = shape;
    println!(
        "U-Net width {width}, depth {depth}, 1 x {pixels} x {pixels}, batch {batch}; {ROUNDS} rounds of {steps} steps"
    );
    println!("load of the machine, 1 min: {}", load());
    let mut line = json!({ "width": width, "depth": depth, "pixels": pixels, "batch": batch, "load_before": load() });
    for threads in THREADS {
        let cores = cores_to_be_had(threads);
        let (mut torch, mut opacus) =
            (Peer::start("unet_torch.py", shape, threads)?, Peer::start("unet_opacus.py", shape, threads)?);
        let (mut pairs, mut peers) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            pairs.push(pair(shape, threads, round, torch.weights)?);
            peers.push(Pair { plain: torch.measure(steps)?, private: opacus.measure(steps)? });
        }
        println!("{threads} thread(s), {cores:.2} core(s) to be had");
        println!("  {:<34} {:>14} {:>9} {:>10}", "", "processor ms", "wall ms", "peak MiB");
        let ours = summary("wardround", &pairs);
        let peers = summary(&opacus.version, &peers);
        line[format!("threads_{threads}")] = json!({ "cores": cores, "wardround": ours, "opacus": peers });
    }
    line["load_after"] = json!(load());
    println!("{line}");
    Ok(())
}

/// Ours; which kind goes first changes with the rounds.
fn pair(shape: Shape, threads: u32, round: u32, weights_expected: u64) -> Outcome<Pair> {
    let one = |kind| -> Outcome<Cost> {
        let (cost, weights) = ours(shape, kind, threads)?;
        if weights != weights_expected {
            return Err(format!("ours has {weights} weights, PyTorch's {weights_expected}").into());
        }
        Ok(cost)
    };
    if round.is_multiple_of(2) {
        let plain = one(Kind::Plain)?;
        return Ok(Pair { plain, private: one(Kind::Private)? });
    }
    let private = one(Kind::Private)?;
    Ok(Pair { plain: one(Kind::Plain)?, private })
}

fn summary(name: &str, pairs: &[Pair]) -> Value {
    let of = |part: fn(&Pair) -> Cost| Cost::median(&pairs.iter().map(part).collect::<Vec<_>>());
    let (plain, private) = (of(|pair| pair.plain), of(|pair| pair.private));
    let ratio = of(|pair| pair.private.part_of(pair.plain));
    let row = |what: &str, cost: Cost, digits: usize| {
        let Cost { processor, wall, peak_mib } = cost;
        println!("  {:<34} {processor:>14.digits$} {wall:>9.digits$} {peak_mib:>10.digits$}", format!("{name} {what}"));
    };
    row("plain", plain, 1);
    row("private", private, 1);
    row("ratio", ratio, 2);
    json!({ "plain": plain.json(), "private": private.json(), "ratio_processor": ratio.processor,
        "ratio_wall": ratio.wall, "ratio_peak": ratio.peak_mib })
}
