//! Facts about sweeps.

use super::*;
use wardround_plan::PrivacyMode;

const TEN_SITES: &str = include_str!("../../../examples/non-iid/plan.toml");

/// With every key that a promise to patients brings along.
fn private() -> String {
    let promise = "mode = \"site\"\nepsilon = 8.0\ndelta = 1e-5\nsampling_rate = 0.1\nclip = 1.0\nclip_kind = \"flat\"\n\
                   noise = \"fast\"\nspare_rounds = 1\nadjacency = \"add_or_remove_one\"\nsampling = \"poisson\"\n\
                   accountant = \"pld\"\nunit = \"patient\"";
    let patients = "batch_images = 8\nexpected_batch_patients = 8\nimages_per_patient = 2\nviews = 2";
    let changes = [
        ("mode = \"none\"", promise),
        ("\"scaffold\"", "\"fedavg\""),
        ("batch_images = 8", patients),
        ("every = 4", "every = 4\nepsilon_share = 0.1"),
    ];
    changes.into_iter().fold(TEN_SITES.to_owned(), |text, (from, to)| changed(&text, from, to))
}

/// The example's scenario may be changed by whoever tells its story better; this says where that matters.
fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is no longer in examples/non-iid/plan.toml");
    text.replace(from, to)
}

fn swept(text: &str, overrides: &[&str], seeds: u32) -> Result<Vec<Variant>, SweepError> {
    let overrides: Result<Vec<Override>, SweepError> = overrides.iter().map(|text| text.parse()).collect();
    variants(text, &overrides?, NonZeroU32::new(seeds).expect("not 0"))
}

fn names(variants: &[Variant]) -> Vec<&str> {
    variants.iter().map(|variant| variant.name.as_str()).collect()
}

#[test]
fn every_combination_is_there_once_in_order() {
    let variants = swept(TEN_SITES, &["strategy.kind=fedavg,scaffold", "training.local_steps=1,5"], 2).expect("good");
    let expected = [
        "kind-fedavg_local_steps-1_seed-1",
        "kind-fedavg_local_steps-1_seed-2",
        "kind-fedavg_local_steps-5_seed-1",
        "kind-fedavg_local_steps-5_seed-2",
        "kind-scaffold_local_steps-1_seed-1",
        "kind-scaffold_local_steps-1_seed-2",
        "kind-scaffold_local_steps-5_seed-1",
        "kind-scaffold_local_steps-5_seed-2",
    ];
    assert_eq!(names(&variants), expected);
    let last = &variants[7];
    assert_eq!((last.scenario.plan().training.local_steps, last.scenario.simulation().seed, last.seed), (5, 2, 2));
    assert_eq!(last.scenario.plan().strategy.config.kind(), "scaffold");
    let setting = |key: &str, value: &str| Setting { key: key.into(), value: value.into() };
    assert_eq!(last.settings, [setting("strategy.kind", "scaffold"), setting("training.local_steps", "5")]);
}

#[test]
fn without_overrides_there_are_replicates_and_the_first_is_the_scenario_itself() {
    let variants = swept(TEN_SITES, &[], 3).expect("good");
    assert_eq!(names(&variants), ["seed-1", "seed-2", "seed-3"]);
    let base = Scenario::from_toml(TEN_SITES).expect("good");
    assert_eq!(variants[0].scenario.digest(), base.digest());
    let initial: Vec<u64> = variants.iter().map(|variant| variant.scenario.plan().study.seed).collect();
    assert_eq!(initial, [0, 1, 2], "the initial weights are other ones, too");
}

#[test]
fn no_epsilon_is_no_promise_at_all() {
    let text = private();
    for overrides in [["privacy.epsilon=3,none", "study.rounds=40"], ["study.rounds=40", "privacy.epsilon=3,none"]] {
        let variants = swept(&text, &overrides, 1).expect("good");
        let modes: Vec<PrivacyMode> = variants.iter().map(|variant| variant.scenario.plan().privacy.mode).collect();
        assert_eq!(modes, [PrivacyMode::Site, PrivacyMode::None]);
        assert_eq!(variants[0].scenario.plan().privacy.epsilon, Some(3.0));
    }
}

