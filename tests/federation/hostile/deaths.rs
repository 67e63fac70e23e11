//! Processes killed at every stage of a session, exactly there: the coordinator holds its breath until they are dead.

use super::coordinator;
use super::halfway::Halfway;
use super::silence::Silence;
use super::transcript;
use crate::crashes::side_by_side;
use crate::federation::{Federation, finished_model};
use crate::patience::{LONG, wait_for};
use crate::place::Place;
use crate::plans::{STUDY, Tiny};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a site has done last before it is killed, and how many updates are in a sum of four that goes on.
const DEATHS: [(&str, usize); 5] =
    [("KeySet", 3), ("ShareSet", 3), ("Survivors", 4), ("SignatureSet", 4), ("Unmask", 4)];

/// One round; a site that is gone is given up after a second.
const ONE_ROUND: fn() -> Tiny =
    || Tiny { rounds: 1, attempts: 2, min_sites: 3, absence_s: 1, masked: true, ..Tiny::default() };

/// The model of an undisturbed round among `sites`.
fn undisturbed(place: Place, plan: &Tiny, sites: &[&str]) -> String {
    let mut federation = submitted(place, plan, None);
    sites.iter().for_each(|site| federation.restart(site));
    finished_model(&federation.finish())
}

/// A coordinator that observes `silence`, with the study; the sites are not yet there.
fn submitted(place: Place, plan: &Tiny, silence: Option<&Silence>) -> Federation {
    place.plan(&plan.text());
    let coordinator = place.listen_with(|place| coordinator::start(place, silence));
    let mut federation = Federation::around(coordinator, place);
    federation.submit();
    federation
}

/// Waits for the instant that `silence` is about, at `north`.
fn wait_for_silence(federation: &Federation, silence: &Silence) {
    let direction = if silence.before == "Unmask" { "heard" } else { "withheld" };
    let path = coordinator::transcript(&federation.place);
    let there = || transcript::sites(&path, STUDY, direction, &silence.before).contains(&"north".to_owned());
    wait_for(&silence.to_string(), LONG, || there().then_some(()));
}

fn kinds(events: &[Value], kind: &str) -> Vec<Value> {
    events.iter().filter(|event| event["event"] == kind).cloned().collect()
}

/// A federation in which north is killed at the instant that `silence` is about.
fn bereft(place: Place, plan: &Tiny, silence: &Silence) -> Federation {
    let mut federation = submitted(place, plan, Some(silence));
    federation.start_sites();
    wait_for_silence(&federation, silence);
    federation.kill("north");
    federation
}

/// Rounds that were opened for updates; scores have one of their own.
fn attempts(events: &[Value]) -> usize {
    kinds(events, "round_opened").iter().filter(|event| event["id"]["summand"].is_null()).count()
}

#[test]
fn a_sum_of_four_bears_the_death_of_a_site_at_any_stage() {
    let prepared = Place::prepared_for_four();
    let three = undisturbed(prepared.copy(), &ONE_ROUND(), &["south", "west", "east"]);
    // The session opens among all; what it may lose then is its threshold's to say.
    let plan = Tiny { min_sites: 4, ..ONE_ROUND() };
    let four = undisturbed(prepared.copy(), &plan, &["north", "south", "west", "east"]);
    assert_ne!(three, four);
    side_by_side(DEATHS.into(), |(before, counted)| {
        let federation = bereft(prepared.copy(), &plan, &Silence::towards("north", before));
        let model = finished_model(&federation.finish());
        let events = federation.events("coordinator").all();
        assert_eq!(kinds(&events, "round_opened").len(), 1, "{before}: in one attempt");
        assert_eq!(kinds(&events, "masked_counted").len(), counted, "{before}: U3");
        assert_eq!(&model, if counted == 3 { &three } else { &four }, "{before}: the sum of those that are counted");
        println!("north killed before {before}: the sum of {counted} came out");
    });
}

#[test]
fn a_sum_of_three_bears_the_death_of_a_site_that_has_said_all() {
    let prepared = Place::prepared();
    let model = undisturbed(prepared.copy(), &ONE_ROUND(), prepared.sites());
    let federation = bereft(prepared.copy(), &ONE_ROUND(), &Silence::towards("north", "Unmask"));
    assert_eq!(finished_model(&federation.finish()), model);
    assert_eq!(attempts(&federation.events("coordinator").all()), 1, "in one attempt");
}

/// A masked update that is longer by far than all that a site says before.
const LONG_UPDATE: fn() -> Tiny = || Tiny { width: 32, ..ONE_ROUND() };
/// What passes of a site before its line goes dead: its handshake, its answers, and a part of its masked update.
const UP_BYTES: u64 = 200_000;

/// A federation in which north is killed in the middle of its upload.
fn cut_off(place: Place, plan: &Tiny) -> Federation {
    let mut federation = submitted(place, plan, None);
    let address = federation.place.address();
    let line = Halfway::before(address.trim_start_matches("https://").parse().expect("an address"), UP_BYTES);
    let through = format!("https://{}", line.address());
    coordinator::restrict(&federation.place, "north", &address, &through);
    federation.start_sites();
    wait_for("half an upload", LONG, || line.is_dead().then_some(()));
    assert!(has_part(&federation, "north"), "its upload had begun");
    federation.kill("north");
    coordinator::restrict(&federation.place, "north", &through, &address);
    let opened = kinds(&federation.events("coordinator").all(), "round_opened");
    let masked_bytes = 2 * opened[0]["model"]["bytes"].as_u64().expect("a size");
    assert!(UP_BYTES < masked_bytes, "what came is not the whole of {masked_bytes} bytes");
    federation
}

