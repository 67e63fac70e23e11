//! The hospital's own report of a study: its scores, and predictions drawn over its validation images. It stays here.

use crate::config::SiteConfig;
use crate::folder::Folder;
use crate::journal::Journal;
use crate::policy::Policy;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wardround_identity::{Credentials, Role};
use wardround_imaging::{Case, SiteImages, picture};
use wardround_models::{ComputeDevice, Evaluator};
use wardround_plan::{Plan, PlanDigest, SiteId, StudyId, Timestamp, Weights};
use wardround_report::{Picture, Promise, RoundScore, SiteRecord};
use wardround_round::participant::Event;
use wardround_round::{ModelRef, StudyOutcome};
use wardround_storage::Blobs;

/// Pictures in a report, one of each of the first validation patients.
const PICTURES_MAX: usize = 6;

/// Where a report was written.
#[derive(Debug, Clone, serde::Serialize)]
pub struct SiteReport {
    /// For people.
    pub html: PathBuf,
    /// For programs.
    pub json: PathBuf,
}

/// No report.
#[derive(Debug, thiserror::Error)]
#[error("no report of study {study}: {reason}")]
pub struct ReportError {
    study: StudyId,
    reason: String,
}

/// What a site keeps of a study that it takes or took part in.
#[derive(Debug, Clone)]
pub struct KeptStudy {
    /// The site's name in the federation.
    pub site: String,
    /// The plan, as it was accepted.
    pub plan: Plan,
    /// In words: running, finished, stopped, failed with its reason.
    pub state: String,
}

/// What this site keeps of `study`.
///
/// # Errors
/// A study the site never accepted, or files that cannot be read.
pub async fn kept_study(config: &SiteConfig, study: &StudyId, now: Timestamp) -> Result<KeptStudy, ReportError> {
    let failed = |reason: String| ReportError { study: study.clone(), reason };
    let words = |error: &dyn std::fmt::Display| failed(error.to_string());
    let journal = Journal::open(&config.state).await.map_err(|error| words(&error))?;
    let events = journal.events().await.map_err(|error| words(&error))?;
    let past = Past::of(study, events.into_iter().map(|(_, event)| event));
    let digest = past.plan.ok_or_else(|| failed("this site has not accepted it".into()))?;
    let plan = read_plan(&config.state, &digest).map_err(failed)?;
    let site = site_name(config, now).map_err(|error| words(&error))?;
    Ok(KeptStudy { site: site.to_string(), plan, state: past.state })
}

/// Writes the report of `study` into `out`, from what the site's journal recorded.
///
/// # Errors
/// A study the site has not measured, or files that cannot be read or written.
pub async fn site_report(
    config: &SiteConfig,
    study: &StudyId,
    alone: Option<f64>,
    out: &Path,
    now: Timestamp,
) -> Result<SiteReport, ReportError> {
    let failed = |reason: String| ReportError { study: study.clone(), reason };
    let words = |error: &dyn std::fmt::Display| failed(error.to_string());
    let journal = Journal::open(&config.state).await.map_err(|error| words(&error))?;
    let events = journal.events().await.map_err(|error| words(&error))?;
    let past = Past::of(study, events.into_iter().map(|(_, event)| event));
    let (digest, model) =
        past.plan.zip(past.model).ok_or_else(|| failed("this site has measured no model of it".into()))?;
    let plan = read_plan(&config.state, &digest).map_err(failed)?;
    let blobs = Blobs::open(&config.state).map_err(|error| words(&error))?;
    let bytes = blobs.get_bytes(&model.digest).await.map_err(|error| words(&error))?;
    let site = site_name(config, now).map_err(|error| words(&error))?;
    let folder = Folder::new(config.data.folder.clone(), Policy::new(config.policy.clone()).grouping(), site.clone());
    let device = config.compute.device.parse().map_err(|error| words(&error))?;
    let promise = promise(&plan);
    let metric = plan.evaluation.metrics.first().map_or_else(String::new, |metric| metric.as_str().into());
    let drawing = tokio::task::spawn_blocking(move || pictures(&plan, &bytes, &folder, device));
    let record = SiteRecord {
        study: study.to_string(),
        site: site.to_string(),
        plan_sha256: digest.to_string(),
        state: past.state,
        promise,
        metric,
        scores: past.scores,
        alone,
        pictures: drawing.await.map_err(|error| words(&error))?.map_err(failed)?,
    };
    write(out, study, &record).map_err(|error| words(&error))
}

