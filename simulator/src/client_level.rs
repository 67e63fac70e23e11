//! `privacy.mode = "client"` in a simulation: DP-FedAvg by [`wardround_privacy::ClientLevel`], with coins and noise that repeat.
//!
//! Each site that is in the population takes part by a coin, and the round is made with whoever came, even nobody: to wait for
//! more would tell who is there. Sites that vanish or are late lower the signal, never the noise.

use crate::crew::{Crew, Ended, RoundWork};
use crate::gather::{Arrival, InOrder, NotTaken};
use crate::rule::Training;
use crate::run::RunError;
use crate::seeds::Seeds;
use crate::{Attempt, LocalWork, SiteNumber};
use wardround_plan::{ClientPrivacy, Plan, RoundNumber};
use wardround_privacy::{
    Adjacency, Charge, ClientLevel, ClientStep, ClipNorm, Delta, Epsilon, PoissonSample, Quantile, SamplingRate,
    SimulatedNoise, Target, calibrate_noise,
};

/// The terms of a study, with the noise that follows from its ε.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientRule {
    terms: ClientLevel,
    first_clip: ClipNorm,
}

/// A coin for each site.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientCoins(SamplingRate);

impl ClientRule {
    /// Of `plan`, for a population of so many sites.
    ///
    /// # Errors
    /// [`RunError::Privacy`]
    pub(crate) fn of(plan: &Plan, population: usize) -> Result<Self, RunError> {
        let terms = plan.privacy.client().ok_or_else(|| RunError::Privacy("mode is not \"client\"".into()))?;
        let ClientPrivacy { epsilon, delta, sampling_rate, clip, clip_quantile } = terms;
        let sampling_rate = SamplingRate::new(sampling_rate).map_err(refused)?;
        let target = Target {
            epsilon: Epsilon::new(epsilon).map_err(refused)?,
            delta: Delta::new(delta).map_err(refused)?,
            sampling_rate,
            steps: u64::from(plan.study.rounds),
            adjacency: Adjacency::AddOrRemoveOne,
            accountant: plan.privacy.accountant.unwrap_or_default(),
        };
        let terms = ClientLevel {
            noise_multiplier: calibrate_noise(&target, &[]).map_err(refused)?,
            sampling_rate,
            sites: population,
            kind: plan.privacy.noise.unwrap_or_default(),
            clip_quantile: clip_quantile.map(Quantile::new).transpose().map_err(refused)?,
        };
        Ok(Self { terms, first_clip: ClipNorm::new(clip).map_err(refused)? })
    }

    pub(crate) fn coins(&self) -> ClientCoins {
        ClientCoins(self.terms.sampling_rate)
    }

    /// What a round costs each site.
    pub(crate) fn charge(&self) -> Charge {
        self.terms.charge()
    }

    /// q n: the weight of the sites that a mean is over, each counting one.
    pub(crate) fn expected_weight(&self) -> f64 {
        self.terms.expected_sites()
    }

    /// Trains, clips, sums in the order of the cohort, and noises once.
    ///
    /// # Errors
    /// [`RunError::Privacy`] and [`RunError::Worker`].
    pub(crate) fn step<W: LocalWork>(
        &self,
        crew: &mut Crew<'_, W>,
        training: &Training<'_>,
        work: &RoundWork<'_>,
    ) -> Result<(Vec<Ended>, ClientStep), RunError> {
        let clip = training.clip.map_or(Ok(self.first_clip), ClipNorm::new).map_err(refused)?;
        let mut sums = self.terms.open(clip, work.received.model.len());
        let add = |_: usize, arrival: Arrival<'_>| {
            sums.add(arrival.update.to_vec()).map_err(|error| NotTaken(error.to_string()))
        };
        let ended = crew.train(training.jobs, work, &InOrder::new(add))?;
        let mut noise = streams(training.seeds, "noise", training.round, training.attempt);
        Ok((ended, sums.close(&mut noise).map_err(refused)?))
    }
}

impl ClientCoins {
    /// Those of so many sites whose coin says yes, in order.
    ///
    /// # Errors
    /// [`RunError::Privacy`] for more sites than a sum is made for.
    pub(crate) fn cohort(
        self,
        population: u32,
        seeds: &Seeds,
        round: RoundNumber,
        attempt: Attempt,
    ) -> Result<Vec<SiteNumber>, RunError> {
        let drawn = PoissonSample::draw(population as usize, self.0, &mut streams(seeds, "coins", round, attempt));
        Ok(drawn.map_err(refused)?.into_iter().map(|site| SiteNumber::new(site as u32)).collect())
    }
}

fn streams(seeds: &Seeds, what: &str, round: RoundNumber, attempt: Attempt) -> SimulatedNoise {
    SimulatedNoise::new(seeds.work(), &format!("client level {what}, round {round}, attempt {}", attempt.get()))
}

fn refused(error: impl std::fmt::Display) -> RunError {
    RunError::Privacy(error.to_string())
}
