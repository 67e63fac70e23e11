//! The trivial model: every site draws noise, and what is left is the engine.

use super::engine::{self, Size};
use super::machine::{self, Cost};
use super::{Outcome, WEIGHTS, bare, memory};
use wardround_simulator::Secagg;
use wardround_simulator::toys::Noise;

pub const NOISE: Noise = Noise { weights: WEIGHTS };
const SITES: [u32; 3] = [100, 1_000, 10_000];
/// Sites of the one figure that others are compared with.
const COMPARED: u32 = 1_000;

/// Site-rounds of one take, and takes.
pub struct Effort {
    work: u32,
    takes: usize,
}

pub const THOROUGH: Effort = Effort { work: 20_000, takes: 7 };
pub const QUICK: Effort = Effort { work: 10_000, takes: 2 };

/// Prints a row for each number of sites and workers. Gives the microseconds of processor time that a thousand sites with one
/// worker cost beyond the bare loop, for each and round.
pub fn compare(effort: &Effort) -> Outcome<f64> {
    println!("sites  rounds  workers  bare us  engine us  overhead us (processor)  (wall)  start ms  peak MiB");
    let mut compared = f64::NAN;
    for sites in SITES {
        for workers in [1, machine::cores()] {
            let size = Size { sites, rounds: effort.work.div_ceil(sites), workers, secagg: Secagg::Off };
            let overhead_us = row(size, effort.takes)?;
            if (sites, workers) == (COMPARED, 1) {
                compared = overhead_us;
            }
        }
    }
    Ok(compared)
}

fn row(size: Size, takes: usize) -> Outcome<f64> {
    let Size { sites, rounds, workers, .. } = size;
    let (mut bare, mut engine, mut start_ms) = (Cost::MAX, Cost::MAX, f64::MAX);
    for _ in 0..takes {
        bare = bare.least(Cost::of(|| bare::rounds(sites, rounds, workers)));
        let run = engine::run(&NOISE, size)?;
        engine = engine.least(run.rounds);
        start_ms = start_ms.min(run.start_ms);
    }
    let per = 1e6 / size.site_rounds();
    let overhead_us = (engine.processor_s - bare.processor_s) * per;
    println!(
        "{sites:>5}  {rounds:>6}  {workers:>7}  {:>7.1}  {:>9.1}  {overhead_us:>23.1}  {:>6.1}  {start_ms:>8.1}  {:>8}",
        bare.processor_s * per,
        engine.processor_s * per,
        (engine.wall_s - bare.wall_s) * per,
        memory::peak_mib(sites, Secagg::Off)?,
    );
    Ok(overhead_us)
}
