//! `wardround site`: a hospital's node.

use crate::args::{SiteCommand, SiteConfigFile};
mod folder_check;

use crate::clock;
use crate::exit::Failure;
use crate::output::Output;
use folder_check::FolderCheck;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use tokio::sync::mpsc;
use wardround_client::{
    Address, Agent, AgentError, EnrolError, Notice, Policy, SiteConfig, Ticket, enrol, keep_certificate, site_report,
    train_alone,
};
use wardround_identity::Credentials;
use wardround_identity::tls::{ClientTls, Clock};
use wardround_plan::{Digest, Plan};
use wardround_round::Summand;

/// Notices that may wait to be printed.
const NOTICES_MAX: usize = 1024;

pub async fn run(command: SiteCommand, output: Output) -> Result<ExitCode, Failure> {
    match command {
        SiteCommand::Enroll { coordinator, code, ca_sha256, credentials } => {
            join(&coordinator, &code, ca_sha256, &credentials, output).await
        }
        SiteCommand::Check { config, plan, offline } => check_site(&config, plan.as_deref(), offline, output).await,
        SiteCommand::Run { config } => take_part(&config, output).await,
        SiteCommand::Roster(arguments) => crate::roster::review(&arguments, output).await,
        SiteCommand::Alone { config, plan } => alone(&config, &plan, output).await,
        SiteCommand::Report { config, study, out, alone } => {
            let report = site_report(&load(&config)?, &study, alone, &out, clock()).await.map_err(Failure::failed)?;
            output.show(&report, || format!("report: {}", report.html.display()));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Resolves when the process is told to stop.
pub async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

/// Reads a plan as people write it.
pub fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
    Plan::from_toml(&text).map_err(|error| Failure::input(format!("{}: {error}", path.display())))
}

async fn join(coordinator: &str, code: &str, ca: Digest, folder: &Path, output: Output) -> Result<ExitCode, Failure> {
    let address: Address = coordinator.parse().map_err(Failure::input)?;
    let ticket: Ticket = code.parse().map_err(Failure::input)?;
    let waiting = |key: Digest| {
        output.show(&json!({ "waiting_for_approval": ticket.site, "key_fingerprint": key }), || {
            format!("waiting for approval; read this fingerprint to the federation's manager:\n  {key}")
        });
    };
    let joined = enrol(folder, &address, &ticket, ca, clock, waiting).await.map_err(|error| match error {
        EnrolError::Dial(error) => Failure::unreachable(error),
        EnrolError::Ticket => Failure::input(EnrolError::Ticket),
        error => Failure::refused(error),
    })?;
    let peer = joined.peer();
    output.show(&json!({ "site": ticket.site, "spiffe_id": peer.spiffe_id().to_string(), "not_after_ms": peer.not_after.as_ms() }), || {
        format!("enrolled as {}; key and certificate are in {}", peer.spiffe_id(), folder.display())
    });
    Ok(ExitCode::SUCCESS)
}

async fn take_part(config: &SiteConfigFile, output: Output) -> Result<ExitCode, Failure> {
    let config = load(config)?;
    set_threads(&config)?;
    let address: Address = config.coordinator.parse().map_err(Failure::input)?;
    let credentials = config.credentials.clone();
    let (notices_in, notices) = mpsc::channel(NOTICES_MAX);
    let agent = Agent::start(config, notices_in, clock).await.map_err(|error| match error {
        AgentError::Identity(_) | AgentError::NotASite(_) | AgentError::Dial(_) => Failure::input(error),
        error => Failure::failed(error),
    })?;
    let name = agent.name().clone();
    output.show(&json!({ "site": name }), || format!("site {name} is running"));
    tokio::select! {
        ended = agent.run() => ended.map_err(Failure::failed).map(|()| ExitCode::SUCCESS),
        () = keep_certificate(&credentials, &address, clock) => Ok(ExitCode::SUCCESS),
        () = async { print(notices, output).await; std::future::pending().await } => Ok(ExitCode::SUCCESS),
        () = stopped() => Ok(ExitCode::SUCCESS),
    }
}

async fn alone(config: &SiteConfigFile, plan: &Path, output: Output) -> Result<ExitCode, Failure> {
    let (config, plan) = (load(config)?, read_plan(plan)?);
    set_threads(&config)?;
    let (notices_in, notices) = mpsc::channel(NOTICES_MAX);
    let training = train_alone(&config, plan, notices_in, clock());
    let (baseline, ()) = tokio::select! {
        both = async { tokio::join!(training, print(notices, output)) } => both,
        () = stopped() => return Err(Failure::interrupted()),
    };
    let baseline = baseline.map_err(Failure::failed)?;
    output.show(&baseline, || {
        let title = baseline.metric.title();
        let score = baseline.score.map_or("no score".into(), |score| format!("{title} {score:.3}"));
        format!("alone, after {} steps: {score} on {} validation patients", baseline.steps, baseline.patients)
    });
    Ok(ExitCode::SUCCESS)
}

async fn check_site(
    file: &SiteConfigFile,
    plan: Option<&Path>,
    offline: bool,
    output: Output,
) -> Result<ExitCode, Failure> {
    let config = load(file)?;
    let plan = plan.map(read_plan).transpose()?;
    let policy = Policy::new(config.policy.clone());
    let mut problems = Vec::new();
    if let Some(plan) = &plan {
        problems.extend(policy.allows(plan).err().map(|refusal| format!("policy: {}", refusal.text())));
    }
    if let Err(error) = config.compute.device.parse::<wardround_models::ComputeDevice>() {
        problems.push(format!("[compute] device: {error}"));
    }
    match Credentials::load(&config.credentials, clock()) {
        Ok(credentials) if !offline => problems.extend(reach(&config, &credentials).await.err()),
        Ok(_) => {}
        Err(error) => problems.push(error.to_string()),
    }
    let data = FolderCheck::of(&config, policy.grouping(), plan.as_ref());
    let usable = problems.is_empty() && data.is_usable();
    output.show(&json!({ "usable": usable, "problems": problems, "data": data }), || {
        let problems: String = problems.iter().map(|problem| format!("problem: {problem}\n")).collect();
        let verdict = if usable { "this site can take part" } else { "this site cannot take part yet" };
        format!("{problems}{}\n{verdict}", data.in_words())
    });
    if usable { Ok(ExitCode::SUCCESS) } else { Ok(crate::exit::Kind::Input.code()) }
}

async fn reach(config: &SiteConfig, credentials: &Credentials) -> Result<(), String> {
    let address: Address =
        config.coordinator.parse().map_err(|error: wardround_client::DialError| error.to_string())?;
    let tls = ClientTls::peer(credentials, &Clock::system()).map_err(|error| error.to_string())?;
    wardround_client::dial(&address, tls).await.map(drop).map_err(|error| error.to_string())
}

/// Prints notices as lines until nobody sends any more.
async fn print(mut notices: mpsc::Receiver<Notice>, output: Output) {
    while let Some(notice) = notices.recv().await {
        let spoken = in_words(&notice);
        if output.is_json() || spoken.is_some() {
            output.show(&notice, || spoken.unwrap_or_default());
        }
    }
}

/// A notice for people; the small steps in between are for programs.
fn in_words(notice: &Notice) -> Option<String> {
    Some(match notice {
        Notice::Connected => "connected".into(),
        Notice::Disconnected { reason, retry_in_ms } => {
            format!("not connected: {reason}; again in {:.1} s", *retry_in_ms as f64 / 1e3)
        }
        Notice::Decided { study, refusal: None } => format!("takes part in {study}"),
        Notice::Decided { study, refusal: Some(reason) } => format!("refuses {study}: {reason}"),
        Notice::Step { round, done, of, loss, .. } if done == of => {
            format!("round {round}: {of} steps, loss {loss:.3}")
        }
        Notice::Step { .. } | Notice::Transfer { .. } => return None,
        Notice::Agreed {
            round,
            summand,
            cohort,
            threshold,
            assumed_corrupt,
            dropouts_tolerated,
            honest_inputs,
            noise_shares,
            ..
        } => format!(
            "round {round}: masked sum of the {} of {cohort} sites: {threshold} have to answer, {dropouts_tolerated} may \
             vanish, {assumed_corrupt} may be traitors, at least {honest_inputs} honest ones in every sum{}",
            plural(*summand),
            noise_shares
                .map_or_else(String::new, |honest| format!(", whose {honest} shares are all the noise counted on"))
        ),
        Notice::Sent { round, summand: Summand::Update, .. } => format!("round {round}: update sent"),
        Notice::Sent { round, summand: Summand::Scores, .. } => format!("round {round}: scores sent"),
        Notice::Scored { round, metric, score, .. } => format!("round {round}: {} {score:.3} here", metric.title()),
        Notice::Ended { study, outcome } => format!("{study} has ended: {outcome:?}"),
        Notice::Trouble { reason } => format!("trouble: {reason}"),
    })
}

fn plural(summand: Summand) -> &'static str {
    match summand {
        Summand::Update => "updates",
        Summand::Scores => "scores",
    }
}

pub fn load(file: &SiteConfigFile) -> Result<SiteConfig, Failure> {
    SiteConfig::load(&file.config).map_err(Failure::input)
}

fn set_threads(config: &SiteConfig) -> Result<(), Failure> {
    match config.compute.threads {
        0 => Ok(()),
        threads => wardround_models::use_cpu_threads(threads).map_err(Failure::failed),
    }
}
