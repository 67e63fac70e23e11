//! The same scenario gives the same bits, whoever trains what and in whatever order.

use crate::common::{SIMULATION, options, quadratic, read, run, scenario};
use std::ops::ControlFlow;
use wardround_simulator::toys::{Noise, Quadratic};
use wardround_simulator::{Comparison, Ending, Nobody, Observer, Progress, Run, RunError, Secagg, scenario_of, verify};

const FAULTS: &str = "[simulation.faults]\ndropout = 0.2\n\
    compute_s = { median = 40.0, between_sites = 0.3, between_rounds = 0.2 }\n\
    poison = { sites = 2, attack = { kind = \"noise\", deviation = 0.1 } }\n";

/// A private plan whose unit is the site.
const CLIENT: [(&str, &str); 2] = [
    ("cohort = 8\n", ""),
    (
        "mode = \"none\"",
        "mode = \"client\"\nunit = \"site\"\nepsilon = 8.0\ndelta = 1e-3\nsampling_rate = 0.5\nclip = 1.0\nclip_quantile = 0.5",
    ),
];

#[test]
fn one_two_and_four_workers_write_the_same_bytes() {
    let faulty = format!("{SIMULATION}{FAULTS}");
    for (simulation, changes) in [(SIMULATION, &[][..]), (&faulty, &[]), (SIMULATION, &CLIENT), (&faulty, &CLIENT)] {
        let scenario = scenario(simulation, changes);
        let work = quadratic(&scenario);
        let runs: Vec<_> = [1, 2, 4].map(|workers| (tempfile::tempdir().expect("a folder"), workers)).into();
        let outcomes: Vec<_> =
            runs.iter().map(|(dir, workers)| run(&scenario, &work, dir.path(), *workers).expect("runs")).collect();
        for (outcome, (dir, workers)) in outcomes.iter().zip(&runs).skip(1) {
            assert_eq!(outcome, &outcomes[0], "{workers} workers");
            for file in ["events.jsonl", "sites.csv", "scores.csv", "manifest.json"] {
                assert_eq!(read(dir.path(), file), read(runs[0].0.path(), file), "{file}, {workers} workers");
            }
            let compared = verify(runs[0].0.path(), dir.path()).expect("two runs");
            assert!(matches!(compared, Comparison::Same { events } if events >= 8), "{compared:?}");
        }
    }
}

#[test]
fn another_seed_gives_other_bits_and_verify_says_so() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let first = scenario(SIMULATION, &[]);
    let second = scenario(SIMULATION, &[("seed = 3", "seed = 4")]);
    let noise = Noise { weights: 50 };
    let digests =
        [(&first, &one), (&second, &two)].map(|(it, dir)| run(it, &noise, dir.path(), 2).expect("runs").digest);
    assert_ne!(digests[0], digests[1]);
    let compared = verify(one.path(), two.path()).expect("two runs");
    assert_eq!(
        compared,
        Comparison::OtherRun { key: "seed", first: "3".into(), second: "4".into() },
        "they were never meant to be the same"
    );
}

#[test]
fn verify_names_the_first_event_that_differs() {
    let scenario = scenario(SIMULATION, &[]);
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    for dir in [&one, &two] {
        run(&scenario, &quadratic(&scenario), dir.path(), 1).expect("runs");
    }
    let events = read(two.path(), "events.jsonl");
    let third = events.lines().position(|line| line.contains("\"round\":3")).expect("a third round");
    let changed: String =
        events
            .lines()
            .enumerate()
            .map(|(number, line)| {
                if number == third {
                    line.replace("\"summed\":8", "\"summed\":7") + "\n"
                } else {
                    line.to_owned() + "\n"
                }
            })
            .collect();
    std::fs::write(two.path().join("events.jsonl"), &changed).expect("written");
    let Comparison::Differ { round: 3, key, first, second, .. } = verify(one.path(), two.path()).expect("two runs")
    else {
        panic!("the third round differs")
    };
    assert_eq!((key.as_str(), first.as_str(), second.as_str()), ("summed", "8", "7"));
    let shorter: String = events.lines().take(third).map(|line| line.to_owned() + "\n").collect();
    std::fs::write(two.path().join("events.jsonl"), shorter).expect("written");
    let compared = verify(one.path(), two.path()).expect("two runs");
    assert_eq!(compared, Comparison::Shorter { events: third as u64, longer: 1 });
}

#[test]
fn secure_aggregation_changes_no_bit() {
    let weights: Vec<String> = (0..12).map(|site| format!("site-{site} = {}", site + 1)).collect();
    let public = format!("weighting = \"public\"\nweights = {{ {} }}", weights.join(", "));
    for changes in [&[][..], &[("weighting = \"equal\"", public.as_str())]] {
        let scenario = scenario(&format!("{SIMULATION}{FAULTS}"), changes);
        let work = quadratic(&scenario);
        let (plain, masked) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let expected = run(&scenario, &work, plain.path(), 2).expect("runs");
        let outcome = Run::start(&scenario, &work, masked.path(), &options(2, Secagg::Full), &Nobody).expect("runs");
        assert_eq!(outcome, expected);
        assert!(matches!(verify(plain.path(), masked.path()), Ok(Comparison::Same { .. })));
    }
}

