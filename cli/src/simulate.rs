//! `wardround simulate`: a study rehearsed by virtual sites in this process, before any hospital is asked.

mod sweep;

use crate::exit::Failure;
use crate::output::Output;
use crate::progress::{Bar, Progress};
use crate::site;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wardround_imaging::{SynthPlan, synth};
use wardround_models::{ComputeDevice, ModelDescription, save_model};
use wardround_plan::RoundNumber;
use wardround_simulator::{
    Comparison, Ending, Grouping, Manifest, Observer, Options, Outcome, Override, PlanTraining, Run, RunError,
    RunSummary, Scenario, Secagg, epsilon_after, picture, scenario_of, verify,
};

/// Rehearse a study with virtual sites in this process; the same seed gives the same bits, for any number of workers
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SimulateArguments {
    #[command(subcommand)]
    command: Option<SimulateCommand>,
    /// A scenario: a plan with a `[simulation]` section; those of examples/ are commented
    #[arg(required = true)]
    plan: Option<PathBuf>,
    /// The run's new folder; with --sweep or --seeds, the folder of all runs
    #[arg(long, default_value = "wardround-run")]
    out: PathBuf,
    /// Run the plan with each of these values, such as privacy.epsilon=1,3,8,none; may be repeated, for every combination
    #[arg(long, value_name = "KEY=V1,V2")]
    sweep: Vec<Override>,
    /// Run everything with so many seeds, counted up from the plan's own
    #[arg(long, value_name = "N")]
    seeds: Option<NonZeroU32>,
    #[command(flatten)]
    how: How,
}

/// What changes no bit of a run, and where its scans are.
#[derive(Debug, Clone, Args)]
struct How {
    /// Folder of site folders with scans; without it, phantoms are made beside the run's folder
    #[arg(long)]
    data: Option<PathBuf>,
    /// Each image counts as a person where the scans do not name their patients
    #[arg(long)]
    images_are_patients: bool,
    /// Workers; as many as there are cores if absent
    #[arg(long)]
    workers: Option<NonZeroUsize>,
    /// Sum by the machines of secure aggregation, in memory: the same bits, slower
    #[arg(long)]
    secagg: bool,
    /// Where networks are trained: cpu, cuda or vulkan
    #[arg(long, default_value = "cpu")]
    device: String,
}

