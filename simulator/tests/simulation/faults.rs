//! Faults change exactly what they should.

use crate::common::{SIMULATION, quadratic, read, run, scenario};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use wardround_plan::{Digest, Weights};
use wardround_simulator::toys::Quadratic;
use wardround_simulator::{Job, LocalWork, Report, RunError, SiteNumber, WorkError};
use wardround_strategy::{Correction, Effort};

/// Outcome of each site and round, and its virtual time.
fn outcomes(simulation: &str, changes: &[(&str, &str)]) -> BTreeMap<(u32, u32, u32), (String, Option<f64>)> {
    let (scenario, dir) = (scenario(simulation, changes), tempfile::tempdir().expect("a folder"));
    run(&scenario, &quadratic(&scenario), dir.path(), 2).expect("runs");
    let rows = read(dir.path(), "sites.csv");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let [round, attempt, site] = [0, 1, 2].map(|cell| cells[cell].parse().expect("a number"));
        ((round, attempt, site), (cells[3].to_owned(), cells[6].parse().ok()))
    };
    rows.lines().skip(1).map(row).collect()
}

fn events(simulation: &str, changes: &[(&str, &str)]) -> Vec<serde_json::Value> {
    let (scenario, dir) = (scenario(simulation, changes), tempfile::tempdir().expect("a folder"));
    run(&scenario, &quadratic(&scenario), dir.path(), 2).expect("runs");
    read(dir.path(), "events.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

const MANY: [(&str, &str); 1] = [("rounds = 5", "rounds = 40")];

/// 40 rounds of 8 sites, a quarter gone: 80 expected, standard deviation 7.7; five of them is one in a million.
#[test]
fn as_many_drop_out_as_was_said_and_nobody_else_changes() {
    let none = outcomes(SIMULATION, &MANY);
    let some = outcomes(&format!("{SIMULATION}[simulation.faults]\ndropout = 0.25\n"), &MANY);
    assert!(none.values().all(|(outcome, _)| outcome == "summed") && none.len() == 320);
    assert_eq!(none.keys().collect::<Vec<_>>(), some.keys().collect::<Vec<_>>(), "the same sites are asked");
    let dropped = some.values().filter(|(outcome, _)| outcome == "dropped").count();
    assert!(dropped.abs_diff(80) < 39, "seed 3: {dropped}");
}

#[test]
fn a_slower_line_makes_the_same_sites_later_and_the_deadline_cuts_them_off() {
    let with = |median: f64| {
        format!("{SIMULATION}[simulation.faults]\nline_mbit_s = {{ median = {median}, between_sites = 1.0 }}\n")
    };
    let one = [MANY[0], ("min_sites = 3", "min_sites = 1")];
    let (fast, slow) = (outcomes(&with(1.0), &one), outcomes(&with(0.001), &one));
    let mut late = 0;
    for (key, (outcome, after_s)) in &slow {
        let (_, fast_s) = &fast[key];
        let (after_s, fast_s) = (after_s.expect("it comes"), fast_s.expect("it comes"));
        assert!((after_s / fast_s - 1000.0).abs() < 1e-6, "{after_s} to {fast_s}");
        assert_eq!(outcome == "late", after_s > 60.0, "{outcome} after {after_s}");
        late += u32::from(outcome == "late");
    }
    assert!(late > 100 && late < 319, "1000 weights over a kilobit take 64 s in the median: {late}");
    let rounds = events(&with(0.001), &one);
    for event in rounds.iter().filter(|event| event["event"] == "round") {
        let lasts = event["ends_s"].as_f64().expect("a time") - event["begins_s"].as_f64().expect("a time");
        assert!(lasts <= 60.0, "no attempt lasts longer than the deadline: {event}");
        assert_eq!(lasts == 60.0, event["late"].as_u64() > Some(0), "{event}");
    }
}

#[test]
fn late_joiners_and_leavers_come_and_go_once() {
    let simulation = "[simulation]\npopulation = 200\nseed = 5\n[simulation.faults]\n\
        late_joiners = { share = 0.5, last_round = 10 }\nleavers = { share = 0.5, first_round = 20 }\n";
    let asked = outcomes(simulation, &MANY);
    let (mut late, mut left) = (0, 0);
    for site in 0..200 {
        let rounds: Vec<u32> = asked.keys().filter(|(_, _, it)| *it == site).map(|(round, _, _)| *round).collect();
        let (first, last) = (rounds[0], rounds[rounds.len() - 1]);
        assert_eq!(rounds, (first..=last).collect::<Vec<_>>(), "site {site} is there without a gap");
        assert!(first <= 10 && last >= 19, "site {site}: {first} to {last}");
        late += u32::from(first > 1);
        left += u32::from(last < 40);
    }
    // Half of 200: standard deviation 7, five of them is one in a million.
    assert!(late.abs_diff(100) < 36 && left.abs_diff(100) < 36, "{late} late, {left} left");
}

#[test]
fn poison_changes_the_model_as_much_as_it_says() {
    let clean = "[simulation]\npopulation = 4\nseed = 1\n";
    let with =
        |attack: &str| format!("{clean}[simulation.faults]\npoison = {{ sites = 4, attack = {{ {attack} }} }}\n");
    let model = |simulation: &str| {
        let (scenario, dir) = (
            scenario(simulation, &[("rounds = 5", "rounds = 1"), ("every = 2", "every = 1")]),
            tempfile::tempdir().expect("a folder"),
        );
        run(&scenario, &quadratic(&scenario), dir.path(), 1).expect("runs").model
    };
    let honest = model(clean);
    let times = |factor: f32, model: Vec<f32>| {
        model
            .iter()
            .zip(&honest)
            .for_each(|(got, honest)| assert!((got - factor * honest).abs() < 1e-6, "{got} {honest}"));
    };
    times(-1.0, model(&with("kind = \"sign_flip\", factor = 1.0")));
    times(10.0, model(&with("kind = \"scale\", factor = 10.0")));
    times(-1.0, model(&with("kind = \"label_flip\"")));
    let noise = model(&with("kind = \"noise\", deviation = 3.0"));
    // The mean of 4 Gaussians, 1000 times: a variance of 9/4, known to 4.5 %; six standard deviations.
    let variance = noise.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / 1000.0;
    assert!((variance / 2.25 - 1.0).abs() < 0.27, "{variance}");
}

#[test]
fn a_round_with_too_few_is_tried_again_with_others_and_then_the_run_stops() {
    let hard = format!("{SIMULATION}[simulation.faults]\ndropout = 0.6\n");
    let events = events(&hard, &[("rounds = 5", "rounds = 20\nattempts = 20")]);
    let kind = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
    assert_eq!(kind("round"), 20);
    assert!(kind("abandoned") > 3, "{}", kind("abandoned"));
    assert!(events.iter().all(|event| event["event"] != "abandoned" || event["summed"].as_u64() < Some(3)));
    let (scenario, dir) = (scenario(&hard.replace("0.6", "1.0"), &[]), tempfile::tempdir().expect("a folder"));
    let stopped = run(&scenario, &quadratic(&scenario), dir.path(), 1);
    assert!(matches!(stopped, Err(RunError::TooFew { got: 0, needed: 3, attempts: 3, .. })), "{stopped:?}");
    assert_eq!(read(dir.path(), "events.jsonl").lines().count(), 3, "every attempt is told");
}

/// The quadratic, with sites that fail in every way there is.
struct Failing(Quadratic);

impl LocalWork for Failing {
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
        match job.site.get() {
            0 => panic!("a bug at site 0"),
            1 => return Err(WorkError("its disk is full".into())),
            2 => weights.fill(f32::NAN),
            3 => weights.fill(1e9),
            _ => return self.0.train(worker, job, weights, correction),
        }
        Ok(Report { loss: Some(f64::NAN), effort: Effort::sgd(1, 0.1) })
    }
    fn evaluate(&self, worker: &mut Vec<f32>, site: SiteNumber, model: &[f32]) -> Result<Option<f64>, WorkError> {
        match site.get() {
            0 => panic!("a bug at site 0"),
            1 => Err(WorkError("its disk is full".into())),
            _ => self.0.evaluate(worker, site, model),
        }
    }
    fn initial(&self) -> Weights {
        self.0.initial()
    }
    fn name(&self) -> &str {
        "failing"
    }
    fn data(&self) -> Digest {
        self.0.data()
    }
}

#[test]
fn one_sites_fault_ends_no_run_and_is_told_with_its_reason() {
    let scenario = scenario("[simulation]\npopulation = 8\n", &[("every = 2", "every = 5")]);
    let work = Failing(quadratic(&scenario));
    let dirs = [1, 3].map(|workers| (workers, tempfile::tempdir().expect("a folder")));
    for (workers, dir) in &dirs {
        run(&scenario, &work, dir.path(), *workers).expect("the other sites go on");
        let rows = read(dir.path(), "sites.csv");
        let of =
            |site: u32| rows.lines().find(|line| line.starts_with(&format!("1,1,{site},"))).expect("a row").to_owned();
        assert_eq!(of(0), "1,1,0,failed,,,0,\"its work panicked: a bug at site 0\"");
        assert_eq!(of(1), "1,1,1,failed,,,0,\"its disk is full\"");
        assert!(of(2).contains("refused") && of(2).contains("not a finite number"), "{}", of(2));
        assert!(of(3).contains("refused") && of(3).contains("beyond 1024"), "{}", of(3));
        assert!(of(4).contains("summed"));
        let events = read(dir.path(), "events.jsonl");
        assert!(events.contains("\"summed\":4,\"dropped\":0,\"late\":0,\"failed\":2,\"refused\":2"), "{events}");
        assert!(events.contains("\"sites\":6,\"failed\":2"), "{events}");
    }
    assert_eq!(read(dirs[0].1.path(), "events.jsonl"), read(dirs[1].1.path(), "events.jsonl"));
}

/// Panics at every site, and cannot be made anew.
struct Broken(AtomicU32);

impl LocalWork for Broken {
    type Worker = ();
    fn worker(&self) -> Result<(), WorkError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0..4 => Ok(()),
            _ => Err(WorkError("the memory is full".into())),
        }
    }
    fn train(&self, (): &mut (), _: &Job<'_>, _: &mut [f32], _: &Correction<'_>) -> Result<Report, WorkError> {
        panic!("a bug at every site")
    }
    fn evaluate(&self, (): &mut (), _: SiteNumber, _: &[f32]) -> Result<Option<f64>, WorkError> {
        Ok(None)
    }
    fn initial(&self) -> Weights {
        Quadratic::new(1, 1, 10, 1, 0.1).expect("converges").initial()
    }
    fn name(&self) -> &str {
        "broken"
    }
    fn data(&self) -> Digest {
        Digest::of(&[])
    }
}

#[test]
fn a_worker_that_cannot_be_made_anew_ends_the_run_and_nobody_waits() {
    let client = "mode = \"client\"\nunit = \"site\"\nepsilon = 8.0\ndelta = 1e-3\nsampling_rate = 1.0\nclip = 1.0";
    for changes in [&[][..], &[("mode = \"none\"", client)]] {
        let (scenario, dir) =
            (scenario("[simulation]\npopulation = 12\n", changes), tempfile::tempdir().expect("a folder"));
        let ended = run(&scenario, &Broken(AtomicU32::new(0)), dir.path(), 4);
        assert!(matches!(&ended, Err(RunError::Worker(error)) if error.0 == "the memory is full"), "{ended:?}");
    }
}
