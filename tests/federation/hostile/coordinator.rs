//! The process: this very test binary, started once more with one test of it, which serves until it is killed.

use super::between::Between;
use super::silence::Silence;
use super::stage::Stage;
use super::transcript::Transcript;
use crate::place::{Place, text};
use crate::process::Process;
use std::path::{Path, PathBuf};
use std::process::Command;
use wardround_coordinator::{Coordinator, CoordinatorConfig};
use wardround_identity::SignedRoster;
use wardround_plan::Timestamp;

/// How the process is told what to do: libtest has arguments of its own.
const CONFIG: &str = "WARDROUND_HOSTILE_CONFIG";
const TRANSCRIPT: &str = "WARDROUND_HOSTILE_TRANSCRIPT";
const SILENCE: &str = "WARDROUND_HOSTILE_SILENCE";

/// Starts it where the coordinator of `place` was. It does to each study what the study's name says
/// ([`super::schemes::of_study`]), and observes `silence`.
pub fn start(place: &Place, silence: Option<&Silence>) -> Process {
    let mut command = Command::new(std::env::current_exe().expect("a test runs from a file"));
    command.args(["--exact", "hostile::coordinator::serves_until_it_is_killed", "--ignored", "--nocapture"]);
    command.env(CONFIG, place.federation().join("coordinator.toml")).env(TRANSCRIPT, transcript(place));
    command.envs(silence.map(|silence| (SILENCE, silence.to_string())));
    Process::spawn("coordinator", &place.logs(), command)
}

/// Where it writes what crosses the line.
pub fn transcript(place: &Place) -> PathBuf {
    place.logs().join("transcript.jsonl")
}

#[test]
#[ignore = "the process that other tests of this module start"]
fn serves_until_it_is_killed() {
    let Some(config) = std::env::var_os(CONFIG).map(PathBuf::from) else {
        return println!("skipped: nobody said what to serve");
    };
    // A test that is stopped leaves nothing behind.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    tracing_subscriber::fmt().json().flatten_event(true).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(serve(&config));
}

async fn serve(config: &Path) {
    let config = CoordinatorConfig::load(config).expect("settings of ours");
    let roster = SignedRoster::load(&config.roster).expect("it was signed").into_roster();
    let transcript = std::env::var_os(TRANSCRIPT).expect("it comes with the settings");
    let silence = std::env::var(SILENCE).ok().map(|text| text.parse().expect("as we wrote it"));
    let stage = Stage::new(roster, Transcript::create(Path::new(&transcript)), silence);
    let coordinator = Coordinator::start(&config, now).await.expect("starts");
    let coordinator = coordinator.with_control(|control| Between::new(control, stage));
    // libtest has begun a line.
    println!("\n{}", serde_json::json!({ "listening": coordinator.address().to_string() }));
    coordinator.serve().await.expect("serves");
}

/// The time by this machine.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp::from_ms(since.as_millis() as u64)
}

/// The settings of a site with a stricter line in place of one that it has.
pub fn restrict(place: &Place, site: &str, line: &str, stricter: &str) {
    let file = place.site_config(site);
    let settings = std::fs::read_to_string(&file).expect("a file of ours");
    assert!(settings.contains(line), "{} has no `{line}`", text(&file));
    std::fs::write(&file, settings.replace(line, stricter)).expect("a folder of ours");
}
