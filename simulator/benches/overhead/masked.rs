//! The trivial model with full secure aggregation: every pair of sites agrees on a mask, so a round grows with the square.

use super::engine::{self, Size};
use super::machine::Cost;
use super::noise::NOISE;
use super::{Outcome, memory};
use wardround_simulator::Secagg;

const SITES: [u32; 3] = [10, 30, 100];
const ROUNDS: u32 = 2;
const TAKES: usize = 3;

/// Prints a row for each number of sites: what a round costs, with one worker.
pub fn measure() -> Outcome<()> {
    println!("sites  processor ms a round  wall ms a round  processor us a pair  peak MiB");
    for sites in SITES {
        let size = Size { sites, rounds: ROUNDS, workers: 1, secagg: Secagg::Full };
        let mut least = Cost::MAX;
        for _ in 0..TAKES {
            least = least.least(engine::run(&NOISE, size)?.rounds);
        }
        let pairs = f64::from(sites * (sites - 1) / 2);
        let [processor_ms, wall_ms] =
            [least.processor_s, least.wall_s].map(|seconds| 1e3 * seconds / f64::from(ROUNDS));
        let (pair_us, peak) = (1e3 * processor_ms / pairs, memory::peak_mib(sites, Secagg::Full)?);
        println!("{sites:>5}  {processor_ms:>20.1}  {wall_ms:>15.1}  {pair_us:>19.1}  {peak:>8}");
    }
    Ok(())
}
