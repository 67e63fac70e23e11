//! The site machine, driven by lists of inputs.

use super::*;
use crate::{
    Attempt, Closing, Ending, FromSite, Invitation, ModelRef, Offer, Refusal, RefusalReason, ReportedScore, RoundId,
    Score, StudyOutcome, ToSite, UpdateRef,
};
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use wardround_plan::{Digest, LedgerHead, MetricName, PlanDigest, RoundNumber, StudyId, Timestamp};

const NOW: Timestamp = Timestamp::from_ms(0);

fn study() -> StudyId {
    StudyId::new("s").expect("a name")
}

fn model(n: u8) -> ModelRef {
    ModelRef { digest: Digest::of(&[n]), bytes: 40 }
}

fn update() -> UpdateRef {
    UpdateRef { digest: Digest::of(b"update") }
}

fn id(round: u32, attempt: u32) -> RoundId {
    RoundId {
        study: study(),
        round: RoundNumber::new(round).expect("from 1"),
        attempt: Attempt::new(attempt).expect("from 1"),
        summand: crate::Summand::Update,
    }
}

fn plan() -> PlanDigest {
    PlanDigest(Digest::of(b"plan"))
}

fn invitation(round: u32, attempt: u32, model_number: u8) -> Invitation {
    let closes_at = Timestamp::from_ms(1000);
    Invitation { id: id(round, attempt), cohort: BTreeSet::new(), model: model(model_number), closes_at }
}

fn invite(round: u32, attempt: u32, model_number: u8) -> Input {
    Input::Said(ToSite::Invitation(invitation(round, attempt, model_number)))
}

fn offer() -> Input {
    Input::Said(ToSite::Offer(Offer { study: study(), plan: vec![], plan_digest: plan(), layout: Digest::of(b"") }))
}

fn accepted() -> Input {
    let evaluate_every = NonZeroU32::new(2).expect("two");
    Input::Decided(study(), plan(), Ok(Terms { evaluate_every, rounds: 3, hides_scores: false, one_sum: false }))
}

fn closed(round: u32, attempt: u32, made: Option<u8>) -> Input {
    Input::Said(ToSite::Closed(Closing { id: id(round, attempt), model: made.map(model) }))
}

fn feed(site: &mut Site, inputs: Vec<Input>) -> Vec<Effect> {
    inputs.into_iter().for_each(|input| site.handle(NOW, input));
    std::iter::from_fn(|| site.poll_effect()).collect()
}

fn events(effects: &[Effect]) -> Vec<Event> {
    let event = |effect: &Effect| match effect {
        Effect::Persist(_, event) => Some(event.clone()),
        _ => None,
    };
    effects.iter().filter_map(event).collect()
}

#[test]
fn a_round_goes_from_offer_to_receipt() {
    let mut site = Site::new();
    let effects = feed(&mut site, vec![Input::Connected, offer(), accepted(), invite(1, 1, 0)]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Decide(_))));
    assert!(effects.contains(&Effect::Train(invitation(1, 1, 0))));
    let effects = feed(&mut site, vec![Input::Trained(id(1, 1), Ok(update()))]);
    assert!(matches!(&effects[..], [Effect::Persist(_, Event::Trained { .. }), Effect::Upload(..)]), "{effects:?}");
    let effects = feed(&mut site, vec![Input::Uploaded(id(1, 1), Ok(())), closed(1, 1, Some(1))]);
    assert!(effects.contains(&Effect::Discard(update())));
}

#[test]
fn an_invitation_before_the_policy_said_yes_is_ignored() {
    let mut site = Site::new();
    assert_eq!(feed(&mut site, vec![Input::Connected, invite(1, 1, 0)]), []);
    let no = Refusal::new(RefusalReason::PlanNotAllowed, "no");
    let effects = feed(&mut site, vec![Input::Decided(study(), plan(), Err(no)), invite(1, 1, 0)]);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Train(_))), "{effects:?}");
}

