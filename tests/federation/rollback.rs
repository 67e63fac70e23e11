//! A hospital that is put back from an old backup: its ledger has forgotten what was spent, and the coordinator has not.

use crate::binary::{REFUSED, refuse, succeed};
use crate::federation::Federation;
use crate::officers::{allow_budget, keys, private, standing};
use crate::patience::{LONG, wait_for};
use crate::place::{Place, SITES, copy, text};
use crate::plans::{ROUNDS, Tiny};

/// The hospital whose server burns down.
const SITE: &str = "north";

#[test]
fn a_site_restored_from_an_old_backup_trains_nothing_until_two_officers_write_off_what_is_lost() {
    let mut federation = Federation::at(training_for_long());
    federation.submit();
    SITES.iter().for_each(|site| federation.restart(site));
    let backup = federation.place.root().join("backup");
    wait_for_debits(&federation, 1);
    federation.kill(SITE);
    let site = federation.place.site(SITE);
    std::fs::create_dir(&backup).expect("a folder of ours");
    copy(&site, &backup);
    let paid = debits(&federation);
    federation.restart(SITE);
    wait_for_debits(&federation, paid + 2);
    federation.kill(SITE);
    std::fs::remove_dir_all(&site).expect("a folder of ours");
    std::fs::create_dir(&site).expect("a folder of ours");
    copy(&backup, &site);
    assert_eq!(debits(&federation), paid, "the ledger alone cannot know");

    federation.restart(SITE);
    let words = wait_for("a refusal", LONG, || reason(&federation));
    assert!(words.contains("restored from an old backup"), "{words}");
    assert_eq!(debits(&federation), paid, "nothing is trained");
    let gap = words.split("--gap ").nth(1).expect("what to do").split_whitespace().next().expect("a head").to_owned();

    let config = federation.place.site_config(SITE);
    let [a, b] = keys(&federation.place, SITE);
    let write_off = ["budget", "write-off", "--config", text(&config), "--gap", &gap, "--key", text(&a)];
    refuse(&write_off, REFUSED, &["1 of 2 signatures"]);
    succeed(&[&write_off[..], &["--key", text(&b)]].concat());
    let account = standing(&federation.place, SITE);
    assert_eq!(
        (&account["allowed"], account["written_off"][0]["epsilon"].as_f64()),
        (&serde_json::Value::Null, Some(8.0))
    );
    let approve = ["budget", "approve", "--config", text(&config), "--epsilon", "8", "--delta", "1e-5"];
    succeed(&[&approve[..], &["--key", text(&a), "--key", text(&b)]].concat());
    federation.kill(SITE);
    federation.restart(SITE);
    let studies = wait_for("a new reservation", LONG, || {
        let studies = standing(&federation.place, SITE)["studies"].clone();
        studies[1].is_object().then_some(studies)
    });
    assert_eq!((&studies[0]["state"], &studies[1]["state"]), (&"written_off".into(), &"open".into()), "{studies}");
}

/// Hospitals with officers, and a study that does not end by itself.
fn training_for_long() -> Place {
    let place = Place::prepared().copy();
    let plan = Tiny { min_sites: 1, absence_s: 1, attempts: 100, local_steps: 5, ..Tiny::default() };
    let plan = private(plan, 8.0, 5000).replace(&format!("rounds = {ROUNDS}\n"), "rounds = 5000\n");
    let plan = plan.replace(&format!("every = {ROUNDS}"), "every = 50").replace("gather_s = 1", "gather_s = 0");
    place.plan(&plan);
    SITES.iter().for_each(|site| allow_budget(&place, site, 8.0));
    place
}

/// Rounds that the site's last reservation has paid for, those it paid for twice included.
fn debits(federation: &Federation) -> u64 {
    let studies = standing(&federation.place, SITE)["studies"].as_array().expect("studies").clone();
    let last = studies.last();
    last.map_or(0, |study| study["rounds"].as_u64().expect("a count") + study["lost"].as_u64().expect("a count"))
}

fn wait_for_debits(federation: &Federation, count: u64) {
    wait_for("debits", LONG, || (debits(federation) >= count).then_some(()));
}

fn reason(federation: &Federation) -> Option<String> {
    let status = federation.status();
    let site = status["sites"].as_array()?.iter().find(|site| site["site"] == SITE)?.clone();
    site["reason"].as_str().filter(|words| !words.is_empty()).map(String::from)
}
