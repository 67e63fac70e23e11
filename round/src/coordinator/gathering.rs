//! Waiting for a cohort.
//!
//! A round opens when every enrolled site is here and has agreed, or when `min_sites` have and no more are worth
//! waiting for. A study waits for its sites as long as it takes; it fails only when everybody has answered and too
//! few have agreed.

use super::event::Event;
use super::scores;
use super::study::Study;
use crate::{Invitation, RoundId, StudyOutcome, ToSite};
use std::collections::BTreeSet;
use wardround_plan::{Duration, SiteId, Timestamp};

pub(super) fn advance(study: &mut Study, now: Timestamp) {
    let scores = scores::next(study);
    if let Some(outcome) = over(study).filter(|_| scores.is_none()) {
        return study.end(now, outcome);
    }
    let ready = eligible(study);
    if ready.len() < min_sites(study) {
        study.quorum_since = None;
        return match scores {
            Some(_) => scores::wait(study, now),
            None => fail_if_hopeless(study, now, ready.len()),
        };
    }
    study.quorum_since.get_or_insert(now);
    if grown_at(study).is_none_or(|until| until <= now) {
        let id = scores.unwrap_or_else(|| study.progress.id());
        open(study, now, id, ready);
    }
}

/// Whether no further round is to be opened: all are committed, or this one was tried too often.
fn over(study: &Study) -> Option<StudyOutcome> {
    let (section, id) = (&study.submission.plan.study, study.progress.id());
    if id.round.get() > section.rounds {
        return Some(StudyOutcome::Finished);
    }
    let reason = study.progress.abandoned.as_ref().filter(|_| id.attempt.get() > section.attempts)?;
    Some(StudyOutcome::Failed(format!(
        "round {} was tried {} times; the last time {reason}",
        id.round, section.attempts
    )))
}

/// When to stop waiting: for more than `min_sites`, or with fewer for scores.
pub(super) fn deadline(study: &Study) -> Option<Timestamp> {
    match study.quorum_since {
        Some(_) => grown_at(study),
        None => scores::give_up_at(study),
    }
}

fn grown_at(study: &Study) -> Option<Timestamp> {
    let patience = Duration::from_s(study.submission.plan.study.gather_s);
    let since = study.quorum_since?;
    study.presence.may_grow_until(patience).map(|until| until.min(since + patience))
}

/// Sites that are here, have agreed, and have a weight in the plan.
fn eligible(study: &Study) -> BTreeSet<SiteId> {
    study.presence.ready().into_iter().filter(|site| study.submission.plan.weight_of(site).is_some()).collect()
}

fn open(study: &mut Study, now: Timestamp, id: RoundId, cohort: BTreeSet<SiteId>) {
    let closes_at = now + Duration::from_s(study.submission.plan.study.deadline_s);
    let model = study.progress.model;
    (study.quorum_since, study.scores_since) = (None, None);
    study.record(now, Event::RoundOpened { id: id.clone(), cohort: cohort.clone(), model, closes_at });
    for site in &cohort {
        study.presence.progress(site, None);
        let invitation = Invitation { id: id.clone(), cohort: cohort.clone(), model, closes_at };
        study.send(site.clone(), ToSite::Invitation(invitation));
    }
}

fn fail_if_hopeless(study: &mut Study, now: Timestamp, ready: usize) {
    let refused: Vec<String> = study.presence.refused().map(|(site, why)| format!("{site} refused: {why}")).collect();
    let all_answered = study.presence.may_grow_until(Duration::from_ms(0)).is_none();
    if refused.is_empty() || !all_answered {
        return;
    }
    let reason = format!("{ready} of at least {} sites take part; {}", min_sites(study), refused.join("; "));
    study.end(now, StudyOutcome::Failed(reason));
}

fn min_sites(study: &Study) -> usize {
    study.submission.plan.study.min_sites as usize
}
