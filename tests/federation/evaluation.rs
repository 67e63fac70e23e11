//! Detectors and volumes from phantoms to a verdict: made, trained, measured and compared by the commands that people type.

use crate::binary::{INPUT, refuse, run, succeed};
use crate::place::text;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Everything of a plan but the network and what it is judged by.
const REST: &str = r#"
[training]
optimizer = "adam"
learning_rate = 0.01
local_steps = 3
batch_images = 2
augment = ["flip", "gain"]

[privacy]
mode = "none"

[secagg]
enabled = true

[strategy]
kind = "fedavg"
weighting = "equal"
"#;

const STUDY: &str = r#"
[study]
name = "tiny"
purpose = "a test"
rounds = 2
min_sites = 3
deadline_s = 120
gather_s = 1
"#;

const DETECTOR: &str = r#"
[model]
kind = "centernet2d"
width = 4
depth = 2
classes = 4
channels = 1
input_px = 32

[detection]
classes = ["cell", "blob", "speck"]
unlabelled = { site-b = ["speck"] }

[evaluation]
metrics = ["ap@0.50.patient"]
every = 2
"#;

const VOLUMES: &str = r#"
[model]
kind = "unet3d"
width = 4
depth = 2
classes = 3
channels = 1
input_px = 16
input_slices = 8

[evaluation]
metrics = ["dice.foreground"]
every = 2
"#;

/// Phantoms of three sites and a plan.
struct Ward {
    root: TempDir,
}