#[derive(Debug, Subcommand)]
enum SimulateCommand {
    /// Go on with a run that was stopped or killed
    Resume {
        /// The run's folder
        run: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// Compare two runs round by round, and name the first difference
    Verify {
        /// A run's folder
        first: PathBuf,
        /// Another's
        second: PathBuf,
    },
}

/// What a run ends with.
#[derive(Debug, Serialize)]
struct Summary {
    rounds: u32,
    complete: bool,
    model_sha256: String,
    virtual_s: f64,
    wall_s: f64,
    run: PathBuf,
}

pub async fn run(arguments: SimulateArguments, output: Output) -> Result<ExitCode, Failure> {
    let SimulateArguments { command, plan, out, sweep: overrides, seeds, how } = arguments;
    match command {
        Some(SimulateCommand::Verify { first, second }) => compare(&first, &second, output),
        Some(SimulateCommand::Resume { run, how }) => {
            let scenario = scenario_of(&run).map_err(Failure::input)?;
            carry_out(Rehearsal { scenario, out: run, how, fresh: false }, output).await
        }
        None => {
            let file = plan.ok_or_else(|| Failure::input("a plan is needed: `wardround simulate PLAN`"))?;
            let text = std::fs::read_to_string(&file);
            let text = text.map_err(|error| Failure::input(format!("{}: {error}", file.display())))?;
            if !overrides.is_empty() || seeds.is_some() {
                let seeds = seeds.unwrap_or(NonZeroU32::MIN);
                return sweep::run(&text, sweep::Sweep { overrides, seeds, out, how }, output).await;
            }
            let scenario = Scenario::from_toml(&text);
            let scenario = scenario.map_err(|error| Failure::input(format!("{}: {error}", file.display())))?;
            carry_out(Rehearsal { scenario, out, how, fresh: true }, output).await
        }
    }
}

/// A run to be begun or taken up again.
struct Rehearsal {
    scenario: Scenario,
    out: PathBuf,
    how: How,
    fresh: bool,
}

async fn carry_out(rehearsal: Rehearsal, output: Output) -> Result<ExitCode, Failure> {
    let (begun, out) = (Instant::now(), rehearsal.out.clone());
    let done = until_stopped(move |stop| rehearsal.run(stop, output)).await;
    let Outcome { rounds, ending, digest, clock_s, .. } = done??;
    let complete = ending == Ending::Complete;
    keep_model(&out)?;
    let (wall_s, model_sha256) = (begun.elapsed().as_secs_f64(), digest.to_string());
    let summary = Summary { rounds, complete, model_sha256, virtual_s: clock_s, wall_s, run: out };
    output.show(&summary, || summary.in_words());
    if complete { Ok(ExitCode::SUCCESS) } else { Err(Failure::interrupted()) }
}

/// Writes the last model beside the run, for `wardround eval`.
fn keep_model(out: &Path) -> Result<(), Failure> {
    let run = RunSummary::read(out).map_err(Failure::failed)?;
    let Some(weights) = run.model(out).map_err(Failure::failed)? else { return Ok(()) };
    let (plan, round) = (run.scenario.plan(), run.rounds.last().map(|round| round.attempt.round));
    let description = ModelDescription { plan: plan.digest(), study: plan.study.name.clone(), round };
    save_model(&out.join("model.safetensors"), &weights, &description).map_err(Failure::failed)
}

/// On a thread of its own, so that Ctrl-C is heard: the run stops after its round, and can be resumed.
async fn until_stopped<T: Send + 'static>(job: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Result<T, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let heard = stop.clone();
    let mut job = tokio::task::spawn_blocking(move || job(&heard));
    let done = tokio::select! {
        done = &mut job => done,
        () = site::stopped() => {
            stop.store(true, Ordering::Relaxed);
            job.await
        }
    };
    done.map_err(Failure::failed)
}

impl Rehearsal {
    fn run(&self, stop: &AtomicBool, output: Output) -> Result<Outcome, Failure> {
        let device: ComputeDevice = self.how.device.parse().map_err(Failure::input)?;
        let grouping = if self.how.images_are_patients || self.how.data.is_none() {
            Grouping::ImagesArePatients
        } else {
            Grouping::ByManifest
        };
        let data = self.data()?;
        let work = PlanTraining::of_folders(&self.scenario, &data, grouping, device);
        let (work, holdings) = work.map_err(Failure::input)?;
        let view = View::new(&self.scenario, stop, output);
        view.progress.say(&picture::text(&holdings));
        let secagg = if self.how.secagg { Secagg::Full } else { Secagg::Off };
        let options = Options { workers: self.how.workers, secagg, ..Options::default() };
        let outcome = match self.fresh {
            true => Run::start(&self.scenario, &work, &self.out, &options, &view),
            false => Run::resume(&self.scenario, &work, &self.out, &options, &view),
        };
        view.progress.finish();
        let outcome = outcome.map_err(|error| failure(&error))?;
        let drawn = std::fs::write(self.out.join("partition.svg"), picture::svg(&holdings));
        drawn.map_err(|error| Failure::failed(format!("{}: {error}", self.out.display())))?;
        Ok(outcome)
    }

    /// The scans, or phantoms that are the same for the same seed.
    fn data(&self) -> Result<PathBuf, Failure> {
        if let Some(data) = &self.how.data {
            return Ok(data.clone());
        }
        let mut name = self.out.file_name().unwrap_or_default().to_os_string();
        name.push("-phantoms");
        let folder = self.out.with_file_name(name);
        phantoms(&folder, self.scenario.simulation().seed)?;
        Ok(folder)
    }
}

