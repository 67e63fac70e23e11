//! `wardround report RUN...`: simulated runs side by side, as a page, as pictures for a paper, as CSV and as JSON.

use crate::exit::Failure;
use crate::output::Output;
use clap::Args;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wardround_report::{
    RunRecord, RunSetting, SimulatedRound, SimulatedScores, SimulatedSite, SimulatedTraffic, SimulationRecord,
    simulation_charts, simulation_csv, simulation_page, tensorboard_events, to_json,
};
use wardround_simulator::{EvaluationRecord, RunSummary, Setting, SweepManifest, VariantRecord, epsilon_after};

/// Compare simulated runs: convergence, privacy against utility, the worst site, communication and time
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Folders of runs, or of sweeps
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Where to write. [default: the run's folder; with several, `report`]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Write event files for TensorBoard too: `tensorboard --logdir OUT/tensorboard`
    #[arg(long)]
    tensorboard: bool,
}

/// What a run is told as.
struct Told {
    study: String,
    metric: &'static str,
    run: RunRecord,
}

/// What a folder holds.
#[derive(Default)]
struct Found {
    told: Vec<Told>,
    /// Variants without a run.
    not_begun: Vec<String>,
}

pub fn run(arguments: &ReportArguments, output: Output) -> Result<ExitCode, Failure> {
    each_once(&arguments.runs)?;
    let mut all = Found::default();
    for folder in &arguments.runs {
        let found = found(folder, arguments.runs.len() > 1)?;
        all.told.extend(found.told);
        all.not_begun.extend(found.not_begun);
    }
    let record = record(all);
    let out = match (&arguments.out, arguments.runs.as_slice()) {
        (Some(out), _) => out.clone(),
        (None, [only]) => only.clone(),
        (None, _) => PathBuf::from("report"),
    };
    let unwritten = |error| Failure::failed(format!("{}: {error}", out.display()));
    let page = write(&record, &out).map_err(unwritten)?;
    if arguments.tensorboard {
        write_events(&record, &out.join("tensorboard")).map_err(unwritten)?;
    }
    output.show(&json!({ "html": page, "runs": record.runs.len() }), || format!("report: {}", page.display()));
    Ok(ExitCode::SUCCESS)
}

/// A run that is named twice would count as two repetitions.
fn each_once(folders: &[PathBuf]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    // A folder that is not there is answered when it is read.
    let again = folders.iter().find(|folder| folder.canonicalize().is_ok_and(|path| !seen.insert(path)));
    again.map_or(Ok(()), |folder| Err(Failure::input(format!("`{}` is named twice", folder.display()))))
}

fn record(found: Found) -> SimulationRecord {
    let Found { told, not_begun } = found;
    let distinct = |words: BTreeSet<&str>| words.into_iter().collect::<Vec<_>>().join(", ");
    let title = distinct(told.iter().map(|told| told.study.as_str()).collect());
    let metric = distinct(told.iter().map(|told| told.metric).collect());
    SimulationRecord { title, metric, runs: told.into_iter().map(|told| told.run).collect(), not_begun }
}

/// Writes everything into `out`; gives the page.
fn write(record: &SimulationRecord, out: &Path) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(out)?;
    let page = out.join("report.html");
    std::fs::write(&page, simulation_page(record))?;
    std::fs::write(out.join("report.json"), to_json(record))?;
    std::fs::write(out.join("runs.csv"), simulation_csv(record))?;
    for (name, svg) in simulation_charts(record) {
        std::fs::write(out.join(name), svg)?;
    }
    Ok(page)
}

/// A folder a run, as TensorBoard tells them apart. Runs of one name, from several folders, are numbered.
fn write_events(record: &SimulationRecord, out: &Path) -> std::io::Result<()> {
    for (place, run) in record.runs.iter().enumerate() {
        let is_alone = record.runs.iter().filter(|other| other.name == run.name).count() == 1;
        let folder = out.join(if is_alone { run.name.clone() } else { format!("{}-{}", run.name, place + 1) });
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(EVENTS), tensorboard_events(run))?;
    }
    Ok(())
}

