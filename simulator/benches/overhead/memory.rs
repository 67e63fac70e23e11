//! Peak memory of a process that runs the engine alone: this program, started anew.

use super::engine::{self, Size};
use super::noise::NOISE;
use super::{Outcome, machine};
use std::process::Command;
use wardround_simulator::Secagg;

const MASKED: &str = "masked";
const PLAIN: &str = "plain";
const ROUNDS: u32 = 2;

/// Mebibytes, rounded up, of a run of the trivial model with so many sites.
pub fn peak_mib(sites: u32, secagg: Secagg) -> Outcome<u64> {
    let word = if secagg == Secagg::Full { MASKED } else { PLAIN };
    let output = Command::new(std::env::current_exe()?).args(["memory", &sites.to_string(), word]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// What [`peak_mib`] starts.
pub fn tell(sites: u32, secagg: &str) -> Outcome<()> {
    let secagg = if secagg == MASKED { Secagg::Full } else { Secagg::Off };
    engine::run(&NOISE, Size { sites, rounds: ROUNDS, workers: machine::cores(), secagg })?;
    println!("{}", machine::peak_kib()?.div_ceil(1024));
    Ok(())
}
