//! The engine: a whole run in a folder.

use super::Outcome;
use super::machine::{Clock, Cost};
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use wardround_simulator::{LocalWork, Manifest, Observer, Options, Run, Scenario, Secagg};

/// What a run cost.
pub struct Costs {
    /// From the first round to the end.
    pub rounds: Cost,
    /// Before the first round.
    pub start_ms: f64,
}

/// How much there is to do, and how.
#[derive(Clone, Copy)]
pub struct Size {
    pub sites: u32,
    pub rounds: u32,
    pub workers: usize,
    pub secagg: Secagg,
}

impl Size {
    /// Times a site was asked.
    pub fn site_rounds(self) -> f64 {
        f64::from(self.sites) * f64::from(self.rounds)
    }
}

/// One run, with `work` at every site in each round.
pub fn run(work: &impl LocalWork, size: Size) -> Outcome<Costs> {
    let Size { sites, rounds, workers, secagg } = size;
    let scenario = Scenario::from_toml(&text(sites, rounds))?;
    let dir = tempfile::tempdir()?;
    let options = Options { workers: NonZeroUsize::new(workers), secagg, ..Options::default() };
    let (begin, began) = (Clock::now(), Began::default());
    Run::start(&scenario, work, dir.path(), &options, &began)?;
    let first = began.0.get().ok_or("the run never began")?;
    Ok(Costs { rounds: first.elapsed(), start_ms: 1e3 * (begin.elapsed().wall_s - first.elapsed().wall_s) })
}

/// When the first round began.
#[derive(Default)]
struct Began(OnceLock<Clock>);

impl Observer for Began {
    fn began(&self, _: &Manifest, _: u32, _: u32) {
        let _ = self.0.set(Clock::now());
    }
}

fn text(sites: u32, rounds: u32) -> String {
    format!(
        r#"
        [study]
        name = "noise"
        purpose = "measurement"
        rounds = {rounds}
        min_sites = 1
        deadline_s = 60
        [model]
        kind = "unet2d"
        width = 4
        depth = 1
        classes = 2
        channels = 1
        input_px = 8
        [training]
        optimizer = "sgd"
        learning_rate = 1.0
        local_steps = 1
        batch_images = 1
        [privacy]
        mode = "none"
        [secagg]
        enabled = false
        [strategy]
        kind = "fedavg"
        weighting = "equal"
        [evaluation]
        metrics = ["dice.foreground"]
        every = {rounds}
        [simulation]
        population = {sites}
        "#
    )
}
