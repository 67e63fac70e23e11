//! `privacy.mode = "client"`: the noise is that of the accountant's multiplier, and the cohort that of coins.

use crate::common::{quadratic, read, run, scenario};
use wardround_plan::Accountant;
use wardround_privacy::{Adjacency, Delta, Epsilon, SamplingRate, Target, calibrate_noise};
use wardround_simulator::epsilon_after;

const POPULATION: &str = "[simulation]\npopulation = 200\nseed = 3\n";
const CLIENT: &str =
    "mode = \"client\"\nunit = \"site\"\nepsilon = 8.0\ndelta = 1e-3\nsampling_rate = 0.25\nclip = 1.0";

#[test]
fn the_model_carries_the_noise_that_the_budget_asks_for() {
    let changes = [("mode = \"none\"", CLIENT), ("learning_rate = 0.1", "learning_rate = 1e-9")];
    let (scenario, dir) = (scenario(POPULATION, &changes), tempfile::tempdir().expect("a folder"));
    let model = run(&scenario, &quadratic(&scenario), dir.path(), 2).expect("runs").model;
    let target = Target {
        epsilon: Epsilon::new(8.0).expect("positive"),
        delta: Delta::new(1e-3).expect("a probability"),
        sampling_rate: SamplingRate::new(0.25).expect("a rate"),
        steps: 5,
        adjacency: Adjacency::AddOrRemoveOne,
        accountant: Accountant::Pld,
    };
    let multiplier = calibrate_noise(&target, &[]).expect("a noise that keeps it").get();
    // Five rounds of noise on the sum, each over the expected 50 sites; the sites themselves hardly move.
    let claimed = 5.0 * (multiplier / 50.0).powi(2);
    let variance = model.iter().map(|weight| f64::from(*weight).powi(2)).sum::<f64>() / model.len() as f64;
    // 1,000 weights know a variance to 4.5 %; six standard deviations.
    assert!((variance / claimed - 1.0).abs() < 0.27, "{variance:e} instead of {claimed:e}");
}

/// 40 rounds of 200 coins at a quarter: 2000 expected, standard deviation 39; five of them is one in a million.
#[test]
fn sites_are_asked_by_coins_and_a_round_is_made_with_whoever_came() {
    let changes = [("mode = \"none\"", CLIENT), ("rounds = 5", "rounds = 40"), ("min_sites = 3", "min_sites = 60")];
    let (scenario, dir) = (scenario(POPULATION, &changes), tempfile::tempdir().expect("a folder"));
    run(&scenario, &quadratic(&scenario), dir.path(), 2).expect("no round waits for more");
    let rows = read(dir.path(), "sites.csv").lines().count() - 1;
    assert!(rows.abs_diff(2000) < 195, "seed 3: {rows}");
    assert!(!read(dir.path(), "events.jsonl").contains("abandoned"));
}

#[test]
fn what_was_spent_grows_to_the_plans_epsilon_and_not_beyond() {
    let site = [
        (
            "mode = \"none\"",
            "mode = \"site\"\nepsilon = 8.0\ndelta = 1e-3\nsampling_rate = 0.5\nclip = 1.0\nspare_rounds = 0",
        ),
        ("batch_images = 4", "batch_images = 4\nexpected_batch_patients = 2"),
    ];
    let client = [("mode = \"none\"", CLIENT)];
    for changes in [&site[..], &client, &[client[0], ("clip = 1.0", "clip = 1.0\naccountant = \"rdp\"")]] {
        let scenario = scenario(POPULATION, changes);
        let spent = |rounds| {
            let spent = epsilon_after(scenario.plan(), 200, rounds).expect("accountable");
            spent.map(|epsilon| epsilon.get()).expect("a promise")
        };
        let [one, four, all] = [1, 4, 5].map(spent);
        assert!(0.0 < one && one < four && four < all && all <= 8.0 && all > 7.8, "{one} {four} {all}: {changes:?}");
    }
    assert_eq!(epsilon_after(scenario(POPULATION, &[]).plan(), 200, 5), Ok(None));
}
