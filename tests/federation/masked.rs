//! Secure aggregation by real processes: the same model as without masks, through the loss of any of them.

use crate::crashes::side_by_side;
use crate::federation::{Federation, finished_model};
use crate::patience::{LONG, wait_for};
use crate::place::Place;
use crate::plans::{ROUNDS, Tiny};
use serde_json::Value;

const MASKED: fn() -> String = || Tiny { masked: true, ..Tiny::default() }.text();

/// The model of a masked study that nobody disturbed, and how many events the coordinator stored in its first round.
fn undisturbed() -> (String, usize) {
    let federation = Federation::start(&MASKED());
    let model = finished_model(&federation.finish());
    let events = federation.events("coordinator").all();
    let first = events.iter().position(|event| event["event"] == "round_committed").expect("a first round");
    (model, first + 1)
}

#[test]
fn a_masked_study_makes_the_very_model_of_one_that_shows_its_updates() {
    let _kept = Place::prepared();
    let shown = finished_model(&Federation::start(&Tiny::default().text()).finish());
    let federation = Federation::start(&MASKED());
    assert_eq!(finished_model(&federation.finish()), shown, "masks change no bit");
    let events = federation.events("coordinator");
    assert_eq!(
        events.count_of("masked_counted"),
        3 * ROUNDS as usize + 3,
        "updates of each round, and scores of the last"
    );
    assert_eq!(events.count_of("update_counted"), 0, "no update was seen");
    assert_eq!(events.count_of("scores_reported"), 0, "and no site's scores");
}

#[test]
fn the_scores_that_become_known_are_those_of_all_patients_together() {
    let _kept = Place::prepared();
    let federation = Federation::start(&MASKED());
    federation.finish();
    let events = federation.events("coordinator").all();
    for summed in events.iter().filter(|event| event["event"] == "scores_summed") {
        let of_round = |event: &&Value| event["event"] == "evaluated" && event["round"] == summed["round"];
        let (mut sum, mut patients) = (0.0, 0);
        for site in ["north", "south", "west"] {
            let own = federation.events(site).all();
            let score = &own.iter().find(of_round).expect("each site measures every model")["scores"][0];
            patients += score["patients"].as_u64().expect("a number");
            sum += score["mean"].as_f64().expect("a mean") * score["patients"].as_f64().expect("a number");
        }
        let told = &summed["scores"][0];
        assert_eq!((&summed["sites"], &told["patients"]), (&3.into(), &patients.into()));
        let mean = told["mean"].as_f64().expect("a mean");
        assert!((mean - sum / patients as f64).abs() < 1e-5, "{told}");
    }
    assert_eq!(federation.events("coordinator").count_of("scores_summed"), 1);
}

#[test]
fn a_coordinator_killed_at_any_stage_of_a_session_goes_on_to_the_same_model() {
    let _kept = Place::prepared();
    let (model, events) = undisturbed();
    side_by_side((1..=events).collect(), |event| {
        let mut federation = Federation::start(&MASKED());
        let stored = federation.events("coordinator");
        wait_for("an event", LONG, || (stored.count() >= event).then_some(()));
        federation.kill("coordinator");
        println!("coordinator killed after event {event}: {} were stored", stored.count());
        federation.restart("coordinator");
        assert_eq!(finished_model(&federation.finish()), model, "coordinator killed after event {event}");
    });
}

#[test]
fn a_site_killed_before_it_signs_comes_back_to_another_attempt_and_the_same_model() {
    let _kept = Place::prepared();
    let (model, _) = undisturbed();
    let mut federation = Federation::start(&MASKED());
    // Its update is trained and stored; its secrets are in memory only.
    let north = federation.events("north");
    wait_for("an update", LONG, || (north.count_of("trained") > 0).then_some(()));
    federation.kill("north");
    federation.restart("north");
    let status = federation.finish();
    assert_eq!(finished_model(&status), model);
}

#[test]
fn a_site_that_approved_no_roster_refuses_in_words() {
    let mut federation = Federation::without_sites(&MASKED());
    std::fs::remove_file(federation.place.site("north").join("credentials/pinned.roster")).expect("it was approved");
    for site in ["north", "south", "west"] {
        federation.restart(site);
    }
    let north = federation.events("north");
    wait_for("a decision", LONG, || (north.count_of("decided") > 0).then_some(()));
    let decided = north.all();
    let refusal = decided[0]["refusal"].to_string();
    assert!(refusal.contains("approved no roster") && refusal.contains("site roster"), "{refusal}");
}