/// The runs in a folder: its own, or those of its sweep. Among `several` folders each is told apart from the others: nothing says
/// that two sweeps, or two runs that were begun one by one, are repetitions.
fn found(folder: &Path, several: bool) -> Result<Found, Failure> {
    let place = |key: &str| Setting { key: key.into(), value: folder.display().to_string() };
    let Some(sweep) = SweepManifest::find(folder).map_err(Failure::input)? else {
        let run = RunSummary::read(folder).map_err(Failure::input)?;
        let path = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let name = path.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned());
        return Ok(Found { told: vec![of_run(name, &[place("run")], &run)?], not_begun: Vec::new() });
    };
    let mut all = Found::default();
    for variant in sweep.variants {
        let apart = several.then(|| place("sweep"));
        let settings: Vec<Setting> = apart.into_iter().chain(variant.settings.iter().cloned()).collect();
        match run_of(folder, &variant)? {
            Some(run) => all.told.push(of_run(variant.name, &settings, &run)?),
            None => all.not_begun.push(variant.name),
        }
    }
    Ok(all)
}

/// `None` where the variant was not begun.
fn run_of(folder: &Path, variant: &VariantRecord) -> Result<Option<RunSummary>, Failure> {
    let folder = folder.join(&variant.name);
    match RunSummary::find(&folder).map_err(Failure::input)? {
        Some(run) if run.manifest.scenario != variant.scenario => {
            let folder = folder.display();
            Err(Failure::input(format!("`{folder}` holds another run than its sweep says: run the sweep again")))
        }
        run => Ok(run),
    }
}

fn of_run(name: String, settings: &[Setting], run: &RunSummary) -> Result<Told, Failure> {
    let plan = run.scenario.plan();
    let setting = |setting: &Setting| RunSetting { key: setting.key.clone(), value: setting.value.clone() };
    let site = |(site, score): &(wardround_simulator::SiteNumber, f64)| SimulatedSite {
        site: format!("site-{site}"),
        score: *score,
    };
    let traffic =
        run.traffic().map(|traffic| SimulatedTraffic { down_bytes: traffic.down_bytes, up_bytes: traffic.up_bytes });
    let record = RunRecord {
        epsilon: epsilon(run).map_err(|error| Failure::input(format!("{name}: {error}")))?,
        name,
        settings: settings.iter().map(setting).collect(),
        seed: run.manifest.seed,
        complete: run.is_complete(),
        rounds: rounds(run),
        evaluations: run.evaluations.iter().map(scores).collect(),
        sites: run.last_scores.iter().map(site).collect(),
        traffic,
        model_sha256: run.rounds.last().map_or(String::new(), |round| round.model.to_string()),
        data_sha256: run.manifest.data.to_string(),
    };
    let metric = if TRAINING.contains(&run.manifest.task.as_str()) { plan.evaluation.title() } else { "score" };
    Ok(Told { study: plan.study.name.to_string(), metric, run: record })
}

fn epsilon(run: &RunSummary) -> Result<Option<f64>, wardround_simulator::SpentError> {
    let Some(last) = run.rounds.last() else { return Ok(None) };
    let population = run.manifest.population;
    let epsilon = epsilon_after(run.scenario.plan(), population, last.attempt.round.get())?;
    Ok(epsilon.map(|epsilon| epsilon.get()))
}

fn rounds(run: &RunSummary) -> Vec<SimulatedRound> {
    let each = run.rounds.iter().zip(&run.wall_ms).map(|(round, wall_ms)| SimulatedRound {
        round: round.attempt.round.get(),
        loss: round.attempt.loss,
        wall_s: wall_ms / 1e3,
        ends_s: round.attempt.ends_s,
    });
    each.collect()
}

fn scores(record: &EvaluationRecord) -> SimulatedScores {
    SimulatedScores { round: record.round.get(), mean: record.mean, worst: record.worst }
}

/// The work whose scores are the plan's.
const TRAINING: [&str; 2] = ["segmentation", "detection"];
/// TensorBoard looks for `tfevents` in a name, and for the number after it.
const EVENTS: &str = "events.out.tfevents.0.wardround";
