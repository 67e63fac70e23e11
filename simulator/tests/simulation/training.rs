//! The real trainer at virtual sites: phantoms, dealt out and learned from.

use crate::common::{options, read};
use std::path::Path;
use wardround_imaging::{SynthPlan, synth};
use wardround_models::ComputeDevice;
use wardround_simulator::{
    Comparison, DataError, Grouping, LocalWork as _, Nobody, Outcome, PartitionError, PlanTraining, Run, RunSummary,
    Scenario, Secagg, Traffic, picture, verify,
};

const SIMULATION: &str = "[simulation]\npopulation = 4\ncohort = 3\nseed = 2\n";
const IID: &str = "[simulation.partition]\nkind = \"iid\"\n";
const SITE: [(&str, &str); 2] = [
    ("mode = \"none\"", "mode = \"site\"\nepsilon = 8.0\ndelta = 1e-3\nsampling_rate = 0.5\nclip = 1.0"),
    ("batch_images = 4", "batch_images = 4\nexpected_batch_patients = 2"),
];

const SHARED: [(&str, &str); 5] = [
    ("mode = \"none\"", "mode = \"distributed\"\nepsilon = 8.0\ndelta = 1e-3\nsampling_rate = 0.5\nclip = 1.0"),
    ("batch_images = 4", "batch_images = 4\nexpected_batch_patients = 2"),
    ("local_steps = 2", "local_steps = 1"),
    ("enabled = false", "enabled = true"),
    ("min_sites = 2", "min_sites = 3"),
];

fn scenario(simulation: &str, changes: &[(&str, &str)]) -> Scenario {
    let small = [
        ("rounds = 5", "rounds = 2"),
        ("min_sites = 3", "min_sites = 2"),
        ("width = 8\ndepth = 3", "width = 4\ndepth = 2"),
        ("input_px = 64", "input_px = 16"),
        ("local_steps = 4", "local_steps = 2"),
    ];
    crate::common::scenario(simulation, &[&small, changes].concat())
}

/// Three hospitals of phantoms.
fn hospitals(dir: &Path) {
    synth(dir, &small_hospitals()).expect("phantoms");
}

fn small_hospitals() -> SynthPlan {
    SynthPlan {
        sites: 3,
        train_patients: 3..=4,
        validation_patients: 1..=2,
        slices_per_patient: 2,
        size_px: 32,
        ..SynthPlan::default()
    }
}

fn work(scenario: &Scenario, data: &Path) -> Result<(PlanTraining, Vec<picture::Holding>), DataError> {
    PlanTraining::of_folders(scenario, data, Grouping::ByManifest, ComputeDevice::Cpu)
}

fn run(scenario: &Scenario, data: &Path, dir: &Path, workers: usize) -> Outcome {
    let (work, _) = work(scenario, data).expect("good folders");
    Run::start(scenario, &work, dir, &options(workers, Secagg::Off), &Nobody).expect("runs")
}

#[test]
fn the_trainer_gives_the_same_bits_for_any_number_of_workers() {
    let data = tempfile::tempdir().expect("a folder");
    hospitals(data.path());
    let simulation = format!("{SIMULATION}{IID}");
    let scaffold = [("kind = \"fedavg\"", "kind = \"scaffold\"")];
    for changes in [&[][..], &SITE, &SHARED, &scaffold, &[("kind = \"fedavg\"", "kind = \"ditto\"")]] {
        let scenario = scenario(&simulation, changes);
        let dirs = [1, 2, 4].map(|workers| (workers, tempfile::tempdir().expect("a folder")));
        let outcomes = dirs.each_ref().map(|(workers, dir)| run(&scenario, data.path(), dir.path(), *workers));
        assert!(outcomes.iter().all(|outcome| outcome.digest == outcomes[0].digest), "{changes:?}");
        for (_, dir) in &dirs[1..] {
            let compared = verify(dirs[0].1.path(), dir.path()).expect("two runs");
            assert!(matches!(compared, Comparison::Same { events: 3 }), "{changes:?}: {compared:?}");
        }
        let scores = read(dirs[0].1.path(), "scores.csv");
        assert!(scores.lines().count() > 1, "somebody was measured: {scores}");
        let losses = read(dirs[0].1.path(), "events.jsonl").matches("\"loss\":null").count();
        let is_private = changes == SITE || changes == SHARED;
        assert_eq!(losses, if is_private { 2 } else { 0 }, "with privacy a loss stays at its site");
    }
}