/// Whether an upload of a site is under way at the coordinator.
fn has_part(federation: &Federation, site: &str) -> bool {
    let spool = federation.place.federation().join("state/spool").join(format!("site-{site}"));
    spool.read_dir().is_ok_and(|mut parts| parts.next().is_some())
}

#[test]
fn a_sum_of_four_bears_the_death_of_a_site_in_the_middle_of_its_upload() {
    let prepared = Place::prepared_for_four();
    let three = undisturbed(prepared.copy(), &LONG_UPDATE(), &["south", "west", "east"]);
    let federation = cut_off(prepared.copy(), &Tiny { min_sites: 4, ..LONG_UPDATE() });
    assert_eq!(finished_model(&federation.finish()), three);
    let events = federation.events("coordinator").all();
    assert_eq!(kinds(&events, "round_opened").len(), 1, "in one attempt");
    assert_eq!(kinds(&events, "masked_counted").len(), 3, "half an update is in no sum");
}

#[test]
fn a_sum_of_three_that_lost_a_site_in_the_middle_of_its_upload_is_made_with_fresh_masks() {
    let prepared = Place::prepared();
    let model = undisturbed(prepared.copy(), &LONG_UPDATE(), prepared.sites());
    let federation = cut_off(prepared.copy(), &LONG_UPDATE());
    assert_made_afresh(federation, "the rest of its upload", &model);
}

#[test]
fn a_sum_of_three_that_lost_a_site_before_anybody_signed_is_made_with_fresh_masks() {
    let prepared = Place::prepared();
    let model = undisturbed(prepared.copy(), &ONE_ROUND(), prepared.sites());
    side_by_side(["KeySet", "ShareSet"].into(), |before| {
        let federation = bereft(prepared.copy(), &ONE_ROUND(), &Silence::towards("north", before));
        assert_made_afresh(federation, before, &model);
    });
}

/// That the attempt is given up, and the next one, with north again, makes the model.
fn assert_made_afresh(mut federation: Federation, before: &str, model: &str) {
    wait_for_abandonment(&federation, before);
    federation.restart("north");
    assert_eq!(finished_model(&federation.finish()), model, "{before}");
    let counted = kinds(&federation.events("coordinator").all(), "masked_counted");
    let updates: BTreeSet<&str> = counted.iter().filter_map(|event| event["update"]["digest"].as_str()).collect();
    assert_eq!(updates.len(), counted.len(), "{before}: no two uploads are alike");
}

#[test]
fn a_sum_of_three_that_lost_a_site_after_anybody_signed_is_never_made() {
    let prepared = Place::prepared();
    let plan = ONE_ROUND();
    side_by_side([("Survivors", "1 sites"), ("SignatureSet", "0 sites")].into(), |(before, left)| {
        let mut federation = bereft(prepared.copy(), &plan, &Silence::towards("north", before));
        wait_for_abandonment(&federation, before);
        federation.restart("north");
        let state = federation.finish()["state"].as_str().expect("a state").to_owned();
        let why = "this site has signed for a sum of this round already";
        let left = format!("{left} are left after Keys, 3 are needed");
        for words in ["failed", "round 1 was tried 2 times", &left, "south: attempt 2 of round 1 is refused", why] {
            assert!(state.contains(words), "{before}: `{words}` is not said: {state}");
        }
        // North is a new process, and remembers.
        let signers: &[&str] = if before == "Survivors" { &["south", "west"] } else { &["north", "south", "west"] };
        for site in signers {
            let log = federation.process(site).log();
            assert!(log.contains(why), "{before}, {site}: {log}");
        }
        let given = transcript::sites(&coordinator::transcript(&federation.place), STUDY, "heard", "Unmask");
        println!("north killed before {before}: {state}; shares were given by {given:?}");
        assert!(kinds(&federation.events("coordinator").all(), "round_committed").is_empty(), "{before}");
    });
}

/// Waits until the round is given up for want of north.
fn wait_for_abandonment(federation: &Federation, before: &str) {
    let events = federation.events("coordinator");
    let reason = wait_for("the end of the attempt", LONG, || {
        kinds(&events.all(), "round_abandoned").first().and_then(|event| event["reason"].as_str().map(str::to_owned))
    });
    println!("north killed before {before}: {reason}");
    assert!(reason.starts_with("2 sites are left after") && reason.ends_with("3 are needed"), "{before}: {reason}");
}

#[test]
fn a_coordinator_killed_before_any_message_of_a_session_goes_on_to_the_same_model() {
    let prepared = Place::prepared();
    let plan = Tiny { absence_s: 60, ..ONE_ROUND() };
    let model = undisturbed(prepared.copy(), &plan, prepared.sites());
    // Said to nobody, and said to all but one; with `Unmask`, one of three has answered.
    let all = ["KeySet", "ShareSet", "Survivors", "SignatureSet"].map(|before| (None, before));
    let but_one = DEATHS.map(|(before, _)| (Some("north"), before));
    side_by_side(all.into_iter().chain(but_one).collect(), |(towards, before)| {
        let silence = Silence { towards: towards.map(str::to_owned), before: before.into() };
        let mut federation = submitted(prepared.copy(), &plan, Some(&silence));
        federation.start_sites();
        wait_for_silence(&federation, &silence);
        federation.kill("coordinator");
        federation.restart("coordinator");
        assert_eq!(finished_model(&federation.finish()), model, "{silence}");
        let opened = attempts(&federation.events("coordinator").all());
        assert_eq!(opened, 1, "{silence}: in the session that was open");
        println!("coordinator killed before {silence}: the same model");
    });
}