/// Keeps the plan of an accepted study, so that a report can be made of it later.
pub(crate) fn keep_plan(state: &Path, plan: &Plan) -> std::io::Result<()> {
    let folder = state.join("plans");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("{}.json", plan.digest())), plan.to_canonical())
}

/// Whose node this is, by its certificate.
pub(crate) fn site_name(config: &SiteConfig, now: Timestamp) -> Result<SiteId, String> {
    match Credentials::load(&config.credentials, now).map_err(|error| error.to_string())?.peer().role.clone() {
        Role::Site(site) => Ok(site),
        other => Err(format!("{} belongs to {other}, which is no site", config.credentials.display())),
    }
}

fn promise(plan: &Plan) -> Promise {
    let terms = plan.privacy.patients();
    terms.map_or(Promise::NoGuarantee, |terms| Promise::Patient { epsilon: terms.epsilon, delta: terms.delta })
}

fn read_plan(state: &Path, digest: &PlanDigest) -> Result<Plan, String> {
    let path = state.join("plans").join(format!("{digest}.json"));
    let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Plan::from_canonical(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// What the journal says of one study.
#[derive(Default)]
struct Past {
    plan: Option<PlanDigest>,
    model: Option<ModelRef>,
    scores: Vec<RoundScore>,
    state: String,
}

impl Past {
    fn of(study: &StudyId, events: impl Iterator<Item = Event>) -> Self {
        let mut past = Self { state: "running".into(), ..Self::default() };
        for event in events {
            match event {
                Event::Decided { study: of, plan, refusal: None } if of == *study => past.plan = Some(plan),
                Event::Evaluated { study: of, round, model, scores, .. } if of == *study => {
                    past.model = Some(model);
                    let score = |score: wardround_round::Score| RoundScore {
                        round: round.get(),
                        score: score.mean,
                        patients: score.patients,
                    };
                    past.scores.extend(scores.into_iter().map(score));
                }
                Event::Ended { study: of, outcome, .. } if of == *study => past.state = in_words(&outcome),
                _ => {}
            }
        }
        past
    }
}

fn in_words(outcome: &StudyOutcome) -> String {
    match outcome {
        StudyOutcome::Finished => "finished".into(),
        StudyOutcome::Stopped => "stopped".into(),
        StudyOutcome::Failed(reason) => format!("failed: {reason}"),
    }
}

fn pictures(plan: &Plan, model: &[u8], folder: &Folder, device: ComputeDevice) -> Result<Vec<Picture>, String> {
    let layout = Arc::new(wardround_models::layout(&plan.model));
    let weights = Weights::from_le_bytes(layout, model).map_err(|error| error.to_string())?;
    let evaluator = Evaluator::new(plan, &weights, device).map_err(|error| error.to_string())?;
    let patients = folder.patients(plan).map_err(|refusal| refusal.text().to_owned())?;
    let draw = |(number, case): (usize, &Case)| Picture {
        caption: format!("validation patient {}, one image", number + 1),
        png: evaluator.predict(std::slice::from_ref(case)).first().map_or_else(Vec::new, |found| picture(case, found)),
    };
    Ok(middle_images(&patients).enumerate().map(draw).collect())
}

/// The middle image of each of the first validation patients: the ends of a stack often show nothing.
fn middle_images(patients: &SiteImages) -> impl Iterator<Item = &Case> {
    let middle = |patient: &'_ wardround_imaging::Patient| patient.cases.len() / 2;
    patients.validation.iter().filter_map(move |patient| patient.cases.get(middle(patient))).take(PICTURES_MAX)
}

fn write(out: &Path, study: &StudyId, record: &SiteRecord) -> std::io::Result<SiteReport> {
    std::fs::create_dir_all(out)?;
    let report = SiteReport { html: out.join(format!("{study}.html")), json: out.join(format!("{study}.json")) };
    std::fs::write(&report.html, wardround_report::site_page(record))?;
    std::fs::write(&report.json, wardround_report::to_json(record))?;
    Ok(report)
}