#[test]
fn an_acceptance_ends_with_its_connection() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, accepted(), Input::Disconnected, Input::Connected]);
    assert_eq!(feed(&mut site, vec![invite(1, 1, 0)]), []);
}

#[test]
fn training_goes_on_over_a_broken_connection_and_is_not_begun_twice() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, accepted(), invite(1, 1, 0), Input::Disconnected]);
    let effects = feed(&mut site, vec![Input::Connected, accepted(), invite(1, 1, 0)]);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Train(_))), "{effects:?}");
    let effects = feed(&mut site, vec![Input::Trained(id(1, 1), Ok(update()))]);
    assert!(effects.contains(&Effect::Upload(id(1, 1), model(0), update())));
}

#[test]
fn a_broken_upload_goes_on_after_the_next_invitation() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, accepted(), invite(1, 1, 0), Input::Trained(id(1, 1), Ok(update()))]);
    // The new invitation overtakes the news that the old upload broke.
    feed(&mut site, vec![Input::Disconnected, Input::Connected, accepted(), invite(1, 1, 0)]);
    let effects = feed(&mut site, vec![Input::Uploaded(id(1, 1), Err(UploadFailure::Broken))]);
    assert!(effects.contains(&Effect::Upload(id(1, 1), model(0), update())), "{effects:?}");
}

#[test]
fn after_a_restart_a_stored_update_is_sent_and_not_trained_again() {
    let mut site = Site::new();
    let mut effects = feed(&mut site, vec![Input::Connected, accepted(), invite(1, 1, 0)]);
    effects.extend(feed(&mut site, vec![Input::Trained(id(1, 1), Ok(update()))]));
    let mut restored = Site::restore(events(&effects));
    let effects = feed(&mut restored, vec![Input::Connected, accepted(), invite(1, 1, 0)]);
    assert!(effects.contains(&Effect::Upload(id(1, 1), model(0), update())), "{effects:?}");
}

#[test]
fn a_session_that_ended_unheard_makes_room_for_the_next_attempt() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, accepted(), invite(1, 1, 0), Input::Trained(id(1, 1), Ok(update()))]);
    // The coordinator abandoned the attempt while the line was down.
    let effects = feed(&mut site, vec![Input::Disconnected, Input::Connected, accepted(), invite(1, 2, 0)]);
    assert!(effects.contains(&Effect::EndSecagg(id(1, 1))), "{effects:?}");
    let effects = feed(&mut site, vec![Input::Uploaded(id(1, 1), Err(UploadFailure::Rejected("over".into())))]);
    assert!(effects.contains(&Effect::Upload(id(1, 2), model(0), update())), "{effects:?}");
}

#[test]
fn a_refused_sum_is_told_and_a_broken_or_rejected_upload_is_not() {
    let refusal = Refusal::new(RefusalReason::PrivacyRequired, "two sums could come out");
    let answer = FromSite::RoundAnswer { id: id(1, 1), answer: Err(refusal.clone()) };
    for (failure, told) in [
        (UploadFailure::Refused(refusal), true),
        (UploadFailure::Rejected("closed".into()), false),
        (UploadFailure::Broken, false),
    ] {
        let mut site = Site::new();
        feed(&mut site, vec![Input::Connected, accepted(), invite(1, 1, 0), Input::Trained(id(1, 1), Ok(update()))]);
        let effects = feed(&mut site, vec![Input::Uploaded(id(1, 1), Err(failure.clone()))]);
        assert_eq!(effects.contains(&Effect::Say(answer.clone())), told, "{failure:?}: {effects:?}");
    }
}

