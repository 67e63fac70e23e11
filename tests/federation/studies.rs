//! What a study comes to when nobody is killed by force: finished, without the absent, or refused with a reason.

use crate::federation::{Federation, finished_model};
use crate::patience::{LONG, wait_for};
use crate::plans::{self, ROUNDS, Tiny};
use std::time::{Duration, Instant};

#[test]
fn a_study_finishes_and_says_who_made_which_round() {
    let federation = Federation::start(&Tiny::default().text());
    let status = federation.finish();
    let model = finished_model(&status);
    let history = status["history"].as_array().expect("rounds");
    assert_eq!(history.len(), ROUNDS as usize);
    assert_eq!(history[ROUNDS as usize - 1]["model_sha256"], model.as_str());
    for round in history {
        let mut included: Vec<_> = round["included"].as_array().expect("sites").iter().map(|s| s.to_string()).collect();
        included.sort();
        assert_eq!(included, ["\"north\"", "\"south\"", "\"west\""], "{round}");
    }
}

#[test]
fn a_site_that_dies_for_good_holds_up_its_round_for_absence_s_and_no_later_one() {
    let plan = Tiny { min_sites: 2, absence_s: 1, local_steps: 50, ..Tiny::default() };
    let mut federation = Federation::start(&plan.text());
    let events = federation.events("coordinator");
    wait_for("the first round", LONG, || (events.count_of("round_opened") > 0).then_some(()));
    federation.kill("west");
    let begun = Instant::now();
    let status = federation.finish();
    finished_model(&status);
    let last = status["history"].as_array().and_then(|rounds| rounds.last()).expect("rounds");
    let included = last["included"].as_array().expect("sites");
    assert!(!included.contains(&"west".into()), "{last}");
    assert_eq!(included.len(), 2, "{last}");
    let cohorts: Vec<usize> =
        events.all().iter().filter_map(|event| event["cohort"].as_array().map(Vec::len)).collect();
    assert_eq!(cohorts, [3, 2, 2, 2], "later rounds do not invite who is not there");
    println!("the study went on without the dead site for {:?}", begun.elapsed());
}

#[test]
fn a_site_whose_policy_does_not_list_the_plan_says_so_and_the_others_go_on() {
    let text = Tiny { min_sites: 2, ..Tiny::default() }.text();
    let mut federation = Federation::without_sites(&text);
    federation.place.allow("west", &[]);
    crate::place::SITES.iter().for_each(|site| federation.restart(site));
    let status = federation.finish();
    finished_model(&status);
    let west = status["sites"].as_array().and_then(|sites| sites.iter().find(|site| site["site"] == "west"));
    let reason = west.and_then(|west| west["reason"].as_str()).expect("a reason");
    assert!(reason.contains(&plans::digest(&text)) && reason.contains("[policy] plans"), "{reason}");
}

#[test]
fn a_study_that_too_few_sites_allow_fails_with_their_reasons() {
    let text = Tiny::default().text();
    let mut federation = Federation::without_sites(&text);
    // The hospital allowed a plan that differs in one byte from the one that was submitted.
    let edited = text.replace("local_steps = 2", "local_steps = 3");
    federation.place.allow("south", &[&plans::digest(&edited)]);
    crate::place::SITES.iter().for_each(|site| federation.restart(site));
    let state = federation.finish()["state"].as_str().expect("a state").to_owned();
    for word in ["failed", "2 of at least 3 sites", "south refused", "not listed", &plans::digest(&text)] {
        assert!(state.contains(word), "`{word}` is not said: {state}");
    }
}

#[test]
fn a_stopped_coordinator_is_reported_to_the_lead_and_waited_for_by_the_sites() {
    let mut federation = Federation::start(&Tiny::default().text());
    let model = finished_model(&federation.finish());
    federation.kill("coordinator");
    let credentials = federation.place.federation().join("lead");
    let address = federation.place.address();
    let status = ["study", "status", "--coordinator", &address, "--credentials", crate::place::text(&credentials)];
    crate::binary::refuse(&status, crate::binary::UNREACHABLE, &["cannot reach the coordinator", &address[8..]]);
    let gone = |said: &serde_json::Value| said["notice"] == "disconnected";
    let north = federation.process("north");
    wait_for("the site's notice", Duration::from_secs(10), || north.said().iter().any(gone).then_some(()));
    federation.restart("coordinator");
    assert_eq!(finished_model(&federation.status()), model);
}
