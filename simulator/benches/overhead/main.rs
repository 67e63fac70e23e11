//! What the engine costs: a round of many sites that only draw noise, against the bare loop that draws the same noise.
//!
//! `cargo bench -p wardround-simulator --profile dev --bench overhead -- [quick|cnn|peers]`
//!
//! 100, 1,000 and 10,000 sites with a model of 10,000 weights, all in every round. The bare loop draws each site's noise into
//! one buffer and adds it to a plain `f32` sum, with as many threads. The engine does the whole run: cohorts, exact sums, rows
//! and events on disk, digests, checkpoints. Both are taken in turn, and the smallest of several takes counts: other load on
//! the machine only adds. Peak memory is that of a process of its own, which runs the engine alone.
//!
//! `cnn`: a small convolutional network on 100 sites with 32 images of 28 x 28 pixels each, one epoch in batches of 8.
//!
//! `peers`: then pfl-research and Flower do the same work, by the scripts in `benches/peers`, which install them from PyPI.

mod bare;
mod engine;
mod machine;

use machine::Cost;
use std::error::Error;
use std::path::Path;
use std::process::Command;
use wardround_simulator::toys::{Cnn, Noise};

/// Weights of the model, as in the comparisons with other frameworks.
const WEIGHTS: usize = 10_000;
const NOISE: Noise = Noise { weights: WEIGHTS };
const SITES: [u32; 3] = [100, 1_000, 10_000];
/// Site-rounds of one take, and takes.
const WORK: [(u32, usize); 2] = [(20_000, 7), (10_000, 2)];

/// Scripts of the other frameworks, with their arguments.
const PEERS: [[&str; 5]; 2] = [
    ["simulate_pfl.py", "--sites", "1000", "--rounds", "10"],
    ["simulate_flower.py", "--sites", "100", "--rounds", "5"],
];

/// Nothing here is expected to fail; what does ends the program with its text.
type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => compare(WORK[0]),
        ["cnn"] => small_network(),
        ["quick"] => compare(WORK[1]),
        ["peers"] => compare(WORK[0]).and_then(|()| PEERS.into_iter().try_for_each(peer)),
        ["memory", sites, rounds] => memory(sites.parse()?, rounds.parse()?),
        _ => Err("expected nothing, `quick`, `cnn` or `peers`".into()),
    }
}

fn compare((work, takes): (u32, usize)) -> Outcome<()> {
    println!("sites  rounds  workers  bare us  engine us  overhead us (processor)  (wall)  start ms  peak MiB");
    for sites in SITES {
        let rounds = work.div_ceil(sites);
        for workers in [1, machine::cores()] {
            let (mut bare, mut engine, mut start_ms) = (Cost::MAX, Cost::MAX, f64::MAX);
            for _ in 0..takes {
                bare = bare.least(Cost::of(|| bare::rounds(sites, rounds, workers)));
                let run = engine::run(&NOISE, sites, rounds, workers)?;
                engine = engine.least(run.rounds);
                start_ms = start_ms.min(run.start_ms);
            }
            let per = 1e6 / (f64::from(sites) * f64::from(rounds));
            println!(
                "{sites:>5}  {rounds:>6}  {workers:>7}  {:>7.1}  {:>9.1}  {:>23.1}  {:>6.1}  {start_ms:>8.1}  {:>8}",
                bare.processor_s * per,
                engine.processor_s * per,
                (engine.processor_s - bare.processor_s) * per,
                (engine.wall_s - bare.wall_s) * per,
                peak_mib(sites, 2)?,
            );
        }
    }
    Ok(())
}

/// A model that is cheap and not trivial.
fn small_network() -> Outcome<()> {
    const SITES: u32 = 100;
    const ROUNDS: u32 = 5;
    const TAKES: usize = 3;
    let work = Cnn::new(1, SITES, 32)?;
    println!("sites  rounds  workers  processor ms a site and round  wall ms  start ms  peak MiB of this process");
    for workers in [1, machine::cores()] {
        let (mut least, mut start_ms) = (Cost::MAX, f64::MAX);
        for _ in 0..TAKES {
            let run = engine::run(&work, SITES, ROUNDS, workers)?;
            least = least.least(run.rounds);
            start_ms = start_ms.min(run.start_ms);
        }
        let (per, peak) = (1e3 / f64::from(SITES * ROUNDS), machine::peak_kib()?.div_ceil(1024));
        let (processor, wall) = (least.processor_s * per, least.wall_s * per);
        println!("{SITES:>5}  {ROUNDS:>6}  {workers:>7}  {processor:>30.2}  {wall:>7.2}  {start_ms:>8.1}  {peak:>8}");
    }
    Ok(())
}

/// Runs a script, whose last lines are its figures.
fn peer([script, arguments @ ..]: [&str; 5]) -> Outcome<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/peers").join(script);
    println!("\n{script}");
    let output = Command::new("python3").arg(file).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(2)).for_each(|line| println!("{line}"));
    Ok(())
}

/// Peak memory of a process that runs the engine alone.
fn peak_mib(sites: u32, rounds: u32) -> Outcome<u64> {
    let arguments = ["memory".into(), sites.to_string(), rounds.to_string()];
    let output = Command::new(std::env::current_exe()?).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

fn memory(sites: u32, rounds: u32) -> Outcome<()> {
    engine::run(&NOISE, sites, rounds, machine::cores())?;
    println!("{}", machine::peak_kib()?.div_ceil(1024));
    Ok(())
}
