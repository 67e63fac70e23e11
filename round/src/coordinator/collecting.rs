//! Waiting for updates until all have come or time is up, and adding each as it comes.

use super::event::{Event, Open};
use super::study::Study;
use super::{Admission, Effect, Fold, Summed};
use super::{Rejection, secure};
use crate::{Invitation, ModelRef, Refusal, RoundId, Summand, ToSite, UpdateRef};
use wardround_plan::{Digest, Duration, SiteId, Timestamp};

/// Whether `site` may upload: the round is open, the site is expected, the size is right.
pub(super) fn admit(
    study: &Study,
    site: &SiteId,
    id: &RoundId,
    update: &UpdateRef,
    bytes: u64,
) -> Result<Admission, Rejection> {
    let open = open_round(study, id)?;
    if let Some(counted) = open.counted.get(site) {
        let same = counted == update;
        return if same { Ok(Admission::AlreadyCounted) } else { Err(Rejection::Duplicate(site.clone())) };
    }
    if !open.pending().any(|pending| pending == site) {
        return Err(Rejection::NotExpected(site.clone()));
    }
    if study.is_masked() {
        secure::admit(study, site, id, bytes)?;
    } else if bytes != study.progress.model.bytes {
        return Err(Rejection::Size { expected: study.progress.model.bytes, got: bytes });
    }
    Ok(Admission::Welcome)
}

/// A verified upload joins the queue for the sum. A retry of one that is counted gets its receipt again; a retry of
/// one that waits in the queue is answered with that one.
pub(super) fn uploaded(
    study: &mut Study,
    site: SiteId,
    id: RoundId,
    update: UpdateRef,
    bytes: u64,
) -> Result<(), Rejection> {
    match admit(study, &site, &id, &update, bytes)? {
        Admission::AlreadyCounted => study.push(Effect::Receipt(site, id, Ok(()))),
        Admission::Welcome => enqueue(study, site, update)?,
    }
    Ok(())
}

fn enqueue(study: &mut Study, site: SiteId, update: UpdateRef) -> Result<(), Rejection> {
    let mut waiting = study.arrived.iter().chain(&study.folding);
    match waiting.find(|(waiting, _)| *waiting == site) {
        Some((_, same)) if *same == update => {}
        Some(_) => return Err(Rejection::Duplicate(site)),
        None => study.arrived.push_back((site, update)),
    }
    Ok(())
}

/// A site begins, or leaves the round with a reason.
pub(super) fn answered(
    study: &mut Study,
    now: Timestamp,
    site: SiteId,
    id: RoundId,
    answer: Result<(), Refusal>,
) -> Result<(), Rejection> {
    expects(study, &site, &id)?;
    if let Err(refusal) = answer {
        study.record(now, Event::RoundRefused { site, refusal });
    }
    Ok(())
}

pub(super) fn progressed(
    study: &mut Study,
    site: &SiteId,
    id: &RoundId,
    done: u32,
    total: u32,
) -> Result<(), Rejection> {
    open_round(study, id)?;
    study.presence.progress(site, Some((done, total)));
    Ok(())
}

/// A site that came back while its update is still wanted is invited again.
pub(super) fn invite_again(study: &mut Study, site: &SiteId) {
    let Some(open) = &study.progress.open else { return };
    if !open.pending().any(|pending| pending == site) {
        return;
    }
    let invitation = Invitation {
        id: study.progress.id(),
        cohort: open.cohort.clone(),
        model: study.progress.model,
        closes_at: open.closes_at,
    };
    study.send(site.clone(), ToSite::Invitation(invitation));
}

pub(super) fn folded(study: &mut Study, now: Timestamp, sum: Digest) {
    let Some((site, update)) = study.folding.take() else { return };
    let Some(before) = study.progress.open.as_ref().map(|open| open.sum) else {
        return study.push(Effect::Discard(sum));
    };
    study.record(now, Event::UpdateCounted { site: site.clone(), update, sum });
    let id = study.progress.id();
    study.push(Effect::Receipt(site, id, Ok(())));
    if let Some(before) = before.filter(|before| *before != sum) {
        study.push(Effect::Discard(before));
    }
}

pub(super) fn fold_refused(study: &mut Study, now: Timestamp, rejection: Rejection) {
    let Some((site, _)) = study.folding.take() else { return };
    if study.progress.open.is_some() {
        study.record(now, Event::UpdateRejected { site: site.clone(), rejection: rejection.clone() });
    }
    let id = study.progress.id();
    study.push(Effect::Receipt(site, id, Err(rejection)));
}

pub(super) fn applied(study: &mut Study, now: Timestamp, model: ModelRef) {
    study.applying = false;
    let Some(sum) = study.progress.open.as_ref().map(|open| open.sum) else { return };
    let id = study.progress.id();
    study.record(now, Event::RoundCommitted { model });
    study.close(id, Some(model));
    study.discard(sum);
    secure::forget(study);
}