#[test]
fn a_second_attempt_from_the_same_model_uses_the_same_update() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, accepted(), invite(1, 1, 0), Input::Trained(id(1, 1), Ok(update()))]);
    feed(&mut site, vec![Input::Uploaded(id(1, 1), Err(UploadFailure::Rejected("closed".into()))), closed(1, 1, None)]);
    let effects = feed(&mut site, vec![invite(1, 2, 0)]);
    assert!(effects.contains(&Effect::Upload(id(1, 2), model(0), update())), "{effects:?}");
    let other = feed(&mut site, vec![Input::Uploaded(id(1, 2), Ok(())), invite(1, 3, 7)]);
    assert!(other.contains(&Effect::Train(invitation(1, 3, 7))), "another model needs another update: {other:?}");
}

#[test]
fn a_round_that_closes_cancels_its_training_and_the_next_begins() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, accepted(), invite(1, 1, 0)]);
    let effects = feed(&mut site, vec![closed(1, 1, Some(1)), invite(2, 1, 1)]);
    assert!(effects.contains(&Effect::CancelTraining(id(1, 1))));
    let effects = feed(&mut site, vec![Input::TrainingCancelled(id(1, 1))]);
    assert!(effects.contains(&Effect::Train(invitation(2, 1, 1))), "{effects:?}");
}

#[test]
fn models_are_measured_as_often_as_the_plan_says_and_at_the_end() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, accepted()]);
    let measured = |effects: Vec<Effect>| effects.iter().any(|effect| matches!(effect, Effect::Evaluate(_)));
    assert!(!measured(feed(&mut site, vec![closed(1, 1, Some(1))])));
    assert!(measured(feed(&mut site, vec![closed(2, 1, Some(2))])));
    let second = Evaluation { study: study(), round: id(2, 1).round, model: model(2) };
    let score = Score { metric: MetricName::DiceForeground, mean: 0.5, patients: 2 };
    let reported = vec![ReportedScore::Exact(score.clone())];
    let measured_scores = Measured { scores: vec![score], reported: reported.clone() };
    let effects = feed(&mut site, vec![Input::Evaluated(second.clone(), Some(measured_scores))]);
    assert!(effects.contains(&Effect::Report(second, reported)));
    assert!(measured(feed(&mut site, vec![closed(3, 1, Some(3))])), "the last round is always measured");
}

#[test]
fn scores_are_reported_again_on_a_new_connection() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, accepted(), closed(2, 1, Some(2))]);
    let second = Evaluation { study: study(), round: id(2, 1).round, model: model(2) };
    feed(
        &mut site,
        vec![
            Input::Evaluated(second.clone(), Some(Measured { scores: vec![], reported: vec![] })),
            Input::Disconnected,
            Input::Connected,
        ],
    );
    assert!(feed(&mut site, vec![accepted()]).contains(&Effect::Report(second, vec![])));
}

#[test]
fn the_end_of_a_study_is_stored_once_and_its_model_measured_once() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, accepted()]);
    let ending = || {
        let (outcome, round) = (StudyOutcome::Finished, RoundNumber::new(3));
        Input::Said(ToSite::Ended(Ending { study: study(), outcome, round, model: model(3) }))
    };
    let effects = feed(&mut site, vec![ending()]);
    assert!(matches!(&effects[..], [Effect::Persist(_, Event::Ended { .. }), Effect::Evaluate(_)]), "{effects:?}");
    let third = Evaluation { study: study(), round: id(3, 1).round, model: model(3) };
    feed(&mut site, vec![Input::Evaluated(third, Some(Measured { scores: vec![], reported: vec![] }))]);
    assert_eq!(feed(&mut site, vec![ending()]), []);
}

#[test]
fn failed_training_is_said_with_its_reason() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, accepted(), invite(1, 1, 0)]);
    let refusal = Refusal::new(RefusalReason::TrainingFailed, "loss is NaN");
    let effects = feed(&mut site, vec![Input::Trained(id(1, 1), Err(refusal.clone()))]);
    assert_eq!(effects, [Effect::Say(FromSite::RoundAnswer { id: id(1, 1), answer: Err(refusal) })]);
}

