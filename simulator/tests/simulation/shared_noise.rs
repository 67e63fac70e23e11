//! `privacy.mode = "distributed"`: the sum carries the shares of all who arrived, and every share is that of a deployment.

use crate::common::{SIMULATION, options, quadratic, read, run, scenario, scenario_text};
use wardround_plan::{Digest, Plan, Weights};
use wardround_privacy::{PrivateSteps, SimulatedNoise, StudyCost, Unnoised};
use wardround_simulator::toys::Noise;
use wardround_simulator::{Job, LocalWork, Nobody, Report, Run, Scenario, Secagg, SiteNumber, WorkError};
use wardround_strategy::Correction;

const SHARED: [(&str, &str); 4] = [
    ("mode = \"none\"", "mode = \"distributed\"\nepsilon = 8.0\ndelta = 1e-3\nsampling_rate = 0.5\nclip = 1.0"),
    ("batch_images = 4", "batch_images = 4\nexpected_batch_patients = 2"),
    ("local_steps = 4", "local_steps = 1"),
    ("enabled = false", "enabled = true"),
];
/// As many are asked to each of five rounds. A session of eight counts on three honest shares: six have to answer, and three of
/// them may be traitors.
const SITES: f64 = 8.0;
const HONEST: f64 = 3.0;

/// Sites whose patients have nothing to say: all that moves the model is noise.
struct Silent {
    model: Noise,
    plan: Plan,
    cost: StudyCost,
}

impl Silent {
    fn of(scenario: &Scenario) -> Self {
        let plan = scenario.plan().clone();
        let cost = StudyCost::of(&plan).expect("a promise that noise keeps");
        Self { model: Noise { weights: 10_000 }, plan, cost }
    }
}

impl LocalWork for Silent {
    type Worker = ();

    fn worker(&self) -> Result<(), WorkError> {
        Ok(())
    }

    fn train(&self, (): &mut (), _: &Job<'_>, _: &mut [f32], _: &Correction<'_>) -> Result<Report, WorkError> {
        Err(WorkError("nobody is asked for an update".into()))
    }

    fn gradients(&self, (): &mut (), job: &Job<'_>, weights: &[f32]) -> Result<Unnoised<Vec<i64>>, WorkError> {
        let coins = SimulatedNoise::new(&job.key(), &format!("round {}", job.round));
        let mut steps = PrivateSteps::new(&self.plan, &self.cost, coins).map_err(WorkError::of)?;
        steps.draw(1).map_err(WorkError::of)?;
        let grid = self.cost.shared_grid(&self.plan, weights.len() as u64).map_err(WorkError::of)?;
        steps.unnoised(&vec![0.0; weights.len()], &grid).map_err(WorkError::of)
    }

    fn evaluate(&self, (): &mut (), _: SiteNumber, _: &[f32]) -> Result<Option<f64>, WorkError> {
        Ok(None)
    }

    fn initial(&self) -> Weights {
        self.model.initial()
    }

    fn name(&self) -> &str {
        "silent"
    }

    fn data(&self) -> Digest {
        self.model.data()
    }
}

#[test]
fn the_model_carries_the_shares_of_all_who_arrived() {
    let (scenario, dir) = (scenario(SIMULATION, &SHARED), tempfile::tempdir().expect("a folder"));
    let work = Silent::of(&scenario);
    let model = run(&scenario, &work, dir.path(), 2).expect("runs").model;
    // Three shares are the accountant's multiplier times the clip norm of 1. Eight are added, and the sum is divided by two
    // expected patients of each site; five steps of 0.1.
    let sum = work.cost.noise_multiplier().get().powi(2) * SITES / HONEST;
    let claimed = 5.0 * sum * (0.1 / (2.0 * SITES)).powi(2);
    let variance = model.iter().map(|weight| f64::from(*weight).powi(2)).sum::<f64>() / model.len() as f64;
    // 10,000 weights know a variance to 1.4 %; six standard deviations, and 0.2 % that are added for rounding.
    assert!((variance / claimed - 1.0).abs() < 0.09, "{variance:e} instead of {claimed:e}");
}

#[test]
fn shares_repeat_to_the_bit_for_any_number_of_workers() {
    let scenario = scenario(SIMULATION, &SHARED);
    let digests = [1, 2, 4].map(|workers| {
        let dir = tempfile::tempdir().expect("a folder");
        run(&scenario, &Silent::of(&scenario), dir.path(), workers).expect("runs").digest
    });
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[test]
fn too_few_for_the_session_make_no_round() {
    // With half of eight gone, a session of those who are left may open, but the plan's quorum is not there.
    let changes = [&SHARED[..], &[("min_sites = 3", "min_sites = 8")]].concat();
    let simulation = format!("{SIMULATION}[simulation.faults]\ndropout = 0.5\n");
    let (scenario, dir) = (scenario(&simulation, &changes), tempfile::tempdir().expect("a folder"));
    assert!(run(&scenario, &Silent::of(&scenario), dir.path(), 2).is_err());
    let events = read(dir.path(), "events.jsonl");
    assert!(events.contains("abandoned") && !events.contains("\"event\":\"round\""), "{events}");
}

#[test]
fn work_without_gradients_of_patients_fails_at_every_site() {
    let (scenario, dir) = (scenario(SIMULATION, &SHARED), tempfile::tempdir().expect("a folder"));
    assert!(run(&scenario, &quadratic(&scenario), dir.path(), 2).is_err());
    let rows = read(dir.path(), "sites.csv");
    assert!(rows.contains("failed") && rows.contains("no gradients of single patients"), "{rows}");
}

#[test]
fn masks_and_spoilt_updates_are_refused_with_the_reason() {
    let (scenario, dir) = (scenario(SIMULATION, &SHARED), tempfile::tempdir().expect("a folder"));
    let masked = Run::start(&scenario, &Silent::of(&scenario), dir.path(), &options(1, Secagg::Full), &Nobody);
    let error = masked.expect_err("no session").to_string();
    assert!(error.contains("shares of noise"), "{error}");
    let poisoned = |attack: &str| {
        let poison = format!("[simulation.faults]\npoison = {{ sites = 1, attack = {{ {attack} }} }}\n");
        Scenario::from_toml(&scenario_text(&format!("{SIMULATION}{poison}"), &SHARED))
    };
    assert!(poisoned("kind = \"label_flip\"").is_ok());
    let error = poisoned("kind = \"sign_flip\", factor = 2.0").expect_err("no updates").to_string();
    assert!(error.contains("label_flip"), "{error}");
}
