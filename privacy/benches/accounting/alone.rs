//! Ours by itself: milliseconds for each case.

use crate::Outcome;
use crate::cases::{budgets, trainings};
use crate::clock::{median, timed};
use wardround_plan::Accountant;

const REPEATS: usize = 7;

/// Prints a line for each case, and medians.
pub fn print() -> Outcome<()> {
    println!("{:<10} {:>10} {:>10} {:>10}  (sigma, q, steps) at delta", "case", "PLD ms", "RDP ms", "epsilon");
    let (mut by_pld, mut by_rdp) = (Vec::new(), Vec::new());
    for case in trainings()? {
        let (epsilon, pld) = timed(REPEATS, || case.epsilon(Accountant::Pld))?;
        let (_, rdp) = timed(REPEATS, || case.epsilon(Accountant::Rdp))?;
        let (name, delta) = (&case.name, case.delta);
        println!(
            "{name:<10} {:>10.2} {:>10.2} {epsilon:>10.6}  {:?} at {delta:e}",
            pld * 1e3,
            rdp * 1e3,
            case.segments
        );
        by_pld.push(pld);
        by_rdp.push(rdp);
    }
    println!("{:<10} {:>10.2} {:>10.2}", "median", median(by_pld) * 1e3, median(by_rdp) * 1e3);
    println!("\n{:<10} {:>10} {:>10}  noise for (epsilon, delta, q, steps)", "budget", "PLD ms", "sigma");
    for case in budgets()? {
        let (sigma, seconds) = timed(REPEATS, || case.noise())?;
        let asked = (case.epsilon, case.delta, case.sampling_rate, case.steps);
        println!("{:<10} {:>10.1} {sigma:>10.6}  {asked:?}", case.name, seconds * 1e3);
    }
    Ok(())
}
