//! A model that is cheap and not trivial.

use super::Outcome;
use super::engine::{self, Size};
use super::machine::{self, Cost};
use wardround_simulator::Secagg;
use wardround_simulator::toys::Cnn;

const SITES: u32 = 100;
const IMAGES: usize = 32;
const ROUNDS: u32 = 5;
const TAKES: usize = 3;

/// Prints a row for one worker and one for as many as there are cores. Gives the milliseconds of processor time of the first, for a
/// site and round.
pub fn measure() -> Outcome<f64> {
    let work = Cnn::new(1, SITES, IMAGES)?;
    println!("sites  rounds  workers  processor ms a site and round  wall ms  start ms  peak MiB of this process");
    let mut compared = f64::NAN;
    for workers in [1, machine::cores()] {
        let size = Size { sites: SITES, rounds: ROUNDS, workers, secagg: Secagg::Off };
        let (mut least, mut start_ms) = (Cost::MAX, f64::MAX);
        for _ in 0..TAKES {
            let run = engine::run(&work, size)?;
            least = least.least(run.rounds);
            start_ms = start_ms.min(run.start_ms);
        }
        let (per, peak) = (1e3 / size.site_rounds(), machine::peak_kib()?.div_ceil(1024));
        let (processor, wall) = (least.processor_s * per, least.wall_s * per);
        println!("{SITES:>5}  {ROUNDS:>6}  {workers:>7}  {processor:>30.2}  {wall:>7.2}  {start_ms:>8.1}  {peak:>8}");
        if workers == 1 {
            compared = processor;
        }
    }
    Ok(compared)
}
