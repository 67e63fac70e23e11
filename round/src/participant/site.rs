//! The site machine: inputs in, effects out.

use super::job::{Job, same_study_round_work};
use super::part::{Part, Trained};
use super::{Effect, Evaluation, Event, Input, Measured, Terms, UploadFailure};
use crate::{
    Closing, Ending, FromSite, Invitation, ModelRef, Refusal, RefusalReason, RoundId, StudyOutcome, Summand, ToSite,
    UpdateRef,
};
use std::collections::{BTreeMap, VecDeque};
use wardround_plan::{LedgerHead, PlanDigest, StudyId, Timestamp};

/// The site's machine for all its studies. It does one job at a time.
#[derive(Default)]
pub struct Site {
    studies: BTreeMap<StudyId, Part>,
    jobs: VecDeque<Job>,
    busy: Option<Job>,
    ledger: Option<LedgerHead>,
    /// A round that ended while it was trained for.
    over: Option<RoundId>,
    effects: VecDeque<Effect>,
}

impl Site {
    /// A site without a past.
    pub fn new() -> Self {
        Self::default()
    }

    /// The site that these events made, after a restart.
    pub fn restore(events: impl IntoIterator<Item = Event>) -> Self {
        let mut site = Self::new();
        events.into_iter().for_each(|event| site.apply(&event));
        site
    }

