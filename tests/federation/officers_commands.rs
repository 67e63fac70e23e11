//! The officers' commands as officers type them: who may decide, and what a refusal says.

use crate::binary::{FAILED, INPUT, REFUSED, refuse, succeed};
use crate::officers::{allow_budget, keys, standing};
use crate::place::{Place, text};
use std::path::PathBuf;

const SITE: &str = "north";

/// A hospital with two officers and ε = 3.
struct Hospital {
    place: Place,
    config: String,
    a: String,
    b: String,
}

impl Hospital {
    fn new() -> Self {
        let place = Place::prepared().copy();
        allow_budget(&place, SITE, 3.0);
        let (config, [a, b]) = (place.site_config(SITE), keys(&place, SITE));
        let owned = |path: PathBuf| text(&path).to_owned();
        Self { place, config: owned(config), a: owned(a), b: owned(b) }
    }

    fn file(&self, name: &str) -> String {
        text(&self.place.root().join(name)).to_owned()
    }

    /// `budget COMMAND --config SITE.toml ARGUMENTS`
    fn budget<'a>(&'a self, command: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
        [&["budget", command, "--config", &self.config], arguments].concat()
    }

    fn allowed(&self) -> f64 {
        standing(&self.place, SITE)["allowed"]["epsilon"].as_f64().expect("a budget")
    }
}

#[test]
fn raising_takes_two_officers_of_this_site_and_lowering_one() {
    let site = Hospital::new();
    let raise = ["--epsilon", "8", "--delta", "1e-5", "--key", &site.a];
    refuse(&site.budget("approve", &raise), REFUSED, &["1 of 2 signatures"]);
    refuse(&site.budget("approve", &[&raise[..], &["--key", &site.a]].concat()), REFUSED, &["has signed twice"]);
    let stranger = site.file("stranger.pem");
    succeed(&["budget", "key", "--out", &stranger]);
    let with_stranger = [&raise[..], &["--key", &stranger]].concat();
    refuse(&site.budget("approve", &with_stranger), REFUSED, &["is no officer of this ledger"]);
    assert_eq!(site.allowed(), 3.0);
    succeed(&site.budget("approve", &[&raise[..], &["--key", &site.b]].concat()));
    assert_eq!(site.allowed(), 8.0);
    succeed(&site.budget("lower", &["--epsilon", "2", "--key", &site.b]));
    assert_eq!(site.allowed(), 2.0);
    refuse(&site.budget("lower", &["--epsilon", "2.5", "--key", &site.b]), REFUSED, &["is not lower than epsilon 2"]);
}

#[test]
fn officers_on_two_machines_hand_a_proposal_to_each_other() {
    let site = Hospital::new();
    let (proposal, signed) = (site.file("proposal.json"), site.file("signed.json"));
    let raise = ["--epsilon", "8", "--delta", "1e-5", "--key", &site.a, "--out", &proposal];
    let begun = succeed(&site.budget("approve", &raise));
    assert_eq!((&begun["decided"], site.allowed()), (&false.into(), 3.0));
    succeed(&site.budget("approve", &["--proposal", &proposal, "--key", &site.b, "--out", &signed]));
    succeed(&site.budget("approve", &["--proposal", &signed]));
    assert_eq!(site.allowed(), 8.0);
    succeed(&site.budget("lower", &["--epsilon", "1", "--key", &site.a]));
    let replayed = site.budget("approve", &["--proposal", &signed]);
    refuse(&replayed, REFUSED, &["make the proposal again"]);
    assert_eq!(site.allowed(), 1.0, "old signatures do not raise it again");
}

#[test]
fn a_proposal_whose_numbers_were_changed_is_refused() {
    let site = Hospital::new();
    let proposal = site.file("proposal.json");
    let raise = ["--epsilon", "4", "--delta", "1e-5", "--key", &site.a, "--out", &proposal];
    succeed(&site.budget("approve", &raise));
    let content = std::fs::read_to_string(&proposal).expect("written");
    std::fs::write(&proposal, content.replace("\"4.0\"", "\"40.0\"")).expect("a folder of ours");
    let second = site.budget("approve", &["--proposal", &proposal, "--key", &site.b]);
    refuse(&second, REFUSED, &["is not for this proposal"]);
    std::fs::write(&proposal, "{}").expect("a folder of ours");
    refuse(&second, INPUT, &["is no proposal"]);
}

#[test]
fn officers_are_named_once_and_a_key_is_never_overwritten_or_shared() {
    let site = Hospital::new();
    refuse(&["budget", "key", "--out", &site.a], INPUT, &["never overwritten"]);
    let others = [site.file("c.pem"), site.file("d.pem")].map(|file| {
        let made = succeed(&["budget", "key", "--out", &file]);
        made["public_key"].as_str().expect("a key").to_owned()
    });
    let again = site.budget("officers", &["--officer", &others[0], "--officer", &others[1]]);
    refuse(&again, REFUSED, &["has its officers already"]);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&site.a, open).expect("a file of ours");
    let lower = site.budget("lower", &["--epsilon", "1", "--key", &site.a]);
    refuse(&lower, INPUT, &["chmod 600"]);
}

#[test]
fn a_ledger_that_was_cut_off_keeps_the_site_from_starting_and_says_what_to_do() {
    let site = Hospital::new();
    let state = site.place.site(SITE).join("state");
    std::fs::remove_file(state.join("ledger.sqlite")).expect("there");
    let words = &["ledger.sqlite", "newest copy"];
    refuse(&site.budget("show", &[]), FAILED, words);
    refuse(&["site", "run", "--config", &site.config], FAILED, words);
}