impl Ward {
    fn of(task: &str, network: &str) -> Self {
        let ward = Self { root: tempfile::tempdir().expect("room for a folder") };
        succeed(&["data", "synth", "--sites", "3", "--task", task, "--out", text(&ward.file("scans"))]);
        std::fs::write(ward.file("plan.toml"), [STUDY, network, REST].concat()).expect("written");
        let simulation = "[simulation]\npopulation = 3\nseed = 7\n[simulation.partition]\nkind = \"natural\"\n";
        std::fs::write(ward.file("scenario.toml"), [STUDY, network, REST, simulation].concat()).expect("written");
        ward
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A simulated study with this seed; its model.
    fn trained(&self, seed: u32) -> PathBuf {
        let (scenario, out) = (self.file(&format!("scenario-{seed}.toml")), self.file(&format!("run-{seed}")));
        let plan = std::fs::read_to_string(self.file("scenario.toml")).expect("there");
        std::fs::write(&scenario, plan.replace("seed = 7", &format!("seed = {seed}"))).expect("written");
        let data = self.file("scans");
        let done = succeed(&["simulate", text(&scenario), "--data", text(&data), "--out", text(&out)]);
        assert_eq!(done["complete"], true, "{done}");
        out.join("model.safetensors")
    }

    /// `eval` of a model at one site.
    fn evaluated(&self, model: &Path, site: &str, out: &str, more: &[&str]) -> Value {
        let (data, out) = (self.file("scans").join(site), self.file(out));
        let fixed = ["eval", "--model", text(model), "--data", text(&data), "--out", text(&out)];
        succeed(&[&fixed[..], more].concat())
    }
}

fn names(evaluated: &Value) -> Vec<String> {
    let metrics = evaluated["metrics"].as_array().expect("metrics");
    let name = |metric: &Value| {
        let class = metric["class"].as_str().map_or_else(String::new, |class| format!(" {class}"));
        format!("{}{class}", metric["metric"].as_str().expect("a name"))
    };
    metrics.iter().map(name).collect()
}

#[test]
fn a_detector_is_measured_for_the_classes_that_a_site_has_marked_and_compared() {
    let ward = Ward::of("det", DETECTOR);
    let (first, second) = (ward.trained(1), ward.trained(2));
    let all = ward.evaluated(&first, "site-a", "a-1", &["--metrics", "ap@0.50,cpm"]);
    assert_eq!(names(&all)[..4], ["ap@0.50", "ap@0.50 cell", "ap@0.50 blob", "ap@0.50 speck"]);
    let some = ward.evaluated(&first, "site-b", "b-1", &["--metrics", "ap@0.50"]);
    assert_eq!(names(&some), ["ap@0.50", "ap@0.50 cell", "ap@0.50 blob"], "it has not marked specks");
    let patients = all["patients"].as_u64().expect("patients");
    let table = std::fs::read_to_string(ward.file("a-1/scores.csv")).expect("there");
    assert_eq!(table.lines().count() as u64, 1 + 8 * patients, "a row for each patient, metric and class");
    assert!(ward.file("a-1/worst").read_dir().expect("there").count() >= 1);

    ward.evaluated(&second, "site-a", "a-2", &["--metrics", "ap@0.50,cpm"]);
    let compared = run(&["eval", "compare", text(&ward.file("a-1")), text(&ward.file("a-2"))]);
    assert_eq!(compared.code, 0, "{}", compared.complaint);
    let rows = compared.result.as_array().expect("rows");
    assert_eq!(rows.len(), 8);
    assert!(
        rows.iter().all(|row| ["first", "second", "neither"].contains(&row["better"].as_str().expect("a verdict")))
    );
    let (a, b) = (ward.file("a-1"), ward.file("b-1"));
    refuse(&["eval", "compare", text(&a), text(&b)], INPUT, &["other patients"]);
}

#[test]
fn volumes_are_measured_in_their_own_millimetres_and_on_bad_days() {
    let ward = Ward::of("vol", VOLUMES);
    let model = ward.trained(1);
    let asked = ["--metrics", "dice.foreground,dice.class1,hd95.voxel_maxdirected,nsd.subvoxel@2mm,ece.toplabel"];
    let robust = ["--robust", "--corruptions", "gaussian-noise,contrast-down"];
    let measured = ward.evaluated(&model, "site-c", "c", &[&asked[..], &robust].concat());
    assert_eq!(measured["metrics"].as_array().map(Vec::len), Some(5), "{measured}");
    assert_eq!(measured["days"].as_array().map(Vec::len), Some(10), "{measured}");
    assert!(ward.file("c/robust.svg").exists());
    let table = std::fs::read_to_string(ward.file("c/robust.csv")).expect("there");
    assert_eq!(table.lines().count(), 11);
}

#[test]
fn what_cannot_be_measured_is_refused_in_words() {
    let ward = Ward::of("seg", VOLUMES);
    let plan = include_str!("../../configs/phantoms.toml").replace("rounds = 20", "rounds = 1");
    let plan = plan.replace("local_steps = 20", "local_steps = 1").replace("every = 2", "every = 1");
    let simulation = "\n[simulation]\npopulation = 3\nseed = 7\n[simulation.partition]\nkind = \"natural\"\n";
    std::fs::write(ward.file("scenario.toml"), plan + simulation).expect("written");
    let model = ward.trained(1);
    let (data, model, out) = (ward.file("scans/site-a"), text(&model).to_owned(), ward.file("out"));
    let fixed = ["eval", "--model", &model, "--data", text(&data), "--out", text(&out)];
    let refused = |more: &[&str], words: &[&str]| {
        refuse(&[&fixed[..], more].concat(), INPUT, words);
    };
    succeed(&fixed);
    succeed(
        &[&fixed[..], &["--metrics", "hd95.voxel_maxdirected,nsd.subvoxel@2mm", "--spacing-mm", "1.4,1.4"]].concat(),
    );
    refused(&["--metrics", "dice.forground"], &["dice.forground", "dice"]);
    refused(&["--metrics", "ap.coco"], &["ap.coco"]);
    refused(&["--metrics", "hd95.voxel_maxdirected"], &["millimetres", "--spacing-mm"]);
    refused(&["--robust", "--corruptions", "rain"], &["rain"]);
    refused(&["--plan", text(&ward.file("plan.toml"))], &["layout"]);
    let nowhere = ward.file("nowhere");
    refuse(&["eval", "compare", text(&nowhere), text(&out)], INPUT, &["wardround eval"]);
}

#[test]
fn real_processes_train_a_detector_behind_masks() {
    let ward = Ward::of("det", DETECTOR);
    let (scans, plan, out) = (ward.file("scans"), ward.file("plan.toml"), ward.file("demo"));
    let done = succeed(&["demo", "--data", text(&scans), "--plan", text(&plan), "--out", text(&out)]);
    let rows = done["comparison"].as_array().expect("sites");
    assert_eq!(rows.len(), 3, "{done}");
    assert!(rows.iter().all(|row| (0.0..=1.0).contains(&row["federated"].as_f64().expect("a score"))), "{done}");
    let page = std::fs::read_to_string(done["site_reports"][0].as_str().expect("a report")).expect("there");
    assert!(
        page.contains("AP by round") && page.contains("data:image/png;base64,"),
        "no Dice, and pictures with boxes"
    );
    let model = out.join("model.safetensors");
    let measured = ward.evaluated(&model, "site-a", "of-demo", &["--metrics", "ap@0.50"]);
    assert_eq!(measured["round"], 2);
}
