//! The engine: a few resident workers, through which all sites of a round go.
//!
//! Workers take jobs from one counter, in the order of the cohort. A worker has one message buffer and one sum of its own, and
//! nothing is allocated or sent for a site: memory is O(workers x model), and what a site costs beyond its own work is the
//! addition of its message.

use crate::gather::{ExactSum, Gather};
use crate::poison::Poison;
use crate::seat::{Seat, caught};
use crate::seeds::Seeds;
use crate::states::SiteStates;
use crate::{Attempt, Job, Labels, LocalWork, Report, SiteNumber, WorkError};
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use wardround_plan::RoundNumber;
use wardround_secagg::session::DistributedNoise;
use wardround_strategy::{LocalRule, MessageShape, Received};

/// The workers of a run.
pub(crate) struct Crew<'w, W: LocalWork> {
    work: &'w W,
    seats: Vec<Seat<W::Worker>>,
}

/// What a round's jobs have in common.
#[derive(Clone, Copy)]
pub(crate) struct RoundWork<'a> {
    pub(crate) round: RoundNumber,
    pub(crate) attempt: Attempt,
    pub(crate) received: Received<'a>,
    pub(crate) local: &'a dyn LocalRule,
    pub(crate) states: &'a SiteStates,
    pub(crate) seeds: &'a Seeds,
    /// Hears how many sites are done.
    pub(crate) progress: &'a (dyn Fn(usize) + Sync),
}

/// One site of a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) site: SiteNumber,
    pub(crate) weight: u32,
    pub(crate) poison: Option<Poison>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    /// Its message was taken.
    Taken(Report),
    /// The site has none.
    Failed(String),
    /// Its message cannot be added.
    Refused(String),
}

impl<'w, W: LocalWork> Crew<'w, W> {
    /// Workers for messages of this shape about a model of `weights` weights.
    pub(crate) fn new(
        work: &'w W,
        workers: NonZeroUsize,
        shape: MessageShape,
        weights: usize,
    ) -> Result<Self, WorkError> {
        let seat = |_| Seat::new(work, shape.len(weights));
        Ok(Self { work, seats: (0..workers.get()).map(seat).collect::<Result<_, _>>()? })
    }

    /// Trains every job and gives its message to `gather`; tells how each ended, in the order of the jobs.
    ///
    /// # Errors
    /// A worker that has to be made anew cannot be.
    pub(crate) fn train(
        &mut self,
        jobs: &[Assignment],
        round: &RoundWork<'_>,
        gather: &impl Gather,
    ) -> Result<Vec<Ended>, WorkError> {
        let work = self.work;
        self.each(jobs, round, |seat, place, job| seat.finish(work, place, job, round, gather))
    }

    /// Does `finish` for every job, on all seats.
    fn each(
        &mut self,
        jobs: &[Assignment],
        round: &RoundWork<'_>,
        finish: impl Fn(&mut Seat<W::Worker>, usize, &Assignment) -> Result<Ended, WorkError> + Sync,
    ) -> Result<Vec<Ended>, WorkError> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        self.seats.iter_mut().for_each(|seat| seat.moved.clear());
        on_all(&mut self.seats, |seat| {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(place) else { return Ok(()) };
                let ended = finish(seat, place, job)?;
                seat.ended.push((place, ended));
                (round.progress)(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
        })?;
        let mut ended: Vec<(usize, Ended)> = self.seats.iter_mut().flat_map(|seat| seat.ended.drain(..)).collect();
        ended.sort_unstable_by_key(|(place, _)| *place);
        Ok(ended.into_iter().map(|(_, ended)| ended).collect())
    }

    /// As [`Crew::train`], into the exact sum of all messages.
    ///
    /// # Errors
    /// As [`Crew::train`].
    pub(crate) fn train_and_sum(
        &mut self,
        jobs: &[Assignment],
        round: &RoundWork<'_>,
    ) -> Result<(Vec<Ended>, &[i64]), WorkError> {
        self.empty_sums();
        let ended = self.train(jobs, round, &ExactSum)?;
        Ok((ended, ExactSum::total(self.seats.iter_mut().map(|seat| &mut seat.part))))
    }

    /// The sum of every job's gradients with its site's share of `noise`, in whole numbers.
    ///
    /// # Errors
    /// As [`Crew::train`].
    pub(crate) fn sum_gradients(
        &mut self,
        jobs: &[Assignment],
        round: &RoundWork<'_>,
        noise: &DistributedNoise,
    ) -> Result<(Vec<Ended>, &[i64]), WorkError> {
        self.empty_sums();
        let work = self.work;
        let ended = self.each(jobs, round, |seat, _, job| seat.add_gradients(work, job, round, noise))?;
        Ok((ended, ExactSum::total(self.seats.iter_mut().map(|seat| &mut seat.part))))
    }

    fn empty_sums(&mut self) {
        for seat in &mut self.seats {
            seat.part.sum.clear();
            seat.part.sum.resize(seat.message.len(), 0);
        }
    }

    /// What the sites of the last round keep from it, to be taken over if the round counts.
    pub(crate) fn moved(&mut self) -> impl Iterator<Item = (SiteNumber, Vec<f32>)> {
        self.seats.iter_mut().flat_map(|seat| seat.moved.drain(..))
    }

    /// How good `model`, or what each site makes of it by `rule`, is at each of `sites`, in their order.
    ///
    /// # Errors
    /// A worker that has to be made anew cannot be.
    pub(crate) fn evaluate(
        &mut self,
        sites: &[SiteNumber],
        model: &[f32],
        rule: &dyn LocalRule,
        states: &SiteStates,
    ) -> Result<Vec<Result<Option<f64>, WorkError>>, WorkError> {
        let (next, work) = (AtomicUsize::new(0), self.work);
        let scores: Vec<OnceLock<_>> = sites.iter().map(|_| OnceLock::new()).collect();
        on_all(&mut self.seats, |seat| {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(site) = sites.get(place) else { return Ok(()) };
                seat.site.resize(model.len(), 0.0);
                rule.site_model(model, states.of(*site), &mut seat.site);
                let scored = caught(|| work.evaluate(&mut seat.scratch, *site, &seat.site));
                let _ = scores[place].set(seat.renewed(work, scored)?);
            }
        })?;
        let never = || Err(WorkError("was not measured".into()));
        Ok(scores.into_iter().map(|score| score.into_inner().unwrap_or_else(never)).collect())
    }
}

impl RoundWork<'_> {
    /// What a site is told of its job.
    pub(crate) fn job(&self, job: &Assignment) -> Job<'_> {
        let labels = job.poison.map_or(Labels::Honest, |poison| poison.labels());
        Job { site: job.site, round: self.round, attempt: self.attempt, labels, keys: self.seeds.work() }
    }
}

/// Runs `work` on every seat at once, the last on this thread.
fn on_all<S: Send>(
    seats: &mut [Seat<S>],
    work: impl Fn(&mut Seat<S>) -> Result<(), WorkError> + Sync,
) -> Result<(), WorkError> {
    let Some((own, others)) = seats.split_last_mut() else { return Ok(()) };
    std::thread::scope(|scope| {
        let running: Vec<_> = others.iter_mut().map(|seat| scope.spawn(|| work(seat))).collect();
        let ended = work(own);
        running.into_iter().fold(ended, |ended, thread| {
            let other = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            ended.and(other)
        })
    })
}
