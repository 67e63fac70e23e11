//! The study machine, driven by a list of inputs; the helper performs effects as a shell would.

use super::*;
use crate::{Attempt, FromSite, ModelRef, Refusal, RefusalReason, RoundId, StudyOutcome, ToSite, UpdateRef};
use std::collections::BTreeSet;
use wardround_plan::{Digest, Plan, RoundNumber, SiteId, Timestamp};

const PLAN: &str = r#"
[study]
name = "s"
purpose = "test"
rounds = 2
min_sites = 2
deadline_s = 100
gather_s = 10
absence_s = 20
attempts = 2
[model]
kind = "unet2d"
width = 8
depth = 2
classes = 2
channels = 1
input_px = 16
[training]
optimizer = "sgd"
learning_rate = 0.1
local_steps = 1
batch_images = 1
[privacy]
mode = "none"
[secagg]
enabled = false
[strategy]
kind = "fedavg"
weighting = "equal"
[evaluation]
metrics = ["dice.foreground"]
"#;

fn at(s: u64) -> Timestamp {
    Timestamp::from_ms(s * 1000)
}

fn site(name: &str) -> SiteId {
    SiteId::new(name).expect("a name")
}

fn update(n: u8) -> UpdateRef {
    UpdateRef { digest: Digest::of(&[n]) }
}

fn submission() -> Submission {
    let model = ModelRef { digest: Digest::of(b"initial"), bytes: 40 };
    Submission { plan: Plan::from_toml(PLAN).expect("a plan"), layout: Digest::of(b"layout"), model }
}

fn id(round: u32, attempt: u32) -> RoundId {
    RoundId {
        study: submission().plan.study.name,
        round: RoundNumber::new(round).expect("from 1"),
        attempt: Attempt::new(attempt).expect("from 1"),
        summand: crate::Summand::Update,
    }
}

/// A machine with a shell that folds and applies at once and remembers what it stored and sent.
struct Shell {
    study: Study,
    stored: Vec<Event>,
    sent: Vec<(SiteId, ToSite)>,
    receipts: Vec<(SiteId, Result<(), Rejection>)>,
    folds: Vec<(SiteId, u32)>,
    refuse_folds: bool,
}

impl Shell {
    fn new(sites: &[&str]) -> Self {
        let mut shell = Self::around(Study::new(submission(), None));
        shell.feed(0, Input::Roster(sites.iter().map(|name| site(name)).collect())).expect("known");
        shell
    }

    fn around(study: Study) -> Self {
        Self { study, stored: vec![], sent: vec![], receipts: vec![], folds: vec![], refuse_folds: false }
    }

    fn feed(&mut self, now: u64, input: Input) -> Result<(), Rejection> {
        let result = self.study.handle(at(now), input);
        self.drain(now);
        result
    }

    fn tick(&mut self, now: u64) {
        self.study.tick(at(now));
        self.drain(now);
    }

    fn drain(&mut self, now: u64) {
        while let Some(effect) = self.study.poll_effect() {
            match effect {
                Effect::Persist(recorded) => self.stored.push(recorded.event),
                Effect::Send(to, message) => self.sent.push((to, message)),
                Effect::Receipt(to, _, result) => self.receipts.push((to, result)),
                Effect::Discard(_) => {}
                Effect::FoldMasked(_) | Effect::Unmask { .. } | Effect::Read(_) => panic!("the plan shows its updates"),
                Effect::Fold(fold) => {
                    let answer = if self.refuse_folds {
                        Input::FoldRefused(Rejection::Content("NaN".into()))
                    } else {
                        self.folds.push((fold.site, fold.weight));
                        Input::Folded(Digest::of(&[self.folds.len() as u8]))
                    };
                    self.study.handle(at(now), answer).expect("the shell is believed");
                }
                Effect::Apply { of: Summed::Gradients { .. }, .. } => panic!("no gradients are summed here"),
                Effect::Apply { of: Summed::Updates(weights), .. } => {
                    let model = ModelRef { digest: Digest::of(&[weights.len() as u8, 99]), bytes: 40 };
                    self.study.handle(at(now), Input::Applied(model)).expect("the shell is believed");
                }
            }
        }
    }

