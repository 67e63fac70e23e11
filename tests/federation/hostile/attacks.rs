//! Each attack gets a refusal by its own check, no share for unmasking, and no sum.

use super::coordinator::{self, restrict};
use super::transcript;
use crate::federation::{Federation, finished_model};
use crate::patience::{LONG, wait_for};
use crate::place::{FOUR_SITES, Place};
use crate::plans::{self, Tiny};
use crate::process::lines;
use std::path::Path;
use wardround_plan::SiteId;
use wardround_secagg::client::Check;
use wardround_secagg::wire::ClientId;

/// Something a coordinator tries, under the name of the study to which it does so.
struct Attack {
    study: &'static str,
    /// What stops it in a site; nothing where a rule outside of the session does.
    check: Option<Check>,
    /// What the site's log says.
    words: &'static str,
    /// By its place in the session, the one site that is not attacked.
    spared: Option<usize>,
    /// What the sites have said before, by its name in the transcript.
    after: Option<&'static str>,
}

const fn attack(study: &'static str, check: Check, words: &'static str) -> Attack {
    Attack { study, check: Some(check), words, spared: None, after: None }
}

impl Attack {
    const fn after(self, said: &'static str) -> Self {
        Self { after: Some(said), ..self }
    }

    const fn sparing(self, place: usize) -> Self {
        Self { spared: Some(place), ..self }
    }

    const fn by_another_rule(self) -> Self {
        Self { check: None, ..self }
    }

    /// The sites that have to refuse: those of a session are in the order of their ids.
    fn victims(&self) -> Vec<&'static str> {
        let mut sites = FOUR_SITES;
        sites.sort_by_key(|site| ClientId::of_site(&SiteId::new(*site).expect("a name")));
        let attacked = sites.into_iter().enumerate().filter(|(place, _)| Some(*place) != self.spared);
        attacked.map(|(_, site)| site).collect()
    }
}

/// What is done is in `schemes`.
const ATTACKS: [Attack; 23] = [
    attack("low-threshold", Check::ThresholdFloor, "the threshold is 2; it has to be 3 to 4"),
    attack("two-sums", Check::OneSum, "two sums of one round could come out"),
    attack("no-traitors", Check::Corrupt, "assumes 0 corrupt sites, this site's policy 1"),
    attack("small-cohort", Check::Cohort, "3 sites take part, this site's policy asks for 4").sparing(3),
    attack("invented-site", Check::Enrolled, "is not on the pinned roster"),
    attack("other-roster", Check::Roster, "the session's roster is not the pinned one"),
    attack("other-model", Check::Model, "another model than this site trained from"),
    attack("other-plan", Check::Config, "training configuration is not allowed here"),
    attack("narrow-ring", Check::NoWrap, "the sum could leave the ring"),
    attack("traitors-noise", Check::NoiseShares, "counts on more sites than are surely honest"),
    // What the site masks by is its plan's, and a ring that is as safe would still be another.
    attack("finer-ring", Check::NoWrap, "the session's ring is not the plan's")
        .by_another_rule()
        .after("EncryptedShares"),
    attack("swapped-keys", Check::AdvertSigned, "on its keys does not hold").sparing(0).after("KeyAdvert"),
    attack("hidden-site", Check::SharesOpen, "does not decrypt").after("EncryptedShares"),
    attack("swapped-shares", Check::SharesOpen, "does not decrypt").after("EncryptedShares"),
    attack("survivors-first", Check::Order, "sent Survivors where the site had sent its shares")
        .after("EncryptedShares"),
    attack("few-survivors", Check::ThirdSetSize, "2 sites are left after Upload, 3 are needed")
        .after("EncryptedShares"),
    attack("left-out", Check::ThirdSetHasOwn, "own place in U3 is missing or changed").after("EncryptedShares"),
    attack("second-survivors", Check::Order, "a second Survivors that differs from the first").after("Consistency"),
    attack("split-survivors", Check::SetsSigned, "on its sets does not hold").after("Consistency"),
    attack("few-signatures", Check::SignersEnough, "2 sites are left after Consistency, 3 are needed")
        .after("Consistency"),
    attack("borrowed-signature", Check::SetsSigned, "on its sets does not hold").after("Consistency"),
    // A list that repeats an entry is no message: it never reaches the check.
    attack("repeated-signer", Check::SignersEnough, "`signatures` is not in strictly increasing order")
        .by_another_rule()
        .after("Consistency"),
    attack("second-attempt", Check::NotSigned, "signed for a sum of this round already").after("Consistency"),
];

/// Rounds and attempts are few: a study of which nothing comes is not to go on for long.
fn plan(study: &'static str) -> String {
    Tiny { name: study, rounds: 1, attempts: 2, min_sites: 4, masked: true, ..Tiny::default() }.text()
}

/// The studies to which nothing is done, before all others and after them.
const HONEST: &str = "honest";
const STILL_HONEST: &str = "still-honest";

