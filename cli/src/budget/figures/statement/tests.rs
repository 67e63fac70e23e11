//! Facts about statements, made from a ledger in memory.

use super::figures::{Evidence, statement};
use super::terms::Unit;
use std::num::NonZeroU32;
use wardround_client::KeptStudy;
use wardround_plan::{DataSetName, Digest, Plan, RoundNumber, Timestamp};
use wardround_privacy::{
    Adjacency, Budget, Composition, Confidence, Decision, Delta, Epsilon, Ledger, LedgerId, Link, Log, OfficerKey,
    OfficerSecret, Purpose, RoundAudit, StudyCost,
};
use wardround_report::Promise;

const PLAN: &str = r#"
[study]
name = "heart"
purpose = "research"
rounds = 4
min_sites = 2
deadline_s = 60
[model]
kind = "unet2d"
width = 4
depth = 2
classes = 2
channels = 1
input_px = 16
[training]
optimizer = "adam"
learning_rate = 0.001
local_steps = 5
batch_images = 4
expected_batch_patients = 16
images_per_patient = 3
[privacy]
mode = "site"
epsilon = 3.0
delta = 1e-5
sampling_rate = 0.1
clip = 1.0
[secagg]
enabled = false
[strategy]
kind = "fedavg"
weighting = "equal"
[evaluation]
metrics = ["dice.foreground"]
epsilon_share = 0.1
"#;

/// A log that keeps nothing: the test asks the ledger that wrote it.
#[derive(Debug)]
struct Nowhere;

