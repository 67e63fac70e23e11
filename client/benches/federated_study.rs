//! What federation is worth: a whole study in one process, each site's federated model against the one it trains alone, and
//! against one that is trained on all sites' scans together, which hospitals may not.
//!
//! `cargo bench -p wardround-client --profile dev --bench federated_study -- PLAN DATA [SEEDS] [EPSILONS]`
//!
//! PLAN is a plan; DATA a folder of site folders (both relative to the repository root), or `phantoms` or `phantoms-large`,
//! those of the demo without privacy and with it, `smears` and `smears-large`, those of `demo --task detect`, made anew for each seed; SEEDS the number of seeds (3). For each seed the sites train from the same
//! initial weights: together (FedAvg, every site alike, without secure aggregation) and alone, each for the same
//! number of local steps. Pooled is trained with as many steps as all sites make together, without noise. Printed are the
//! plan's metric over each site's validation patients at the images' own resolution, for detectors AP at an overlap of one half
//! of each class at each site too, and processor seconds. `RAYON_NUM_THREADS` bounds threads.
//!
//! EPSILONS, for a private plan: the study once for each, for example `none,clipped,8,3,1`; `none` is ordinary training by the
//! same plan, `clipped` makes the private steps without their noise. Alone and pooled are always ordinary training, by Adam where the
//! plan is private: what never leaves a hospital needs no noise. Coins and noise come from a public seed, so the figures repeat and the models are nobody's to
//! release.

use rayon::prelude::*;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use wardround_client::{StepGuard, by_itself};
use wardround_imaging::{Case, Patient, PatientGrouping, SiteFolder, SynthPlan, synth};
use wardround_metrics::Summary;
use wardround_metrics::detection::{ClassId, DetectionMetric, FalseAlarmRates, IouThreshold, Observations};
use wardround_models::{
    ComputeDevice, Evaluator, Guard, GuardError, Trainer, TrainingSet, initial_weights, observations,
};
use wardround_plan::{Plan, RoundNumber, StreamKey, Weights};
use wardround_privacy::{Clip, ClipNorm, PoissonSample, PrivateSteps, SamplingRate, SimulatedNoise, StudyCost};

/// Nothing here is expected to fail; what does ends the program with its text.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One round at one site.
type Local = Box<dyn Fn(&Plan, &Site, &Weights, RoundNumber) -> Outcome<Weights> + Sync>;

struct Site {
    name: String,
    train: TrainingSet,
    patients: Vec<Patient>,
    validation: Vec<Patient>,
}

/// Three ways to train, by their scores.
#[derive(Clone, Copy)]
struct Three<T> {
    federated: T,
    alone: T,
    pooled: T,
}

/// Mean score of one site's validation patients.
type Scores = Three<f64>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [plan, data, more @ ..] = arguments.as_slice() else {
        return Err(
            "expected PLAN DATA [SEEDS] [EPSILONS], for example configs/phantoms-private.toml phantoms 3 none,8".into(),
        );
    };
    let seeds = more.first().map_or(Ok(3), |seeds| seeds.parse())?;
    let plan = Plan::from_toml(&std::fs::read_to_string(rooted(plan))?)?;
    let own = plan.privacy.epsilon.map_or("none".into(), |epsilon| epsilon.to_string());
    let start = Instant::now();
    for asked in more.get(1).unwrap_or(&own).split(',') {
        let protection = match asked {
            "none" => Protection::None,
            "clipped" => Protection::Clipped,
            epsilon => Protection::Epsilon(epsilon.parse()?),
        };
        seeded_studies(&plan, data, seeds, protection)?;
    }
    println!("{:.0} s processor, {:.0} s wall", processor_time().as_secs_f64(), start.elapsed().as_secs_f64());
    Ok(())
}

/// What is done for the patients of a study.
#[derive(Clone, Copy)]
enum Protection {
    None,
    Clipped,
    Epsilon(f64),
}

/// One study for each seed.
fn seeded_studies(plan: &Plan, data: &str, seeds: u64, protection: Protection) -> Outcome<()> {
    let mut plan = plan.clone();
    match protection {
        Protection::None => plan.privacy.epsilon = None,
        Protection::Clipped => {}
        Protection::Epsilon(epsilon) => plan.privacy.epsilon = Some(epsilon),
    }
    let cost = plan.privacy.patients().map(|_| StudyCost::of(&plan)).transpose()?;
    let local: Local = match (protection, cost) {
        (Protection::Clipped, _) => Box::new(clipped_round),
        (_, Some(cost)) => Box::new(move |plan, site, model, round| private_round(plan, &cost, site, model, round)),
        (_, None) => Box::new(local_round),
    };
    let promise = match (protection, StudyCost::of(&plan)) {
        (Protection::Epsilon(epsilon), Ok(cost)) => {
            format!("epsilon {epsilon}, noise multiplier {:.3}", cost.noise_multiplier())
        }
        (Protection::Clipped, _) => "clipped, no noise, no privacy".into(),
        _ => "no privacy".into(),
    };
    println!("{promise}");
    let mut all = Vec::new();
    for seed in 0..seeds {
        plan.study.seed = seed;
        let sites = sites(&plan, data)?;
        all.push(study(&plan, &local, &sites)?);
    }
    let mean = |part: fn(&Scores) -> f64| mean(all.iter().flatten().map(part));
    let (federated, alone, pooled) = (mean(|s| s.federated), mean(|s| s.alone), mean(|s| s.pooled));
    println!(
        "{promise}: mean over {seeds} seeds: federated {federated:.3}, without noise alone {alone:.3}, pooled {pooled:.3}"
    );
    Ok(())
}

