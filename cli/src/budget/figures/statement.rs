//! `wardround budget statement`: what one study promises to a site's patients, from the plan that was accepted and the site's
//! own ledger.

mod assumptions;
mod figures;
mod terms;
#[cfg(test)]
mod tests;

use crate::clock;
use crate::exit::Failure;
use crate::output::Output;
use clap::Args;
use figures::{Evidence, statement};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terms::Unit;
use wardround_client::{SiteConfig, SiteLedger, kept_study};
use wardround_plan::{Plan, StudyId};
use wardround_privacy::{RoundAudit, StudyCost};
use wardround_report::{PrivacyStatement, statement_page, to_json};

#[derive(Debug, Args)]
pub struct StatementArguments {
    /// The site's settings
    #[arg(long, default_value = "configs/site.toml")]
    config: PathBuf,
    /// The study
    #[arg(long)]
    study: StudyId,
    /// Where to write it
    #[arg(long, default_value = "statement")]
    out: PathBuf,
    /// Make no attack on the steps of the study (it takes some seconds), and say so
    #[arg(long)]
    without_audit: bool,
}

pub async fn run(arguments: &StatementArguments, output: Output) -> Result<ExitCode, Failure> {
    let config = SiteConfig::load(&arguments.config).map_err(Failure::input)?;
    let mut evidence = gather(&config, &arguments.study).await?;
    if !arguments.without_audit {
        evidence.audit = attacked(&evidence.kept.plan)?;
    }
    let statement = statement(&evidence)?;
    let (html, json) = write(&arguments.out, &statement)
        .map_err(|error| Failure::failed(format!("{}: {error}", arguments.out.display())))?;
    let result = json!({ "html": html, "json": json, "promise": statement.promise });
    output.show(&result, || format!("privacy statement: {}", html.display()));
    Ok(ExitCode::SUCCESS)
}

/// Reads the journal, the plan and the ledger; every link of the ledger is verified on the way.
async fn gather(config: &SiteConfig, study: &StudyId) -> Result<Evidence, Failure> {
    let kept = kept_study(config, study, clock()).await.map_err(Failure::failed)?;
    let ledger = SiteLedger::open(&config.state, &config.credentials).await.map_err(Failure::failed)?;
    let mut reservations = ledger.reservations().await.map_err(Failure::failed)?;
    let plan = kept.plan.digest();
    reservations.retain(|known| known.study() == study && known.plan() == plan);
    let unit = if config.policy.images_are_patients { Unit::Image } else { Unit::Patient };
    Ok(Evidence {
        kept,
        unit,
        reservations,
        standings: ledger.standings().await.map_err(Failure::failed)?,
        data_set: config.data.name.clone(),
        officers: ledger.officers().await.map_err(Failure::failed)?,
        decisions: ledger.decisions().await.map_err(Failure::failed)?,
        head: ledger.head().await.map_err(Failure::failed)?,
        audit: None,
        now: clock(),
    })
}

/// `None` for a plan that promises nothing.
fn attacked(plan: &Plan) -> Result<Option<RoundAudit>, Failure> {
    if plan.privacy.patients().is_none() {
        return Ok(None);
    }
    let cost = StudyCost::of(plan).map_err(Failure::failed)?;
    RoundAudit::of(plan, &cost).map(Some).map_err(Failure::failed)
}

fn write(out: &Path, statement: &PrivacyStatement) -> std::io::Result<(PathBuf, PathBuf)> {
    std::fs::create_dir_all(out)?;
    let file = |ending: &str| out.join(format!("{}-privacy.{ending}", statement.study));
    let (html, json) = (file("html"), file("json"));
    std::fs::write(&html, statement_page(statement))?;
    std::fs::write(&json, to_json(statement))?;
    Ok((html, json))
}