#[test]
fn a_coordinator_that_cheats_is_refused_by_the_named_check_and_gets_no_sum() {
    let prepared = Place::prepared_for_four();
    let mut federation = hostile_federation(prepared.copy());
    submit(&mut federation, HONEST);
    let model = finished_model(&federation.lead(&["status", HONEST, "--follow"]));
    assert_eq!(
        shares_given(&federation, HONEST),
        2 * FOUR_SITES.len(),
        "for updates and for scores: there are some to count"
    );
    assert_eq!(model, honest_model(prepared.copy()), "who stands in between changes nothing");
    for attack in &ATTACKS {
        assert_refused(&mut federation, attack);
    }
    // On each line this comes behind all that was said before: no share is still on its way, and no site is worn out.
    submit(&mut federation, STILL_HONEST);
    finished_model(&federation.lead(&["status", STILL_HONEST, "--follow"]));
    assert_eq!(shares_given(&federation, STILL_HONEST), 2 * FOUR_SITES.len());
    for attack in &ATTACKS {
        assert_eq!(shares_given(&federation, attack.study), 0, "{}: shares left a site", attack.study);
    }
}

/// Four sites that allow every study here, and a coordinator that cheats in each by its name.
fn hostile_federation(place: Place) -> Federation {
    let studies = ATTACKS.iter().map(|attack| attack.study).chain([HONEST, STILL_HONEST]);
    let digests: Vec<String> = studies.map(|study| plans::digest(&plan(study))).collect();
    let digests: Vec<&str> = digests.iter().map(String::as_str).collect();
    for site in FOUR_SITES {
        place.allow(site, &digests);
        restrict(&place, site, "min_cohort = 2", "min_cohort = 4");
    }
    let coordinator = place.listen_with(|place| coordinator::start(place, None));
    let mut federation = Federation::around(coordinator, place);
    federation.start_sites();
    federation
}

fn honest_model(place: Place) -> String {
    place.plan(&plan(HONEST));
    let mut federation = Federation::at(place);
    federation.submit();
    federation.start_sites();
    finished_model(&federation.lead(&["status", HONEST, "--follow"]))
}

fn assert_refused(federation: &mut Federation, attack: &Attack) {
    submit(federation, attack.study);
    for site in attack.victims() {
        let log = federation.place.logs().join(format!("{site}.log"));
        wait_for(&format!("{site}'s refusal of {}", attack.study), LONG, || refusal(&log, attack));
    }
    let (place, study) = (&federation.place, attack.study);
    if let Some(said) = attack.after {
        // It may be on its way: a site's log is faster than the line.
        let path = coordinator::transcript(place);
        let heard = |site: &str| transcript::sites(&path, study, "heard", said).iter().any(|one| one == site);
        let all = || attack.victims().into_iter().all(heard);
        wait_for(&format!("{said} of all in {study}"), LONG, || all().then_some(()));
    }
    assert_eq!(shares_given(federation, study), 0, "{study}: shares left a site");
    assert_no_sum(federation, study);
    federation.lead(&["stop", study]);
    assert_no_sum(federation, study);
    println!("{study}: refused by {:?}: {}", attack.check, attack.words);
}

/// That a site's log has the words, of this study.
fn refusal(log: &Path, attack: &Attack) -> Option<()> {
    let of_study = lines(log).into_iter().filter(|line| line["study"] == attack.study);
    let mut reasons = of_study.filter_map(|line| line["reason"].as_str().map(str::to_owned));
    reasons.any(|reason| reason.contains(attack.words)).then_some(())
}

/// How many sites have given shares for unmasking.
fn shares_given(federation: &Federation, study: &str) -> usize {
    transcript::sites(&coordinator::transcript(&federation.place), study, "heard", "Unmask").len()
}

/// Neither the coordinator's events nor its disk have a model or a sum without masks: that is as long as one of ordinary
/// updates, and one with masks has four words more.
fn assert_no_sum(federation: &Federation, study: &str) {
    let events = federation.events("coordinator").of_study(study);
    assert!(events.iter().any(|event| event["event"] == "round_opened"), "{study}: nothing was tried");
    assert!(events.iter().all(|event| event["event"] != "round_committed"), "{study}: {events:?}");
    let model_bytes = events.iter().find_map(|event| event["model"]["bytes"].as_u64()).expect("a round was opened");
    let objects = federation.place.federation().join("state/sha256");
    let objects = objects.read_dir().expect("a folder of ours").filter_map(Result::ok);
    // The sum of a round that is over may be deleted while we look.
    let sizes: Vec<u64> = objects.filter_map(|object| object.metadata().ok()).map(|object| object.len()).collect();
    assert!(sizes.contains(&model_bytes), "{study}: the first model is there");
    assert!(!sizes.contains(&(2 * model_bytes)), "{study}: a sum without masks");
}

fn submit(federation: &mut Federation, study: &'static str) {
    std::fs::write(federation.place.plan_file(), plan(study)).expect("a folder of ours");
    federation.submit();
}