fn sites(plan: &Plan, data: &str) -> Outcome<Vec<Site>> {
    let hospitals = match data {
        "phantoms" => SynthPlan::default(),
        "phantoms-large" => SynthPlan::large(),
        "smears" => SynthPlan::detection(),
        "smears-large" => SynthPlan::many_smears(),
        folder => return sites_below(plan, &rooted(folder)),
    };
    let folder = tempfile::tempdir()?;
    synth(folder.path(), &SynthPlan { seed: plan.study.seed, ..hospitals })?;
    sites_below(plan, folder.path())
}

fn sites_below(plan: &Plan, data: &Path) -> Outcome<Vec<Site>> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(data)?.map(|entry| Ok(entry?.path())).collect::<Outcome<Vec<_>>>()?;
    folders.retain(|folder| folder.join("manifest.csv").is_file());
    folders.sort();
    folders.iter().map(|folder| site(plan, folder)).collect()
}

fn site(plan: &Plan, folder: &Path) -> Outcome<Site> {
    let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let images = SiteFolder::open(folder, PatientGrouping::ImagesArePatients)?.load_for(plan, &name.parse()?)?;
    let train = TrainingSet::prepare(plan, &images.train)?;
    Ok(Site { name, train, patients: images.train, validation: images.validation })
}

fn study(plan: &Plan, local: &Local, sites: &[Site]) -> Outcome<Vec<Scores>> {
    let (before, seed) = (processor_time(), plan.study.seed);
    let federated = together(plan, local, sites)?;
    let pooled = pooled(plan, sites)?;
    let models: Vec<Three<Weights>> = sites
        .par_iter()
        .map(|site| Ok(Three { federated: federated.clone(), alone: alone(plan, site)?, pooled: pooled.clone() }))
        .collect::<Outcome<_>>()?;
    let mut all = Vec::new();
    for (site, models) in sites.iter().zip(&models) {
        let scores = models.each(|model| score(plan, site, model))?;
        println!("seed {seed}  {:<20} {scores}", site.name);
        for (class, scores) in classes(plan, site, models)? {
            println!("seed {seed}  {:<20} {scores}", format!("{} {class}", site.name));
        }
        all.push(scores);
    }
    let mean = |part: fn(&Scores) -> f64| mean(all.iter().map(part));
    let scores = Three { federated: mean(|s| s.federated), alone: mean(|s| s.alone), pooled: mean(|s| s.pooled) };
    let seconds = (processor_time() - before).as_secs_f64();
    println!("seed {seed}  {:<20} {scores}  in {seconds:.0} s of processor", "mean");
    Ok(all)
}

impl<T> Three<T> {
    fn each<U>(&self, of: impl Fn(&T) -> Outcome<U>) -> Outcome<Three<U>> {
        Ok(Three { federated: of(&self.federated)?, alone: of(&self.alone)?, pooled: of(&self.pooled)? })
    }
}

impl std::fmt::Display for Scores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "federated {:.3}  alone {:.3}  pooled {:.3}", self.federated, self.alone, self.pooled)
    }
}

/// AP at an overlap of one half of each class that the site has marked; nothing where the network segments.
fn classes(plan: &Plan, site: &Site, models: &Three<Weights>) -> Outcome<Vec<(String, Scores)>> {
    let Some(detection) = &plan.detection else { return Ok(Vec::new()) };
    let cases: Vec<Case> = site.validation.iter().flat_map(|patient| patient.cases.clone()).collect();
    let found = models.each(|model| {
        let predicted = Evaluator::new(plan, model, ComputeDevice::Cpu)?.predict(&cases);
        let seen: Vec<_> =
            cases.iter().zip(&predicted).filter_map(|(c, found)| Some((c.boxes()?, found.boxes()?))).collect();
        Ok(observations(&seen)?)
    })?;
    let mut rows = Vec::new();
    for (number, name) in (1..).zip(&detection.classes) {
        let part = |seen: &Observations| {
            let metric = DetectionMetric::ApAt(IouThreshold::HALF);
            metric.measure(seen, Some(ClassId(number)), &FalseAlarmRates::luna()).ok_or_else(|| "no such object".into())
        };
        if let Ok(scores) = found.each(part) {
            rows.push((name.clone(), scores));
        }
    }
    Ok(rows)
}

