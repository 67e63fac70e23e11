//! Rounds of a tiny model between real processes: nearly all of a round is coordination.
//!
//! The files are on the disk of the build folder, because a round waits for what it makes durable.

use crate::machine;
use crate::options::Options;
use crate::place::{Place, done, text, wardround};
use crate::process::Running;
use crate::trouble::Trouble;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;

const STUDY: &str = "tiny";

pub fn run(options: &Options) -> Result<(), Trouble> {
    let (rounds, sites) = (options.number("rounds", 50)?, options.number("sites", 4)?);
    let place = Place::found(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    let load = machine::describe();
    let (weights, history) = study(&place, rounds, sites)?;
    let at = |round: &Value, key: &str| round[key].as_f64().unwrap_or(f64::NAN);
    // The first round waits for the sites to read their scans.
    let inside: Vec<f64> =
        history.iter().skip(1).map(|round| at(round, "committed_ms") - at(round, "started_ms")).collect();
    let between: Vec<f64> =
        history.windows(2).map(|pair| at(&pair[1], "committed_ms") - at(&pair[0], "committed_ms")).collect();
    println!(
        "{} rounds of a model of {weights} weights between {sites} sites, one local step each; {load}",
        history.len()
    );
    let mut line = json!({ "rounds": history.len(), "sites": sites, "weights": weights, "before": load, "after": machine::describe() });
    for (name, values) in [("opened_to_committed_ms", inside), ("commit_to_commit_ms", between)] {
        let (middle, [least, most_of, most]) = (machine::median(values.clone()), machine::spread(values));
        println!("{name:<24} median {middle:.0}, least {least:.0}, nine of ten below {most_of:.0}, most {most:.0}");
        line[name] = json!({ "median": middle, "least": least, "p90": most_of, "most": most });
    }
    println!("{line}");
    Ok(())
}

/// Runs a study to its end; gives the number of its weights, and its rounds.
fn study(place: &Place, rounds: u32, sites: u32) -> Result<(u64, Vec<Value>), Trouble> {
    let (phantoms, plan) = (place.root().join("phantoms"), place.root().join("plan.toml"));
    done(wardround().args(["data", "synth", "--sites", &sites.to_string(), "--out"]).arg(&phantoms))?;
    std::fs::write(&plan, tiny_plan(rounds, sites))?;
    let digest = done(wardround().args(["study", "digest"]).arg(&plan))?;
    let digest = text(&digest, "plan_digest").or_else(|_| text(&digest, "digest"))?.to_owned();
    let serving = place.serve()?;
    let mut running = Vec::new();
    for scans in folders(&phantoms)? {
        running.push(start_site(place, &serving.address, &scans, &digest)?);
    }
    let credentials = place.federation().join("lead");
    let study = |words: &[&str], file: Option<&Path>| {
        let mut command = wardround();
        command.arg("study").args(words).args(file).args(["--coordinator", &serving.address]);
        done(command.arg("--credentials").arg(&credentials))
    };
    let submitted = study(&["submit"], Some(&plan))?;
    let weights = submitted["weights"].as_u64().ok_or_else(|| Trouble::new(format!("no weights in {submitted}")))?;
    for site in &mut running {
        while site.next()?["notice"] != "ended" {}
    }
    let status = study(&["status", STUDY], None)?;
    let history = status["history"].as_array().or_else(|| status["studies"][0]["history"].as_array());
    let history = history.cloned().ok_or_else(|| Trouble::new(format!("no history in {status}")))?;
    Ok((weights, history))
}

fn start_site(place: &Place, address: &str, scans: &Path, digest: &str) -> Result<Running, Trouble> {
    let name = scans.file_name().unwrap_or_default().to_string_lossy().to_lowercase().replace(['_', ' ', '.'], "-");
    let home = place.enrol(&name, address)?;
    let settings = home.join("site.toml");
    std::fs::write(&settings, site_settings(address, scans, digest))?;
    let mut command = wardround();
    let mut site = Running::start(command.args(["site", "run", "--config"]).arg(settings).stderr(Stdio::null()))?;
    site.next()?;
    Ok(site)
}

fn folders(phantoms: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let mut folders: Vec<PathBuf> =
        phantoms.read_dir()?.map(|entry| Ok(entry?.path())).collect::<Result<_, Trouble>>()?;
    folders.retain(|folder| folder.join("manifest.csv").is_file());
    folders.sort();
    Ok(folders)
}

fn site_settings(address: &str, scans: &Path, digest: &str) -> String {
    format!(
        "coordinator = \"{address}\"\ncredentials = \"credentials\"\nstate = \"state\"\n\
         [data]\nfolder = {:?}\n\
         [policy]\nplans = [\"{digest}\"]\nmin_cohort = 2\nallow_without_privacy = true\nallow_visible_updates = true\n\
         [compute]\nthreads = 1\n",
        scans.display().to_string(),
    )
}

fn tiny_plan(rounds: u32, sites: u32) -> String {
    format!(
        r#"
        study = {{ name = "{STUDY}", purpose = "benchmark", rounds = {rounds}, min_sites = {sites}, deadline_s = 60 }}
        model = {{ kind = "unet2d", width = 4, depth = 1, classes = 2, channels = 1, input_px = 8 }}
        training = {{ optimizer = "sgd", learning_rate = 0.001, local_steps = 1, batch_images = 1 }}
        privacy = {{ mode = "none" }}
        secagg = {{ enabled = false }}
        strategy = {{ kind = "fedavg", weighting = "equal" }}
        evaluation = {{ metrics = ["dice.foreground"], every = {rounds} }}
        "#
    )
}
