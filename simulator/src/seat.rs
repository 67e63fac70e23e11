//! One worker: its buffers, and the road of a site through them.

use crate::crew::{Assignment, Ended, RoundWork};
use crate::gather::{Arrival, Gather, Part};
use crate::{Job, LocalWork, Report, SiteNumber, WorkError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use wardround_privacy::{SimulatedNoise, Unnoised};
use wardround_round::masking::Share;
use wardround_secagg::ring::NoiseShare as _;
use wardround_secagg::session::DistributedNoise;
use wardround_strategy::{Correction, Effort, LocalError, LocalSteps, local_round};

/// One worker, with what it keeps.
pub(crate) struct Seat<S> {
    pub(crate) scratch: S,
    pub(crate) message: Vec<f32>,
    /// The state of the site at work, or the model it uses.
    pub(crate) site: Vec<f32>,
    pub(crate) part: Part,
    pub(crate) ended: Vec<(usize, Ended)>,
    pub(crate) moved: Vec<(SiteNumber, Vec<f32>)>,
}

impl<S> Seat<S> {
    /// A seat for messages of so many numbers.
    ///
    /// # Errors
    /// The worker cannot be made.
    pub(crate) fn new<W: LocalWork<Worker = S>>(work: &W, message: usize) -> Result<Self, WorkError> {
        Ok(Self {
            scratch: work.worker()?,
            message: vec![0.0; message],
            site: Vec::new(),
            part: Part::default(),
            ended: Vec::new(),
            moved: Vec::new(),
        })
    }

    /// Trains one site and gives its message to `gather`.
    ///
    /// # Errors
    /// A worker that has to be made anew cannot be.
    pub(crate) fn finish<W: LocalWork<Worker = S>>(
        &mut self,
        work: &W,
        place: usize,
        job: &Assignment,
        round: &RoundWork<'_>,
        gather: &impl Gather,
    ) -> Result<Ended, WorkError> {
        self.site.clear();
        self.site.extend_from_slice(round.states.of(job.site));
        let trained = caught(|| self.train(work, job, round));
        let renewed = self.renewed(work, trained);
        let report = renewed.as_ref().map_or_else(|error| Err(error.clone()), Clone::clone);
        if let (Ok(_), Some(poison)) = (&report, job.poison) {
            poison.spoil(&mut self.message, &mut round.seeds.poison(round.round, round.attempt, job.site));
        }
        let arrival = report.is_ok().then_some(Arrival { update: &self.message, weight: job.weight });
        // Also where the run is about to end: others may wait for this place.
        let taken = gather.take(&mut self.part, place, arrival);
        renewed?.ok();
        Ok(match (report, taken) {
            (Err(error), _) => Ended::Failed(error.0),
            (Ok(_), Err(refused)) => Ended::Refused(refused.0),
            (Ok(report), Ok(())) => {
                if !self.site.is_empty() {
                    self.moved.push((job.site, self.site.clone()));
                }
                Ended::Taken(report)
            }
        })
    }

    /// Adds one site's gradients, with its share of `noise`, to this seat's sum.
    ///
    /// # Errors
    /// A worker that has to be made anew cannot be.
    pub(crate) fn add_gradients<W: LocalWork<Worker = S>>(
        &mut self,
        work: &W,
        job: &Assignment,
        round: &RoundWork<'_>,
        noise: &DistributedNoise,
    ) -> Result<Ended, WorkError> {
        let made = caught(|| {
            let gradients = work.gradients(&mut self.scratch, &round.job(job), round.received.model)?;
            noised(&gradients, round, job.site, noise)
        });
        Ok(match self.renewed(work, made)? {
            Err(error) => Ended::Failed(error.0),
            Ok(words) if words.len() != self.part.sum.len() => {
                Ended::Refused(format!("{} gradients for {} weights", words.len(), self.part.sum.len()))
            }
            Ok(words) => {
                self.part.sum.iter_mut().zip(words).for_each(|(sum, word)| *sum = sum.wrapping_add(word));
                Ended::Taken(Report { loss: None, effort: Effort { steps: 1, gradient_weight: None } })
            }
        })
    }

    /// The strategy's round at one site: the message lies in the buffer then.
    fn train<W: LocalWork<Worker = S>>(
        &mut self,
        work: &W,
        job: &Assignment,
        round: &RoundWork<'_>,
    ) -> Result<Report, WorkError> {
        let mut steps = Steps { work, worker: &mut self.scratch, job: round.job(job), first: None };
        local_round(round.local, round.received, &mut self.site, &mut steps, &mut self.message)
            .map_err(WorkError::of)?;
        steps.first.ok_or_else(|| WorkError("its strategy made no local steps".into()))
    }

    /// The result of work, with a new worker after a panic: nobody knows what it left behind.
    pub(crate) fn renewed<W: LocalWork<Worker = S>, T>(
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

/// The gradients with the site's share of the noise, made and added as a deployed site does it; from the seed.
fn noised(
    gradients: &Unnoised<Vec<i64>>,
    round: &RoundWork<'_>,
    site: SiteNumber,
    noise: &DistributedNoise,
) -> Result<Vec<i64>, WorkError> {
    let label = format!("share of site {site} in round {}, attempt {}", round.round, round.attempt.get());
    let streams = SimulatedNoise::new(round.seeds.work(), &label);
    let mut share = Share::new(noise, streams).map_err(WorkError)?;
    let mut words = gradients.value().clone();
    for block in &mut share.blocks(1).map_err(WorkError::of)? {
        block.add_to(&mut words);
    }
    Ok(words)
}

/// The work of one site as a strategy calls it.
struct Steps<'a, W: LocalWork> {
    work: &'a W,
    worker: &'a mut W::Worker,
    job: Job<'a>,
    /// The report on the steps from the round's model; strategies make their other steps after these.
    first: Option<Report>,
}

impl<W: LocalWork> LocalSteps for Steps<'_, W> {
    fn train(&mut self, weights: &mut [f32], correction: &Correction<'_>) -> Result<Effort, LocalError> {
        let report = self.work.train(self.worker, &self.job, weights, correction);
        let report = report.map_err(|error| LocalError::Training(error.0))?;
        self.first.get_or_insert(report);
        Ok(report.effort)
    }
}

/// A panic is one site's failure and ends no run.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, WorkError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        WorkError(format!("its work panicked: {text}"))
    })
}