impl Log for Nowhere {
    type Error = std::convert::Infallible;
    fn append(&mut self, _link: &Link) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// A site that was allowed ε = 8, reserved the study, and paid for two rounds and one evaluation.
fn evidence(plan: &str) -> Evidence {
    let plan = Plan::from_toml(plan).expect("a good plan");
    let now = Timestamp::from_ms(1_767_225_600_000);
    let mut ledger = Ledger::open([], None, Nowhere).expect("empty");
    let officers = [1, 2].map(|seed| OfficerSecret::from_seed(&[seed; 32]));
    let keys: Vec<OfficerKey> = officers.iter().map(OfficerSecret::public).collect();
    ledger.pin(now, LedgerId(Digest::of(b"ledger")), &keys).expect("two officers");
    let data_set = DataSetName::new("scans").expect("a name");
    let budget = Budget {
        epsilon: Epsilon::new(8.0).expect("in range"),
        delta: Delta::new(1e-5).expect("in range"),
        composition: Composition::Declared,
        adjacency: Adjacency::AddOrRemoveOne,
    };
    let proposal = ledger.propose(Decision::Budget { data_set: data_set.clone(), budget }).expect("opened");
    let signatures = officers.iter().map(|officer| officer.sign(&proposal)).collect();
    ledger.decide(now, proposal, signatures).expect("two signatures");
    if let Ok(cost) = StudyCost::of(&plan) {
        let (study, digest) = (plan.study.name.clone(), plan.digest());
        let reserved = ledger.reserve(now, &data_set, &study, digest, &cost.reservation()).expect("within");
        for round in [1, 2] {
            let round = RoundNumber::new(round).expect("from 1");
            let purpose = Purpose::Training { round, attempt: NonZeroU32::MIN };
            let _receipt = ledger.debit(now, reserved, purpose, &[cost.round()]).expect("reserved");
        }
        let evaluation = cost.evaluation().expect("a share");
        let _receipt =
            ledger.debit(now, reserved, Purpose::Evaluation { round: None }, &[evaluation]).expect("reserved");
    }
    Evidence {
        kept: KeptStudy { site: "north".into(), plan, state: "running".into() },
        unit: Unit::Patient,
        reservations: ledger.reservations().cloned().collect(),
        standings: vec![ledger.standing(&data_set).expect("accountable")],
        data_set,
        officers: ledger.officers(),
        decisions: ledger.decisions().to_vec(),
        head: ledger.head(),
        audit: None,
        now,
    }
}

#[test]
fn a_statement_says_what_the_ledger_holds() {
    let statement = statement(&evidence(PLAN)).expect("a statement");
    assert_eq!(statement.promise, Promise::Patient { epsilon: 3.0, delta: 1e-5 });
    let training = statement.mechanism.as_ref().expect("noise");
    assert_eq!((training.steps_planned, training.steps_spare, training.steps_charged), (30, 10, 10));
    let accounting = statement.accounting.as_ref().expect("counted");
    assert!(accounting.epsilon_spent > 0.0 && accounting.epsilon_spent < accounting.epsilon_planned);
    assert!(accounting.epsilon_planned <= 3.0 && accounting.epsilon_planned > 2.9);
    let second = accounting.second_opinion.expect("add or remove");
    assert!(second.epsilon > accounting.epsilon_planned);
    assert_eq!(statement.charges.iter().map(|line| line.times).collect::<Vec<_>>(), [10, 1]);
    let ten = statement.reading.as_ref().and_then(|reading| reading.epsilon_ten_years).expect("bounded");
    assert!(ten > 3.0 && ten < 30.0, "{ten}");
    let lines: Vec<_> = statement.budgets.iter().map(|line| line.allowed_epsilon).collect();
    assert_eq!(lines, [Some(3.0), Some(8.0)]);
    let [decided] = &statement.officers.decisions[..] else { panic!("{:?}", statement.officers) };
    assert_eq!((decided.entry, decided.signed_by.len()), (2, 2));
    assert!(decided.what.contains("`scans` may spend epsilon 8 at delta 1e-5"), "{decided:?}");
    assert_eq!((statement.officers.named.len(), statement.unit.images_per_patient_max), (2, Some(3)));
    assert!(statement.assumptions.iter().any(|words| words.contains("exact")), "the fast sampler's assumption");
    let page = wardround_report::statement_page(&statement);
    assert!(page.contains("ε = 3, δ = 1e-5") && page.contains("data set `scans`"));
}

#[test]
fn a_study_that_the_ledger_holds_twice_costs_what_both_cost() {
    let mut evidence = evidence(PLAN);
    evidence.reservations.extend_from_within(..);
    let statement = statement(&evidence).expect("a statement");
    let Promise::Patient { epsilon, .. } = statement.promise else { panic!("{:?}", statement.promise) };
    assert!(epsilon > 3.5, "{epsilon}");
    assert!(statement.state.contains("more for it than its plan promises"));
}

#[test]
fn a_site_that_counts_images_as_patients_says_so() {
    let statement = statement(&Evidence { unit: Unit::Image, ..evidence(PLAN) }).expect("a statement");
    assert!(statement.unit.unit.starts_with("one image"));
    assert!(statement.assumptions.iter().any(|words| words.contains("k times the ε")));
}

#[test]
fn an_attack_that_shows_more_than_is_claimed_is_an_alarm() {
    let found = |at_least| RoundAudit {
        claimed: Epsilon::new(1.5).expect("in range"),
        at_least,
        confidence: Confidence::new(0.999).expect("in range"),
        runs: 20_000,
        steps: 5,
    };
    let page = |at_least| {
        let evidence = Evidence { audit: Some(found(at_least)), ..evidence(PLAN) };
        wardround_report::statement_page(&statement(&evidence).expect("a statement"))
    };
    let (within, beyond) = (page(0.5), page(1.6));
    assert!(within.contains("ε ≥ <strong>0.50</strong>") && within.contains("That is within the claim."), "{within}");
    assert!(beyond.contains("Stop the study"), "{beyond}");
}

#[test]
fn a_study_without_noise_promises_nothing() {
    let (start, end) = (PLAN.find("mode = ").expect("there"), PLAN.find("[secagg]").expect("there"));
    let open = format!("{}mode = \"none\"\n{}", &PLAN[..start], &PLAN[end..]);
    let open = open.replace("expected_batch_patients = 16\nimages_per_patient = 3\n", "");
    let open = open.replace("epsilon_share = 0.1\n", "");
    let statement = statement(&evidence(&open)).expect("a statement");
    assert_eq!((statement.promise, statement.mechanism, statement.charges.len()), (Promise::NoGuarantee, None, 0));
}
