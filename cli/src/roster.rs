//! `wardround authority sign-roster` and `wardround site roster`: who takes part in secure aggregation, with which keys. The
//! coordinator carries the file and cannot change it; each hospital pins it after comparing one number with the others.

use crate::args::{RosterFiles, SiteRoster};
use crate::authority;
use crate::clock;
use crate::exit::Failure;
use crate::output::Output;
use crate::site::load;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use wardround_client::{Address, fetch_roster};
use wardround_identity::{
    Credentials, IdentityError, RosterAuthority, RosterChange, RosterRefusal, RosterReview, SignedRoster,
    SigningIdentity,
};

/// Where the key is kept unless another place is named: better on another machine.
const KEY: &str = "roster.key";
/// Where the coordinator looks for the roster.
const ROSTER: &str = "federation.roster";

/// Signs the roster of all who are enrolled now, in place of the last one.
pub async fn sign(files: &RosterFiles, output: Output) -> Result<ExitCode, Failure> {
    let authority = authority::open(&files.folder).await?;
    let folder = &files.folder.folder;
    let key = files.key.clone().unwrap_or_else(|| folder.join(KEY));
    let out = files.out.clone().unwrap_or_else(|| folder.join(ROSTER));
    let signer = if key.exists() { RosterAuthority::open(&key) } else { RosterAuthority::generate(&key) };
    let signer = signer.map_err(Failure::input)?;
    let keys = authority.signing_keys().await.map_err(Failure::failed)?;
    let previous = if out.exists() { Some(SignedRoster::load(&out).map_err(Failure::input)?) } else { None };
    let (roster, changed) = match signer.sign(&keys, previous.as_ref(), clock()) {
        Ok(roster) => (roster, true),
        Err(RosterRefusal::Unchanged { .. }) if previous.is_some() => {
            (previous.clone().ok_or_else(|| Failure::failed("no roster"))?, false)
        }
        Err(refusal) => return Err(Failure::refused(refusal)),
    };
    if changed {
        roster.store(&out).map_err(Failure::failed)?;
    }
    let (digest, sites) = (roster.digest().0, keys.members.len());
    let changes = RosterChange::between(previous.as_ref(), &roster);
    let result = json!({
        "roster": out, "digest": digest, "sites": sites, "changed": changed, "changes": changes,
        "without_key": keys.without_key,
    });
    output.show(&result, || {
        let mut text = format!("roster of {sites} sites in {}\n", out.display());
        in_words(&changes, &mut text);
        for site in &keys.without_key {
            let _ = writeln!(text, "  {site} enrolled without a signing key and is in no roster: invite it again");
        }
        let _ = write!(text, "its digest, to be compared by phone and approved at every hospital:\n  {digest}");
        text
    });
    Ok(ExitCode::SUCCESS)
}

/// Shows the roster that this site has, or could have; pins it when its digest is given.
pub async fn review(arguments: &SiteRoster, output: Output) -> Result<ExitCode, Failure> {
    let config = load(&arguments.config)?;
    let credentials = Credentials::load(&config.credentials, clock()).map_err(Failure::input)?;
    let bytes = match &arguments.file {
        Some(file) => read(file)?,
        None => {
            let address: Address = config.coordinator.parse().map_err(Failure::input)?;
            fetch_roster(&credentials, &address).await.map_err(Failure::unreachable)?
        }
    };
    let signing = SigningIdentity::open(&config.credentials).map_err(Failure::input)?;
    let review = RosterReview::new(&credentials, &signing, &bytes, clock()).map_err(refused)?;
    let (digest, changes, pinned) = (review.digest().0, review.changes(), review.is_pinned());
    let approved = match arguments.approve {
        Some(approved) => {
            review.approve(approved).map_err(refused)?;
            true
        }
        None => pinned,
    };
    let result = json!({ "digest": digest, "changes": changes, "approved": approved });
    output.show(&result, || {
        let mut text = String::new();
        in_words(&changes, &mut text);
        let verdict = if approved {
            format!("this roster is approved here: {digest}")
        } else {
            format!(
                "not approved here. Compare this digest with the other hospitals, not by way of the coordinator, then:\n  \
                 wardround site roster --approve {digest}"
            )
        };
        text + &verdict
    });
    Ok(ExitCode::SUCCESS)
}

fn in_words(changes: &[RosterChange], text: &mut String) {
    for change in changes {
        let _ = match change {
            RosterChange::Added { site, key } => writeln!(text, "  + {site:<24} key {key}"),
            RosterChange::Removed { site, key } => writeln!(text, "  - {site:<24} key {key}"),
            RosterChange::KeyChanged { site, before, after } => {
                writeln!(text, "  ! {site:<24} another key: {after} (was {before})")
            }
            RosterChange::Recertified { site, key, .. } => {
                writeln!(text, "  = {site:<24} key {key}, certified anew")
            }
        };
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::input(format!("{}: {error}", file.display())))
}

fn refused(error: IdentityError) -> Failure {
    match error {
        IdentityError::Roster(_) => Failure::refused(error),
        error => Failure::input(error),
    }
}
