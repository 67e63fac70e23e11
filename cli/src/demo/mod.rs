//! `wardround demo`: a whole federation on this machine, made of the same commands and processes that hospitals use.
//!
//! Every party is an operating system process of its own with its own key. The demo only starts them, reads what they
//! print, and cleans up: on success, on error and on Ctrl-C. Should the demo itself be killed, its children end with it.

mod budget;
mod federation;
mod process;

mod stage;

use crate::args::{DemoArguments, Lead};
use crate::exit::Failure;
use crate::output::Output;
use crate::progress::Progress;
use crate::{site, study};
use budget::Spent;
use federation::Federation;
use serde::Serialize;
use stage::Stage;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use wardround_plan::Plan;
use wardround_report::Comparison;

pub use process::{DIE_WITH_PARENT, die_with_parent};

/// What the demo ends with.
#[derive(Debug, Serialize)]
struct Summary {
    metric: &'static str,
    comparison: Vec<Comparison>,
    privacy: Vec<Spent>,
    mean_alone: f64,
    mean_federated: f64,
    guarantee: String,
    submitted_after_ms: u64,
    wall_s: f64,
    model: PathBuf,
    report: PathBuf,
    site_reports: Vec<PathBuf>,
    logs: PathBuf,
}

pub async fn run(arguments: DemoArguments, output: Output) -> Result<ExitCode, Failure> {
    tokio::select! {
        done = demo(arguments, output) => done.map(|()| ExitCode::SUCCESS),
        // Dropping the demo kills its processes.
        () = site::stopped() => Err(Failure::interrupted()),
    }
}

async fn demo(arguments: DemoArguments, output: Output) -> Result<(), Failure> {
    let begun = Instant::now();
    let stage = Stage::set(&arguments)?;
    let progress = Progress::new(output);
    progress.say(&format!("authority, coordinator and {} hospitals, each a process of its own", stage.sites.len()));
    let mut federation = Federation::found(&stage).await?;
    federation.approve_roster(&stage).await?;
    federation.approve_budgets(&stage).await?;
    federation.start_sites(&stage).await?;
    federation.submit(&stage).await?;
    let submitted_after_ms = begun.elapsed().as_millis() as u64;
    let federated = federation.train(&stage, &progress).await?;
    let lead = federation.lead();
    let model = federation.fetch_model(&stage).await?;
    let mut record = study::record(&stage.plan.study.name, &lead).await?;
    federation.stop().await;
    let privacy = budget::spent(&stage).await?;
    progress.say("the same hospitals, each alone, with as many local steps; what never leaves needs no noise");
    let alone = federation::train_alone(&stage, &progress).await?;
    record.comparison = compare(&federated, &alone);
    let (report, _) = study::write_report(&record, &stage.out.join("report")).map_err(Failure::failed)?;
    let site_reports = federation::write_site_reports(&stage, &alone).await?;
    progress.finish();
    let summary = Summary {
        metric: stage.title(),
        mean_alone: mean(record.comparison.iter().map(|row| row.alone)),
        mean_federated: mean(record.comparison.iter().map(|row| row.federated)),
        comparison: record.comparison,
        guarantee: guarantee(&stage.plan),
        privacy,
        submitted_after_ms,
        wall_s: begun.elapsed().as_secs_f64(),
        model,
        report,
        site_reports,
        logs: stage.logs(),
    };
    output.show(&summary, || in_words(&summary));
    Ok(())
}

fn compare(federated: &[federation::Score], alone: &[federation::Score]) -> Vec<Comparison> {
    let row = |score: &federation::Score| {
        let alone = alone.iter().find(|other| other.site == score.site)?;
        let (site, patients) = (score.site.to_string(), score.patients);
        Some(Comparison { site, patients, alone: alone.score, federated: score.score })
    };
    federated.iter().filter_map(row).collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn in_words(summary: &Summary) -> String {
    use std::fmt::Write;
    let mut text = format!("\n{:<12} {:>9} {:>11} {:>10}\n", "site", "alone", "federated", "gain");
    for row in &summary.comparison {
        let gain = row.federated - row.alone;
        let _ = writeln!(text, "{:<12} {:>9.3} {:>11.3} {gain:>+10.3}", row.site, row.alone, row.federated);
    }
    let gain = summary.mean_federated - summary.mean_alone;
    let (alone, federated) = (summary.mean_alone, summary.mean_federated);
    let _ = writeln!(text, "{:<12} {alone:>9.3} {federated:>11.3} {gain:>+10.3}", "mean");
    let _ = writeln!(text, "{} on each site's own validation patients, as the site itself sees it.\n", summary.metric);
    text += &privacy_in_words(summary);
    let _ = writeln!(text, "model    {}", summary.model.display());
    let _ = writeln!(text, "report   {}", summary.report.display());
    for report in &summary.site_reports {
        let _ = writeln!(text, "         {}", report.display());
    }
    for Spent { statement, .. } in &summary.privacy {
        let _ = writeln!(text, "         {}", statement.display());
    }
    let _ = writeln!(text, "logs     {}", summary.logs.display());
    let _ = write!(text, "{:.0} s in all", summary.wall_s);
    text
}

fn guarantee(plan: &Plan) -> String {
    match plan.privacy.patients() {
        Some(terms) => format!("epsilon {}, delta {:e} for each patient", terms.epsilon, terms.delta),
        None => "none".into(),
    }
}

fn privacy_in_words(summary: &Summary) -> String {
    use std::fmt::Write;
    if summary.privacy.is_empty() {
        return "No privacy: this run carries no guarantee.\n\n".into();
    }
    let mut text = format!("{:<12} {:>9} {:>11} {:>10} {:>9}\n", "privacy", "allowed", "spent", "left", "delta");
    for Spent { site, epsilon_allowed, delta, epsilon_spent, epsilon_left, .. } in &summary.privacy {
        let _ = writeln!(
            text,
            "{site:<12} {epsilon_allowed:>9.2} {epsilon_spent:>11.2} {epsilon_left:>10.2} {delta:>9.0e}"
        );
    }
    text += "Epsilon for each patient, from the hospitals' own ledgers: what two officers allowed, what noise has cost, what is\n\
             left for other studies. A study's whole cost is set aside before a scan is read; spare rounds stay unspent.\n\n";
    text
}

impl Federation {
    fn lead(&self) -> Lead {
        Lead { coordinator: self.address(), credentials: self.lead_credentials() }
    }
}
