//! `wardround authority`: the federation's certificates.

use crate::args::{AuthorityCommand, FederationFolder};
use crate::clock;
use crate::exit::Failure;
use crate::output::Output;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use wardround_identity::{AdminName, Approval, Authority, Certificate, FederationName, ServerNames, SiteKeys};
use wardround_plan::{Duration, SiteId};

/// The authority's part of a federation's folder.
const AUTHORITY: &str = "authority";
/// The coordinator's credentials in a federation's folder.
const COORDINATOR: &str = "coordinator";
/// The coordinator's settings in a federation's folder.
const SETTINGS: &str = "coordinator.toml";

pub async fn run(command: AuthorityCommand, output: Output) -> Result<ExitCode, Failure> {
    match command {
        AuthorityCommand::Init { folder, federation, hosts, listen, lead } => {
            init(&folder.folder, &federation, hosts, &listen, &lead, output).await
        }
        AuthorityCommand::Invite { site, folder, auto_approve, valid_hours } => {
            let approval = if auto_approve { Approval::Automatic } else { Approval::Manual };
            invite(&folder, &site, approval, Duration::from_s(valid_hours * 3600), output).await
        }
        AuthorityCommand::Approve { site, folder } => {
            open(&folder).await?.approve(&site, clock()).await.map_err(Failure::refused)?;
            output.show(&json!({ "site": site, "approved": true }), || {
                format!("{site} is certified; it fetches its certificate by itself")
            });
            Ok(ExitCode::SUCCESS)
        }
        AuthorityCommand::Revoke { site, folder } => {
            open(&folder).await?.revoke(&site, clock()).await.map_err(Failure::refused)?;
            output.show(&json!({ "site": site, "revoked": true }), || {
                format!("{site} is revoked; a running coordinator closes its connections within seconds")
            });
            Ok(ExitCode::SUCCESS)
        }
        AuthorityCommand::Roster { folder } => roster(&folder, output).await,
        AuthorityCommand::SignRoster(files) => crate::roster::sign(&files, output).await,
    }
}

async fn init(
    folder: &Path,
    federation: &str,
    hosts: Vec<String>,
    listen: &str,
    lead: &str,
    output: Output,
) -> Result<ExitCode, Failure> {
    let federation = FederationName::new(federation).map_err(Failure::input)?;
    let lead_name = AdminName::new(lead).map_err(Failure::input)?;
    std::fs::create_dir_all(folder).map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))?;
    let authority = Authority::init(&folder.join(AUTHORITY), &federation, clock()).await.map_err(Failure::failed)?;
    let names = server_names(hosts);
    let keys = SiteKeys::open_or_generate(&folder.join(COORDINATOR)).map_err(Failure::failed)?;
    let csr = keys.csr_pem().map_err(Failure::failed)?;
    let certificate = authority.issue_coordinator(&csr, &names, clock()).await.map_err(Failure::failed)?;
    install(keys, &certificate, &authority)?;
    let keys = SiteKeys::open_or_generate(&folder.join(lead)).map_err(Failure::failed)?;
    let csr = keys.csr_pem().map_err(Failure::failed)?;
    let certificate = authority.issue_admin(&lead_name, &csr, clock()).await.map_err(Failure::failed)?;
    install(keys, &certificate, &authority)?;
    let settings = folder.join(SETTINGS);
    let text = format!(
        "# Made by `wardround authority init`; every key is explained in configs/coordinator.toml of the project.\n\
         listen = \"{listen}\"\nstate = \"state\"\nauthority = \"{AUTHORITY}\"\ncredentials = \"{COORDINATOR}\"\n"
    );
    std::fs::write(&settings, text).map_err(|error| Failure::failed(format!("{}: {error}", settings.display())))?;
    let fingerprint = authority.fingerprint();
    let result = json!({ "federation": federation.to_string(), "ca_sha256": fingerprint, "settings": settings });
    output.show(&result, || {
        format!(
            "federation {federation} is made in {}\n  authority's certificate  sha256 {fingerprint}\n  serve with   wardround coordinator run --config {}\n  invite with  wardround authority invite SITE --folder {}\nKeep {} safe: whoever has its key is the federation.",
            folder.display(), settings.display(), folder.display(), folder.join(AUTHORITY).display()
        )
    });
    Ok(ExitCode::SUCCESS)
}

fn install(keys: SiteKeys, certificate: &Certificate, authority: &Authority) -> Result<(), Failure> {
    keys.install(certificate, authority.fingerprint(), clock()).map(drop).map_err(Failure::failed)
}

fn server_names(hosts: Vec<String>) -> ServerNames {
    let mut names = ServerNames::default();
    for host in hosts {
        match host.parse() {
            Ok(ip) => names.ips.push(ip),
            Err(_) => names.dns.push(host),
        }
    }
    names
}

async fn invite(
    folder: &FederationFolder,
    site: &SiteId,
    approval: Approval,
    valid: Duration,
    output: Output,
) -> Result<ExitCode, Failure> {
    let authority = open(folder).await?;
    let invitation = authority.invite(site, valid, approval, clock()).await.map_err(Failure::refused)?;
    let ticket = format!("{site}/{}", invitation.code.reveal().as_str());
    let pin = invitation.ca_sha256;
    output.show(&json!({ "site": site, "code": ticket, "ca_sha256": pin }), || {
        format!(
            "hand these to {site} on paper or by phone; the code works once, for {} hours:\n  wardround site enroll --coordinator https://HOST:PORT --code {ticket} --ca-sha256 {pin}",
            valid.as_ms() / 3_600_000
        )
    });
    Ok(ExitCode::SUCCESS)
}

async fn roster(folder: &FederationFolder, output: Output) -> Result<ExitCode, Failure> {
    let members = open(folder).await?.roster().await.map_err(Failure::failed)?;
    output.show(&members, || {
        let mut text = format!("{:<24} {:<20} {:<14} certificate until", "site", "state", "key");
        for member in &members {
            let key = member.key_fingerprint.map(|key| key.short()).unwrap_or_default();
            let until = member.not_after.map(date).unwrap_or_default();
            let state = format!("{:?}", member.state);
            let _ = write!(text, "\n{:<24} {state:<20} {key:<14} {until}", member.site.to_string());
        }
        text
    });
    Ok(ExitCode::SUCCESS)
}

/// `2026-11-22 10:00` in UTC.
fn date(at: wardround_plan::Timestamp) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let date = time::OffsetDateTime::from_unix_timestamp((at.as_ms() / 1000) as i64);
    date.ok().and_then(|date| date.format(&format).ok()).unwrap_or_default()
}

pub async fn open(folder: &FederationFolder) -> Result<Authority, Failure> {
    Authority::open(&folder.folder.join(AUTHORITY)).await.map_err(Failure::input)
}