    /// A site connects and agrees.
    fn join(&mut self, now: u64, name: &str) {
        self.feed(now, Input::Arrived(site(name))).expect("welcome");
        let (study, plan) = (id(1, 1).study, submission().plan.digest());
        self.feed(now, Input::Said(site(name), FromSite::StudyAnswer { study, plan, answer: Ok(()) })).expect("heard");
    }

    fn refuse_study(&mut self, now: u64, name: &str) {
        self.feed(now, Input::Arrived(site(name))).expect("welcome");
        let answer = Err(Refusal::new(RefusalReason::PlanNotAllowed, "not on our list"));
        let (study, plan) = (id(1, 1).study, submission().plan.digest());
        self.feed(now, Input::Said(site(name), FromSite::StudyAnswer { study, plan, answer })).expect("heard");
    }

    fn upload(&mut self, now: u64, name: &str, id: RoundId, n: u8) -> Result<(), Rejection> {
        self.feed(now, Input::Uploaded(site(name), id, update(n), 40))
    }

    fn invited(&self, id: &RoundId) -> BTreeSet<&SiteId> {
        let is_it = |message: &ToSite| matches!(message, ToSite::Invitation(invitation) if invitation.id == *id);
        self.sent.iter().filter(|(_, message)| is_it(message)).map(|(site, _)| site).collect()
    }

    fn outcome(&self) -> Option<StudyOutcome> {
        self.study.view().outcome
    }
}

#[test]
fn a_study_of_two_rounds_finishes() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.join(0, "a");
    shell.join(0, "b");
    for round in [1, 2] {
        assert_eq!(shell.invited(&id(round, 1)).len(), 2);
        shell.upload(1, "a", id(round, 1), 1).expect("expected");
        shell.upload(1, "b", id(round, 1), 2).expect("expected");
    }
    assert_eq!(shell.outcome(), Some(StudyOutcome::Finished));
    assert_eq!(shell.folds.len(), 4);
    assert!(shell.receipts.iter().all(|(_, result)| result.is_ok()));
    assert_eq!(shell.study.deadline(), None);
}

#[test]
fn a_round_opens_at_once_when_everybody_is_here() {
    let mut shell = Shell::new(&["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        shell.join(0, name);
    }
    assert_eq!(shell.invited(&id(1, 1)).len(), 3);
}

#[test]
fn an_absent_site_is_waited_for_only_so_long() {
    let mut shell = Shell::new(&["a", "b", "c"]);
    shell.join(3, "a");
    shell.join(3, "b");
    assert_eq!(shell.invited(&id(1, 1)).len(), 0);
    assert_eq!(shell.study.deadline(), Some(at(10)), "c has been away since 0");
    shell.tick(10);
    assert_eq!(shell.invited(&id(1, 1)).len(), 2);
    shell.upload(11, "a", id(1, 1), 1).expect("expected");
    shell.upload(11, "b", id(1, 1), 2).expect("expected");
    assert_eq!(shell.invited(&id(2, 1)).len(), 2, "the next round does not wait for c again");
}

#[test]
fn below_min_sites_nothing_opens() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.join(0, "a");
    shell.tick(1_000_000);
    assert_eq!(shell.invited(&id(1, 1)).len(), 0);
    assert_eq!(shell.outcome(), None);
}

#[test]
fn refusals_that_leave_too_few_end_the_study_with_their_reason() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.join(0, "a");
    shell.refuse_study(0, "b");
    let Some(StudyOutcome::Failed(reason)) = shell.outcome() else { panic!("{:?}", shell.outcome()) };
    assert!(reason.contains("b refused: not on our list"), "{reason}");
}

#[test]
fn a_refusing_site_is_left_out_and_the_others_go_on() {
    let mut shell = Shell::new(&["a", "b", "c"]);
    shell.join(0, "a");
    shell.refuse_study(0, "b");
    shell.join(0, "c");
    assert_eq!(shell.invited(&id(1, 1)), BTreeSet::from([&site("a"), &site("c")]));
}

#[test]
fn the_deadline_closes_a_round_with_those_that_came() {
    let mut shell = Shell::new(&["a", "b", "c"]);
    ["a", "b", "c"].iter().for_each(|name| shell.join(0, name));
    shell.upload(1, "a", id(1, 1), 1).expect("expected");
    shell.upload(1, "b", id(1, 1), 2).expect("expected");
    shell.tick(99);
    assert_eq!(shell.study.view().phase, Phase::Collecting);
    shell.tick(100);
    assert_eq!(shell.study.view().id.round.get(), 2);
    assert_eq!(shell.upload(101, "c", id(1, 1), 3), Err(Rejection::NotOpen(id(1, 1))), "late update is refused");
}

