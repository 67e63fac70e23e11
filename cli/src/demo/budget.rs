//! The privacy officers of a demo: two for each hospital, who allow what the plan asks for and look what became of it.

use super::federation::{settings, string, text};
use super::process::run;
use super::stage::{SiteStage, Stage};
use crate::exit::Failure;
use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;
use wardround_plan::PatientPrivacy;

/// What a hospital's ledger says after the study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spent {
    /// The hospital.
    pub site: String,
    /// ε that its officers allow each patient over all studies.
    pub epsilon_allowed: f64,
    /// δ that goes with every ε here.
    pub delta: f64,
    /// ε of everything that was debited.
    pub epsilon_spent: f64,
    /// ε that is left for other studies.
    pub epsilon_left: f64,
    /// The hospital's privacy statement of the study.
    pub statement: PathBuf,
}

/// Two officers make their keys, are named, and sign.
pub async fn approve(stage: &Stage, site: &SiteStage, terms: PatientPrivacy) -> Result<(), Failure> {
    let (logs, config) = (stage.logs(), settings(site));
    let name = format!("{}-officers", site.name);
    let keys = ["officer-a.pem", "officer-b.pem"].map(|file| site.home.join(file));
    let mut public = Vec::new();
    for key in &keys {
        let made = run(&name, &logs, &["budget", "key", "--out", text(key)]).await?;
        public.push(string(&made, "public_key")?.to_owned());
    }
    let pin = ["budget", "officers", "--config", text(&config), "--officer", &public[0], "--officer", &public[1]];
    run(&name, &logs, &pin).await?;
    let (epsilon, delta) = (terms.epsilon.to_string(), terms.delta.to_string());
    let approve = ["budget", "approve", "--config", text(&config), "--epsilon", &epsilon, "--delta", &delta];
    let adjacency = match terms.adjacency {
        wardround_plan::PlanAdjacency::AddOrRemoveOne => "add-or-remove-one",
        wardround_plan::PlanAdjacency::ReplaceOne => "replace-one",
    };
    let signed = ["--adjacency", adjacency, "--key", text(&keys[0]), "--key", text(&keys[1])];
    run(&name, &logs, &[&approve[..], &signed].concat()).await.map(drop)
}

/// What every ledger says, and each hospital's statement.
pub async fn spent(stage: &Stage) -> Result<Vec<Spent>, Failure> {
    if stage.plan.privacy.patients().is_none() {
        return Ok(Vec::new());
    }
    try_join_all(stage.sites.iter().map(|site| spent_at(stage, site))).await
}

async fn spent_at(stage: &Stage, site: &SiteStage) -> Result<Spent, Failure> {
    let (logs, config, out) = (stage.logs(), settings(site), site.home.join("statement"));
    let name = format!("{}-officers", site.name);
    let shown = run(&name, &logs, &["budget", "show", "--config", text(&config)]).await?;
    let study = stage.plan.study.name.as_str();
    let state = ["budget", "statement", "--config", text(&config), "--study", study, "--out", text(&out)];
    let written = run(&name, &logs, &state).await?;
    let account = &shown["data_sets"][0];
    Ok(Spent {
        site: site.name.to_string(),
        epsilon_allowed: number(&account["allowed"]["epsilon"])?,
        delta: number(&account["allowed"]["delta"])?,
        epsilon_spent: number(&account["spent_epsilon_pld"])?,
        epsilon_left: number(&account["left_epsilon"])?,
        statement: PathBuf::from(string(&written, "html")?),
    })
}

fn number(value: &Value) -> Result<f64, Failure> {
    value.as_f64().ok_or_else(|| Failure::failed(format!("`wardround budget show` gave no number but {value}")))
}