fn ledger(seq: u64) -> LedgerHead {
    LedgerHead { seq, hash: Digest::of(b"link") }
}

#[test]
fn the_ledger_is_told_after_each_link_and_again_on_every_connection() {
    let mut site = Site::new();
    let told = |head| vec![Effect::Say(FromSite::Ledger(head))];
    assert_eq!(
        feed(&mut site, vec![Input::Ledger(LedgerHead::EMPTY), Input::Connected]),
        [],
        "there is nothing to tell"
    );
    assert_eq!(feed(&mut site, vec![Input::Ledger(ledger(1))]), told(ledger(1)));
    assert_eq!(feed(&mut site, vec![Input::Ledger(ledger(2)), Input::Disconnected]), told(ledger(2)));
    assert_eq!(feed(&mut site, vec![Input::Connected]), told(ledger(2)));
}

#[test]
fn a_witness_is_compared_before_an_offer_that_follows_it_is_decided() {
    let mut site = Site::new();
    let witness = Input::Said(ToSite::Witness(ledger(5)));
    let effects = feed(&mut site, vec![Input::Connected, witness, offer()]);
    assert!(
        matches!(&effects[..], [Effect::CheckLedger(head), Effect::Decide(_)] if *head == ledger(5)),
        "{effects:?}"
    );
}

/// Of a study with secure aggregation; with shared noise an update goes into one sum only.
fn masked(one_sum: bool) -> Input {
    let evaluate_every = NonZeroU32::new(2).expect("two");
    Input::Decided(study(), plan(), Ok(Terms { evaluate_every, rounds: 3, hides_scores: true, one_sum }))
}

fn scores_of(round: u32) -> RoundId {
    RoundId { summand: crate::Summand::Scores, ..id(round, 1) }
}

fn asks_for_scores(round: u32, model: u8) -> Input {
    Input::Said(ToSite::Invitation(Invitation { id: scores_of(round), ..invitation(round, 1, model) }))
}

fn measured(round: u32, made: u8) -> Input {
    let evaluation = Evaluation { study: study(), round: id(round, 1).round, model: model(made) };
    let score = Score { metric: MetricName::DiceForeground, mean: 0.5, patients: 2 };
    let reported = vec![ReportedScore::Exact(score.clone())];
    Input::Evaluated(evaluation, Some(Measured { scores: vec![score], reported }))
}

fn sums_scores(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::SumScores(..)))
}

#[test]
fn an_update_whose_noise_is_shared_goes_into_one_sum_and_is_trained_again_for_another() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, masked(true), invite(1, 1, 0), Input::Trained(id(1, 1), Ok(update()))]);
    feed(&mut site, vec![Input::Masking(id(1, 1), model(0))]);
    let over = UploadFailure::Rejected("too few".into());
    let effects = feed(&mut site, vec![Input::Uploaded(id(1, 1), Err(over)), closed(1, 1, None), invite(1, 2, 0)]);
    assert!(effects.contains(&Effect::Discard(update())), "{effects:?}");
    assert!(effects.contains(&Effect::Train(invitation(1, 2, 0))), "{effects:?}");
}

#[test]
fn after_a_restart_what_was_masked_once_is_not_masked_again() {
    let trained = Event::Trained { id: id(1, 1), model: model(0), update: update(), plan: Some(plan()) };
    let masking = Event::Masking { id: id(1, 1), model: model(0) };
    let mut site = Site::restore([trained.clone(), masking]);
    let effects = feed(&mut site, vec![Input::Connected, masked(true), invite(1, 1, 0)]);
    assert!(effects.contains(&Effect::Train(invitation(1, 1, 0))), "{effects:?}");
    let mut site = Site::restore([trained]);
    let effects = feed(&mut site, vec![Input::Connected, masked(true), invite(1, 1, 0)]);
    assert!(effects.contains(&Effect::Upload(id(1, 1), model(0), update())), "nothing of it had left: {effects:?}");
}