#[test]
fn whole_updates_cannot_be_clipped_behind_a_mask() {
    let (scenario, dir) = (scenario(SIMULATION, &CLIENT), tempfile::tempdir().expect("a folder"));
    let refused = Run::start(&scenario, &quadratic(&scenario), dir.path(), &options(1, Secagg::Full), &Nobody);
    assert!(matches!(refused, Err(RunError::Secagg { .. })), "{refused:?}");
}

/// Stops after some rounds.
struct StopAfter(u32);

impl Observer for StopAfter {
    fn round_done(&self, progress: &Progress<'_>) -> ControlFlow<()> {
        match progress.round.attempt.round.get() >= self.0 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_to_the_same_end() {
    for changes in [&[][..], &CLIENT] {
        let scenario = scenario(&format!("{SIMULATION}{FAULTS}"), changes);
        let work = quadratic(&scenario);
        let (whole, parts) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let expected = run(&scenario, &work, whole.path(), 2).expect("runs");
        let stopped =
            Run::start(&scenario, &work, parts.path(), &options(1, Secagg::Off), &StopAfter(2)).expect("runs");
        assert_eq!((stopped.rounds, stopped.ending), (2, Ending::Stopped));
        let scenario = scenario_of(parts.path()).expect("as it was begun");
        let outcome = Run::resume(&scenario, &work, parts.path(), &options(2, Secagg::Off), &Nobody).expect("resumes");
        assert_eq!(outcome, expected);
        assert!(matches!(verify(whole.path(), parts.path()), Ok(Comparison::Same { .. })));
        assert_eq!(read(whole.path(), "sites.csv"), read(parts.path(), "sites.csv"));
    }
}

#[test]
fn a_run_is_not_begun_twice_and_not_resumed_as_another() {
    let (scenario_3, dir) = (scenario(SIMULATION, &[]), tempfile::tempdir().expect("a folder"));
    let work = quadratic(&scenario_3);
    run(&scenario_3, &work, dir.path(), 1).expect("runs");
    assert!(matches!(run(&scenario_3, &work, dir.path(), 1), Err(RunError::Exists { .. })));
    let scenario_4 = scenario(SIMULATION, &[("seed = 3", "seed = 4")]);
    let options = options(1, Secagg::Off);
    let refused = Run::resume(&scenario_4, &work, dir.path(), &options, &Nobody);
    assert!(matches!(refused, Err(RunError::Otherwise { key: "seed", .. })), "{refused:?}");
    let other = Quadratic::new(77, 12, 1000, 4, 0.1).expect("converges");
    let refused = Run::resume(&scenario_3, &other, dir.path(), &options, &Nobody);
    assert!(matches!(refused, Err(RunError::Otherwise { key: "data", .. })), "{refused:?}");
    let other = Noise { weights: 1000 };
    let refused = Run::resume(&scenario_3, &other, dir.path(), &options, &Nobody);
    assert!(matches!(refused, Err(RunError::Otherwise { key: "task", .. })), "{refused:?}");
}

#[test]
fn a_second_process_in_one_folder_is_refused() {
    /// Tries to resume the run while it is under way.
    struct Intruder<'a>(&'a std::path::Path, std::sync::Mutex<Vec<String>>);
    impl Observer for Intruder<'_> {
        fn round_done(&self, _: &Progress<'_>) -> ControlFlow<()> {
            let scenario = scenario_of(self.0).expect("as it was begun");
            let again = Run::resume(&scenario, &quadratic(&scenario), self.0, &options(1, Secagg::Off), &Nobody);
            let said = again.map(drop).expect_err("the folder is in use").to_string();
            self.1.lock().expect("nobody panicked").push(said);
            ControlFlow::Continue(())
        }
    }
    let (scenario, dir) = (scenario(SIMULATION, &[]), tempfile::tempdir().expect("a folder"));
    let intruder = Intruder(dir.path(), std::sync::Mutex::default());
    Run::start(&scenario, &quadratic(&scenario), dir.path(), &options(1, Secagg::Off), &intruder).expect("runs");
    let said = intruder.1.into_inner().expect("nobody panicked");
    assert!(said.len() == 5 && said.iter().all(|text| text.contains("another process is running")), "{said:?}");
}

#[test]
fn a_folder_that_lost_bytes_is_not_resumed() {
    for (file, keep) in [("events.jsonl", 10), ("sites.csv", 30), ("checkpoint.bin", 100)] {
        let (scenario, dir) = (scenario(SIMULATION, &[]), tempfile::tempdir().expect("a folder"));
        let work = quadratic(&scenario);
        Run::start(&scenario, &work, dir.path(), &options(1, Secagg::Off), &StopAfter(2)).expect("runs");
        let bytes = std::fs::read(dir.path().join(file)).expect("there");
        std::fs::write(dir.path().join(file), &bytes[..keep]).expect("written");
        let refused = Run::resume(&scenario, &work, dir.path(), &options(1, Secagg::Off), &Nobody);
        assert!(matches!(refused, Err(RunError::Broken { .. })), "{file}: {refused:?}");
    }
}
