//! What is found before anything runs: in a site's scans, and in a plan.

use crate::binary::{Ended, INPUT, refuse, run};
use crate::place::{Place, text};
use crate::plans::Tiny;
use crate::scans::{FILE_MARK, SIZE_PX};
use std::path::{Path, PathBuf};

fn check(place: &Place, site: &str) -> Ended {
    run(&["site", "check", "--config", text(&place.site_config(site)), "--plan", text(&place.plan_file()), "--offline"])
}

fn place() -> (Place, PathBuf) {
    let place = Place::prepared().copy();
    place.plan(&Tiny::default().text());
    let scans = place.site("north").join("scans");
    (place, scans)
}

/// The name of a site's image by its number, as `scans` gives it.
fn file(number: u32) -> String {
    format!("{FILE_MARK}{number:04}.png")
}

fn spoil(path: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let bytes = change(std::fs::read(path).expect("a file of ours"));
    std::fs::write(path, bytes).expect("a folder of ours");
}

#[test]
fn good_scans_are_usable() {
    let (place, _) = place();
    let ended = check(&place, "north");
    assert_eq!((ended.code, &ended.result["usable"]), (0, &true.into()), "{}", ended.result);
}

#[test]
fn everything_wrong_with_a_folder_is_found_at_once_and_by_file() {
    let (place, scans) = place();
    spoil(&scans.join("images").join(file(1000)), |bytes| bytes[..bytes.len() / 2].to_vec());
    let narrow = image::GrayImage::new(SIZE_PX / 2, SIZE_PX);
    narrow.save(scans.join("masks").join(file(1002))).expect("a folder of ours");
    spoil(&scans.join("manifest.csv"), |manifest| {
        let manifest = String::from_utf8(manifest).expect("text");
        let torn = format!("{},PATIENT_FAKE_1_2,train", file(1005));
        assert!(manifest.contains(&torn), "{manifest}");
        manifest.replace(&torn, &torn.replace("train", "val")).into_bytes()
    });
    let ended = check(&place, "north");
    assert_eq!(ended.code, INPUT, "{}", ended.result);
    assert_eq!(ended.result["usable"], false);
    let findings = ended.result["data"]["findings"].to_string();
    for name in [file(1000), file(1002)] {
        assert!(findings.contains(&name), "{name} is not named: {findings}");
    }
    assert!(findings.contains("both"), "the torn patient is not found: {findings}");
}

#[test]
fn a_plan_with_an_unknown_key_is_refused_with_line_and_suggestion() {
    let dir = tempfile::tempdir().expect("room for a folder");
    let plan = dir.path().join("plan.toml");
    let text_of_plan = Tiny::default().text().replace("local_steps", "local_step");
    std::fs::write(&plan, &text_of_plan).expect("a folder of ours");
    let line = text_of_plan.lines().position(|line| line.starts_with("local_step ")).expect("it is there") + 1;
    refuse(&["study", "digest", text(&plan)], INPUT, &[&format!("line {line}"), "local_step", "local_steps"]);
}

#[test]
fn the_settings_that_come_along_are_good_and_explain_every_key() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let site = wardround_client::SiteConfig::load(&configs.join("site.toml")).expect("good settings");
    assert!(site.policy.plans.is_empty() && !site.policy.allow_without_privacy, "the example allows nothing");
    wardround_coordinator::CoordinatorConfig::load(&configs.join("coordinator.toml")).expect("good settings");
}
