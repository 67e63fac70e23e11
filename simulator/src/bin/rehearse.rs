//! Runs a scenario with a toy at its sites, and prints a line a round: what tests kill and measure.
//!
//! `rehearse start SCENARIO.toml DIR [WORKERS]` and `rehearse resume DIR [WORKERS]`. The sites solve [`Quadratic`], or send
//! [`Noise`] where the study's name begins with `noise`; both have 10,000 weights. Scans need `wardround simulate`.

use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use wardround_simulator::toys::{Noise, Quadratic};
use wardround_simulator::{LocalWork, Observer, Options, Outcome, Progress, Run, RunError, Scenario, scenario_of};

const WEIGHTS: usize = 10_000;

/// Start or resume.
#[derive(Clone, Copy)]
enum Step<'a> {
    Start(&'a Path),
    Resume(&'a Path),
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (step, scenario, workers) = match words.as_slice() {
        ["start", file, dir, workers @ ..] => {
            (Step::Start(Path::new(dir)), Scenario::from_toml(&std::fs::read_to_string(file)?)?, workers)
        }
        ["resume", dir, workers @ ..] => (Step::Resume(Path::new(dir)), scenario_of(Path::new(dir))?, workers),
        _ => return Err("expected `start SCENARIO.toml DIR [WORKERS]` or `resume DIR [WORKERS]`".into()),
    };
    let workers = workers.first().map(|number| number.parse::<NonZeroUsize>()).transpose()?;
    // Every round is made durable, so that a kill loses at most one.
    let options = Options { workers, checkpoint_after: Duration::ZERO, ..Options::default() };
    let (plan, simulation) = (scenario.plan(), scenario.simulation());
    let outcome = if plan.study.name.as_str().starts_with("noise") {
        carried_out(step, &scenario, &Noise { weights: WEIGHTS }, &options)?
    } else {
        let rate = plan.training.learning_rate as f32;
        let steps = plan.training.local_steps;
        let work = Quadratic::new(simulation.seed, simulation.population, WEIGHTS, steps, rate)?;
        carried_out(step, &scenario, &work, &options)?
    };
    println!("model {}", outcome.digest);
    Ok(())
}

fn carried_out(
    step: Step<'_>,
    scenario: &Scenario,
    work: &impl LocalWork,
    options: &Options,
) -> Result<Outcome, RunError> {
    match step {
        Step::Start(dir) => Run::start(scenario, work, dir, options, &Lines),
        Step::Resume(dir) => Run::resume(scenario, work, dir, options, &Lines),
    }
}

/// A line a round.
struct Lines;

impl Observer for Lines {
    fn round_done(&self, progress: &Progress<'_>) -> ControlFlow<()> {
        println!("round {} {}", progress.round.attempt.round, progress.round.model);
        ControlFlow::Continue(())
    }
}
