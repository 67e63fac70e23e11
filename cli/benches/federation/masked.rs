//! A whole secure aggregation over mutual TLS on loopback: `wardround coordinator run`, and n times `wardround site run`.
//!
//! Nothing is trained: each site finds an update in its own journal, as if it had been restarted behind its training, and
//! brings that into the sum. Times are those of the coordinator's stored events; a site's processor time and memory are taken
//! when it hears that the round is over. The model that comes out is compared with the mean of the updates.
//!
//! Files are on the disk of the build folder: a coordinator makes every update durable before it counts it.

use crate::machine;
use crate::options::Options;
use crate::place::{Place, Serving, done, text, wardround};
use crate::process::{Running, Usage};
use crate::trouble::Trouble;
use crate::updates::Updates;
use crate::upload::now;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use wardround_plan::{Plan, RoundNumber};
use wardround_round::participant::Event;
use wardround_round::{Attempt, ModelRef, RoundId, Summand, UpdateRef};
use wardround_secagg::session::TAIL_WORDS;
use wardround_storage::{Blobs, Database};

const STUDY: &str = "masked";
/// Sites and weights of one run each.
const QUICK: [(u32, u32); 1] = [(5, 100_000)];
/// All sites with all weights.
const SITES: [u32; 3] = [5, 10, 20];
const WEIGHTS: [u32; 3] = [100_000, 1_000_000, 10_000_000];
/// Widths that a network may have.
const WIDTHS: std::ops::RangeInclusive<u32> = 1..=64;
const WIDTH_STEP: u32 = 4;

/// What one session cost.
struct Cost {
    sites: u32,
    weights: u64,
    phases: Phases,
    coordinator: Usage,
    /// The least that a process needs before it does anything.
    coordinator_before: Usage,
    each_site: Vec<Usage>,
}

/// From the parameters to U2; from there to the last update in the sum; from there to the model.
struct Phases {
    handshake_ms: i64,
    uploads_ms: i64,
    unmasking_ms: i64,
}

pub async fn run(options: &Options) -> Result<(), Trouble> {
    let chosen = match (options.number("sites", 0)?, options.number("weights", 0)?) {
        (sites @ 1.., weights @ 1..) => vec![(sites, weights)],
        _ if options.wants("quick") => QUICK.to_vec(),
        _ => WEIGHTS.into_iter().flat_map(|weights| SITES.map(|sites| (sites, weights))).collect(),
    };
    println!("a masked sum over mutual TLS on loopback, real processes; {}", machine::describe());
    println!(
        "{:>5} {:>10} {:>8} {:>11} {:>9} {:>8} {:>8} {:>9} {:>8} {:>9} {:>14} {:>13}",
        "sites",
        "weights",
        "whole s",
        "handshake s",
        "uploads s",
        "unmask s",
        "up GB",
        "coord cpu",
        "site cpu",
        "most of",
        "coord peak MiB",
        "site peak MiB"
    );
    for (sites, weights) in chosen {
        let before = machine::describe();
        session(sites, weights).await?.show(&before);
    }
    Ok(())
}