/// One model from all scans, in as many steps as all sites make.
fn pooled(plan: &Plan, sites: &[Site]) -> Outcome<Weights> {
    let mut plan = plan.clone();
    plan.training.local_steps *= sites.len() as u32;
    let patients: Vec<Patient> = sites.iter().flat_map(|site| site.patients.clone()).collect();
    let train = TrainingSet::prepare(&plan, &patients)?;
    let everybody = Site { name: "pooled".into(), train, patients: Vec::new(), validation: Vec::new() };
    alone(&plan, &everybody)
}

fn together(plan: &Plan, local: &Local, sites: &[Site]) -> Outcome<Weights> {
    let mut model = initial_weights(plan);
    for round in rounds(plan) {
        let updated: Vec<Weights> =
            sites.par_iter().map(|site| local(plan, site, &model, round)).collect::<Outcome<_>>()?;
        model = mean_model(&updated)?;
    }
    Ok(model)
}

fn alone(plan: &Plan, site: &Site) -> Outcome<Weights> {
    let plan = &by_itself(plan);
    rounds(plan).try_fold(initial_weights(plan), |model, round| local_round(plan, site, &model, round))
}

fn local_round(plan: &Plan, site: &Site, model: &Weights, round: RoundNumber) -> Outcome<Weights> {
    let keys = StreamKey::from_public_seed(plan.study.seed).derive(&site.name);
    let trainer = Trainer::new(plan, ComputeDevice::Cpu)?;
    Ok(trainer.train(model, &site.train, round, &keys, &mut |_| ControlFlow::Continue(()))?)
}

/// Coins and clip as the plan says, and no noise.
struct Noiseless {
    rate: SamplingRate,
    clip: Clip,
    divisor: f64,
    coins: SimulatedNoise,
}

impl Guard for Noiseless {
    fn draw(&mut self, patients: usize) -> Result<Vec<usize>, GuardError> {
        PoissonSample::draw(patients, self.rate, &mut self.coins).map_err(|error| GuardError(error.to_string()))
    }

    fn clip_factor(&self, norm_squared: f64) -> f64 {
        self.clip.factor(norm_squared)
    }

    fn noisy_mean(&mut self, clipped: &[f64]) -> Result<Vec<f64>, GuardError> {
        Ok(clipped.iter().map(|value| value / self.divisor).collect())
    }
}

fn clipped_round(plan: &Plan, site: &Site, model: &Weights, round: RoundNumber) -> Outcome<Weights> {
    let keys = StreamKey::from_public_seed(plan.study.seed).derive(&site.name);
    let terms = plan.privacy.patients().ok_or("the plan is not private")?;
    let mut guard = Noiseless {
        rate: SamplingRate::new(terms.sampling_rate)?,
        clip: Clip { norm: ClipNorm::new(terms.clip)?, kind: terms.clip_kind },
        divisor: f64::from(plan.training.expected_batch_patients.ok_or("the plan is not private")?),
        coins: SimulatedNoise::new(&keys, &format!("round {round}")),
    };
    let trainer = Trainer::new(plan, ComputeDevice::Cpu)?;
    let go_on = &mut |_| ControlFlow::Continue(());
    Ok(trainer.train_private(model, &site.train, round, &keys, &mut guard, go_on)?)
}

fn private_round(plan: &Plan, cost: &StudyCost, site: &Site, model: &Weights, round: RoundNumber) -> Outcome<Weights> {
    let keys = StreamKey::from_public_seed(plan.study.seed).derive(&site.name);
    let noise = SimulatedNoise::new(&keys, &format!("round {round}"));
    let mut steps = PrivateSteps::new(plan, cost, noise)?;
    let trainer = Trainer::new(plan, ComputeDevice::Cpu)?;
    let go_on = &mut |_| ControlFlow::Continue(());
    Ok(trainer.train_private(model, &site.train, round, &keys, &mut StepGuard(&mut steps), go_on)?)
}

fn score(plan: &Plan, site: &Site, model: &Weights) -> Outcome<f64> {
    let scores = Evaluator::new(plan, model, ComputeDevice::Cpu)?.evaluate(&site.validation)?;
    Summary::of(&scores).mean.ok_or_else(|| format!("{} has no patient to measure on", site.name).into())
}

fn mean_model(models: &[Weights]) -> Outcome<Weights> {
    let layout = models.first().ok_or("no site")?.layout().clone();
    let value = |index: usize| mean(models.iter().map(|model| f64::from(model.values()[index]))) as f32;
    Ok(Weights::new(layout.clone(), (0..layout.len()).map(value).collect())?)
}

fn rounds(plan: &Plan) -> impl Iterator<Item = RoundNumber> + use<> {
    (1..=plan.study.rounds).filter_map(RoundNumber::new)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

fn rooted(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
