//! Runs read back from their folders.

use crate::common::{SIMULATION, quadratic, read, run, scenario};
use wardround_simulator::{RunError, RunSummary};

#[test]
fn a_run_is_read_back_as_it_was_and_not_what_a_kill_left_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    assert_eq!(RunSummary::find(dir.path()).expect("no run is no mistake"), None);
    let scenario = scenario(SIMULATION, &[]);
    let outcome = run(&scenario, &quadratic(&scenario), dir.path(), 1).expect("a run");
    let summary = RunSummary::read(dir.path()).expect("a whole run");
    assert!(summary.is_complete());
    assert_eq!((summary.rounds.len(), summary.wall_ms.len(), &summary.scenario), (5, 5, &scenario));
    assert_eq!(summary.rounds.last().map(|round| round.model), Some(outcome.digest));
    let measured: Vec<u32> = summary.evaluations.iter().map(|one| one.round.get()).collect();
    assert_eq!(measured, [2, 4, 5]);
    let last = summary.evaluations.last().expect("measured");
    let scores: Vec<f64> = summary.last_scores.iter().map(|(_, score)| *score).collect();
    assert_eq!(scores.len(), last.sites as usize);
    assert_eq!(scores.iter().copied().min_by(f64::total_cmp), last.worst);
    assert_eq!(scores.iter().sum::<f64>() / scores.len() as f64, last.mean.expect("measured"));
    assert_eq!(summary.traffic(), None, "a toy is not the plan's network");

    for name in ["events.jsonl", "scores.csv", "timing.csv"] {
        std::fs::write(dir.path().join(name), read(dir.path(), name) + "6,torn").expect("written");
    }
    assert_eq!(RunSummary::read(dir.path()).expect("the checkpoint counts"), summary);
}

#[test]
fn files_that_no_run_writes_are_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let scenario = scenario(SIMULATION, &[]);
    run(&scenario, &quadratic(&scenario), dir.path(), 1).expect("a run");
    for name in ["events.jsonl", "scores.csv", "timing.csv"] {
        let whole = read(dir.path(), name);
        for broken in [whole[..whole.len() - 2].to_owned(), "x".repeat(whole.len())] {
            std::fs::write(dir.path().join(name), broken).expect("written");
            let found = RunSummary::read(dir.path());
            let is_named = matches!(&found, Err(RunError::Broken { file, .. }) if file.ends_with(name));
            assert!(is_named, "{name}: {found:?}");
        }
        std::fs::write(dir.path().join(name), whole).expect("written");
    }
}