/// Two roads to one step: sites that each take it with noise of their own and are averaged, and a sum of gradients that the server
/// steps by. With many patients, all of them in every step, and as little noise as can be shared, they meet.
#[test]
fn a_step_by_shared_noise_is_the_mean_of_the_sites_own_steps() {
    let data = tempfile::tempdir().expect("a folder");
    synth(data.path(), &SynthPlan { train_patients: 200..=200, slices_per_patient: 1, ..small_hospitals() })
        .expect("phantoms");
    let loud = [
        ("sampling_rate = 0.5", "sampling_rate = 1.0"),
        ("epsilon = 8.0", "epsilon = 30.0"),
        ("patients = 2", "patients = 150"),
    ];
    let ends = ["site", "distributed"].map(|mode| {
        let mode = format!("mode = \"{mode}\"");
        let changes = [&SHARED[..], &loud, &[("mode = \"distributed\"", mode.as_str())]].concat();
        let (scenario, dir) =
            (scenario(&format!("{SIMULATION}{IID}"), &changes), tempfile::tempdir().expect("a folder"));
        let start = work(&scenario, data.path()).expect("good folders").0.initial();
        let end = run(&scenario, data.path(), dir.path(), 2).model;
        end.iter().zip(start.values()).map(|(end, start)| f64::from(end - start)).collect::<Vec<f64>>()
    });
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let moved = length(&mut ends[0].iter().copied());
    let apart = length(&mut ends[0].iter().zip(&ends[1]).map(|(site, shared)| site - shared));
    // It is 0.055, of noise alone: a wrong sign would be 2, a mean over four sites instead of three 0.25.
    assert!(moved > 0.0 && apart < 0.1 * moved, "{apart:e} apart after {moved:e}");
}

#[test]
fn what_was_sent_is_counted_from_who_was_asked_and_who_answered() {
    let data = tempfile::tempdir().expect("a folder");
    hospitals(data.path());
    // Numbers down and up for each weight: SCAFFOLD sends a control variate beside the model, both ways.
    for (kind, times) in [("fedavg", 1), ("scaffold", 2)] {
        let dir = tempfile::tempdir().expect("a folder");
        let changed = format!("kind = \"{kind}\"");
        let scenario = scenario(&format!("{SIMULATION}{IID}"), &[("kind = \"fedavg\"", &changed)]);
        run(&scenario, data.path(), dir.path(), 1);
        let summary = RunSummary::read(dir.path()).expect("a whole run");
        let bytes = 2 * 3 * times * 4 * summary.manifest.weights as u64;
        assert_eq!(summary.traffic(), Some(Traffic { down_bytes: bytes, up_bytes: bytes }), "{kind}");
    }
}

#[test]
fn flipped_labels_and_a_strong_pull_change_the_model() {
    let data = tempfile::tempdir().expect("a folder");
    hospitals(data.path());
    let digest = |simulation: &str, changes: &[(&str, &str)]| {
        let dir = tempfile::tempdir().expect("a folder");
        run(&scenario(simulation, changes), data.path(), dir.path(), 2).digest
    };
    let simulation = format!("{SIMULATION}{IID}");
    let flipped =
        format!("{simulation}[simulation.faults]\npoison = {{ sites = 4, attack = {{ kind = \"label_flip\" }} }}\n");
    let pull = [("kind = \"fedavg\"", "kind = \"fedprox\"\nmu = 1.0")];
    let digests = [digest(&simulation, &[]), digest(&flipped, &[]), digest(&simulation, &pull)];
    assert!(digests[0] != digests[1] && digests[0] != digests[2] && digests[1] != digests[2]);
    let none = [("kind = \"fedavg\"", "kind = \"fedprox\"\nmu = 0.0")];
    assert_eq!(digest(&simulation, &none), digests[0], "no pull is FedAvg");
}

