//! What a hospital enforces: nothing is trained that is not paid for, nothing leaves that is not on record, and no crash gives
//! budget back.

use crate::events::Events;
use crate::federation::{Federation, finished_model};
use crate::officers::{allow_budget, private, standing};
use crate::patience::{LONG, wait_for};
use crate::place::{Place, SITES};
use crate::plans::{ROUNDS, Tiny};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// SIGKILLs of the longest test here.
const KILLS: u32 = 200;
/// A failure prints it.
const SEED: u64 = 20_261_122;

/// A federation whose sites run and whose officers allow `allowed`; the plan asks for `asked`.
fn federation(plan: Tiny, asked: f64, allowed: f64, spare_rounds: u32) -> Federation {
    let place = Place::prepared().copy();
    place.plan(&private(plan, asked, spare_rounds));
    SITES.iter().for_each(|site| allow_budget(&place, site, allowed));
    let mut federation = Federation::at(place);
    federation.submit();
    SITES.iter().for_each(|site| federation.restart(site));
    federation
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_private_study_costs_what_it_promised_and_its_scores_leave_as_noise() {
    let federation = federation(Tiny::default(), 4.0, 5.0, 1);
    finished_model(&federation.finish());
    let coordinator = federation.events("coordinator");
    wait_for("all scores", LONG, || (coordinator.count_of("scores_reported") >= SITES.len()).then_some(()));
    for event in coordinator.all().iter().filter(|event| event["event"] == "scores_reported") {
        let scores = event["scores"].as_array().expect("scores");
        assert!(scores.iter().all(|score| score["as"] == "noised"), "{event}");
        assert!(!event.to_string().contains("mean"), "{event}");
    }
    for site in SITES {
        let account = standing(&federation.place, site);
        let (spent, reserved) = (number(&account["spent_epsilon_pld"]), number(&account["reserved_epsilon"]));
        assert!(spent > 0.0 && spent <= reserved && reserved <= 4.0, "{account}");
        assert!(number(&account["left_epsilon"]) >= 1.0, "{account}");
        let study = &account["studies"][0];
        assert_eq!((study["rounds"].as_u64(), study["lost"].as_u64()), (Some(u64::from(ROUNDS)), Some(0)), "{study}");
    }
}

#[test]
fn a_study_over_budget_is_refused_in_words_before_any_scan_is_read() {
    let place = Place::prepared().copy();
    place.plan(&private(Tiny::default(), 4.0, 1));
    SITES.iter().for_each(|site| allow_budget(&place, site, 3.0));
    // A folder that is read would be a refusal of another kind.
    SITES.iter().for_each(|site| std::fs::remove_dir_all(place.site(site).join("scans")).expect("a folder of ours"));
    let mut federation = Federation::at(place);
    federation.submit();
    SITES.iter().for_each(|site| federation.restart(site));
    let refusals = wait_for("three refusals", LONG, || {
        let status = federation.status();
        let sites = status["sites"].as_array().expect("sites").clone();
        let refused =
            sites.iter().filter(|site| site["reason"].as_str().is_some_and(|words| !words.is_empty())).count();
        (refused == SITES.len()).then_some(sites)
    });
    for site in refusals {
        let words = site["reason"].as_str().expect("words");
        assert!(words.contains("asks for epsilon 4.00") && words.contains("3.00 of 3"), "{words}");
    }
    let account = standing(&federation.place, "north");
    assert_eq!((number(&account["reserved_epsilon"]), account["studies"].as_array().map(Vec::len)), (0.0, Some(0)));
}

#[test]
fn a_site_whose_officers_allow_nothing_refuses() {
    let mut federation = Federation::without_sites(&private(Tiny::default(), 4.0, 1));
    federation.restart("north");
    let words = wait_for("a refusal", LONG, || {
        let status = federation.status();
        let north = status["sites"].as_array()?.iter().find(|site| site["site"] == "north")?.clone();
        north["reason"].as_str().filter(|words| !words.is_empty()).map(String::from)
    });
    assert!(words.contains("wardround budget officers"), "{words}");
}

#[test]
fn two_hundred_kills_lose_budget_and_never_regain_any() {
    let plan = Tiny { min_sites: 2, absence_s: 1, attempts: 100, local_steps: 10, ..Tiny::default() };
    let text = private(plan, 8.0, 5000).replace(&format!("rounds = {ROUNDS}\n"), "rounds = 5000\n");
    let text = text.replace(&format!("every = {ROUNDS}"), "every = 50").replace("gather_s = 1", "gather_s = 0");
    let place = Place::prepared().copy();
    place.plan(&text);
    SITES.iter().for_each(|site| allow_budget(&place, site, 8.0));
    let mut federation = Federation::at(place);
    federation.submit();
    SITES.iter().for_each(|site| federation.restart(site));
    let events = federation.events("coordinator");
    wait_for("the first round", LONG, || (events.count_of("round_committed") > 0).then_some(()));
    let mut rng = StdRng::seed_from_u64(SEED);
    for _ in 0..KILLS {
        let victim = SITES[rng.random_range(0..SITES.len())];
        // The instant is the input of this test; nothing is waited for.
        std::thread::sleep(Duration::from_millis(rng.random_range(0..400)));
        federation.kill(victim);
        federation.restart(victim);
    }
    assert_eq!(events.count_of("study_ended"), 0, "seed {SEED}: {}", federation.status());
    let before = events.count_of("round_committed");
    wait_for("rounds after the last kill", LONG, || (events.count_of("round_committed") > before + 5).then_some(()));
    federation.lead(&["stop", crate::plans::STUDY]);
    SITES.iter().for_each(|site| federation.kill(site));
    let mut lost_in_all = 0;
    for site in SITES {
        let paid = paid_rounds(&federation, site);
        let counted = counted_updates(&events, site);
        let lost = paid.saturating_sub(counted);
        lost_in_all += lost;
        println!("seed {SEED}: {site} paid for {paid} rounds, {counted} updates were counted, {lost} lost");
        assert!(paid >= counted, "seed {SEED}: {site} released more than it paid for");
    }
    assert!(lost_in_all > 0, "seed {SEED}: no kill fell between a debit and its upload, so this test saw nothing");
}

/// Debits for training in the ledger of a site, after the chain was verified by its own command.
fn paid_rounds(federation: &Federation, site: &str) -> u64 {
    let study = standing(&federation.place, site)["studies"][0].clone();
    study["rounds"].as_u64().expect("a count") + study["lost"].as_u64().expect("a count")
}

/// Updates of a site that the coordinator has taken, each of which left the site.
fn counted_updates(events: &Events, site: &str) -> u64 {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for event in events.all().iter().filter(|event| event["event"] == "update_counted") {
        *counted.entry(event["site"].as_str().expect("a name").to_owned()).or_default() += 1;
    }
    counted.get(site).copied().unwrap_or(0)
}
