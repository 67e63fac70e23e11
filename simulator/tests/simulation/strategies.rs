//! Every strategy through the engine: the same bits for any number of workers and after a stop, and its known answer.

use crate::common::{options, quadratic, read, run, scenario};
use std::ops::ControlFlow;
use wardround_plan::{Digest, Plan, Weights};
use wardround_simulator::toys::Quadratic;
use wardround_simulator::{
    Comparison, Job, LocalWork, Nobody, Observer, Progress, Report, Run, RunError, Scenario, Secagg, SiteNumber,
    WorkError, verify,
};
use wardround_strategy::{Aggregation, Correction, FedAvg, RoundFacts, ServerRule, Slice, Strategy};

const EVERYONE: &str = "[simulation]\npopulation = 12\nseed = 3\n[simulation.faults]\ndropout = 0.1\n";

const KINDS: [&str; 20] = [
    "fedavg",
    "fedavgm",
    "fedadam",
    "fedyogi",
    "fedadagrad",
    "fedprox",
    "scaffold",
    "fednova",
    "ditto",
    "local_layers\"\ntensors = [\"norm\"]\n#\"",
    "median",
    "trimmed_mean",
    "krum",
    "multi_krum",
    "bulyan",
    "geometric_median",
    "norm_bound\"\nbound = 1.0\n#\"",
    "norm_bound\"\nbounded_by = \"site\"\nbound = 1.0\n#\"",
    "grouped_median",
    "grouped_trimmed_mean",
];

fn study(kind: &str, simulation: &str, more: &[(&str, &str)]) -> Scenario {
    let kind = format!("kind = \"{kind}\"");
    let changes = [&[("kind = \"fedavg\"", kind.as_str()), ("min_sites = 3", "min_sites = 9\nattempts = 50")], more];
    scenario(simulation, &changes.concat())
}

/// Stops after the third round.
struct StopAtThree;