async fn session(sites: u32, weights_min: u32) -> Result<Cost, Trouble> {
    let place = Place::found(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    let plan_file = place.root().join("plan.toml");
    let plan_text = plan_of(sites, weights_min)?;
    std::fs::write(&plan_file, &plan_text)?;
    let plan = Plan::from_toml(&plan_text)?;

    let serving = place.serve()?;
    let homes = enrol(&place, &serving.address, sites, &plan)?;
    lead(&place, &serving, &["submit", path(&plan_file)?])?;
    let status = lead(&place, &serving, &["status", STUDY])?;
    let bytes = status["model_bytes"].as_u64().ok_or_else(|| Trouble::new(format!("no size in {status}")))?;
    let model = ModelRef { digest: text(&status, "model_sha256")?.parse()?, bytes };
    let updates = Updates { weights: bytes / 4 };
    for (number, home) in homes.iter().enumerate() {
        store_update(home, &plan, model, updates.of(number)).await?;
    }

    let coordinator_before = serving.process.usage()?;
    let running: Vec<Running> = homes.iter().map(|home| start(home)).collect::<Result<_, _>>()?;
    let each_site = all_sent(running)?;
    let events = events(&place).await?;
    let coordinator = serving.process.usage()?;
    check(&place, model, &events, updates, sites)?;
    let phases = Phases::of(&events)?;
    Ok(Cost { sites, weights: updates.weights, phases, coordinator, coordinator_before, each_site })
}

/// Enrolled sites with phantoms and an approved roster; their folders.
fn enrol(place: &Place, address: &str, sites: u32, plan: &Plan) -> Result<Vec<PathBuf>, Trouble> {
    let phantoms = place.root().join("phantoms");
    done(wardround().args(["data", "synth", "--sites", "1", "--out"]).arg(&phantoms))?;
    let scans = phantoms.read_dir()?.filter_map(|entry| Some(entry.ok()?.path()));
    let scans = scans.into_iter().find(|folder| folder.join("manifest.csv").is_file());
    let scans = scans.ok_or_else(|| Trouble::new("no phantoms were made"))?;
    let mut homes = Vec::new();
    for number in 0..sites {
        let home = place.enrol(&format!("site-{number}"), address)?;
        std::fs::write(home.join("site.toml"), settings(address, &scans, plan))?;
        homes.push(home);
    }
    let federation = place.federation();
    let signed = done(wardround().args(["authority", "sign-roster", "--folder"]).arg(&federation))?;
    for home in &homes {
        let mut approve = wardround();
        approve.args(["site", "roster", "--config"]).arg(home.join("site.toml"));
        approve.arg("--file").arg(federation.join("federation.roster"));
        done(approve.args(["--approve", text(&signed, "digest")?]))?;
    }
    Ok(homes)
}

fn lead(place: &Place, serving: &Serving, words: &[&str]) -> Result<Value, Trouble> {
    let mut command = wardround();
    command.arg("study").args(words).args(["--coordinator", &serving.address, "--credentials"]);
    done(command.arg(place.federation().join("lead")))
}

/// What a site keeps that was killed when it had trained.
async fn store_update(home: &Path, plan: &Plan, model: ModelRef, update: Vec<f32>) -> Result<(), Trouble> {
    let state = home.join("state");
    std::fs::create_dir_all(&state)?;
    let bytes: Vec<u8> = update.iter().flat_map(|value| value.to_le_bytes()).collect();
    let digest = Blobs::open(&state)?.put_bytes(bytes.into()).await?;
    let (study, round, attempt) = (plan.study.name.clone(), RoundNumber::FIRST, Attempt::FIRST);
    let id = RoundId { study, round, attempt, summand: Summand::Update };
    let trained = Event::Trained { id, model, update: UpdateRef { digest }, plan: Some(plan.digest()) };
    let journal = Database::open(&state.join("site.sqlite"), &[]).await?;
    journal.append("site", now(), &trained).await?;
    journal.pool().close().await;
    Ok(())
}

fn start(home: &Path) -> Result<Running, Trouble> {
    let mut command = wardround();
    Running::start(command.args(["site", "run", "--config"]).arg(home.join("site.toml")).stderr(Stdio::null()))
}

/// Waits until every site's update is in the sum, and gives what each has used by then: what comes later is measuring the
/// model, which is no part of this. All are read, since one that nobody reads stands still.
fn all_sent(mut running: Vec<Running>) -> Result<Vec<Usage>, Trouble> {
    let sent = |site: &mut Running| {
        while site.next()?["notice"] != "sent" {}
        let usage = site.usage();
        while site.next()?["notice"] != "ended" {}
        usage
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = running.iter_mut().map(|site| scope.spawn(move || sent(site))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(usage) => usage,
            Err(_) => Err(Trouble::new("a thread that read a site's output broke off")),
        };
        threads.into_iter().map(join).collect()
    })
}

/// The coordinator's events with their times.
async fn events(place: &Place) -> Result<Vec<(i64, Value)>, Trouble> {
    let database = place.federation().join("state/coordinator.sqlite");
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(database).read_only(true)).await?;
    let query = sqlx::query_as::<_, (i64, String)>("select at_ms, event from events where stream = ? order by seq");
    let rows = query.bind(STUDY).fetch_all(&pool).await?;
    rows.into_iter().map(|(at, event)| Ok((at, serde_json::from_str(&event)?))).collect()
}

/// That the model is the old one and the mean of all updates, to the last place of an `f32`.
fn check(place: &Place, model: ModelRef, events: &[(i64, Value)], updates: Updates, sites: u32) -> Result<(), Trouble> {
    let committed = events.iter().find(|(_, event)| event["event"] == "round_committed");
    let committed = committed.ok_or_else(|| Trouble::new("no model was made"))?;
    let read = |digest: &str| std::fs::read(place.federation().join("state/sha256").join(digest));
    let (before, after) = (read(&model.digest.to_string())?, read(text(&committed.1["model"], "digest")?)?);
    let all: Vec<Vec<f32>> = (0..sites as usize).map(|site| updates.of(site)).collect();
    let values = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect::<Vec<_>>();
    for (place, (old, new)) in values(&before).into_iter().zip(values(&after)).enumerate() {
        let mean = all.iter().map(|update| f64::from(update[place])).sum::<f64>() / f64::from(sites);
        let error = (f64::from(old) + mean - f64::from(new)).abs();
        if error > f64::from(new.abs()) * f64::from(f32::EPSILON) + 1e-9 {
            return Err(Trouble::new(format!("weight {place} is {new}, it has to be {}", f64::from(old) + mean)));
        }
    }
    Ok(())
}

