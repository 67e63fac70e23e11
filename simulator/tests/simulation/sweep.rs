//! Sweeps carried out: the variants' runs, and the file that lists them.

use crate::common::{SIMULATION, quadratic, run, scenario_text};
use std::num::NonZeroU32;
use wardround_simulator::{Override, RunSummary, SweepManifest, variants};

#[test]
fn a_sweeps_file_tells_what_became_of_each_variant() {
    let dir = tempfile::tempdir().expect("a folder");
    let kinds: Override = "strategy.kind=fedavg,scaffold".parse().expect("an override");
    let seeds = NonZeroU32::new(2).expect("not 0");
    let variants = variants(&scenario_text(SIMULATION, &[]), &[kinds], seeds).expect("good");
    let mut manifest = SweepManifest::new(&variants);
    let mut models = Vec::new();
    // The last one is not begun.
    for (variant, record) in variants.iter().zip(&mut manifest.variants).take(3) {
        let folder = dir.path().join(&variant.name);
        assert_eq!(RunSummary::find(&folder).expect("not begun"), None);
        models.push(run(&variant.scenario, &quadratic(&variant.scenario), &folder, 1).expect("a run").digest);
        record.tell(&RunSummary::read(&folder).expect("a whole run"));
    }
    manifest.write(dir.path()).expect("written");
    let read = SweepManifest::find(dir.path()).expect("whole").expect("there");
    assert_eq!(read, manifest);
    let told: Vec<_> = read.variants.iter().map(|one| (one.rounds, one.complete, one.model)).collect();
    let expected =
        [(5, true, Some(models[0])), (5, true, Some(models[1])), (5, true, Some(models[2])), (0, false, None)];
    assert_eq!(told, expected);
    assert!(models[0] != models[1] && models[0] != models[2], "another seed or strategy leads elsewhere");
}

#[test]
fn a_variant_has_the_bits_of_the_same_scenario_written_by_hand() {
    let dir = tempfile::tempdir().expect("a folder");
    let kind: Override = "strategy.kind=scaffold".parse().expect("an override");
    let swept = variants(&scenario_text(SIMULATION, &[]), &[kind], NonZeroU32::MIN).expect("good");
    let by_hand = scenario_text(SIMULATION, &[("kind = \"fedavg\"", "kind = \"scaffold\"")]);
    let by_hand = wardround_simulator::Scenario::from_toml(&by_hand).expect("good");
    let [one, two] = [(&swept[0].scenario, "swept"), (&by_hand, "by-hand")]
        .map(|(scenario, name)| run(scenario, &quadratic(scenario), &dir.path().join(name), 1).expect("a run").digest);
    assert_eq!(one, two);
}
