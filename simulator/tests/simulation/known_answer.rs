//! A federation whose answer is known: what FedAvg converges to, and that it is not the optimum.

use crate::common::{quadratic, run, scenario};

#[test]
fn fedavg_ends_where_theory_says_and_not_at_the_minimum() {
    let scenario = scenario("[simulation]\npopulation = 20\nseed = 9\n", &[("rounds = 5", "rounds = 200")]);
    let (work, dir) = (quadratic(&scenario), tempfile::tempdir().expect("a folder"));
    let model = run(&scenario, &work, dir.path(), 2).expect("runs").model;
    let (limit, minimum) = (work.fedavg_limit(), work.minimum());
    assert!((limit - minimum).abs() > 1e-3, "the sites differ: {limit} and {minimum}");
    assert!(model.iter().all(|weight| (f64::from(*weight) - limit).abs() < 1e-6), "{} is not {limit}", model[0]);
}