impl Phases {
    fn of(events: &[(i64, Value)]) -> Result<Self, Trouble> {
        let missing = |kind: &str| Trouble::new(format!("no {kind} among the events"));
        let first = |kind: &str| {
            let found = events.iter().position(|(_, event)| event["event"] == kind);
            found.ok_or_else(|| missing(kind))
        };
        let (opened, counted, committed) = (first("secagg")?, first("masked_counted")?, first("round_committed")?);
        // What is counted after the model are its scores.
        let until = &events[..committed];
        let last = until.iter().rposition(|(_, event)| event["event"] == "masked_counted").unwrap_or(counted);
        let at = |place: usize| events[place].0;
        // The event before the first update is the last of the shares.
        let (shared, last, committed) = (at(counted - 1), at(last), at(committed));
        Ok(Self { handshake_ms: shared - at(opened), uploads_ms: last - shared, unmasking_ms: committed - last })
    }

    fn whole_ms(&self) -> i64 {
        self.handshake_ms + self.uploads_ms + self.unmasking_ms
    }
}

impl Cost {
    fn show(&self, before: &Value) {
        let seconds = |ms: i64| ms as f64 / 1e3;
        let mib = |kib: u64| kib as f64 / 1024.0;
        let masked_bytes = 8 * (self.weights + u64::from(TAIL_WORDS));
        let up_gb = masked_bytes as f64 * f64::from(self.sites) / 1e9;
        let coordinator_s = self.coordinator.processor_s - self.coordinator_before.processor_s;
        let site_s: Vec<f64> = self.each_site.iter().map(|usage| usage.processor_s).collect();
        let [_, _, site_s_most] = machine::spread(site_s.clone());
        let site_s = machine::median(site_s);
        let site_peak = mib(self.each_site.iter().map(|usage| usage.peak_kib).max().unwrap_or(0));
        let (coordinator_peak, phases) = (mib(self.coordinator.peak_kib), &self.phases);
        println!(
            "{:>5} {:>10} {:>8.2} {:>11.2} {:>9.2} {:>8.2} {:>8.3} {:>9.2} {:>8.2} {:>9.2} {:>14.1} {:>13.1}",
            self.sites,
            self.weights,
            seconds(phases.whole_ms()),
            seconds(phases.handshake_ms),
            seconds(phases.uploads_ms),
            seconds(phases.unmasking_ms),
            up_gb,
            coordinator_s,
            site_s,
            site_s_most,
            coordinator_peak,
            site_peak,
        );
        let line = json!({
            "sites": self.sites, "weights": self.weights, "handshake_ms": phases.handshake_ms,
            "uploads_ms": phases.uploads_ms, "unmasking_ms": phases.unmasking_ms, "masked_bytes_each": masked_bytes,
            "coordinator_s": coordinator_s, "site_s": site_s, "site_s_most": site_s_most,
            "coordinator_mib_before": mib(self.coordinator_before.peak_kib), "coordinator_mib_peak": coordinator_peak,
            "site_mib_peak": site_peak, "before": before, "after": machine::describe(),
        });
        println!("{line}");
    }
}

fn path(path: &Path) -> Result<&str, Trouble> {
    path.to_str().ok_or_else(|| Trouble::new("the build folder has a name that is no text"))
}

fn settings(address: &str, scans: &Path, plan: &Plan) -> String {
    format!(
        "coordinator = \"{address}\"\ncredentials = \"credentials\"\nstate = \"state\"\n\
         [data]\nfolder = {:?}\n\
         [policy]\nplans = [\"{}\"]\nmin_cohort = 3\nallow_without_privacy = true\n\
         [compute]\nthreads = 1\n",
        scans.display().to_string(),
        plan.digest(),
    )
}

/// A plan with the smallest network that has so many weights.
fn plan_of(sites: u32, weights_min: u32) -> Result<String, Trouble> {
    for width in WIDTHS.map(|width| width * WIDTH_STEP) {
        let text = plan_text(sites, width);
        let plan = Plan::from_toml(&text)?;
        if wardround_models::layout(&plan.model).len() as u64 >= u64::from(weights_min) {
            return Ok(text);
        }
    }
    Err(Trouble::new(format!("no network here has {weights_min} weights")))
}

fn plan_text(sites: u32, width: u32) -> String {
    format!(
        r#"
        study = {{ name = "{STUDY}", purpose = "benchmark", rounds = 1, min_sites = {sites}, deadline_s = 3600 }}
        model = {{ kind = "unet2d", width = {width}, depth = 3, classes = 2, channels = 1, input_px = 16 }}
        training = {{ optimizer = "sgd", learning_rate = 0.001, local_steps = 1, batch_images = 1 }}
        privacy = {{ mode = "none" }}
        secagg = {{ enabled = true, stage_s = 600 }}
        strategy = {{ kind = "fedavg", weighting = "equal" }}
        evaluation = {{ metrics = ["dice.foreground"], every = 1 }}
        "#
    )
}