#[test]
fn a_dead_site_costs_its_absence_not_the_deadline() {
    let mut shell = Shell::new(&["a", "b", "c"]);
    ["a", "b", "c"].iter().for_each(|name| shell.join(0, name));
    shell.upload(1, "a", id(1, 1), 1).expect("expected");
    shell.upload(1, "b", id(1, 1), 2).expect("expected");
    shell.feed(5, Input::Left(site("c"))).expect("known");
    assert_eq!(shell.study.deadline(), Some(at(25)));
    shell.tick(25);
    assert_eq!(shell.study.view().id.round.get(), 2);
}

#[test]
fn a_site_that_comes_back_is_invited_again_and_counts() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.join(0, "a");
    shell.join(0, "b");
    shell.feed(1, Input::Left(site("b"))).expect("known");
    shell.upload(2, "a", id(1, 1), 1).expect("expected");
    shell.sent.clear();
    shell.join(3, "b");
    assert_eq!(shell.invited(&id(1, 1)), BTreeSet::from([&site("b")]));
    shell.upload(4, "b", id(1, 1), 2).expect("expected");
    assert_eq!(shell.study.view().id.round.get(), 2);
}

#[test]
fn a_counted_site_that_comes_back_is_not_invited_twice() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.join(0, "a");
    shell.join(0, "b");
    shell.upload(1, "a", id(1, 1), 1).expect("expected");
    shell.feed(1, Input::Left(site("a"))).expect("known");
    shell.sent.clear();
    shell.join(2, "a");
    assert!(shell.invited(&id(1, 1)).is_empty());
}

#[test]
fn duplicates_count_once_and_other_updates_are_refused() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.join(0, "a");
    shell.join(0, "b");
    shell.upload(1, "a", id(1, 1), 1).expect("expected");
    assert_eq!(shell.study.admit(&site("a"), &id(1, 1), &update(1), 40), Ok(Admission::AlreadyCounted));
    shell.upload(1, "a", id(1, 1), 1).expect("the receipt is given again");
    assert_eq!(shell.receipts.len(), 2);
    assert_eq!(shell.upload(1, "a", id(1, 1), 9), Err(Rejection::Duplicate(site("a"))));
    assert_eq!(shell.folds.len(), 1);
}

#[test]
fn an_update_of_an_earlier_round_is_refused() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.join(0, "a");
    shell.join(0, "b");
    shell.upload(1, "a", id(1, 1), 1).expect("expected");
    shell.upload(1, "b", id(1, 1), 2).expect("expected");
    assert_eq!(shell.upload(2, "a", id(1, 1), 1), Err(Rejection::NotOpen(id(1, 1))));
}

#[test]
fn strangers_and_wrong_sizes_are_refused() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.join(0, "a");
    shell.join(0, "b");
    let study = &shell.study;
    assert_eq!(study.admit(&site("x"), &id(1, 1), &update(1), 40), Err(Rejection::NotExpected(site("x"))));
    assert_eq!(study.admit(&site("a"), &id(1, 1), &update(1), 44), Err(Rejection::Size { expected: 40, got: 44 }));
    assert_eq!(study.admit(&site("a"), &id(1, 2), &update(1), 40), Err(Rejection::NotOpen(id(1, 2))));
}

#[test]
fn an_update_with_nan_costs_only_its_sender() {
    let mut shell = Shell::new(&["a", "b", "c"]);
    ["a", "b", "c"].iter().for_each(|name| shell.join(0, name));
    shell.refuse_folds = true;
    shell.upload(1, "a", id(1, 1), 1).expect("expected");
    shell.refuse_folds = false;
    assert_eq!(shell.receipts.pop(), Some((site("a"), Err(Rejection::Content("NaN".into())))));
    assert_eq!(shell.upload(1, "a", id(1, 1), 2), Err(Rejection::NotExpected(site("a"))));
    shell.upload(1, "b", id(1, 1), 2).expect("expected");
    shell.upload(1, "c", id(1, 1), 3).expect("expected");
    assert_eq!(shell.study.view().id.round.get(), 2);
}