    /// Takes one input in. What the coordinator says out of turn is ignored: it can be late, but not obeyed.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Connected => {
                self.reconnected();
                self.tell_ledger();
            }
            Input::Disconnected => self.reconnected(),
            Input::Said(message) => self.listen(now, message),
            Input::Decided(study, plan, decision) => self.decided(now, study, plan, decision),
            Input::Trained(id, result) => self.trained(now, id, result),
            Input::TrainingCancelled(id) => drop(self.finish_training(&id)),
            Input::Masking(id, model) => self.masking(id, model),
            Input::Uploaded(id, result) => self.uploaded(now, id, result),
            Input::Ledger(head) => {
                self.ledger = Some(head).filter(|head| *head != LedgerHead::EMPTY);
                self.tell_ledger();
            }
            Input::Evaluated(evaluation, measured) => self.evaluated(now, evaluation, measured),
        }
        self.start_next();
    }

    /// Nothing at a site depends on time alone: the coordinator's deadline closes a round.
    pub fn tick(&mut self, _now: Timestamp) {}

    /// Never: see [`Site::tick`].
    pub fn deadline(&self) -> Option<Timestamp> {
        None
    }

    /// The next thing to do, until there is none.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Every acceptance ends with its connection: the policy is asked again after each.
    fn reconnected(&mut self) {
        self.studies.values_mut().for_each(|part| part.terms = None);
        self.jobs.retain(|job| matches!(job, Job::Evaluate(_)));
    }

    /// Without a connection this is lost, and said again on the next.
    fn tell_ledger(&mut self) {
        self.effects.extend(self.ledger.map(|head| Effect::Say(FromSite::Ledger(head))));
    }

    fn listen(&mut self, now: Timestamp, message: ToSite) {
        match message {
            ToSite::Offer(offer) => self.effects.push_back(Effect::Decide(offer)),
            ToSite::Invitation(invitation) => self.invited(invitation),
            ToSite::Closed(closing) => self.closed(closing),
            ToSite::Ended(ending) => self.ended(now, ending),
            ToSite::Witness(head) => self.effects.push_back(Effect::CheckLedger(head)),
            ToSite::Secagg(id, message) => self.effects.push_back(Effect::Secagg(id, message)),
        }
    }

    fn decided(&mut self, now: Timestamp, study: StudyId, plan: PlanDigest, decision: Result<Terms, Refusal>) {
        let part = self.studies.entry(study.clone()).or_default();
        part.terms = decision.as_ref().ok().copied();
        part.plan = Some(plan);
        let last = part.last_evaluated.clone().filter(|_| part.terms.is_some_and(|terms| !terms.hides_scores));
        let answer = decision.map(|_| ());
        let refusal = answer.clone().err();
        self.record(now, Event::Decided { study: study.clone(), plan, refusal });
        self.effects.push_back(Effect::Say(FromSite::StudyAnswer { study, plan, answer }));
        // The connection may have broken before these were sent; the coordinator takes them twice.
        self.effects.extend(last.map(|(evaluation, reported)| Effect::Report(evaluation, reported)));
    }

    fn invited(&mut self, invitation: Invitation) {
        let Some(part) = self.studies.get(&invitation.id.study).filter(|part| part.terms.is_some()) else { return };
        if part.terms.is_some_and(|terms| terms.hides_scores) && self.is_in_session_for(&invitation.id) {
            return;
        }
        let trained = part.trained.as_ref().filter(|done| done.plan.is_some() && done.plan == part.plan);
        let stored = trained.filter(|done| done.round == invitation.id.round && done.model == invitation.model);
        if invitation.id.summand == Summand::Scores && !part.may_tell(&invitation) {
            return;
        }
        let job = match (invitation.id.summand, stored) {
            (Summand::Scores, _) => self.measured_first(invitation),
            (Summand::Update, Some(done)) => Job::Upload(invitation.id, done.model, done.update),
            (Summand::Update, None) => Job::Train(invitation),
        };
        self.end_other_session(&job);
        if !self.is_training_for(&job) {
            self.jobs.retain(|queued| !same_study_round_work(queued, &job));
            self.jobs.push_back(job);
        }
    }

    /// A session outlives a broken connection, and says so itself on the next.
    fn is_in_session_for(&self, id: &RoundId) -> bool {
        matches!(&self.busy, Some(Job::Upload(busy, ..) | Job::SumScores(busy, _)) if busy == id)
    }

    /// Scores are brought into a sum once there are some: the model is measured before, unless it was.
    fn measured_first(&mut self, invitation: Invitation) -> Job {
        let Invitation { id, model, .. } = invitation;
        let evaluation = Evaluation { study: id.study.clone(), round: id.round, model };
        self.want_evaluation(evaluation.clone());
        Job::SumScores(id, evaluation)
    }

    /// An invitation to another attempt ends what is left of the last: that it was abandoned may have gone unheard.
    fn end_other_session(&mut self, job: &Job) {
        let Some(Job::Upload(id, ..) | Job::SumScores(id, _)) = &self.busy else { return };
        if job.round().is_some_and(|asked| asked.study == id.study && asked != id) {
            self.effects.push_back(Effect::EndSecagg(id.clone()));
        }
    }

    /// An invitation repeated after a broken connection does not start training again. An upload is queued again:
    /// the one under way may be about to fail with its connection.
    fn is_training_for(&self, job: &Job) -> bool {
        matches!((&self.busy, job), (Some(Job::Train(now)), Job::Train(asked)) if now.id == asked.id)
    }

    fn closed(&mut self, closing: Closing) {
        let Closing { id, model } = closing;
        self.drop_work_for(&id);
        let Some(part) = self.studies.get_mut(&id.study) else { return };
        let Some(model) = model.filter(|_| id.summand == Summand::Update) else { return };
        let done = part.trained.take_if(|trained| trained.round <= id.round);
        self.effects.extend(done.map(|trained| Effect::Discard(trained.update)));
        if part.terms.is_some_and(|terms| terms.measures(id.round)) {
            self.want_evaluation(Evaluation { study: id.study, round: id.round, model });
        }
    }

    fn ended(&mut self, now: Timestamp, ending: Ending) {
        let Ending { study, outcome, round, model } = ending;
        let Some(part) = self.studies.get_mut(&study) else { return };
        let finished = outcome == StudyOutcome::Finished;
        let unused = part.trained.take();
        self.effects.extend(unused.map(|trained| Effect::Discard(trained.update)));
        if !part.ended {
            self.drop_work_of(&study);
            self.record(now, Event::Ended { study: study.clone(), outcome, model });
        }
        if let Some(round) = round.filter(|_| finished) {
            self.want_evaluation(Evaluation { study, round, model });
        }
    }

    fn want_evaluation(&mut self, evaluation: Evaluation) {
        let measured = self.studies.get(&evaluation.study).and_then(|part| part.last_evaluated.as_ref());
        let job = Job::Evaluate(evaluation.clone());
        if measured.is_none_or(|(last, _)| *last != evaluation)
            && !self.jobs.contains(&job)
            && self.busy.as_ref() != Some(&job)
        {
            self.jobs.push_back(job);
        }
    }

    fn trained(&mut self, now: Timestamp, id: RoundId, result: Result<UpdateRef, Refusal>) {
        let Some(Job::Train(invitation)) = self.finish_training(&id) else { return };
        match result {
            Ok(update) => {
                let plan = self.studies.get(&id.study).and_then(|part| part.plan);
                self.record(now, Event::Trained { id: id.clone(), model: invitation.model, update, plan });
                // It was done when the round ended; another attempt may want it.
                if self.over.take().is_none_or(|over| over != id) {
                    self.jobs.push_front(Job::Upload(id, invitation.model, update));
                }
            }
            Err(refusal) => self.effects.push_back(Effect::Say(FromSite::RoundAnswer { id, answer: Err(refusal) })),
        }
    }

    /// What was made for one sum is not used for another: after this an invitation trains again, and pays again.
    fn masking(&mut self, id: RoundId, model: ModelRef) {
        let part = self.studies.get(&id.study);
        let used = part.filter(|part| part.gives_up(&id)).and_then(|part| part.trained.as_ref());
        if let Some(used) = used.map(|trained| trained.update) {
            self.jobs.retain(|job| !matches!(job, Job::Upload(_, _, update) if *update == used));
        }
        self.apply(&Event::Masking { id, model });
    }

    fn uploaded(&mut self, now: Timestamp, id: RoundId, result: Result<(), UploadFailure>) {
        let is_it = |job: &Job| matches!(job, Job::Upload(job, ..) | Job::SumScores(job, _) if *job == id);
        let Some(job) = self.finish(is_it) else { return };
        let one_sum = self.studies.get(&id.study).and_then(|part| part.terms).is_some_and(|terms| terms.one_sum);
        if let (Job::Upload(_, _, update), true) = (job, one_sum) {
            self.effects.extend(self.is_unused(&id.study, update).then_some(Effect::Discard(update)));
        }
        match result {
            Ok(()) => self.record(now, Event::Sent { id }),
            // Nobody is to wait for it.
            Err(UploadFailure::Refused(refusal)) => {
                self.effects.push_back(Effect::Say(FromSite::RoundAnswer { id, answer: Err(refusal) }));
            }
            Err(UploadFailure::Broken | UploadFailure::Rejected(_)) => {}
        }
    }

    fn is_unused(&self, study: &StudyId, update: UpdateRef) -> bool {
        let trained = self.studies.get(study).and_then(|part| part.trained.as_ref());
        trained.is_none_or(|trained| trained.update != update)
    }

    fn evaluated(&mut self, now: Timestamp, evaluation: Evaluation, measured: Option<Measured>) {
        self.finish(|job| matches!(job, Job::Evaluate(job) if *job == evaluation));
        let Some(Measured { scores, reported }) = measured else { return };
        let Evaluation { study, round, model } = evaluation.clone();
        let hidden = self.studies.get(&study).and_then(|part| part.terms).is_none_or(|terms| terms.hides_scores);
        self.record(now, Event::Evaluated { study, round, model, scores, reported: reported.clone() });
        if !hidden {
            self.effects.push_back(Effect::Report(evaluation, reported));
        }
    }

    fn finish_training(&mut self, id: &RoundId) -> Option<Job> {
        self.finish(|job| matches!(job, Job::Train(invitation) if invitation.id == *id))
    }

    fn finish(&mut self, is_it: impl Fn(&Job) -> bool) -> Option<Job> {
        self.busy.take_if(|job| is_it(job))
    }

    fn start_next(&mut self) {
        if self.busy.is_some() {
            return;
        }
        let Some(job) = self.jobs.pop_front() else { return };
        self.busy = Some(job.clone());
        match job {
            Job::Train(invitation) => {
                let id = invitation.id.clone();
                self.effects.push_back(Effect::Say(FromSite::RoundAnswer { id, answer: Ok(()) }));
                self.effects.push_back(Effect::Train(invitation));
            }
            Job::Upload(id, model, update) => self.effects.push_back(Effect::Upload(id, model, update)),
            Job::Evaluate(evaluation) => self.effects.push_back(Effect::Evaluate(evaluation)),
            Job::SumScores(id, evaluation) => self.sum_scores(id, evaluation),
        }
    }

    fn sum_scores(&mut self, id: RoundId, evaluation: Evaluation) {
        let last = self.studies.get(&id.study).and_then(|part| part.last_evaluated.as_ref());
        match last.filter(|(measured, reported)| *measured == evaluation && !reported.is_empty()) {
            Some((_, reported)) => self.effects.push_back(Effect::SumScores(id, evaluation.model, reported.clone())),
            None => {
                self.busy = None;
                let refusal =
                    Refusal::new(RefusalReason::Internal, "no scores of this model may be told, or there are none");
                self.effects.push_back(Effect::Say(FromSite::RoundAnswer { id, answer: Err(refusal) }));
                self.start_next();
            }
        }
    }

    fn drop_work_for(&mut self, id: &RoundId) {
        self.jobs.retain(|job| job.round() != Some(id));
        self.cancel(|busy| busy == id);
    }

    fn drop_work_of(&mut self, study: &StudyId) {
        self.jobs.retain(|job| job.round().is_none_or(|id| id.study != *study));
        self.cancel(|busy| busy.study == *study);
    }

    fn cancel(&mut self, is_over: impl Fn(&RoundId) -> bool) {
        match self.busy.as_ref().filter(|job| job.round().is_some_and(&is_over)) {
            Some(Job::Train(invitation)) => {
                self.over = Some(invitation.id.clone());
                self.effects.push_back(Effect::CancelTraining(invitation.id.clone()));
            }
            Some(Job::Upload(id, ..) | Job::SumScores(id, _)) => self.effects.push_back(Effect::EndSecagg(id.clone())),
            _ => {}
        }
    }

    fn record(&mut self, at: Timestamp, event: Event) {
        self.apply(&event);
        self.effects.push_back(Effect::Persist(at, event));
    }

    /// Takes an event in. The same function serves the live machine and the replay after a restart.
    fn apply(&mut self, event: &Event) {
        match event {
            Event::Decided { study, .. } => {
                self.studies.entry(study.clone()).or_default();
            }
            Event::Trained { id, model, update, plan } => {
                let part = self.studies.entry(id.study.clone()).or_default();
                part.trained = Some(Trained { plan: *plan, round: id.round, model: *model, update: *update });
            }
            Event::Masking { id, model } => {
                let part = self.studies.entry(id.study.clone()).or_default();
                match id.summand {
                    Summand::Update => drop(part.trained.take_if(|trained| trained.round <= id.round)),
                    Summand::Scores => drop(part.told.insert(model.digest, id.round)),
                }
            }
            Event::Sent { .. } => {}
            Event::Evaluated { study, round, model, reported, .. } => {
                let evaluation = Evaluation { study: study.clone(), round: *round, model: *model };
                self.studies.entry(study.clone()).or_default().last_evaluated = Some((evaluation, reported.clone()));
            }
            Event::Ended { study, .. } => self.studies.entry(study.clone()).or_default().ended = true,
        }
    }
}