/// Phantoms in `folder`, unless they are there: all of them, or none.
fn phantoms(folder: &Path, seed: u64) -> Result<(), Failure> {
    if folder.exists() {
        return Ok(());
    }
    let mut name = folder.as_os_str().to_os_string();
    name.push(".part");
    let part = PathBuf::from(name);
    // What a kill left half made.
    if part.exists() {
        std::fs::remove_dir_all(&part).map_err(Failure::failed)?;
    }
    synth(&part, &SynthPlan { seed, ..SynthPlan::large() }).map_err(Failure::failed)?;
    std::fs::rename(&part, folder).map_err(Failure::failed)
}

fn failure(error: &RunError) -> Failure {
    match error {
        RunError::Otherwise { .. } | RunError::Scenario(_) => Failure::input(error),
        _ => Failure::failed(error),
    }
}

/// A bar on a terminal, a line a measured round elsewhere.
struct View<'a> {
    scenario: &'a Scenario,
    stop: &'a AtomicBool,
    progress: Progress,
    bar: Bar,
}

impl<'a> View<'a> {
    fn new(scenario: &'a Scenario, stop: &'a AtomicBool, output: Output) -> Self {
        let progress = Progress::new(output);
        let bar = progress.bar("rounds", u64::from(scenario.plan().study.rounds));
        Self { scenario, stop, progress, bar }
    }

    /// ε so far, as a ledger would count it; nothing where nothing is promised.
    fn spent(&self, round: RoundNumber) -> String {
        let population = self.scenario.simulation().population;
        match epsilon_after(self.scenario.plan(), population, round.get()) {
            Ok(Some(epsilon)) => format!(", ε {:.2}", epsilon.get()),
            Ok(None) => String::new(),
            Err(error) => format!(", ε unknown: {error}"),
        }
    }
}

impl Observer for View<'_> {
    fn began(&self, _: &Manifest, done: u32, _: u32) {
        self.bar.set(u64::from(done));
    }

    fn round_done(&self, progress: &wardround_simulator::Progress<'_>) -> ControlFlow<()> {
        let attempt = &progress.round.attempt;
        self.bar.set(u64::from(attempt.round.get()));
        let left = progress.wall * (progress.rounds - attempt.round.get());
        let per_s = f64::from(attempt.asked) / progress.wall.as_secs_f64().max(1e-9);
        let loss = attempt.loss.map_or(String::new(), |loss| format!(", loss {loss:.3}"));
        let pace = format!("{} of {} sites, {per_s:.0} a second{loss}", attempt.summed, attempt.asked);
        match progress.evaluation.and_then(|measured| Some((measured.mean?, measured.worst?))) {
            Some((mean, worst)) => self.bar.tell(&format!(
                "round {}: {pace}, {} {mean:.3}, worst site {worst:.3}{}",
                attempt.round,
                self.scenario.plan().evaluation.title(),
                self.spent(attempt.round)
            )),
            None => self.bar.whisper(&format!("{pace}, {} left", in_words(left))),
        }
        if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}

impl Summary {
    fn in_words(&self) -> String {
        let Self { rounds, complete, model_sha256, virtual_s, wall_s, run } = self;
        let run = run.display();
        let virtual_time = if *virtual_s > 0.0 { format!(", {virtual_s:.0} s of virtual time") } else { String::new() };
        let next = if *complete {
            "no guarantee: its coins and noise repeat".into()
        } else {
            format!("stopped: `wardround simulate resume {run}` goes on")
        };
        format!("{rounds} rounds in {wall_s:.1} s{virtual_time}: model {model_sha256}\nrun      {run}\n{next}")
    }
}

fn compare(first: &Path, second: &Path, output: Output) -> Result<ExitCode, Failure> {
    let found = verify(first, second).map_err(Failure::input)?;
    output.show(&found, || match &found {
        Comparison::Same { events } => format!("the same: all {events} events"),
        Comparison::OtherRun { key, first, second } => format!("other runs: {key} is {first} and {second}"),
        Comparison::Differ { round, event, key, first, second } => {
            format!("they differ first in round {round}, {event}: {key} is {first} and {second}")
        }
        Comparison::Shorter { events, longer } => format!("the same for {events} events; run {longer} goes on"),
    });
    Ok(if matches!(found, Comparison::Same { .. }) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
