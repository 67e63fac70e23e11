//! A federation whose answer is known: what FedAvg converges to, and that it is not the optimum.

use crate::common::{quadratic, read, run, scenario};
use wardround_simulator::toys::Cnn;

#[test]
fn fedavg_ends_where_theory_says_and_not_at_the_minimum() {
    let scenario = scenario("[simulation]\npopulation = 20\nseed = 9\n", &[("rounds = 5", "rounds = 200")]);
    let (work, dir) = (quadratic(&scenario), tempfile::tempdir().expect("a folder"));
    let model = run(&scenario, &work, dir.path(), 2).expect("runs").model;
    let (limit, minimum) = (work.fedavg_limit(), work.minimum());
    assert!((limit - minimum).abs() > 1e-3, "the sites differ: {limit} and {minimum}");
    assert!(model.iter().all(|weight| (f64::from(*weight) - limit).abs() < 1e-6), "{} is not {limit}", model[0]);
}

#[test]
fn a_small_network_learns_its_figures_and_repeats_to_the_bit() {
    let more = [("rounds = 5", "rounds = 8"), ("every = 2", "every = 8")];
    let scenario = scenario("[simulation]\npopulation = 6\nseed = 9\n", &more);
    let cnn = Cnn::new(5, 6, 32).expect("images");
    let dirs = [1, 3].map(|workers| (workers, tempfile::tempdir().expect("a folder")));
    let digests =
        dirs.each_ref().map(|(workers, dir)| run(&scenario, &cnn, dir.path(), *workers).expect("runs").digest);
    assert_eq!(digests[0], digests[1]);
    let events = read(dirs[0].1.path(), "events.jsonl");
    let last: serde_json::Value = serde_json::from_str(events.lines().last().expect("an event")).expect("JSON");
    let accuracy = last["mean"].as_f64().expect("a score");
    assert!(accuracy > 0.8, "by chance it is 0.1: {accuracy}");
}
