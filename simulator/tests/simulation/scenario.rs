//! What a scenario may say, and what is answered to a wrong one.

use crate::common::{SIMULATION, scenario, scenario_text};
use wardround_plan::Plan;
use wardround_simulator::{Scenario, ScenarioError};

/// The text is refused at the line that holds `line`, and the answer holds `words`.
fn refused(text: &str, line: &str, words: &str) {
    let error = Scenario::from_toml(text).expect_err(words).to_string();
    let number = text.lines().position(|it| it.contains(line)).expect("the line is there") + 1;
    assert!(
        error.contains(&format!("line {number}:")) && error.contains(words),
        "expected {words:?} at {number}: {error}"
    );
}

#[test]
fn the_plan_is_the_deployments() {
    let scenario = scenario(SIMULATION, &[]);
    let plan = Plan::from_toml(&scenario_text("", &[])).expect("the same without the section");
    assert_eq!(scenario.plan().digest(), plan.digest());
    assert_eq!((scenario.simulation().population, scenario.simulation().cohort), (12, Some(8)));
}

#[test]
fn comments_do_not_change_a_scenario_and_numbers_do() {
    let digest = |simulation: &str| scenario(simulation, &[]).digest();
    assert_eq!(digest(SIMULATION), digest(&SIMULATION.replace("seed = 3", "# a comment\nseed = 3 # and another")));
    for other in ["seed = 4", "seed = 3\n[simulation.faults]\ndropout = 0.1"] {
        assert_ne!(digest(SIMULATION), digest(&SIMULATION.replace("seed = 3", other)));
    }
}

#[test]
fn sections_may_stand_in_any_order() {
    let after = scenario(SIMULATION, &[]);
    let before = Scenario::from_toml(&format!("{SIMULATION}{}", scenario_text("", &[]))).expect("good");
    assert_eq!(before.digest(), after.digest());
}

#[test]
fn mistakes_are_named_with_line_and_remedy() {
    let simulation = |from: &str, to: &str| scenario_text(&SIMULATION.replace(from, to), &[]);
    let faults = |line: &str| scenario_text(&format!("{SIMULATION}[simulation.faults]\n{line}\n"), &[]);
    let partition = |line: &str| scenario_text(&format!("{SIMULATION}[simulation.partition]\n{line}\n"), &[]);
    refused(&simulation("seed = 3", "sed = 3"), "sed = 3", "did you mean `seed`?");
    refused(&simulation("cohort = 8", "cohort = 13"), "cohort", "write 1 to 12");
    refused(&simulation("cohort = 8", "cohort = 2"), "cohort", "min_sites");
    refused(&simulation("population = 12", "population = 0"), "population", "write 1 to");
    refused(&faults("dropout = 1.5"), "dropout", "write 0 to 1");
    refused(&faults("dropout = nan"), "dropout", "write 0 to 1");
    refused(&faults("compute_s = { median = 0.0 }"), "compute_s", "out of range");
    refused(&faults("line_mbit_s = { median = 1.0, between_sites = 9.0 }"), "line_mbit_s", "write 0 to 5");
    refused(&faults("late_joiners = { share = 0.5, last_round = 6 }"), "late_joiners", "write 2 to 5");
    refused(&faults("leavers = { share = 0.5, first_round = 1 }"), "leavers", "write 2 to 5");
    refused(&faults("poison = { sites = 13, attack = { kind = \"label_flip\" } }"), "poison", "name fewer");
    refused(&faults("poison = { sites = 1, attack = { kind = \"scale\", factor = inf } }"), "poison", "write 0 to");
    refused(&partition("kind = \"quantity\"\nalpha = 0.0"), "alpha", "write 0.01 to 10000");
    refused(&partition("kind = \"dirichlet_label\"\nalpha = 1.0\nclasses = 1"), "classes = 1", "write 2 to 100");
    refused(&partition("kind = \"feature_shift\"\nmixed = 2.0"), "mixed", "write 0 to 1");
    refused(&partition("kind = \"dirichlet\""), "kind = \"dirichlet\"", "did you mean `dirichlet_label`?");
    refused(&scenario_text(SIMULATION, &[("rounds = 5", "ruonds = 5")]), "ruonds", "did you mean `rounds`?");
    refused(&scenario_text(SIMULATION, &[("rounds = 5", "rounds = 0")]), "rounds", "out of range");
}

#[test]
fn sites_without_a_weight_and_a_cohort_beside_coins_are_refused() {
    let public = "weighting = \"public\"\nweights = { site-0 = 1, site-1 = 1, site-2 = 2 }";
    let text = scenario_text(SIMULATION, &[("weighting = \"equal\"", public)]);
    refused(&text, "population", "`site-3`, which has no weight");
    let client = "mode = \"client\"\nunit = \"site\"\nepsilon = 8.0\ndelta = 1e-3\nsampling_rate = 0.5\nclip = 1.0";
    let text = scenario_text(SIMULATION, &[("mode = \"none\"", client)]);
    refused(&text, "cohort", "drawn by a coin");
    let both = [("cohort = 8\n", ""), ("mode = \"none\"", client), ("weighting = \"equal\"", public)];
    assert!(Scenario::from_toml(&scenario_text(SIMULATION, &both)).is_err(), "clipped updates count alike");
}

#[test]
fn a_plan_alone_is_no_scenario_and_hidden_sections_are_refused() {
    assert_eq!(Scenario::from_toml(&scenario_text("", &[])), Err(ScenarioError::Missing));
    let inline = format!("simulation = {{ population = 12 }}\n{}", scenario_text("", &[]));
    assert_eq!(Scenario::from_toml(&inline), Err(ScenarioError::Form));
    let dotted = format!("simulation.population = 12\n{}", scenario_text("", &[]));
    assert_eq!(Scenario::from_toml(&dotted), Err(ScenarioError::Form));
    let long = "#".repeat(5 << 20);
    assert!(matches!(Scenario::from_toml(&long), Err(ScenarioError::TooLong { .. })));
}

#[test]
fn every_scenario_that_comes_along_is_a_good_one() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut names = Vec::new();
    for entry in folder.read_dir().expect("a folder").map(|entry| entry.expect("readable").path()) {
        let text = std::fs::read_to_string(&entry).expect("text");
        let scenario = Scenario::from_toml(&text);
        assert!(scenario.is_ok(), "{}: {}", entry.display(), scenario.expect_err("refused"));
        names.push(entry.file_name().expect("a file").to_string_lossy().into_owned());
    }
    names.sort();
    // Those of examples/ are run by the tests of the federation.
    assert_eq!(names, ["cardiac-mr.toml", "many-sites.toml", "nuclei.toml"]);
}
