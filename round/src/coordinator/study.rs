//! The study machine: inputs in, effects out.

use super::event::{Event, Progress, Recorded};
use super::presence::{Presence, Standing};
use super::secure::{self, Secure};
use super::{
    Admission, Effect, Input, Phase, Rejection, SitePhase, SiteView, Submission, View, collecting, gathering, scores,
};
use crate::{Closing, Ending, FromSite, ModelRef, Offer, Refusal, RoundId, StudyOutcome, ToSite, UpdateRef};
use std::collections::VecDeque;
use std::sync::Arc;
use wardround_plan::{Digest, Duration, SiteId, StudyId, Timestamp};
use wardround_secagg::roster::Roster;
use wardround_secagg::server::{Unmasker, UploadReceiver};

/// The coordinator's machine for one study.
pub struct Study {
    pub(super) submission: Submission,
    pub(super) progress: Progress,
    pub(super) presence: Presence,
    pub(super) arrived: VecDeque<(SiteId, UpdateRef)>,
    pub(super) folding: Option<(SiteId, UpdateRef)>,
    pub(super) applying: bool,
    pub(super) quorum_since: Option<Timestamp>,
    /// Since when too few sites have been there for a sum of scores.
    pub(super) scores_since: Option<Timestamp>,
    pub(super) secure: Secure,
    effects: VecDeque<Effect>,
}

impl Study {
    /// A study at its beginning.
    ///
    /// Without a roster there is no secure aggregation.
    pub fn new(submission: Submission, roster: Option<Arc<Roster>>) -> Self {
        let progress = Progress::new(submission.plan.study.name.clone(), submission.model);
        Self {
            submission,
            progress,
            presence: Presence::new(),
            arrived: VecDeque::new(),
            folding: None,
            applying: false,
            quorum_since: None,
            scores_since: None,
            secure: Secure::new(roster),
            effects: VecDeque::new(),
        }
    }

    /// The study that these events made, after a restart. An open round stays open at least `absence_s` longer, so
    /// that its sites can come back; what they sent before is in the sum already.
    pub fn restore(
        now: Timestamp,
        submission: Submission,
        roster: Option<Arc<Roster>>,
        events: impl IntoIterator<Item = Event>,
    ) -> Self {
        let mut study = Self::new(submission, roster);
        events.into_iter().for_each(|event| study.progress.apply(&event));
        let patience = Duration::from_s(study.submission.plan.study.absence_s);
        if study.progress.open.as_ref().is_some_and(|open| open.closes_at < now + patience) {
            study.record(now, Event::RoundExtended { closes_at: now + patience });
        }
        // Until the roster is read, those who were invited count as enrolled, and as away from now on.
        let cohort = study.progress.open.as_ref().map(|open| open.cohort.clone()).unwrap_or_default();
        study.presence.enrol(now, &cohort);
        secure::restore(&mut study, now);
        study
    }

