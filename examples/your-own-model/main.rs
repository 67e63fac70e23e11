//! A network from outside our crates, in `network.rs`, trained by a federation of virtual sites. See the README beside it.

mod network;
mod spirals;

use spirals::Spirals;
use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use wardround_simulator::{Observer, Options, Outcome, Progress, Run, RunSummary, Scenario};

/// Share of points that the example has to find; by chance it is a third.
const ENOUGH: f64 = 0.9;

fn main() -> Result<(), Box<dyn Error>> {
    let nowhere = tempfile::tempdir()?;
    let folder = std::env::args().nth(1).map_or_else(|| nowhere.path().to_owned(), PathBuf::from);
    let outcome = rehearse(&folder, None)?;
    println!("model {}", outcome.digest);
    Ok(())
}

/// The whole study in a new folder.
fn rehearse(folder: &Path, workers: Option<NonZeroUsize>) -> Result<Outcome, Box<dyn Error>> {
    let scenario = Scenario::from_toml(include_str!("plan.toml"))?;
    let work = Spirals::new(&scenario)?;
    let outcome = Run::start(&scenario, &work, folder, &Options { workers, ..Options::default() }, &Lines)?;
    let found =
        RunSummary::read(folder)?.evaluations.last().and_then(|last| last.worst).ok_or("nothing was measured")?;
    if found < ENOUGH { Err(format!("the worst site finds {found}, below {ENOUGH}").into()) } else { Ok(outcome) }
}

/// A line for each measurement.
struct Lines;

impl Observer for Lines {
    fn round_done(&self, progress: &Progress<'_>) -> ControlFlow<()> {
        if let Some((mean, worst)) = progress.evaluation.and_then(|measured| Some((measured.mean?, measured.worst?))) {
            println!(
                "round {:2}: {mean:.3} of all points found, {worst:.3} at the worst site",
                progress.round.attempt.round
            );
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spirals_are_told_apart_with_the_same_bits_for_any_number_of_workers() {
        let digests = [1, 3].map(|workers| {
            let folder = tempfile::tempdir().expect("room for a folder");
            rehearse(folder.path(), NonZeroUsize::new(workers)).expect("enough is found").digest
        });
        assert_eq!(digests[0], digests[1]);
    }
}