#[test]
fn holdings_tell_who_got_what() {
    let data = tempfile::tempdir().expect("a folder");
    hospitals(data.path());
    let natural = scenario("[simulation]\npopulation = 3\n", &[]);
    let (_, holdings) = work(&natural, data.path()).expect("three folders");
    let names: Vec<&str> = holdings.iter().map(|holding| holding.site.as_str()).collect();
    let patients: Vec<u32> = holdings.iter().map(|holding| holding.patients.iter().sum()).collect();
    assert_eq!((names, patients), (vec!["site-a", "site-b", "site-c"], vec![4, 3, 3]));
    let (_, dealt) = work(&scenario(&format!("{SIMULATION}{IID}"), &[]), data.path()).expect("ten patients");
    assert_eq!(dealt.iter().flat_map(|holding| &holding.patients).sum::<u32>(), 10);
    assert_eq!(dealt[3].site, "site-3");
}

#[test]
fn folders_that_do_not_fit_are_refused_with_what_to_write() {
    let data = tempfile::tempdir().expect("a folder");
    let natural = scenario(SIMULATION, &[]);
    assert!(matches!(work(&natural, data.path()), Err(DataError::NoSites { .. })));
    hospitals(data.path());
    let refused = work(&natural, data.path()).expect_err("three folders are not four sites");
    assert!(matches!(refused, DataError::Partition(PartitionError::OtherNumber { folders: 3, sites: 4 })), "{refused}");
    let many = scenario(&format!("{}{IID}", SIMULATION.replace("population = 4", "population = 11")), &[]);
    let refused = work(&many, data.path()).expect_err("ten patients");
    assert!(refused.to_string().contains("10 training patients cannot be dealt to 11 sites"), "{refused}");
}

/// The set of nuclei, where it lies beside the checkout or where `WARDROUND_TEST_DATA` says.
fn nuclei() -> Option<std::path::PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("WARDROUND_TEST_DATA").map_or(beside, Into::into).join("nuclei");
    if !data.is_dir() {
        println!("SKIPPED: no real images of the set nuclei here");
        return None;
    }
    Some(data)
}

#[test]
fn a_real_set_becomes_unequal_sites_that_learn() {
    let Some(data) = nuclei() else { return };
    let simulation = "[simulation]\npopulation = 12\ncohort = 3\nseed = 2\n[simulation.partition]\n\
        kind = \"dirichlet_label\"\nalpha = 0.2\nclasses = 4\n";
    let one = [("rounds = 2", "rounds = 1"), ("every = 2", "every = 1")];
    let (scenario, dir) = (scenario(simulation, &one), tempfile::tempdir().expect("a folder"));
    let grouping = Grouping::ImagesArePatients;
    let (work, holdings) =
        PlanTraining::of_folders(&scenario, &data, grouping, ComputeDevice::Cpu).expect("good folders");
    let sizes: Vec<u32> = holdings.iter().map(|holding| holding.patients.iter().sum()).collect();
    assert!(sizes.len() == 12 && sizes.iter().max() > sizes.iter().min(), "{}", picture::text(&holdings));
    let outcome = Run::start(&scenario, &work, dir.path(), &options(2, Secagg::Off), &Nobody).expect("runs");
    assert!(outcome.model.iter().all(|weight| weight.is_finite()));
    assert!(read(dir.path(), "events.jsonl").contains("\"summed\":3"));
}
