//! Founding a federation, running its study, and the same hospitals alone; all by the commands that everybody uses.

use super::budget;
use super::process::{Process, run};
use super::stage::{SiteStage, Stage, write};
use crate::exit::Failure;
use crate::progress::{Bar, Progress};
use futures_util::future::try_join_all;
use serde_json::Value;
use std::path::{Path, PathBuf};
use wardround_plan::SiteId;

/// The running processes of a demo.
pub struct Federation {
    folder: PathBuf,
    coordinator: Process,
    address: String,
    sites: Vec<Process>,
}

/// A model's score at one site.
#[derive(Debug, Clone)]
pub struct Score {
    /// The site.
    pub site: SiteId,
    /// Mean over its validation patients.
    pub score: f64,
    /// Patients with a score.
    pub patients: u32,
}

impl Federation {
    /// Makes the authority, starts the coordinator, and enrols every hospital.
    pub async fn found(stage: &Stage) -> Result<Self, Failure> {
        let folder = stage.out.join("federation");
        let (logs, path) = (stage.logs(), text(&folder));
        let init = ["authority", "init", "--folder", path, "--federation", "demo", "--host", "127.0.0.1"];
        run("authority", &logs, &[&init[..], &["--listen", "127.0.0.1:0"]].concat()).await?;
        let settings = folder.join("coordinator.toml");
        let mut coordinator =
            Process::start("coordinator", &logs, &["coordinator", "run", "--config", text(&settings)])?;
        let listening = coordinator.ready().await?;
        let address = format!("https://{}", string(&listening, "listening")?);
        let federation = Self { folder, coordinator, address, sites: Vec::new() };
        try_join_all(stage.sites.iter().map(|site| federation.enrol(stage, site))).await?;
        Ok(federation)
    }

    /// Where the coordinator listens.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// The study lead's key and certificate.
    pub fn lead_credentials(&self) -> PathBuf {
        self.folder.join("lead")
    }

    async fn enrol(&self, stage: &Stage, site: &SiteStage) -> Result<(), Failure> {
        let (logs, folder) = (stage.logs(), text(&self.folder));
        let invite = ["authority", "invite", site.name.as_str(), "--folder", folder, "--auto-approve"];
        let invitation = run("authority", &logs, &invite).await?;
        let (code, pin) = (string(&invitation, "code")?, string(&invitation, "ca_sha256")?);
        let credentials = site.home.join("credentials");
        let enroll = ["site", "enroll", "--coordinator", &self.address, "--code", code, "--ca-sha256", pin];
        run(site.name.as_str(), &logs, &[&enroll[..], &["--credentials", text(&credentials)]].concat()).await?;
        write(&settings(site), &site_settings(stage, site, &self.address))
    }

    /// The federation's roster, and every hospital's approval of it. In a federation of people they compare the digest first.
    pub async fn approve_roster(&self, stage: &Stage) -> Result<(), Failure> {
        if !stage.plan.secagg.enabled {
            return Ok(());
        }
        let logs = stage.logs();
        let signed = run("authority", &logs, &["authority", "sign-roster", "--folder", text(&self.folder)]).await?;
        let (file, digest) = (string(&signed, "roster")?, string(&signed, "digest")?);
        try_join_all(stage.sites.iter().map(|site| async {
            let (name, config) = (format!("{}-roster", site.name), settings(site));
            let approve = ["site", "roster", "--config", text(&config), "--file", file, "--approve", digest];
            run(&name, &stage.logs(), &approve).await.map(drop)
        }))
        .await
        .map(drop)
    }

    /// Two officers of every hospital allow what the plan asks for.
    pub async fn approve_budgets(&self, stage: &Stage) -> Result<(), Failure> {
        let Some(terms) = stage.plan.privacy.patients() else { return Ok(()) };
        try_join_all(stage.sites.iter().map(|site| budget::approve(stage, site, terms))).await.map(drop)
    }