#[test]
fn what_is_added_to_no_promise_is_refused_whatever_the_order() {
    for overrides in [["privacy.epsilon=none", "privacy.clip=0.5"], ["privacy.clip=0.5", "privacy.epsilon=none"]] {
        let error = swept(&private(), &overrides, 1).expect_err("a clip without noise").to_string();
        assert!(error.contains("epsilon-none") && error.contains("[privacy] clip"), "{error}");
    }
}

#[test]
fn sections_that_were_not_written_are_made_and_keys_can_be_taken_away() {
    let variants = swept(TEN_SITES, &["simulation.faults.dropout=0.0,0.2", "training.augment=none"], 1).expect("good");
    assert_eq!(variants[1].scenario.simulation().faults.dropout, 0.2);
    assert!(variants[1].scenario.plan().training.augment.is_empty());
}

#[test]
fn keys_with_one_last_name_are_told_apart() {
    let overrides = ["strategy.kind=fedavg", "simulation.partition.kind=dirichlet_label"];
    let variants = swept(TEN_SITES, &overrides, 1).expect("good");
    assert_eq!(names(&variants), ["strategy.kind-fedavg_simulation.partition.kind-dirichlet_label_seed-1"]);
}

#[test]
fn a_variant_that_is_no_scenario_is_named_and_no_line_of_an_unwritten_text() {
    for (wrong, words) in [
        ("strategy.kind=fedavg,fedmagic", "kind-fedmagic_seed-1"),
        ("study.rounds=0", "[study] rounds"),
        ("study.ruonds=3", "did you mean `rounds`?"),
        ("simulation.seed.deep=3", "is a value, not a section"),
        ("nothing.at_all=3", "nothing"),
        ("privacy.epsilon=3", "[privacy] epsilon"),
    ] {
        let error = swept(TEN_SITES, &[wrong], 1).expect_err(wrong);
        assert!(matches!(error, SweepError::Variant { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(words) && !error.contains("line "), "{error}");
    }
    let error = swept(&changed(TEN_SITES, "rounds = 20", "rounds = 0"), &[], 1).expect_err("no round").to_string();
    assert!(error.starts_with("line "), "the scenario that was written has lines: {error}");
}

#[test]
fn what_cannot_be_told_apart_is_refused() {
    for alike in ["study.deadline_s=60,60", "training.learning_rate=1,1.0", "study.purpose='a b',\"a/b\""] {
        assert!(matches!(swept(TEN_SITES, &[alike], 1), Err(SweepError::Alike { .. })), "{alike}");
    }
    let twice = swept(TEN_SITES, &["study.rounds=3", "study.rounds=4"], 1);
    assert_eq!(twice, Err(SweepError::Twice { key: "study.rounds".into() }));
    for seed in ["simulation.seed", "study.seed"] {
        let error = swept(TEN_SITES, &[&format!("{seed}=1,2")], 1);
        assert_eq!(error, Err(SweepError::Seed { key: seed.into() }));
    }
}

#[test]
fn the_limits_are_reached_and_not_passed() {
    let error = swept(TEN_SITES, &["study.rounds=3,4"], 5001).expect_err("too many");
    assert_eq!(error, SweepError::TooMany { count: 10_002 });
    let long = format!("study.purpose=\"{}\"", "p".repeat(180));
    assert!(swept(TEN_SITES, &[&long], 1).is_ok());
    let error = swept(TEN_SITES, &[&long.replace("ppp", "pppp")], 1).expect_err("no folder has such a name");
    assert!(error.to_string().contains("200 bytes"), "{error}");
    let last = changed(TEN_SITES, "seed = 1 ", &format!("seed = {} ", i64::MAX));
    assert!(swept(&last, &[], 1).is_ok());
    let error = swept(&last, &[], 2).expect_err("TOML has no such number").to_string();
    assert!(error.contains("not so many seeds"), "{error}");
}
