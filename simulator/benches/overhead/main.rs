//! What the engine costs: a round of many sites that only draw noise, against the bare loop that draws the same noise.
//!
//! `cargo bench -p wardround-simulator --profile dev --bench overhead -- [quick]`
//!
//! 100, 1,000 and 10,000 sites with a model of 10,000 weights, all in every round. The bare loop draws each site's noise into
//! one buffer and adds it to a plain `f32` sum, with as many threads. The engine does the whole run: cohorts, exact sums, rows
//! and events on disk, digests, checkpoints. Both are taken in turn, and the smallest of several takes counts: other load on
//! the machine only adds. Peak memory is that of a process of its own, which runs the engine alone.

mod bare;
mod engine;
mod machine;

use machine::Cost;
use std::error::Error;
use std::process::Command;

/// Weights of the model, as in the comparisons with other frameworks.
const WEIGHTS: usize = 10_000;
const SITES: [u32; 3] = [100, 1_000, 10_000];
/// Site-rounds of one take, and takes.
const WORK: [(u32, usize); 2] = [(20_000, 7), (10_000, 2)];

/// Nothing here is expected to fail; what does ends the program with its text.
type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => compare(WORK[0]),
        ["quick"] => compare(WORK[1]),
        ["memory", sites, rounds] => memory(sites.parse()?, rounds.parse()?),
        _ => Err("expected nothing or `quick`".into()),
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
                let run = engine::run(sites, rounds, workers)?;
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
    engine::run(sites, rounds, machine::cores())?;
    println!("{}", machine::peak_kib()?.div_ceil(1024));
    Ok(())
}