    /// Starts every hospital's node.
    pub async fn start_sites(&mut self, stage: &Stage) -> Result<(), Failure> {
        for site in &stage.sites {
            let arguments = ["site", "run", "--config", text(&settings(site))].map(String::from);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            self.sites.push(Process::start(site.name.as_str(), &stage.logs(), &arguments)?);
        }
        try_join_all(self.sites.iter_mut().map(Process::ready)).await.map(drop)
    }

    /// Submits the plan.
    pub async fn submit(&self, stage: &Stage) -> Result<(), Failure> {
        self.study(stage, &["submit", text(&stage.plan_file)]).await.map(drop)
    }

    /// Follows every hospital until the study has ended and its last model is measured everywhere.
    pub async fn train(&mut self, stage: &Stage, progress: &Progress) -> Result<Vec<Score>, Failure> {
        let rounds = u64::from(stage.plan.study.rounds);
        let round = progress.bar("round", rounds);
        let steps = rounds * u64::from(stage.plan.training.local_steps);
        let watching = self.sites.iter_mut().zip(&stage.sites).map(|(process, site)| {
            let bar = progress.bar(site.name.as_str(), steps);
            let watch = Watch { site: &site.name, rounds, title: stage.title(), bar, round: &round };
            watch.until_the_end(process)
        });
        let coordinator = &mut self.coordinator;
        let gone = async {
            while coordinator.next().await?.is_some() {}
            Err(coordinator.failed("it ended during the study"))
        };
        tokio::select! {
            scores = try_join_all(watching) => scores,
            gone = gone => gone,
        }
    }

    /// Fetches the model as safetensors.
    pub async fn fetch_model(&self, stage: &Stage) -> Result<PathBuf, Failure> {
        let (out, name) = (stage.out.join("model.safetensors"), stage.plan.study.name.as_str());
        self.study(stage, &["model", name, "--plan", text(&stage.plan_file), "--out", text(&out)]).await?;
        Ok(out)
    }

    /// Ends every process.
    pub async fn stop(self) {
        for process in self.sites {
            process.stop().await;
        }
        self.coordinator.stop().await;
    }

    async fn study(&self, stage: &Stage, arguments: &[&str]) -> Result<Value, Failure> {
        let lead = self.lead_credentials();
        let who = ["--coordinator", &self.address, "--credentials", text(&lead)];
        run("study-lead", &stage.logs(), &[&["study"], arguments, &who[..]].concat()).await
    }
}

/// Trains every hospital alone, side by side.
pub async fn train_alone(stage: &Stage, progress: &Progress) -> Result<Vec<Score>, Failure> {
    let steps = u64::from(stage.plan.study.rounds) * u64::from(stage.plan.training.local_steps);
    let each = stage.sites.iter().map(|site| async move {
        let bar = progress.bar(site.name.as_str(), steps);
        let config = settings(site);
        let arguments = ["site", "alone", "--config", text(&config), "--plan", text(&stage.plan_file)];
        let mut process = Process::start(&format!("{}-alone", site.name), &stage.logs(), &arguments)?;
        while let Some(line) = process.next().await? {
            if let Some(done) = steps_done(&line, stage.plan.training.local_steps) {
                bar.set(done);
            }
            if line.get("steps").is_some() {
                let score =
                    line["score"].as_f64().ok_or_else(|| process.failed("no validation patient has a score"))?;
                bar.tell(&format!("alone: {} {score:.3}", stage.title()));
                return Ok(Score {
                    site: site.name.clone(),
                    score,
                    patients: line["patients"].as_u64().unwrap_or(0) as u32,
                });
            }
        }
        Err(process.failed("it ended before it was done"))
    });
    try_join_all(each).await
}

/// Has every hospital write its own report.
pub async fn write_site_reports(stage: &Stage, alone: &[Score]) -> Result<Vec<PathBuf>, Failure> {
    let each = stage.sites.iter().map(|site| async move {
        let (config, out) = (settings(site), site.home.join("report"));
        let alone = alone.iter().find(|score| score.site == site.name).map_or(0.0, |score| score.score).to_string();
        let arguments = ["site", "report", "--config", text(&config), "--study", stage.plan.study.name.as_str()];
        let more = ["--out", text(&out), "--alone", &alone];
        let written = run(&format!("{}-report", site.name), &stage.logs(), &[&arguments[..], &more].concat()).await?;
        Ok(PathBuf::from(string(&written, "html")?))
    });
    try_join_all(each).await
}

