//! Ours by itself: milliseconds for each case.

use crate::Outcome;
use crate::cases::{budgets, trainings};
use crate::clock::{median, timed};
use wardround_plan::Accountant;

const REPEATS: usize = 7;

/// Prints a line for each case, and medians.
pub fn print() -> Outcome<()> {
    println!(
        "{:<10} {:>9} {:>9} {:>9} {:>10}  (sigma, q, steps) at delta",
        "case", "PLD ms", "first", "RDP ms", "epsilon"
    );
    let (mut by_pld, mut by_rdp) = (Vec::new(), Vec::new());
    for case in trainings()? {
        // The first may have to plan its transforms.
        let (_, first) = timed(1, || case.epsilon(Accountant::Pld))?;
        let (epsilon, pld) = timed(REPEATS, || case.epsilon(Accountant::Pld))?;
        let (_, rdp) = timed(REPEATS, || case.epsilon(Accountant::Rdp))?;
        let (name, delta) = (&case.name, case.delta);
        let [pld_ms, first_ms, rdp_ms] = [pld, first, rdp].map(|seconds| seconds * 1e3);
        println!(
            "{name:<10} {pld_ms:>9.2} {first_ms:>9.2} {rdp_ms:>9.2} {epsilon:>10.6}  {:?} at {delta:e}",
            case.segments
        );
        by_pld.push(pld);
        by_rdp.push(rdp);
    }
    println!("median     {:>9.2} {:>19.2}", median(by_pld) * 1e3, median(by_rdp) * 1e3);
    println!("\n{:<10} {:>10} {:>10}  noise for (epsilon, delta, q, steps)", "budget", "PLD ms", "sigma");
    for case in budgets()? {
        let (sigma, seconds) = timed(REPEATS, || case.noise())?;
        let asked = (case.epsilon, case.delta, case.sampling_rate, case.steps);
        println!("{:<10} {:>10.1} {sigma:>10.6}  {asked:?}", case.name, seconds * 1e3);
    }
    Ok(())
}
