//! Scores of a study whose updates are hidden: summed behind masks of their own, after a round whose model is measured and
//! before the next. What one site measured, and on how many patients, the coordinator never sees.
//!
//! A sum of scores is wanted, not needed: where it does not come about the study goes on, and says why it is missing.

use super::Effect;
use super::event::Event;
use super::secure;
use super::study::Study;
use crate::{Attempt, RoundId, Summand, tally};
use wardround_plan::{Digest, Duration, RoundNumber, Timestamp};

/// The round whose scores are to be summed next.
pub(super) fn due(study: &Study) -> Option<RoundNumber> {
    let plan = &study.submission.plan;
    let round = study.progress.committed()?;
    let wanted = study.is_masked() && plan.measures(round) && tally::words(plan) > 0;
    (wanted && study.progress.scored != Some(round)).then_some(round)
}

/// The sum of scores that is to be opened next, if one is.
pub(super) fn next(study: &Study) -> Option<RoundId> {
    due(study).map(|round| study.progress.id_of(Summand::Scores, round, Attempt::FIRST))
}

/// Too few sites are here: waits for them as long as for a cohort, and no longer.
pub(super) fn wait(study: &mut Study, now: Timestamp) {
    let Some(round) = due(study) else { return };
    study.scores_since.get_or_insert(now);
    if give_up_at(study).is_some_and(|until| until <= now) {
        let reason = "too few sites were there to hide each other".into();
        study.record(now, Event::ScoresMissed { round, reason });
        study.scores_since = None;
    }
}

/// When waiting for enough sites is over.
pub(super) fn give_up_at(study: &Study) -> Option<Timestamp> {
    due(study)?;
    Some(study.scores_since? + Duration::from_s(study.submission.plan.study.gather_s))
}

/// Has the sum read.
pub(super) fn start_reading(study: &mut Study, sum: Digest) {
    study.applying = true;
    study.push(Effect::Read(sum));
}

/// The sum was read.
pub(super) fn read(study: &mut Study, now: Timestamp, words: &[i64]) {
    study.applying = false;
    let Some(open) = &study.progress.open else { return };
    let (round, sites, sum) = (open.id.round, open.counted.len(), open.sum);
    let (id, plan) = (open.id.clone(), &study.submission.plan);
    let scores = tally::read(plan, sites, plan.histogram_scale().unwrap_or_default(), words);
    let sites = u32::try_from(sites).unwrap_or(u32::MAX);
    study.record(now, Event::ScoresSummed { round, sites, scores });
    study.close(id, Some(study.progress.model));
    study.discard(sum);
    secure::forget(study);
}