/// One hospital's notices, on their way to a bar.
struct Watch<'a> {
    site: &'a SiteId,
    rounds: u64,
    title: &'static str,
    bar: Bar,
    round: &'a Bar,
}

impl Watch<'_> {
    async fn until_the_end(self, process: &mut Process) -> Result<Score, Failure> {
        let (mut last, mut ended) = (None, false);
        while let Some(notice) = process.next().await? {
            match notice["notice"].as_str() {
                Some("step") => self.step(&notice),
                Some("transfer") => self.transfer(&notice),
                Some("scored") => {
                    let round = notice["round"].as_u64().unwrap_or(0);
                    self.round.set(round);
                    last =
                        notice["score"].as_f64().map(|score| (round, score, notice["patients"].as_u64().unwrap_or(0)));
                    let score = notice["score"].as_f64().unwrap_or(f64::NAN);
                    self.bar.tell(&format!("round {round}: {} {score:.3}", self.title));
                }
                Some("decided") if notice["refusal"].is_string() => {
                    return Err(Failure::refused(format!("{} refuses: {}", self.site, notice["refusal"])));
                }
                Some("ended") => match notice["outcome"].as_str() {
                    Some("finished") => ended = true,
                    _ => return Err(Failure::failed(format!("the study ended: {}", notice["outcome"]))),
                },
                _ => {}
            }
            if let Some((_, score, patients)) = last.filter(|(round, ..)| ended && *round == self.rounds) {
                return Ok(Score { site: self.site.clone(), score, patients: patients as u32 });
            }
        }
        Err(process.failed("it ended during the study"))
    }

    fn step(&self, notice: &Value) {
        if let Some(done) = steps_done(notice, notice["of"].as_u64().unwrap_or(0) as u32) {
            self.bar.set(done);
            self.bar.whisper(&format!(
                "round {}, loss {:.3}",
                notice["round"],
                notice["loss"].as_f64().unwrap_or(f64::NAN)
            ));
        }
    }

    fn transfer(&self, notice: &Value) {
        let kib = |key: &str| notice[key].as_u64().unwrap_or(0) / 1024;
        self.bar.whisper(&format!("{} {}/{} KiB", notice["direction"].as_str().unwrap_or(""), kib("done"), kib("of")));
    }
}

/// Local steps since the beginning of the study, from a notice about a step.
fn steps_done(notice: &Value, of: u32) -> Option<u64> {
    let (round, done) = (notice["round"].as_u64()?, notice["done"].as_u64()?);
    Some(round.saturating_sub(1) * u64::from(of) + done)
}

pub(super) fn settings(site: &SiteStage) -> PathBuf {
    site.home.join("site.toml")
}

fn site_settings(stage: &Stage, site: &SiteStage, address: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores / stage.sites.len()).max(1);
    format!(
        "# Made by `wardround demo`; every key is explained in configs/site.toml of the project.\n\
         coordinator = \"{address}\"\ncredentials = \"credentials\"\nstate = \"state\"\n\n\
         [data]\nfolder = {:?}\n\n\
         [policy]\nplans = [\"{}\"]\nmin_cohort = 2\nallow_without_privacy = {}\nallow_visible_updates = {}\n\
         images_are_patients = {}\n\n\
         [compute]\nthreads = {threads}\n",
        site.scans.display().to_string(),
        stage.plan.digest(),
        stage.plan.privacy.patients().is_none(),
        !stage.plan.secagg.enabled,
        stage.images_are_patients,
    )
}

pub(super) fn string<'a>(value: &'a Value, key: &str) -> Result<&'a str, Failure> {
    value[key].as_str().ok_or_else(|| Failure::failed(format!("a command did not say its `{key}`: {value}")))
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().expect("the stage is below the folder named on the command line, which is text")
}
