//! What a study leaves behind outside the hospitals, and in their logs: no file name, no patient.

use crate::federation::{Federation, finished_model};
use crate::patience::{LONG, wait_for};
use crate::place::SITES;
use crate::plans::Tiny;
use crate::scans::{FILE_MARK, PATIENT_MARK};
use std::path::{Path, PathBuf};

#[test]
fn no_log_and_no_byte_at_the_coordinator_names_a_file_or_a_patient() {
    let federation = Federation::start(&Tiny::default().text());
    finished_model(&federation.finish());
    for site in SITES {
        let events = federation.events(site);
        wait_for("the site's last event", LONG, || (events.count_of("evaluated") > 0).then_some(()));
    }
    let place = &federation.place;
    let files = [files(&place.federation()), files(&place.logs())].concat();
    assert!(files.iter().any(|file| file.ends_with("coordinator.sqlite")), "{files:?}");
    assert!(files.iter().any(|file| file.ends_with("north.log")), "{files:?}");
    for file in files {
        let Ok(bytes) = std::fs::read(&file) else { continue };
        for mark in [FILE_MARK, PATIENT_MARK] {
            let found = bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
            assert!(!found, "{} holds `{mark}`", file.display());
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().expect("a folder of ours");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
