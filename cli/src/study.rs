//! `wardround study`: what a study lead does.

use crate::args::{Lead, StudyCommand};
use crate::clock;
use crate::exit::Failure;
use crate::output::Output;
use crate::site::read_plan;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tonic::transport::Channel;
use wardround_client::transfer::{TransferError, download, upload};
use wardround_client::{Address, status_in_words};
use wardround_identity::Credentials;
use wardround_identity::tls::{ClientTls, Clock};
use wardround_models::{ModelDescription, initial_weights, save_model};
use wardround_plan::{Plan, RoundNumber, StudyId, Weights};
use wardround_proto::v1::studies_client::StudiesClient;
use wardround_proto::v1::transfer_client::TransferClient;
use wardround_proto::{Announced, MESSAGE_BYTES_MAX, UploadPurpose, UploadRequest, digest, v1};
use wardround_report::{Promise, RoundRecord, SiteScore, StudyRecord};
use wardround_round::ReportedScore;
use wardround_storage::{Blobs, Owner, Spool, SpoolLimits};

/// Largest model that is sent or fetched.
const MODEL_BYTES_MAX: u64 = 8 << 30;

pub async fn run(command: StudyCommand, output: Output) -> Result<ExitCode, Failure> {
    match command {
        StudyCommand::Digest { plan } => {
            let digest = read_plan(&plan)?.digest();
            output.show(&json!({ "plan_digest": digest }), || digest.to_string());
        }
        StudyCommand::Submit { plan, lead } => submit(&read_plan(&plan)?, &lead, output).await?,
        StudyCommand::Status { study: Some(study), follow: true, lead } => return follow(&study, &lead, output).await,
        StudyCommand::Status { study, lead, .. } => {
            for status in statuses(study.as_ref(), &lead).await? {
                output.show(&status_json(&status), || status_in_text(&status));
            }
        }
        StudyCommand::Model { study, plan, out, lead } => {
            fetch(&study, &read_plan(&plan)?, &out, &lead, output).await?
        }
        StudyCommand::Report { study, out, lead } => report(&study, &out, &lead, output).await?,
        StudyCommand::Stop { study, lead } => {
            let request = v1::StopRequest { study: study.to_string() };
            let status = client(&lead).await?.stop(request).await.map_err(refused)?.into_inner();
            output.show(&status_json(&status), || status_in_text(&status));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the coordinator recorded of a study, for a report.
pub async fn record(study: &StudyId, lead: &Lead) -> Result<StudyRecord, Failure> {
    let found = statuses(Some(study), lead).await?;
    let status = found.into_iter().next().ok_or_else(|| Failure::failed(format!("there is no study {study}")))?;
    Ok(StudyRecord {
        study: status.study.clone(),
        plan_sha256: hex::encode(&status.plan_digest),
        state: state_in_words(&status),
        promise: promise(status.promise.as_ref()),
        rounds: status.history.into_iter().map(round_record).collect(),
        comparison: Vec::new(),
    })
}

/// What the plan promises; a promise this version does not know counts as none.
fn promise(promise: Option<&v1::Promise>) -> Promise {
    match promise {
        Some(v1::Promise { unit, epsilon, delta }) if unit == "patient" => {
            Promise::Patient { epsilon: *epsilon, delta: *delta }
        }
        Some(v1::Promise { unit, epsilon, delta }) if unit == "site" => {
            Promise::Site { epsilon: *epsilon, delta: *delta }
        }
        Some(_) | None => Promise::NoGuarantee,
    }
}

async fn submit(plan: &Plan, lead: &Lead, output: Output) -> Result<(), Failure> {
    let channel = channel(lead).await?;
    let weights = initial_weights(plan);
    let scratch = tempfile::tempdir().map_err(Failure::failed)?;
    let blobs = Blobs::open(scratch.path()).map_err(Failure::failed)?;
    let bytes = weights.to_le_bytes();
    let size_bytes = bytes.len() as u64;
    let model = blobs.put_bytes(bytes.into()).await.map_err(Failure::failed)?;
    let object = Announced { digest: model, size_bytes };
    let request = UploadRequest { purpose: UploadPurpose::InitialModel, object };
    let mut transfer = TransferClient::new(channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX);
    upload(&mut transfer, &blobs, &request, |_| {}).await.map_err(not_transferred)?;
    let layout = serde_json::to_vec(weights.layout().as_ref()).map_err(Failure::failed)?;
    let request = v1::SubmitRequest {
        plan: plan.to_canonical().into(),
        layout: layout.into(),
        initial_model_digest: model.as_bytes().to_vec().into(),
    };
    StudiesClient::new(channel).submit(request).await.map_err(refused)?;
    let (name, digest) = (&plan.study.name, plan.digest());
    output.show(&json!({ "study": name, "plan_digest": digest, "weights": weights.layout().len() }), || {
        format!("study {name} is submitted; sites that allow plan {digest} take part")
    });
    Ok(())
}

async fn statuses(study: Option<&StudyId>, lead: &Lead) -> Result<Vec<v1::StudyStatus>, Failure> {
    let request = v1::StatusRequest { study: study.map(ToString::to_string) };
    Ok(client(lead).await?.status(request).await.map_err(refused)?.into_inner().studies)
}

async fn follow(study: &StudyId, lead: &Lead, output: Output) -> Result<ExitCode, Failure> {
    let request = v1::WatchRequest { study: study.to_string() };
    let mut stream = client(lead).await?.watch(request).await.map_err(refused)?.into_inner();
    let mut last = String::new();
    while let Some(status) = stream.message().await.map_err(refused)? {
        let text = status_in_text(&status);
        if text != last {
            output.show(&status_json(&status), || text.clone());
            last = text;
        }
        match v1::StudyState::try_from(status.state) {
            Ok(v1::StudyState::Finished | v1::StudyState::Stopped) => return Ok(ExitCode::SUCCESS),
            Ok(v1::StudyState::Failed) => {
                return Err(Failure::failed(format!("study {study} failed: {}", status.text)));
            }
            _ => {}
        }
    }
    Err(Failure::unreachable("the coordinator ended the stream"))
}

async fn fetch(study: &StudyId, plan: &Plan, out: &Path, lead: &Lead, output: Output) -> Result<(), Failure> {
    let status = statuses(Some(study), lead).await?.into_iter().next();
    let status = status.ok_or_else(|| Failure::failed(format!("there is no study {study}")))?;
    if status.plan_digest[..] != plan.digest().0.as_bytes()[..] {
        return Err(Failure::input(format!("study {study} runs another plan, {}", hex::encode(&status.plan_digest))));
    }
    let scratch = tempfile::tempdir().map_err(Failure::failed)?;
    let blobs = Blobs::open(scratch.path()).map_err(Failure::failed)?;
    let limits =
        SpoolLimits { upload_bytes_max: MODEL_BYTES_MAX, parts_per_owner_max: 1, total_bytes_max: MODEL_BYTES_MAX };
    let spool = Spool::open(&blobs, limits).map_err(Failure::failed)?;
    let owner = Owner::new("coordinator").map_err(Failure::failed)?;
    let model = digest("model_digest", &status.model_digest).map_err(Failure::failed)?;
    let object = Announced { digest: model, size_bytes: status.model_bytes };
    let mut transfer = TransferClient::new(channel(lead).await?).max_decoding_message_size(MESSAGE_BYTES_MAX);
    download(&mut transfer, &spool, &owner, object, |_| {}).await.map_err(not_transferred)?;
    let bytes = blobs.get_bytes(&model).await.map_err(Failure::failed)?;
    let layout = Arc::new(wardround_models::layout(&plan.model));
    let weights = Weights::from_le_bytes(layout, &bytes).map_err(Failure::failed)?;
    let round = status.history.last().and_then(|last| RoundNumber::new(last.round));
    let description = ModelDescription { plan: plan.digest(), study: study.clone(), round };
    save_model(out, &weights, &description).map_err(Failure::failed)?;
    let committed = round.map_or(0, RoundNumber::get);
    output.show(&json!({ "out": out, "round": committed, "sha256": model, "guarantee": "none" }), || {
        format!("{}: model after round {committed}; it carries no privacy guarantee", out.display())
    });
    Ok(())
}

async fn report(study: &StudyId, out: &Path, lead: &Lead, output: Output) -> Result<(), Failure> {
    let record = record(study, lead).await?;
    let (html, json) = write_report(&record, out).map_err(Failure::failed)?;
    output.show(&json!({ "html": html, "json": json }), || format!("report: {}", html.display()));
    Ok(())
}

/// Writes a study's report: a page, the same as JSON, the curves as SVG. Gives the page and the JSON.
pub fn write_report(record: &StudyRecord, out: &Path) -> std::io::Result<(std::path::PathBuf, std::path::PathBuf)> {
    std::fs::create_dir_all(out)?;
    let (html, json) = (out.join(format!("{}.html", record.study)), out.join(format!("{}.json", record.study)));
    std::fs::write(&html, wardround_report::study_page(record))?;
    std::fs::write(&json, wardround_report::to_json(record))?;
    if let Some(chart) = wardround_report::study_chart(record) {
        std::fs::write(out.join(format!("{}.svg", record.study)), chart)?;
    }
    Ok((html, json))
}

async fn channel(lead: &Lead) -> Result<Channel, Failure> {
    let address: Address = lead.coordinator.parse().map_err(Failure::input)?;
    let credentials = Credentials::load(&lead.credentials, clock()).map_err(Failure::input)?;
    let tls = ClientTls::peer(&credentials, &Clock::system()).map_err(Failure::failed)?;
    wardround_client::dial(&address, tls).await.map_err(Failure::unreachable)
}

async fn client(lead: &Lead) -> Result<StudiesClient<Channel>, Failure> {
    Ok(StudiesClient::new(channel(lead).await?).max_decoding_message_size(MESSAGE_BYTES_MAX))
}

fn refused(status: tonic::Status) -> Failure {
    Failure::refused(format!("the coordinator said no: {}", status_in_words(&status)))
}

fn not_transferred(error: TransferError) -> Failure {
    match error {
        TransferError::Refused(_) => Failure::refused(error),
        TransferError::Broken(_) | TransferError::Idle => Failure::unreachable(error),
        error => Failure::failed(error),
    }
}

fn round_record(round: v1::RoundSummary) -> RoundRecord {
    let summed = round.summed.unwrap_or_default();
    let scores_missing = Some(summed.missing).filter(|reason| !reason.is_empty());
    let together = v1::SiteScore { site: ALL_SITES.into(), scores: summed.scores };
    let scores = round.scores.into_iter().chain([together]).flat_map(|of| {
        let site = of.site;
        of.scores.into_iter().filter_map(move |score| site_score(&site, score))
    });
    RoundRecord {
        scores_missing,
        round: round.round,
        started_ms: round.started_ms,
        committed_ms: round.committed_ms,
        included: round.included,
        model_sha256: hex::encode(&round.model_digest),
        scores: scores.collect(),
    }
}

/// In the place of a site's name, for scores that were summed behind masks.
const ALL_SITES: &str = "all sites together";

/// A score of a metric that this version does not know is left out.
fn site_score(site: &str, score: v1::Score) -> Option<SiteScore> {
    let (site, metric) = (site.to_owned(), score.metric.clone());
    Some(match ReportedScore::try_from(score).ok()? {
        ReportedScore::Exact(score) => {
            SiteScore { site, metric, mean: score.mean, patients: score.patients, noise_deviation: None }
        }
        ReportedScore::Noised { histogram, .. } => SiteScore {
            site,
            metric,
            mean: histogram.mean().unwrap_or(f64::NAN),
            patients: histogram.patients(),
            noise_deviation: Some(histogram.mean_deviation().unwrap_or(f64::NAN)),
        },
    })
}

fn state_in_words(status: &v1::StudyStatus) -> String {
    match v1::StudyState::try_from(status.state) {
        Ok(v1::StudyState::Gathering) => "waiting for sites".into(),
        Ok(v1::StudyState::Running) => "running".into(),
        Ok(v1::StudyState::Finished) => "finished".into(),
        Ok(v1::StudyState::Stopped) => "stopped".into(),
        Ok(v1::StudyState::Failed) => format!("failed: {}", status.text),
        Ok(v1::StudyState::Unspecified) | Err(_) => "unknown".into(),
    }
}

fn site_in_words(site: &v1::SiteStatus) -> String {
    let state = v1::SiteState::try_from(site.state).map(|state| state.as_str_name().to_owned()).unwrap_or_default();
    let state = state.trim_start_matches("SITE_STATE_").to_lowercase();
    let steps = if site.steps_total > 0 { format!(" {}/{}", site.steps_done, site.steps_total) } else { String::new() };
    let reason = if site.reason.is_empty() { String::new() } else { format!(" ({})", site.reason) };
    format!("{}: {state}{steps}{reason}", site.site)
}

fn status_in_text(status: &v1::StudyStatus) -> String {
    let sites: Vec<String> = status.sites.iter().map(site_in_words).collect();
    let state = state_in_words(status);
    format!("{}: {state}, round {}/{}; {}", status.study, status.round, status.rounds, sites.join("; "))
}

fn status_json(status: &v1::StudyStatus) -> serde_json::Value {
    let sites: Vec<_> = status
        .sites
        .iter()
        .map(|site| json!({ "site": site.site, "says": site_in_words(site), "steps_done": site.steps_done, "steps_total": site.steps_total, "reason": site.reason }))
        .collect();
    let rounds: Vec<RoundRecord> = status.history.iter().cloned().map(round_record).collect();
    json!({
        "study": status.study, "state": state_in_words(status), "round": status.round, "rounds": status.rounds,
        "attempt": status.attempt, "plan_digest": hex::encode(&status.plan_digest),
        "model_sha256": hex::encode(&status.model_digest), "model_bytes": status.model_bytes,
        "sites": sites, "history": rounds,
    })
}
