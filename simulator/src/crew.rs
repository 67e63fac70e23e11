//! The engine: a few resident workers, through which all sites of a round go.
//!
//! Workers take jobs from one counter, in the order of the cohort. A worker has one update buffer and one sum of its own, and
//! nothing is allocated or sent for a site: memory is O(workers x model), and what a site costs beyond its own work is the
//! addition of its update.

use crate::gather::{Arrival, ExactSum, Gather, Part};
use crate::poison::Poison;
use crate::seeds::Seeds;
use crate::{Attempt, Job, Labels, LocalWork, Report, SiteNumber, WorkError};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use wardround_plan::RoundNumber;

/// The workers of a run.
pub(crate) struct Crew<'w, W: LocalWork> {
    work: &'w W,
    seats: Vec<Seat<W::Worker>>,
}

/// One worker, with what it keeps.
struct Seat<S> {
    scratch: S,
    update: Vec<f32>,
    part: Part,
    ended: Vec<(usize, Ended)>,
}

/// What a round's jobs have in common.
#[derive(Clone, Copy)]
pub(crate) struct RoundWork<'a> {
    pub(crate) round: RoundNumber,
    pub(crate) attempt: Attempt,
    pub(crate) model: &'a [f32],
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
    /// Its update was taken.
    Taken(Report),
    /// The site has none.
    Failed(String),
    /// Its update cannot be added.
    Refused(String),
}

impl<'w, W: LocalWork> Crew<'w, W> {
    /// Workers with buffers for updates of `weights` weights.
    pub(crate) fn new(work: &'w W, workers: NonZeroUsize, weights: usize) -> Result<Self, WorkError> {
        let seat = |_| {
            Ok(Seat { scratch: work.worker()?, update: vec![0.0; weights], part: Part::default(), ended: Vec::new() })
        };
        Ok(Self { work, seats: (0..workers.get()).map(seat).collect::<Result<_, _>>()? })
    }

    /// Trains every job and gives its update to `gather`; tells how each ended, in the order of the jobs.
    ///
    /// # Errors
    /// A worker that has to be made anew cannot be.
    pub(crate) fn train(
        &mut self,
        jobs: &[Assignment],
        round: &RoundWork<'_>,
        gather: &impl Gather,
    ) -> Result<Vec<Ended>, WorkError> {
        let (next, done, work) = (AtomicUsize::new(0), AtomicUsize::new(0), self.work);
        on_all(&mut self.seats, |seat| {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(place) else { return Ok(()) };
                let ended = seat.finish(work, place, job, round, gather)?;
                seat.ended.push((place, ended));
                (round.progress)(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
        })?;
        let mut ended: Vec<(usize, Ended)> = self.seats.iter_mut().flat_map(|seat| seat.ended.drain(..)).collect();
        ended.sort_unstable_by_key(|(place, _)| *place);
        Ok(ended.into_iter().map(|(_, ended)| ended).collect())
    }

    /// As [`Crew::train`], into the exact sum of all updates.
    ///
    /// # Errors
    /// As [`Crew::train`].
    pub(crate) fn train_and_sum(
        &mut self,
        jobs: &[Assignment],
        round: &RoundWork<'_>,
    ) -> Result<(Vec<Ended>, &[i64]), WorkError> {
        for seat in &mut self.seats {
            seat.part.sum.clear();
            seat.part.sum.resize(seat.update.len(), 0);
        }
        let ended = self.train(jobs, round, &ExactSum)?;
        Ok((ended, ExactSum::total(self.seats.iter_mut().map(|seat| &mut seat.part))))
    }

    /// How good `model` is at each of `sites`, in their order.
    ///
    /// # Errors
    /// A worker that has to be made anew cannot be.
    pub(crate) fn evaluate(
        &mut self,
        sites: &[SiteNumber],
        model: &[f32],
    ) -> Result<Vec<Result<Option<f64>, WorkError>>, WorkError> {
        let (next, work) = (AtomicUsize::new(0), self.work);
        let scores: Vec<std::sync::OnceLock<_>> = sites.iter().map(|_| std::sync::OnceLock::new()).collect();
        on_all(&mut self.seats, |seat| {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(site) = sites.get(place) else { return Ok(()) };
                let scored = caught(|| work.evaluate(&mut seat.scratch, *site, model));
                let _ = scores[place].set(seat.renewed(work, scored)?);
            }
        })?;
        let never = || Err(WorkError("was not measured".into()));
        Ok(scores.into_iter().map(|score| score.into_inner().unwrap_or_else(never)).collect())
    }
}

impl<S> Seat<S> {
    fn finish<W: LocalWork<Worker = S>>(
        &mut self,
        work: &W,
        place: usize,
        job: &Assignment,
        round: &RoundWork<'_>,
        gather: &impl Gather,
    ) -> Result<Ended, WorkError> {
        // Zeros, so that whatever a site leaves out is not another site's.
        self.update.fill(0.0);
        let trained = caught(|| work.train(&mut self.scratch, &round.job(job), &mut self.update));
        let report = self.renewed(work, trained)?;
        if let (Ok(_), Some(poison)) = (&report, job.poison) {
            poison.spoil(&mut self.update, &mut round.seeds.poison(round.round, round.attempt, job.site));
        }
        let arrival = report.is_ok().then_some(Arrival { update: &self.update, weight: job.weight });
        let taken = gather.take(&mut self.part, place, arrival);
        Ok(match (report, taken) {
            (Err(error), _) => Ended::Failed(error.0),
            (Ok(_), Err(refused)) => Ended::Refused(refused.0),
            (Ok(report), Ok(())) => Ended::Taken(report),
        })
    }

    /// The result of work, with a new worker after a panic: nobody knows what it left behind.
    fn renewed<W: LocalWork<Worker = S>, T>(
        &mut self,
        work: &W,
        result: Result<Result<T, WorkError>, WorkError>,
    ) -> Result<Result<T, WorkError>, WorkError> {
        result.or_else(|panicked| {
            self.scratch = work.worker()?;
            Ok(Err(panicked))
        })
    }
}

impl RoundWork<'_> {
    fn job(&self, job: &Assignment) -> Job<'_> {
        let labels = job.poison.map_or(Labels::Honest, |poison| poison.labels());
        let Self { round, attempt, model, seeds, .. } = *self;
        Job { site: job.site, round, attempt, model, labels, keys: seeds.work() }
    }
}

/// A panic is one site's failure and ends no run.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, WorkError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        WorkError(format!("its work panicked: {text}"))
    })
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
