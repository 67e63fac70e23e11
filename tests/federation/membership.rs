//! Who is let in, and who is shown the door: revocation, foreign and expired certificates, roles, codes.

use crate::binary::{INPUT, REFUSED, UNREACHABLE, refuse, succeed};
use crate::federation::{Federation, finished_model};
use crate::patience::{LONG, wait_for};
use crate::place::{Place, text};
use crate::plans::{STUDY, Tiny};
use std::time::Duration;
use wardround_identity::{Approval, Authority, Enrolment, EnrolmentRequest, SigningIdentity, SiteKeys};
use wardround_plan::{SiteId, Timestamp};

/// How soon a revoked site's connection has ended.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn a_revoked_site_is_out_within_seconds_is_told_so_and_the_others_finish() {
    let mut federation = Federation::start(&Tiny { min_sites: 2, local_steps: 50, ..Tiny::default() }.text());
    let events = federation.events("coordinator");
    wait_for("the first round", LONG, || (events.count_of("round_opened") > 0).then_some(()));
    let folder = federation.place.federation();
    succeed(&["authority", "revoke", "west", "--folder", text(&folder)]);
    let west = federation.process("west");
    wait_for("the end of its connection", REVOKED_WITHIN, || west.log().contains("not connected").then_some(()));
    wait_for("its next attempt", LONG, || west.log().contains("has revoked this site's certificate").then_some(()));
    let status = federation.finish();
    finished_model(&status);
    let sites = status["sites"].as_array().expect("sites");
    assert!(sites.iter().all(|site| site["site"] != "west"), "{status}");
}

#[test]
fn credentials_of_another_federation_are_refused_on_both_sides() {
    // The second federation has the same names and other keys.
    let (ours, theirs) = (Federation::at(Place::prepared().copy()), Place::founded());
    let credentials = theirs.federation().join("lead");
    let status = ["study", "status", "--coordinator", &ours.place.address(), "--credentials", text(&credentials)];
    refuse(&status, UNREACHABLE, &["another federation"]);
    let stranger = theirs.site("west").join("credentials");
    let config = ours.place.site_config("west");
    let settings = std::fs::read_to_string(&config).expect("a file of ours");
    let settings = settings.replace("\"credentials\"", &format!("{:?}", text(&stranger)));
    std::fs::write(&config, settings).expect("a folder of ours");
    let check = ["site", "check", "--config", text(&config)];
    let ended = crate::binary::run(&check);
    assert_eq!(ended.code, INPUT, "{}", ended.complaint);
    assert!(ended.result["problems"].to_string().contains("another federation"), "{}", ended.result);
}

#[test]
fn an_expired_certificate_is_refused_with_what_to_do() {
    let place = Place::prepared().copy();
    let folder = place.site("west").join("credentials");
    std::fs::remove_dir_all(&folder).expect("a folder of ours");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(enrol_long_ago(&place, &folder));
    let config = place.site_config("west");
    refuse(&["site", "run", "--config", text(&config)], INPUT, &["site west expired", "enrol again"]);
}

/// A certificate that was good for a week, a year and a half after this project began.
async fn enrol_long_ago(place: &Place, folder: &std::path::Path) {
    let then = Timestamp::from_ms(1_600_000_000_000);
    let site = SiteId::new("west").expect("a name");
    let authority = Authority::open(&place.federation().join("authority")).await.expect("prepared");
    let valid = wardround_plan::Duration::from_s(3600);
    let invitation = authority.invite(&site, valid, Approval::Automatic, then).await.expect("invited");
    let keys = SiteKeys::open_or_generate(folder).expect("a key");
    let csr = keys.csr_pem().expect("a request");
    let signing = SigningIdentity::open_or_generate(folder).expect("a key");
    let request = EnrolmentRequest::new(csr, signing.key(), &site, authority.fingerprint()).expect("a request");
    let enrolled = authority.enroll(&site, &invitation.code, &request, then).await.expect("enrolled");
    let Enrolment::Issued(certificate) = enrolled else { panic!("approved by itself") };
    keys.install(&certificate, authority.fingerprint(), then).expect("installed");
}

#[test]
fn a_site_may_not_lead_a_study() {
    let federation = Federation::at(Place::prepared().copy());
    federation.place.plan(&Tiny::default().text());
    let (plan, credentials) = (federation.place.plan_file(), federation.place.site("north").join("credentials"));
    let address = federation.place.address();
    let who = ["--coordinator", address.as_str(), "--credentials", text(&credentials)];
    let words = &["the caller may not do this"];
    refuse(&[&["study", "submit", text(&plan)], &who[..]].concat(), REFUSED, words);
    refuse(&[&["study", "stop", STUDY], &who[..]].concat(), REFUSED, words);
    refuse(&[&["study", "status"], &who[..]].concat(), REFUSED, words);
}

#[test]
fn a_code_works_once_and_only_with_the_authority_it_came_with() {
    let federation = Federation::at(Place::prepared().copy());
    let (code, pin) = federation.place.invite("east");
    let address = federation.place.address();
    let enroll = ["site", "enroll", "--coordinator", &address, "--code", &code, "--ca-sha256"];
    let [wrong, first, again] = ["wrong", "first", "again"].map(|name| federation.place.root().join(name));
    let zeros = "0".repeat(64);
    refuse(&[&enroll[..], &[&zeros, "--credentials", text(&wrong)]].concat(), UNREACHABLE, &["--ca-sha256"]);
    succeed(&[&enroll[..], &[&pin, "--credentials", text(&first)]].concat());
    let words = &["did not take the code", "ask for a new one"];
    refuse(&[&enroll[..], &[&pin, "--credentials", text(&again)]].concat(), REFUSED, words);
}
