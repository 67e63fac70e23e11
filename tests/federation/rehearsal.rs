//! `wardround simulate` and `report` as a researcher types them, on the scans of the three hospitals.

use crate::binary::{FAILED, INPUT, run, succeed, wardround};
use crate::patience::{LONG, wait_for};
use crate::place::{SITES, text};
use crate::plans::{ROUNDS, Tiny};
use crate::scans;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Scans of three hospitals, a scenario about them, and room for runs.
struct Lab {
    root: TempDir,
}

impl Lab {
    fn new() -> Self {
        let lab = Self { root: tempfile::tempdir().expect("room for a folder") };
        for (number, site) in SITES.iter().enumerate() {
            scans::write(&lab.file("scans").join(site), number as u32 + 1);
        }
        let simulation = "\n[simulation]\npopulation = 3\nseed = 7\n";
        std::fs::write(lab.file("scenario.toml"), Tiny::default().text() + simulation).expect("written");
        lab
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// `simulate scenario.toml --data scans --out NAME ARGUMENTS`
    fn arguments(&self, out: &str, more: &[&str]) -> Vec<String> {
        let (plan, data, out) = (self.file("scenario.toml"), self.file("scans"), self.file(out));
        let fixed = ["simulate", text(&plan), "--data", text(&data), "--out", text(&out)];
        fixed.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    fn simulate(&self, out: &str, more: &[&str]) -> serde_json::Value {
        let arguments = self.arguments(out, more);
        succeed(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn verify(&self, first: &str, second: &str) -> crate::binary::Ended {
        run(&["simulate", "verify", text(&self.file(first)), text(&self.file(second))])
    }
}

#[test]
fn a_run_is_the_same_for_any_number_of_workers_and_behind_masks() {
    let lab = Lab::new();
    let one = lab.simulate("one", &["--workers", "1"]);
    assert_eq!((one["rounds"].as_u64(), &one["complete"]), (Some(u64::from(ROUNDS)), &true.into()), "{one}");
    for (name, more) in [("two", &["--workers", "2"][..]), ("masked", &["--secagg"])] {
        let other = lab.simulate(name, more);
        assert_eq!(other["model_sha256"], one["model_sha256"], "{name}");
        let compared = lab.verify("one", name);
        assert_eq!((compared.code, &compared.result["found"]), (0, &"same".into()), "{}", compared.result);
    }
}

#[test]
fn a_run_that_was_killed_is_taken_up_again_and_ends_the_same() {
    let lab = Lab::new();
    let whole = lab.simulate("whole", &[]);
    let mut command = Command::new(wardround());
    command.args(lab.arguments("killed", &[])).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn().expect("starts");
    let manifest = lab.file("killed").join("manifest.json");
    wait_for("a run that can be resumed", LONG, || manifest.exists().then_some(()));
    process.kill().expect("it may be over: then there is nothing left to do");
    process.wait().expect("ours");
    let resumed = succeed(&["simulate", "resume", text(&lab.file("killed")), "--data", text(&lab.file("scans"))]);
    assert_eq!(resumed["model_sha256"], whole["model_sha256"]);
    assert_eq!(lab.verify("whole", "killed").code, 0);
}

#[test]
fn a_sweep_is_compared_in_a_report_and_runs_that_differ_are_told_apart() {
    let lab = Lab::new();
    let sweep = ["--sweep", "strategy.kind=fedavg,fedprox", "--seeds", "2"];
    lab.simulate("sweep", &sweep);
    // A second time nothing is left to do.
    lab.simulate("sweep", &sweep);
    let folder = lab.file("sweep");
    succeed(&["report", text(&folder), "--tensorboard"]);
    for file in ["report.html", "report.json", "runs.csv", "scores.svg", "sweep.json", "tensorboard"] {
        assert!(folder.join(file).exists(), "{file}");
    }
    let differ = lab.verify("sweep/kind-fedavg_seed-7", "sweep/kind-fedprox_seed-7");
    assert_eq!(differ.code, FAILED, "{}", differ.result);
    assert!(folder_names(&folder).contains(&"kind-fedprox_seed-8".to_owned()), "{:?}", folder_names(&folder));
}

#[test]
fn a_plan_without_virtual_sites_is_refused_with_what_to_add() {
    let lab = Lab::new();
    std::fs::write(lab.file("scenario.toml"), Tiny::default().text()).expect("written");
    let refused = run(&lab.arguments("run", &[]).iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(refused.code, INPUT);
    assert!(refused.complaint.contains("[simulation]"), "{}", refused.complaint);
}

fn folder_names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok);
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