#[test]
fn a_round_without_quorum_is_tried_again_and_then_the_study_fails_with_a_reason() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.join(0, "a");
    shell.join(0, "b");
    shell.upload(1, "a", id(1, 1), 1).expect("expected");
    shell.tick(100);
    assert_eq!(shell.invited(&id(1, 2)).len(), 2, "tried again");
    shell.tick(200);
    let Some(StudyOutcome::Failed(reason)) = shell.outcome() else { panic!("{:?}", shell.outcome()) };
    assert!(reason.contains("tried 2 times") && reason.contains("b sent nothing"), "{reason}");
}

#[test]
fn a_site_that_gives_up_training_ends_a_hopeless_round_at_once() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.join(0, "a");
    shell.join(0, "b");
    let answer = Err(Refusal::new(RefusalReason::TrainingFailed, "loss is NaN"));
    shell.feed(1, Input::Said(site("a"), FromSite::RoundAnswer { id: id(1, 1), answer })).expect("heard");
    assert!(
        shell
            .stored
            .iter()
            .any(|event| matches!(event, Event::RoundAbandoned { reason } if reason.contains("loss is NaN")))
    );
}

#[test]
fn stop_ends_the_study_and_tells_everyone() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.join(0, "a");
    shell.join(0, "b");
    shell.feed(1, Input::Stop).expect("always");
    assert_eq!(shell.outcome(), Some(StudyOutcome::Stopped));
    let told = shell.sent.iter().filter(|(_, message)| matches!(message, ToSite::Ended(_))).count();
    assert_eq!(told, 2);
    assert_eq!(shell.upload(2, "a", id(1, 1), 1), Err(Rejection::NotOpen(id(1, 1))));
}

#[test]
fn a_revoked_site_is_no_longer_waited_for() {
    let mut shell = Shell::new(&["a", "b", "c"]);
    ["a", "b", "c"].iter().for_each(|name| shell.join(0, name));
    shell.upload(1, "a", id(1, 1), 1).expect("expected");
    shell.upload(1, "b", id(1, 1), 2).expect("expected");
    shell.feed(2, Input::Roster(BTreeSet::from([site("a"), site("b")]))).expect("known");
    assert_eq!(shell.study.view().id.round.get(), 2);
}

#[test]
fn answers_about_another_plan_are_not_taken() {
    let mut shell = Shell::new(&["a", "b"]);
    shell.feed(0, Input::Arrived(site("a"))).expect("welcome");
    let plan = wardround_plan::PlanDigest(Digest::of(b"another plan"));
    let message = FromSite::StudyAnswer { study: id(1, 1).study, plan, answer: Ok(()) };
    assert_eq!(shell.feed(0, Input::Said(site("a"), message)), Err(Rejection::NotExpected(site("a"))));
}

/// The crash test of the pure part: stop after every stored event, restore from what was stored, and go on.
#[test]
fn a_restart_after_any_event_ends_with_the_same_sums() {
    let run = |crash_after: usize| {
        let mut shell = Shell::new(&["a", "b"]);
        let mut crashed = false;
        for step in 0..40u64 {
            if !crashed && shell.stored.len() >= crash_after {
                crashed = true;
                let stored = shell.stored[..crash_after].to_vec();
                let folds = stored.iter().filter(|event| matches!(event, Event::UpdateCounted { .. })).count();
                shell.folds.truncate(folds);
                shell.study = Study::restore(at(step), submission(), None, stored.clone());
                shell.stored = stored;
                shell.feed(step, Input::Roster(BTreeSet::from([site("a"), site("b")]))).expect("known");
            }
            for (name, n) in [("a", 1), ("b", 2)] {
                let view = shell.study.view();
                let seen = view.sites.iter().find(|seen| seen.site == site(name)).map(|seen| seen.phase);
                match seen {
                    Some(SitePhase::Absent) => shell.join(step, name),
                    Some(SitePhase::Training) => shell.upload(step, name, view.id, n).expect("expected"),
                    _ => {}
                }
            }
        }
        assert_eq!(shell.outcome(), Some(StudyOutcome::Finished), "crash after {crash_after}");
        (shell.folds.len(), shell.study.view().model)
    };
    let undisturbed = run(usize::MAX);
    for crash_after in 0..=9 {
        assert_eq!(run(crash_after), undisturbed, "crash after event {crash_after}");
    }
}