    /// Takes one input in.
    ///
    /// # Errors
    /// A [`Rejection`] of what a site said. The study is as before, and goes on.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Result<(), Rejection> {
        let result = self.take(now, input);
        self.tick(now);
        result
    }

    /// Does what the time asks for.
    pub fn tick(&mut self, now: Timestamp) {
        if self.progress.outcome.is_some() {
            return;
        }
        if self.progress.open.is_none() {
            gathering::advance(self, now);
        }
        if self.progress.open.is_some() {
            collecting::advance(self, now);
        }
        // A round that just ended makes room for the next one, or for another attempt.
        if self.progress.open.is_none() && self.progress.outcome.is_none() {
            gathering::advance(self, now);
        }
    }

    /// When `tick` wants to be called next; `None` if nothing depends on time now.
    pub fn deadline(&self) -> Option<Timestamp> {
        match (&self.progress.outcome, &self.progress.open) {
            (Some(_), _) => None,
            (None, None) => gathering::deadline(self),
            (None, Some(open)) => collecting::deadline(self, open),
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether `site` may upload `update` of `bytes` for the round `id` now.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, site: &SiteId, id: &RoundId, update: &UpdateRef, bytes: u64) -> Result<Admission, Rejection> {
        collecting::admit(self, site, id, update, bytes)
    }

    /// What checks the masked update of `site` as it is read; its first message is `header`.
    ///
    /// # Errors
    /// In words, where none is expected.
    pub fn receive(&self, site: &SiteId, header: &[u8]) -> Result<UploadReceiver, String> {
        secure::receive(self, site, header)
    }

    /// What takes the masks off the running sum.
    ///
    /// # Errors
    /// In words: shares that fit no secret.
    pub fn unmasker(&self) -> Result<Unmasker, String> {
        secure::unmasker(self)
    }

    /// Whether the coordinator sees no single update.
    pub(super) fn is_masked(&self) -> bool {
        self.submission.plan.secagg.enabled
    }

    /// The study as its lead sees it.
    pub fn view(&self) -> View {
        View {
            id: self.progress.id(),
            phase: self.phase(),
            model: self.progress.model,
            outcome: self.progress.outcome.clone(),
            sites: self
                .presence
                .each()
                .map(|(site, here, standing, steps)| self.site_view(site, here, standing, steps))
                .collect(),
        }
    }

    /// The submission.
    pub fn submission(&self) -> &Submission {
        &self.submission
    }

    fn take(&mut self, now: Timestamp, input: Input) -> Result<(), Rejection> {
        match input {
            Input::Roster(roster) => self.presence.enrol(now, &roster),
            Input::SigningRoster(roster) => self.secure.roster = Some(roster),
            Input::Arrived(site) => self.greet(now, &site),
            Input::Left(site) => self.presence.leave(now, &site),
            Input::Said(site, message) => self.listen(now, site, message)?,
            Input::Uploaded(site, id, update, bytes) => collecting::uploaded(self, site, id, update, bytes)?,
            Input::MaskedFolded(sum, complete) => secure::folded(self, now, sum, complete),
            Input::Unmasked(sum) => secure::unmasked(self, now, sum),
            Input::SumRead(words) => scores::read(self, now, &words),
            Input::Folded(sum) => collecting::folded(self, now, sum),
            Input::FoldRefused(rejection) => collecting::fold_refused(self, now, rejection),
            Input::Applied(model) => collecting::applied(self, now, model),
            Input::Stop => self.end(now, StudyOutcome::Stopped),
        }
        Ok(())
    }

    fn greet(&mut self, now: Timestamp, site: &SiteId) {
        if !self.presence.arrive(now, site) {
            return;
        }
        let message = match &self.progress.outcome {
            None => ToSite::Offer(self.offer()),
            Some(outcome) => ToSite::Ended(self.ending(outcome.clone())),
        };
        self.send(site.clone(), message);
    }

    fn listen(&mut self, now: Timestamp, site: SiteId, message: FromSite) -> Result<(), Rejection> {
        match message {
            FromSite::StudyAnswer { study, plan, answer } => self.study_answered(&site, &study, plan, answer),
            FromSite::RoundAnswer { id, answer } => collecting::answered(self, now, site, id, answer),
            FromSite::Progress { id, steps_done, steps_total } => {
                collecting::progressed(self, &site, &id, steps_done.min(steps_total), steps_total)
            }
            FromSite::Scores { study, round, scores } => self.scored(now, site, &study, round, scores),
            FromSite::Ready(id) => secure::ready(self, now, site, &id),
            FromSite::Secagg(id, message) => secure::heard(self, now, &site, &id, &message),
            // Of the site as a whole: the witness hears it, and no study.
            FromSite::Ledger(_) => Err(Rejection::NotExpected(site)),
        }
    }

    fn study_answered(
        &mut self,
        site: &SiteId,
        study: &StudyId,
        plan: wardround_plan::PlanDigest,
        answer: Result<(), Refusal>,
    ) -> Result<(), Rejection> {
        if *study != self.progress.study || plan != self.submission.plan.digest() || !self.presence.is_present(site) {
            return Err(Rejection::NotExpected(site.clone()));
        }
        let accepted = answer.is_ok();
        self.presence.answer(site, answer);
        if accepted {
            collecting::invite_again(self, site);
        }
        Ok(())
    }

    /// Scores of one site are taken for committed rounds only, and once for each by the report that reads them; never in a study
    /// that sums them.
    fn scored(
        &mut self,
        now: Timestamp,
        site: SiteId,
        study: &StudyId,
        round: wardround_plan::RoundNumber,
        scores: Vec<crate::ReportedScore>,
    ) -> Result<(), Rejection> {
        let known = *study == self.progress.study && round < self.progress.round && self.presence.is_enrolled(&site);
        if !known || self.is_masked() {
            return Err(Rejection::NotExpected(site));
        }
        self.record(now, Event::ScoresReported { site, round, scores });
        Ok(())
    }

    pub(super) fn end(&mut self, now: Timestamp, outcome: StudyOutcome) {
        if self.progress.outcome.is_some() {
            return;
        }
        let sum = self.progress.open.as_ref().and_then(|open| open.sum);
        self.reject_arrived();
        self.record(now, Event::StudyEnded { outcome: outcome.clone() });
        let message = ToSite::Ended(self.ending(outcome));
        self.send_all(&message);
        self.discard(sum);
        secure::forget(self);
    }

    /// Uploads that were waiting for the sum get their answer: the round is no longer open.
    pub(super) fn reject_arrived(&mut self) {
        let id = self.progress.id();
        for (site, _) in std::mem::take(&mut self.arrived) {
            self.push(Effect::Receipt(site, id.clone(), Err(Rejection::NotOpen(id.clone()))));
        }
    }

    pub(super) fn record(&mut self, at: Timestamp, event: Event) {
        self.progress.apply(&event);
        self.push(Effect::Persist(Recorded { at, event }));
    }

    pub(super) fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    pub(super) fn discard(&mut self, blob: Option<Digest>) {
        self.effects.extend(blob.map(Effect::Discard));
    }

    pub(super) fn send(&mut self, site: SiteId, message: ToSite) {
        self.push(Effect::Send(site, message));
    }

    pub(super) fn send_all(&mut self, message: &ToSite) {
        let sites: Vec<SiteId> = self.presence.present().cloned().collect();
        sites.into_iter().for_each(|site| self.send(site, message.clone()));
    }

    pub(super) fn close(&mut self, id: RoundId, model: Option<ModelRef>) {
        self.send_all(&ToSite::Closed(Closing { id, model }));
    }

    fn offer(&self) -> Offer {
        let plan = &self.submission.plan;
        Offer {
            study: plan.study.name.clone(),
            plan: plan.to_canonical(),
            plan_digest: plan.digest(),
            layout: self.submission.layout,
        }
    }

    fn ending(&self, outcome: StudyOutcome) -> Ending {
        let study = self.progress.study.clone();
        let committed = self.progress.round.get() - 1;
        Ending { study, outcome, round: wardround_plan::RoundNumber::new(committed), model: self.progress.model }
    }

    fn phase(&self) -> Phase {
        match (&self.progress.outcome, &self.progress.open) {
            (Some(_), _) => Phase::Ended,
            (None, None) => Phase::Gathering,
            (None, Some(_)) if self.applying => Phase::Applying,
            (None, Some(_)) => Phase::Collecting,
        }
    }

    fn site_view(&self, site: &SiteId, here: bool, standing: &Standing, steps: Option<(u32, u32)>) -> SiteView {
        let open = self.progress.open.as_ref();
        let out = open.and_then(|open| open.out.get(site)).cloned();
        let reason = out.or_else(|| match standing {
            Standing::Refused(refusal) => Some(refusal.text().to_owned()),
            _ => None,
        });
        let phase = match open {
            _ if reason.is_some() => SitePhase::Refused,
            Some(open) if open.counted.contains_key(site) => SitePhase::Counted,
            _ if !here => SitePhase::Absent,
            Some(open) if open.cohort.contains(site) => SitePhase::Training,
            _ => SitePhase::Waiting,
        };
        SiteView { site: site.clone(), phase, steps, reason }
    }
}
