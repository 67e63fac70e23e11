//! Scenarios and runs for the tests of this crate.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;
use wardround_simulator::toys::Quadratic;
use wardround_simulator::{LocalWork, Nobody, Options, Outcome, Run, RunError, Scenario, Secagg};

/// Where sites are: 12 of them, 8 asked to each of 5 rounds.
pub const SIMULATION: &str = "[simulation]\npopulation = 12\ncohort = 8\nseed = 3\n";

/// A scenario of the study `name`, with changes of its text.
pub fn scenario_text(simulation: &str, changes: &[(&str, &str)]) -> String {
    let mut text = format!(
        r#"
[study]
name = "quadratic"
purpose = "rehearsal"
rounds = 5
min_sites = 3
deadline_s = 60

[model]
kind = "unet2d"
width = 8
depth = 3
classes = 2
channels = 1
input_px = 64

[training]
optimizer = "sgd"
learning_rate = 0.1
local_steps = 4
batch_images = 4

[privacy]
mode = "none"

[secagg]
enabled = false

[strategy]
kind = "fedavg"
weighting = "equal"

[evaluation]
metrics = ["dice.foreground"]
every = 2

{simulation}"#
    );
    for (from, to) in changes {
        assert!(text.contains(from), "`{from}` is not in the scenario");
        text = text.replace(from, to);
    }
    text
}

/// As [`scenario_text`], read.
pub fn scenario(simulation: &str, changes: &[(&str, &str)]) -> Scenario {
    Scenario::from_toml(&scenario_text(simulation, changes)).expect("a good scenario")
}

/// Quadratics for every site of `scenario`.
pub fn quadratic(scenario: &Scenario) -> Quadratic {
    let (simulation, training) = (scenario.simulation(), &scenario.plan().training);
    let rate = training.learning_rate as f32;
    Quadratic::new(simulation.seed, simulation.population, 1000, training.local_steps, rate).expect("converges")
}

/// Runs `scenario` in `dir` with so many workers.
pub fn run(scenario: &Scenario, work: &impl LocalWork, dir: &Path, workers: usize) -> Result<Outcome, RunError> {
    Run::start(scenario, work, dir, &options(workers, Secagg::Off), &Nobody)
}

/// Options with so many workers, and a checkpoint at the end only.
pub fn options(workers: usize, secagg: Secagg) -> Options {
    Options { workers: NonZeroUsize::new(workers), secagg, checkpoint_after: Duration::MAX }
}

/// The file `name` of a run, as text.
pub fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).expect("a file of the run")
}