impl Observer for StopAtThree {
    fn round_done(&self, progress: &Progress<'_>) -> ControlFlow<()> {
        if progress.round.attempt.round.get() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn every_strategy_gives_the_same_bytes_for_any_workers_and_after_a_stop() {
    for kind in KINDS {
        let scenario = study(kind, EVERYONE, &[]);
        let work = quadratic(&scenario);
        let dirs = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
        let [whole, four, stopped] = dirs.each_ref().map(|dir| dir.path());
        let expected = run(&scenario, &work, whole, 1).expect(kind);
        assert_eq!(run(&scenario, &work, four, 4).expect(kind), expected, "{kind}");
        Run::start(&scenario, &work, stopped, &options(2, Secagg::Off), &StopAtThree).expect(kind);
        let resumed = Run::resume(&scenario, &work, stopped, &options(3, Secagg::Off), &Nobody).expect(kind);
        assert_eq!(resumed, expected, "{kind}");
        for dir in [four, stopped] {
            let compared = verify(whole, dir).expect("two runs");
            assert!(matches!(compared, Comparison::Same { events } if events >= 8), "{kind}: {compared:?}");
            assert_eq!(read(whole, "scores.csv"), read(dir, "scores.csv"), "{kind}");
        }
        assert!(expected.model.iter().any(|weight| *weight != 0.0), "{kind} learned nothing");
    }
}

#[test]
fn masked_sums_move_every_strategy_that_can_bear_them_alike() {
    for kind in KINDS {
        let scenario = study(kind, EVERYONE, &[]);
        let work = quadratic(&scenario);
        let [plain, masked] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let expected = run(&scenario, &work, plain.path(), 2).expect(kind);
        let full = Run::start(&scenario, &work, masked.path(), &options(2, Secagg::Full), &Nobody);
        match scenario.plan().strategy.config.needs_single_updates() {
            true => assert!(matches!(full, Err(RunError::Secagg { .. })), "{kind}: {full:?}"),
            false => assert_eq!(full.expect(kind), expected, "{kind}"),
        }
    }
}

fn end_of(kind: &str, simulation: &str, more: &[(&str, &str)]) -> (Vec<f32>, Quadratic) {
    let scenario = study(kind, simulation, more);
    let (work, dir) = (quadratic(&scenario), tempfile::tempdir().expect("a folder"));
    (run(&scenario, &work, dir.path(), 2).expect(kind).model, work)
}

/// The farthest weight from `goal`.
fn farthest(model: &[f32], goal: f64) -> f64 {
    model.iter().map(|weight| (f64::from(*weight) - goal).abs()).fold(0.0, f64::max)
}

const CLEAN: &str = "[simulation]\npopulation = 12\nseed = 3\n";
const LONG: [(&str, &str); 1] = [("rounds = 5", "rounds = 300")];

#[test]
fn scaffold_reaches_the_minimum_where_fedavg_does_not() {
    let (fedavg, work) = end_of("fedavg", CLEAN, &LONG);
    let (scaffold, _) = end_of("scaffold", CLEAN, &LONG);
    assert!((work.fedavg_limit() - work.minimum()).abs() > 1e-3, "the sites differ");
    assert!(farthest(&fedavg, work.fedavg_limit()) < 1e-5);
    assert!(farthest(&scaffold, work.minimum()) < 1e-5, "{} is not {}", scaffold[0], work.minimum());
}

#[test]
fn a_pull_of_fedprox_brings_the_end_nearer_to_the_minimum() {
    // With so many local steps each site nearly reaches its own minimum, but for the pull.
    let many = [LONG[0], ("local_steps = 4", "local_steps = 40")];
    let bias = |mu: &str| {
        let (model, work) = end_of(&format!("fedprox\"\nmu = {mu}\n#\""), CLEAN, &many);
        farthest(&model, work.minimum())
    };
    let [none, some, strong] = ["0.0", "0.3", "2.0"].map(bias);
    assert!(strong < 0.8 * some && some < 0.8 * none, "{strong} {some} {none}");
}

#[test]
fn sign_flips_break_the_mean_and_no_robust_rule_below_its_bound() {
    let poisoned = format!(
        "{CLEAN}[simulation.faults]\npoison = {{ sites = 1, attack = {{ kind = \"sign_flip\", factor = 50.0 }} }}\n"
    );
    let more = [("rounds = 5", "rounds = 30")];
    let (broken, work) = end_of("fedavg", &poisoned, &more);
    assert!(farthest(&broken, work.minimum()) > 5.0, "the mean bears nothing: {}", broken[0]);
    for kind in ["median", "trimmed_mean", "krum", "multi_krum", "bulyan", "geometric_median", "grouped_median"] {
        let (model, work) = end_of(kind, &poisoned, &more);
        // Targets lie in -1 to 1, and whatever honest sites agree on lies among them.
        assert!(farthest(&model, work.minimum()) < 2.0, "{kind}: {}", model[0]);
    }
}

#[test]
fn krum_tells_whom_it_chose_and_never_the_poisoner() {
    let poisoned =
        |attack: &str| format!("{CLEAN}[simulation.faults]\npoison = {{ sites = 1, attack = {{ {attack} }} }}\n");
    let (scenario, dir) =
        (study("krum", &poisoned("kind = \"noise\", deviation = 9.0"), &[]), tempfile::tempdir().expect("a folder"));
    run(&scenario, &quadratic(&scenario), dir.path(), 2).expect("runs");
    let events = read(dir.path(), "events.jsonl");
    let events: Vec<serde_json::Value> = events.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let chosen: Vec<u64> = events.iter().filter_map(|event| event["chosen"].as_array()?.first()?.as_u64()).collect();
    assert_eq!(chosen.len(), 5, "{events:?}");
    // The same seed picks the same poisoner; an endless update is refused, and so tells who it is.
    let endless = poisoned("kind = \"scale\", factor = 1e6");
    let (scenario, dir) = (study("fedavg", &endless, &[]), tempfile::tempdir().expect("a folder"));
    run(&scenario, &quadratic(&scenario), dir.path(), 2).expect("runs");
    let rows = read(dir.path(), "sites.csv");
    let poisoner = rows.lines().find(|row| row.contains("refused")).and_then(|row| row.split(',').nth(2)?.parse().ok());
    assert!(poisoner.is_some_and(|poisoner: u64| !chosen.contains(&poisoner)), "{poisoner:?} in {chosen:?}");
}

#[test]
fn ditto_measures_each_site_by_its_own_model() {
    let worst = |kind: &str| {
        let (scenario, dir) =
            (study(kind, CLEAN, &[("rounds = 5", "rounds = 100")]), tempfile::tempdir().expect("a folder"));
        run(&scenario, &quadratic(&scenario), dir.path(), 2).expect("runs");
        let events = read(dir.path(), "events.jsonl");
        let last: serde_json::Value = serde_json::from_str(events.lines().last().expect("an event")).expect("JSON");
        last["worst"].as_f64().expect("a score")
    };
    let (common, personal) = (worst("fedavg"), worst("ditto\"\nlambda = 0.1\n#\""));
    assert!(personal > 0.2 * common && common < -0.1, "a personal model serves its site: {personal} to {common}");
}

/// The quadratic with a strategy from outside our crates: the server goes half of the way.
struct Half(Quadratic);

struct HalfWay;

impl ServerRule for HalfWay {
    fn apply(&self, _: &RoundFacts<'_>, slice: Slice<'_>) {
        let moved = slice.model.iter_mut().zip(slice.means[0]);
        moved.for_each(|(weight, mean)| *weight = (f64::from(*weight) + 0.5 * mean) as f32);
    }
}

impl LocalWork for Half {
    type Worker = Vec<f32>;
    fn worker(&self) -> Result<Vec<f32>, WorkError> {
        self.0.worker()
    }
    fn train(
        &self,
        worker: &mut Vec<f32>,
        job: &Job<'_>,
        weights: &mut [f32],
        correction: &Correction<'_>,
    ) -> Result<Report, WorkError> {
        self.0.train(worker, job, weights, correction)
    }
    fn evaluate(&self, worker: &mut Vec<f32>, site: SiteNumber, model: &[f32]) -> Result<Option<f64>, WorkError> {
        self.0.evaluate(worker, site, model)
    }
    fn initial(&self) -> Weights {
        self.0.initial()
    }
    fn name(&self) -> &str {
        "quadratic, half way"
    }
    fn strategy(&self, _: &Plan) -> Result<Strategy, WorkError> {
        Strategy::new(Box::new(FedAvg), Aggregation::Mean, Box::new(HalfWay)).map_err(WorkError::of)
    }
    fn data(&self) -> Digest {
        self.0.data()
    }
}

#[test]
fn a_strategy_of_ones_own_runs_as_any_other() {
    let scenario = study("fedavg", CLEAN, &[("rounds = 5", "rounds = 1"), ("every = 2", "every = 1")]);
    let [plain, half] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let whole = run(&scenario, &quadratic(&scenario), plain.path(), 1).expect("runs").model;
    let moved = run(&scenario, &Half(quadratic(&scenario)), half.path(), 2).expect("runs").model;
    assert!(moved.iter().zip(&whole).all(|(half, whole)| (2.0 * half - whole).abs() < 1e-6 && *half != 0.0));
}