#[test]
fn an_update_of_another_plan_is_not_sent() {
    let of_another = wardround_plan::PlanDigest(wardround_plan::Digest::of(b"another plan"));
    for made_by in [None, Some(of_another)] {
        let trained = Event::Trained { id: id(1, 1), model: model(0), update: update(), plan: made_by };
        let mut site = Site::restore([trained]);
        let effects = feed(&mut site, vec![Input::Connected, accepted(), invite(1, 1, 0)]);
        assert!(effects.contains(&Effect::Train(invitation(1, 1, 0))), "{effects:?}");
    }
}

#[test]
fn an_invitation_that_is_repeated_does_not_disturb_a_session() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, masked(true), invite(1, 1, 0), Input::Trained(id(1, 1), Ok(update()))]);
    feed(&mut site, vec![Input::Masking(id(1, 1), model(0)), Input::Disconnected, Input::Connected, masked(true)]);
    let effects = feed(&mut site, vec![invite(1, 1, 0), Input::Uploaded(id(1, 1), Ok(()))]);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Train(_) | Effect::Upload(..))), "{effects:?}");
}

#[test]
fn scores_are_measured_and_then_summed_and_never_reported() {
    let mut site = Site::new();
    let effects = feed(&mut site, vec![Input::Connected, masked(false), asks_for_scores(2, 7)]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Evaluate(_))), "{effects:?}");
    let effects = feed(&mut site, vec![measured(2, 7)]);
    assert!(sums_scores(&effects) && !effects.iter().any(|effect| matches!(effect, Effect::Report(..))), "{effects:?}");
    let effects = feed(&mut site, vec![Input::Uploaded(scores_of(2), Ok(())), Input::Disconnected, masked(false)]);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Report(..))), "nor on the next connection");
}

#[test]
fn scores_of_one_model_go_into_one_round_s_sum_and_of_rounds_that_are_measured() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, masked(false)]);
    assert_eq!(feed(&mut site, vec![asks_for_scores(1, 7)]), [], "round 1 is not measured");
    feed(&mut site, vec![asks_for_scores(2, 7), measured(2, 7), Input::Masking(scores_of(2), model(7))]);
    feed(&mut site, vec![Input::Uploaded(scores_of(2), Ok(()))]);
    let again = feed(&mut site, vec![asks_for_scores(3, 7), measured(3, 7)]);
    assert!(!sums_scores(&again), "two sums over different sites would differ by one site's scores: {again:?}");
}

#[test]
fn a_site_without_scores_to_tell_says_so() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, masked(false), asks_for_scores(2, 7)]);
    let evaluation = Evaluation { study: study(), round: id(2, 1).round, model: model(7) };
    let nothing = Measured { scores: vec![], reported: vec![] };
    let effects = feed(&mut site, vec![Input::Evaluated(evaluation, Some(nothing)), invite(3, 1, 7)]);
    let refused = |effect: &Effect| matches!(effect, Effect::Say(FromSite::RoundAnswer { id, answer: Err(_) }) if *id == scores_of(2));
    assert!(effects.iter().any(refused), "{effects:?}");
    assert!(effects.contains(&Effect::Train(invitation(3, 1, 7))), "and goes on: {effects:?}");
}

#[test]
fn training_that_was_done_when_its_round_ended_is_not_sent_for_it() {
    let mut site = Site::new();
    feed(&mut site, vec![Input::Connected, masked(false), invite(1, 1, 0), closed(1, 1, None)]);
    let effects = feed(&mut site, vec![Input::Trained(id(1, 1), Ok(update()))]);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Upload(..))), "{effects:?}");
    let effects = feed(&mut site, vec![invite(1, 2, 0)]);
    assert!(effects.contains(&Effect::Upload(id(1, 2), model(0), update())), "the next attempt has it: {effects:?}");
}
