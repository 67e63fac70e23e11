//! The folders of `examples/`: that each has a README and is run by something, and that the commands of those that are told by a
//! scenario work as they are printed, on a few small phantoms and for two rounds.

use crate::binary::run_in;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use wardround_imaging::{SynthPlan, synth};
use wardround_simulator::Scenario;

const ROUNDS: i64 = 2;
/// Small phantoms, in the folder where commands are run.
const SCANS: &str = "scans";

/// A folder of `examples/`.
struct Story {
    name: String,
    folder: PathBuf,
}

impl Story {
    fn all() -> Vec<Self> {
        let entries = examples().read_dir().expect("a folder of the repository").map(|entry| entry.expect("readable"));
        let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
        let story = |folder: PathBuf| {
            let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
            Self { name, folder }
        };
        folders.map(story).collect()
    }

    fn read(&self, file: &str) -> String {
        let text = std::fs::read_to_string(self.folder.join(file));
        text.unwrap_or_else(|error| panic!("examples/{}/{file}: {error}", self.name))
    }

    /// A program of its own tells it; else its scenario does.
    fn is_program(&self) -> bool {
        self.folder.join("main.rs").is_file()
    }

    /// The `wardround` lines of the README's indented blocks, in words.
    fn commands(&self) -> Vec<Vec<String>> {
        let readme = self.read("README.md");
        let lines = readme.lines().filter_map(|line| line.strip_prefix("    wardround "));
        lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    }
}

/// Where the commands of a README are run: with a small copy of the scenario at the path that they name.
struct Lab {
    root: TempDir,
}

impl Lab {
    fn of(story: &Story) -> Self {
        let lab = Self { root: tempfile::tempdir().expect("room for a folder") };
        let folder = lab.file("examples").join(&story.name);
        std::fs::create_dir_all(&folder).expect("a folder of ours");
        std::fs::write(folder.join("plan.toml"), small(&story.read("plan.toml"))).expect("a folder of ours");
        synth(lab.file(SCANS), &phantoms()).expect("a folder of ours");
        lab
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn carry_out(&self, command: &[String]) {
        let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
        let is_new_run = words[0] == "simulate" && words[1].ends_with(".toml");
        if is_new_run && !words.contains(&"--data") {
            words.extend(["--data", SCANS, "--images-are-patients"]);
        }
        let ended = run_in(self.root.path(), &words);
        assert_eq!(ended.code, 0, "wardround {}: {}", words.join(" "), ended.complaint);
        if is_new_run {
            self.check_run(named(&words).expect("every README says where to"), &ended.result);
        } else if words[0] == "report" {
            self.check_report(named(&words).unwrap_or(words[1]));
        }
    }

    fn check_run(&self, out: &str, result: &Value) {
        let Some(variants) = result["variants"].as_array() else {
            assert_eq!(result["complete"], true, "{result}");
            return self.check_files(&self.file(out));
        };
        assert!(variants.len() > 1, "a sweep compares: {result}");
        for variant in variants {
            assert_eq!(variant["complete"], true, "{result}");
            self.check_files(&self.file(out).join(variant["name"].as_str().expect("a name")));
        }
    }

    fn check_files(&self, run: &Path) {
        for file in ["manifest.json", "partition.svg", "sites.csv", "scores.csv", "checkpoint.bin"] {
            assert!(run.join(file).is_file(), "{} has no {file}", run.display());
        }
        let events = std::fs::read_to_string(run.join("events.jsonl")).expect("a file of the run");
        let rounds = events.lines().filter(|line| line.contains("\"event\":\"round\"")).count();
        assert_eq!(rounds as i64, ROUNDS, "{events}");
    }

    fn check_report(&self, out: &str) {
        let page = std::fs::read_to_string(self.file(out).join("report.html")).expect("a page");
        assert!(page.contains("simulation report") && !page.contains("not finished"), "{out}");
    }
}

/// What stands behind `--out`.
fn named<'a>(words: &[&'a str]) -> Option<&'a str> {
    words.iter().skip_while(|word| **word != "--out").nth(1).copied()
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// As many patients as the most numerous federation of `examples/` needs.
fn phantoms() -> SynthPlan {
    let (train_patients, validation_patients) = (15..=15, 3..=3);
    SynthPlan { train_patients, validation_patients, slices_per_patient: 1, size_px: 32, ..SynthPlan::default() }
}

/// The scenario with two rounds of single steps on small images; what it is about stays.
fn small(plan: &str) -> String {
    let mut plan: toml::Table = plan.parse().expect("the scenario of an example is TOML");
    for (section, key, value) in [
        ("study", "rounds", ROUNDS),
        ("model", "input_px", 16),
        ("training", "local_steps", 1),
        ("training", "batch_images", 2),
        ("evaluation", "every", 1),
    ] {
        let section = plan[section].as_table_mut().expect("a section of every plan");
        assert!(section.insert(key.into(), value.into()).is_some(), "{key} is said");
    }
    // Who joins or leaves does so within these rounds.
    for (fault, key) in [("late_joiners", "last_round"), ("leavers", "first_round")] {
        let faults = plan["simulation"].get_mut("faults").and_then(|faults| faults.get_mut(fault));
        if let Some(fault) = faults.and_then(toml::Value::as_table_mut) {
            fault.insert(key.into(), ROUNDS.into());
        }
    }
    toml::to_string(&plan).expect("it was TOML before")
}

#[test]
fn every_example_has_a_readme_and_is_run_by_the_tests() {
    let manifest = std::fs::read_to_string(examples().join("Cargo.toml")).expect("a file of the repository");
    let manifest: toml::Table = manifest.parse().expect("cargo reads it, too");
    let programs = manifest["example"].as_array().expect("a list");
    let stories = Story::all();
    assert!(stories.len() >= 9, "only {} folders", stories.len());
    for story in stories {
        let (name, readme) = (&story.name, story.read("README.md"));
        if story.is_program() {
            let own = programs.iter().find(|program| program["name"].as_str() == Some(name));
            assert!(own.is_some_and(|own| own["test"].as_bool() == Some(true)), "nothing runs examples/{name}");
            assert!(story.read("main.rs").contains("#[test]"), "examples/{name} has no test");
            assert!(readme.contains(&format!("    cargo run -p wardround-examples --example {name}")), "{name}");
        } else {
            let scenario = Scenario::from_toml(&story.read("plan.toml"));
            assert!(scenario.is_ok(), "{name}: {}", scenario.expect_err("refused"));
            assert!(!story.commands().is_empty(), "examples/{name} names no command");
        }
    }
}

#[test]
fn the_commands_of_every_readme_work_as_they_are_printed() {
    for story in Story::all().iter().filter(|story| !story.is_program()) {
        let lab = Lab::of(story);
        story.commands().iter().for_each(|command| lab.carry_out(command));
    }
}