/// Starts the next addition; closes the round when nothing more can come.
pub(super) fn advance(study: &mut Study, now: Timestamp) {
    if study.is_masked() {
        return secure::advance(study, now);
    }
    if study.applying || study.folding.is_some() {
        return;
    }
    if let Some((site, update)) = study.arrived.pop_front() {
        return start_fold(study, site, update);
    }
    let Some(open) = &study.progress.open else { return };
    let min_sites = study.submission.plan.study.min_sites as usize;
    let waiting = open.pending().filter(|site| still_worth_waiting(study, site, now)).count();
    let hopeless = open.counted.len() + waiting < min_sites;
    let over = waiting == 0 || now >= open.closes_at;
    match (hopeless, over) {
        (true, _) => too_few(study, now),
        (false, true) if open.counted.len() < min_sites => too_few(study, now),
        (false, true) => {
            let sum = open.sum.expect("at least min_sites >= 1 updates are in the sum");
            start_apply(study, now, sum);
        }
        (false, false) => {}
    }
}

/// The next instant at which waiting may end.
pub(super) fn deadline(study: &Study, open: &Open) -> Option<Timestamp> {
    if study.is_masked() {
        return secure::deadline(study, open);
    }
    if study.applying || study.folding.is_some() {
        return None;
    }
    let given_up = open.pending().filter_map(|site| given_up_at(study, site));
    given_up.chain([open.closes_at]).min()
}

pub(super) fn still_worth_waiting(study: &Study, site: &SiteId, now: Timestamp) -> bool {
    study.presence.is_enrolled(site) && given_up_at(study, site).is_none_or(|until| now < until)
}

/// When a site that is away is given up.
pub(super) fn given_up_at(study: &Study, site: &SiteId) -> Option<Timestamp> {
    let patience = Duration::from_s(study.submission.plan.study.absence_s);
    study.presence.given_up_at(site, patience)
}

fn start_fold(study: &mut Study, site: SiteId, update: UpdateRef) {
    let Some(onto) = study.progress.open.as_ref().map(|open| open.sum) else { return };
    let weight = study.submission.plan.weight_of(&site).expect("only sites with a weight are invited");
    study.folding = Some((site.clone(), update));
    let id = study.progress.id();
    study.push(Effect::Fold(Fold { site, id, update, weight, onto }));
}

/// Makes the next model from the sum of all that is counted.
pub(super) fn start_apply(study: &mut Study, now: Timestamp, sum: Digest) {
    let Some(open) = &study.progress.open else { return };
    let weights: Vec<u32> = open.counted.keys().filter_map(|site| study.submission.plan.weight_of(site)).collect();
    let of = match secure::gradients(study, weights.len()) {
        None => Summed::Updates(weights),
        Some(Ok(gradients)) => gradients,
        Some(Err(reason)) => return abandon(study, now, reason),
    };
    study.applying = true;
    study.push(Effect::Apply { model: study.progress.model, sum, of });
}

fn too_few(study: &mut Study, now: Timestamp) {
    let Some(open) = &study.progress.open else { return };
    let reason = reason(study, open);
    abandon(study, now, reason);
}

/// Ends the round without a model.
pub(super) fn abandon(study: &mut Study, now: Timestamp, reason: String) {
    let Some(open) = &study.progress.open else { return };
    let (id, sum) = (open.id.clone(), open.sum);
    study.reject_arrived();
    study.record(
        now,
        match id.summand {
            Summand::Update => Event::RoundAbandoned { reason },
            Summand::Scores => Event::ScoresMissed { round: id.round, reason },
        },
    );
    study.close(id, None);
    study.discard(sum);
    secure::forget(study);
}

fn reason(study: &Study, open: &Open) -> String {
    let missing = open.pending().map(|site| format!("{site} sent nothing"));
    let out = open.out.iter().map(|(site, why)| format!("{site}: {why}"));
    let min_sites = study.submission.plan.study.min_sites;
    let why: Vec<String> = out.chain(missing).collect();
    format!("{} of at least {min_sites} updates came ({})", open.counted.len(), why.join("; "))
}

/// Why a round failed, with what sites said against it.
pub(super) fn with_refusals(study: &Study, reason: String) -> String {
    let out = study.progress.open.iter().flat_map(|open| &open.out);
    let said: Vec<String> = out.map(|(site, why)| format!("{site}: {why}")).collect();
    if said.is_empty() { reason } else { format!("{reason} ({})", said.join("; ")) }
}

/// Refuses a site whose update is not wanted, or not any more.
pub(super) fn expects(study: &Study, site: &SiteId, id: &RoundId) -> Result<(), Rejection> {
    let expected = open_round(study, id)?.pending().any(|pending| pending == site);
    if expected { Ok(()) } else { Err(Rejection::NotExpected(site.clone())) }
}

pub(super) fn open_round<'a>(study: &'a Study, id: &RoundId) -> Result<&'a Open, Rejection> {
    let current = study.progress.id() == *id && !study.applying;
    study.progress.open.as_ref().filter(|_| current).ok_or_else(|| Rejection::NotOpen(id.clone()))
}
