//! `wardround eval`: what a model is worth on the patients of one folder. Nothing of it leaves the machine.

mod asked;
mod bad_days;
mod compare;
mod record;

use crate::exit::Failure;
use crate::output::Output;
use crate::progress::Progress;
use asked::Asked;
use clap::{Args, Subcommand};
use record::Record;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wardround_evaluation::{Answers, Column, ImageSpacing, Measure};
use wardround_imaging::picture;
use wardround_metrics::statistics::{BootstrapPlan, StatisticsSeed};
use wardround_models::Evaluator;
use wardround_plan::{SiteId, Task};

/// Seed of the intervals, so that the same evaluation prints the same digits twice.
const INTERVAL_SEED: StatisticsSeed = StatisticsSeed(1);

/// Measure a model on the patients of one folder; everything stays on this machine
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct EvalArguments {
    #[command(subcommand)]
    command: Option<EvalCommand>,
    /// The model, as safetensors
    #[arg(long, required = true)]
    model: Option<PathBuf>,
    /// A site's folder
    #[arg(long, required = true)]
    data: Option<PathBuf>,
    /// The plan it was trained by. [default: plan.toml or scenario.toml beside the model]
    #[arg(long)]
    plan: Option<PathBuf>,
    /// What to measure; `wardround eval metrics` lists them. [default: what is usual for the task]
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME")]
    metrics: Vec<String>,
    /// Which patients
    #[arg(long, default_value = "val", value_parser = ["val", "train"])]
    split: String,
    /// The site whose folder it is, where the plan says which classes a site has marked. [default: the folder's name]
    #[arg(long)]
    site: Option<SiteId>,
    /// Distances of rows and columns in millimetres: image files do not tell
    #[arg(long, value_name = "ROWS,COLUMNS", value_parser = rows_and_columns)]
    spacing_mm: Option<ImageSpacing>,
    /// Each image counts as a person where the scans do not name their patients
    #[arg(long)]
    images_are_patients: bool,
    /// Pictures of so many of the worst patients by the first metric
    #[arg(long, default_value_t = 6)]
    worst: usize,
    /// Measure on corrupted scans too: every corruption in five severities, by the first metric
    #[arg(long)]
    robust: bool,
    /// Only these corruptions
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME", requires = "robust")]
    corruptions: Vec<String>,
    /// Where to write
    #[arg(long, default_value = "wardround-eval")]
    out: PathBuf,
    /// Where the network runs: cpu, cuda or vulkan
    #[arg(long, default_value = "cpu")]
    device: String,
}

#[derive(Debug, Subcommand)]
enum EvalCommand {
    /// Which of two evaluations of the same patients is better, with a paired test and an interval
    Compare {
        /// An evaluation's folder
        first: PathBuf,
        /// Another's
        second: PathBuf,
    },
    /// Every metric by its name, with its definition
    Metrics,
}

/// Reads `1.4,1.4`.
fn rows_and_columns(text: &str) -> Result<ImageSpacing, String> {
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| "write two numbers, such as 1.4,1.4".to_owned());
    let (rows, columns) = text.split_once(',').ok_or("write two numbers, such as 1.4,1.4")?;
    ImageSpacing::new([number(rows)?, number(columns)?]).map_err(|error| error.to_string())
}

pub fn run(arguments: EvalArguments, output: Output) -> Result<ExitCode, Failure> {
    match &arguments.command {
        Some(EvalCommand::Compare { first, second }) => compare::run(first, second, output),
        Some(EvalCommand::Metrics) => Ok(list(output)),
        None => evaluate(&arguments, output),
    }
}

fn evaluate(arguments: &EvalArguments, output: Output) -> Result<ExitCode, Failure> {
    let corruptions = bad_days::corruptions(&arguments.corruptions)?;
    let asked = Asked::of(arguments)?;
    let progress = Progress::new(output);
    progress.say(&format!("{} patients, round {}", asked.patients.len(), asked.round()));
    let evaluator = Evaluator::new(&asked.plan, &asked.weights, asked.device).map_err(Failure::input)?;
    let answers = Answers::of(&evaluator, &asked.patients, asked.setting.clone());
    let columns = columns(&asked, &answers)?;
    let record = Record::of(&asked, &columns);
    record.write(&arguments.out)?;
    let pictures = worst(&answers, &columns, arguments.worst, &arguments.out)?;
    let days = match arguments.robust {
        true => bad_days::run(&asked, &evaluator, &corruptions, &arguments.out, &progress)?,
        false => Vec::new(),
    };
    progress.finish();
    let told = bad_days::Told { record: &record, days };
    output.show(&told, || {
        let mut text = record.in_words();
        text += &told.in_words();
        if pictures > 0 {
            text += &format!("{pictures} of the worst are drawn in {}\n", arguments.out.join("worst").display());
        }
        text + &format!("scores of each patient are in {} and stay here", arguments.out.join("scores.csv").display())
    });
    Ok(ExitCode::SUCCESS)
}

/// Every metric; of a detector also for each class that the site has marked.
fn columns(asked: &Asked, answers: &Answers<'_>) -> Result<Vec<Column>, Failure> {
    let mut columns = Vec::new();
    for measure in &asked.measures {
        let alone = (1..=asked.labelled.len() as u8).filter(|class| asked.labelled[usize::from(*class) - 1]);
        let of_class = alone.filter(|_| asked.labelled.len() > 1).map(Some);
        for class in std::iter::once(None).chain(of_class) {
            let column = answers.column(*measure, class, BootstrapPlan::seeded(INTERVAL_SEED));
            columns.push(column.map_err(Failure::input)?);
        }
    }
    Ok(columns)
}

/// Draws the patients who fared worst by the first column; how many.
fn worst(answers: &Answers<'_>, columns: &[Column], most: usize, out: &Path) -> Result<usize, Failure> {
    let Some(column) = columns.first().filter(|_| most > 0) else { return Ok(0) };
    let folder = out.join("worst");
    let failed = |error: std::io::Error| Failure::failed(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let worst = column.worst_first();
    for (rank, patient) in worst.iter().take(most).enumerate() {
        let cases = &answers.patients()[*patient].cases;
        for (number, (case, said)) in cases.iter().zip(answers.of_patient(*patient)).enumerate() {
            let name = format!("{:02}-patient-{}-image-{}.png", rank + 1, patient + 1, number + 1);
            std::fs::write(folder.join(name), picture(case, said)).map_err(failed)?;
        }
    }
    Ok(worst.len().min(most))
}

fn list(output: Output) -> ExitCode {
    let known = Measure::known();
    let rows: Vec<_> = known
        .iter()
        .map(|(task, measure)| {
            let task = if *task == Task::Segment { "segment" } else { "detect" };
            serde_json::json!({ "task": task, "name": measure.to_string(), "definition": measure.definition() })
        })
        .collect();
    output.show(&rows, || {
        let line = |(task, measure): &(Task, Measure)| {
            let task = if *task == Task::Segment { "segment" } else { "detect " };
            format!("{task}  {:<26} {}\n", measure.to_string(), measure.definition())
        };
        known.iter().map(line).collect::<String>()
            + "\nIn place of `foreground` a name may say `class1`, `class2` ...; tolerances and overlaps after `@` may be others."
    });
    ExitCode::SUCCESS
}
