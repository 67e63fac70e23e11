//! An attack on the rounds of one study, made with the very coins, clipping and noise that the site makes them with.
//!
//! The canary's clipped contribution is as long as it can be, and lies in a direction that nobody else's has: the worst case
//! that the accountant assumes. The attacker knows everything but coins and noise, sees every noised step, and adds up the
//! log-likelihood ratios of "she is in the data": no attack on these steps beats that test (Neyman and Pearson 1933). What
//! it shows is a lower bound on ε, to be held against what the accountant claims for the same steps.
//!
//! Where sites share the noise, the attacker sees the sum with the shares of m honest sites and of nobody else: the least that a
//! sum can carry, and what the accountant counts.

use crate::{
    AccountError, Adjacency, AttackScores, Charge, Confidence, EntropyError, Epsilon, LocalShare, Mechanism, NoScores,
    NoiseError, NoiseStreams, PrivateSteps, SecretNoise, SharedNoise, StepError, StudyCost, StudyCostError, UnitError,
    epsilon_lower_bound, epsilon_pld,
};
use rayon::prelude::*;
use std::num::NonZeroU32;
use wardround_plan::Plan;

/// What the attack found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundAudit {
    /// What the accountant says that the attacked steps cost together, at the study's δ.
    pub claimed: Epsilon,
    /// ε that the attack proves to be exceeded, with the confidence below.
    pub at_least: f64,
    /// How sure that is.
    pub confidence: Confidence,
    /// Runs with the canary, and as many without.
    pub runs: u32,
    /// Steps in each run.
    pub steps: u64,
}

/// Why a study cannot be attacked.
#[derive(Debug, thiserror::Error)]
pub enum RoundAuditError {
    /// No step of it can be made.
    #[error(transparent)]
    Step(#[from] StepError),
    /// Its noise cannot be shared.
    #[error(transparent)]
    Shared(#[from] StudyCostError),
    /// Its shares cannot be drawn.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// Its cost has no bound.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The operating system has no random bits.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// Too few runs.
    #[error(transparent)]
    Scores(#[from] NoScores),
    /// The confidence is none.
    #[error(transparent)]
    Confidence(#[from] UnitError),
}

impl RoundAudit {
    /// Attacks the first steps of a round of `plan`, a whole one where it has not too many, or as many rounds of one step where the
    /// noise is shared; with coins and noise from the operating system. Takes some seconds.
    ///
    /// # Errors
    /// [`RoundAuditError`]
    pub fn of(plan: &Plan, cost: &StudyCost) -> Result<Self, RoundAuditError> {
        Attack::new(plan, cost)?.audit(RUNS, |_| Ok(SecretNoise::from_os()?))
    }
}

/// Steps of one study, and a canary in them.
struct Attack<'a> {
    plan: &'a Plan,
    cost: &'a StudyCost,
    steps: u64,
    shared: Option<Shared>,
}

/// The noise of a sum over m honest sites.
struct Shared {
    noise: SharedNoise,
    share: LocalShare,
}

/// Who is in the data besides nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    /// The canary.
    With,
    /// Nobody; under replace-one, one whose contribution is the canary's opposite.
    Without,
}

impl<'a> Attack<'a> {
    fn new(plan: &'a Plan, cost: &'a StudyCost) -> Result<Self, RoundAuditError> {
        let shared = Shared::of(plan, cost)?;
        let steps = match &shared {
            None => cost.round().times,
            Some(_) => cost.reservation().first().map_or(1, |training| training.times),
        };
        Ok(Self { plan, cost, steps: steps.min(STEPS_MAX), shared })
    }

    fn audit<N: NoiseStreams>(
        &self,
        runs: u32,
        streams: impl Fn(u64) -> Result<N, RoundAuditError> + Sync,
    ) -> Result<RoundAudit, RoundAuditError> {
        let (_, delta) = self.cost.budget();
        let confidence = Confidence::new(CONFIDENCE)?;
        let charge = Charge { times: self.steps, ..self.cost.round() };
        let claimed = epsilon_pld(&[charge], delta, self.cost.adjacency())?.epsilon;
        let at_least = epsilon_lower_bound(&self.scores(runs, &streams)?, delta, confidence)?;
        Ok(RoundAudit { claimed, at_least, confidence, runs, steps: self.steps })
    }

    fn scores<N: NoiseStreams>(
        &self,
        runs: u32,
        streams: &(impl Fn(u64) -> Result<N, RoundAuditError> + Sync),
    ) -> Result<AttackScores, RoundAuditError> {
        let scores = |world: World| {
            let numbers = (0..runs).into_par_iter().map(|run| 2 * u64::from(run) + u64::from(world == World::With));
            let score = |number: u64| match &self.shared {
                None => self.score(world, streams(number)?),
                Some(shared) => self.shared_score(world, shared, &|step| streams(number * 2 * STEPS_MAX + step)),
            };
            numbers.map(score).collect::<Result<Vec<f64>, RoundAuditError>>()
        };
        Ok(AttackScores { with: scores(World::With)?, without: scores(World::Without)? })
    }

    /// The log-likelihood ratio of one run.
    fn score<N: NoiseStreams>(&self, world: World, streams: N) -> Result<f64, RoundAuditError> {
        let mut steps = PrivateSteps::new(self.plan, self.cost, streams)?;
        let contribution = self.contribution(world, &steps);
        let mut score = 0.0;
        for _ in 0..self.steps {
            let drawn = steps.draw(1)?.len() as f64;
            let noisy = steps.noisy_mean(&[drawn * contribution])?;
            score += noisy.iter().map(|mean| self.log_ratio(steps.in_clip_norms(*mean))).sum::<f64>();
        }
        Ok(score)
    }

    /// The same where each step is a round, and its noise that of m honest sites.
    fn shared_score<N: NoiseStreams>(
        &self,
        world: World,
        shared: &Shared,
        streams: &impl Fn(u64) -> Result<N, RoundAuditError>,
    ) -> Result<f64, RoundAuditError> {
        let mut score = 0.0;
        for step in 0..self.steps {
            let mut steps = PrivateSteps::new(self.plan, self.cost, streams(2 * step)?)?;
            let contribution = self.contribution(world, &steps);
            let drawn = steps.draw(1)?.len() as f64;
            let unnoised = steps.unnoised(&[drawn * contribution], shared.noise.grid())?;
            let mut sum = unnoised.value().clone();
            let honest = shared.noise.honest().get() as usize;
            let shares = shared.share.blocks(honest, &mut streams(2 * step + 1)?)?;
            shares.into_iter().for_each(|mut share| share.add_to(&mut sum));
            let in_clip_norms = |word: &i64| shared.noise.grid().value(*word) / steps.clip_norm().get();
            score += sum.iter().map(|word| self.log_ratio(in_clip_norms(word))).sum::<f64>();
        }
        Ok(score)
    }

    /// What she adds, clipped as the site clips.
    fn contribution<N: NoiseStreams>(&self, world: World, steps: &PrivateSteps<N>) -> f64 {
        let gradient = UNCLIPPED * steps.clip_norm().get();
        let clipped = gradient * steps.clip_factor(gradient * gradient);
        match (world, self.cost.adjacency()) {
            (World::With, _) => clipped,
            (World::Without, Adjacency::AddOrRemoveOne) => 0.0,
            (World::Without, Adjacency::ReplaceOne) => -clipped,
        }
    }

    /// ln of how much likelier a step's outcome, in clip norms, is with her.
    fn log_ratio(&self, outcome: f64) -> f64 {
        let Mechanism::SampledGaussian { noise_multiplier, sampling_rate } = self.cost.round().mechanism else {
            return 0.0;
        };
        let (sigma, q) = (noise_multiplier.get(), sampling_rate.get());
        let against_nobody = |x: f64| (q * ((x - 0.5) / (sigma * sigma)).exp_m1()).ln_1p();
        match self.cost.adjacency() {
            Adjacency::AddOrRemoveOne => against_nobody(outcome),
            Adjacency::ReplaceOne => against_nobody(outcome) - against_nobody(-outcome),
        }
    }
}

impl Shared {
    /// With the fewest honest sites that the plan allows; `None` for a plan in which each site adds all of its noise.
    fn of(plan: &Plan, cost: &StudyCost) -> Result<Option<Self>, RoundAuditError> {
        if plan.privacy.patients().is_none_or(|terms| terms.share.is_none()) {
            return Ok(None);
        }
        let (threshold, corrupt) = plan.secagg.threshold(plan.study.min_sites).unwrap_or((1, 0));
        let honest = NonZeroU32::new(threshold - corrupt).unwrap_or(NonZeroU32::MIN);
        // One number is all that the attacker looks at.
        let noise = cost.shared_noise(plan, 1, honest)?;
        Ok(Some(Self { noise, share: noise.share()? }))
    }
}

/// Runs on each side: 10^4 of them choose the test, and as many count its hits.
const RUNS: u32 = 20_000;

/// Steps of one run.
const STEPS_MAX: u64 = 50;

/// How sure a lower bound is.
const CONFIDENCE: f64 = 0.999;

/// The length of the canary's gradient, in clip norms: far beyond one.
const UNCLIPPED: f64 = 1e3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimulatedNoise;
    use wardround_plan::StreamKey;

    const PLAN: &str = include_str!("../../configs/phantoms-private.toml");

    fn plan(terms: &str) -> Plan {
        Plan::from_toml(&PLAN.replace("epsilon = 8.0\n", terms)).expect("a plan of ours")
    }

    /// Attacks the steps of `run`, and holds the result against what `promised` claims for as many.
    fn attack(promised: &Plan, run: &Plan) -> RoundAudit {
        let [promised, made] = [promised, run].map(|plan| StudyCost::of(plan).expect("a budget that can be kept"));
        let key = StreamKey::from_public_seed(7);
        let streams = |number: u64| Ok(SimulatedNoise::new(&key, &number.to_string()));
        let found = Attack::new(run, &made).and_then(|attack| attack.audit(RUNS, streams)).expect("attacked");
        let charge = Charge { times: found.steps, ..promised.round() };
        let (_, delta) = promised.budget();
        let claimed = epsilon_pld(&[charge], delta, promised.adjacency()).expect("bounded").epsilon;
        RoundAudit { claimed, ..found }
    }

    #[test]
    fn what_the_attack_shows_is_below_the_claim_and_not_nothing() {
        for terms in ["epsilon = 8.0\n", "epsilon = 8.0\nnoise = \"exact\"\n"] {
            let found = attack(&plan(terms), &plan(terms));
            let claimed = found.claimed.get();
            assert!((0.2 * claimed..=claimed).contains(&found.at_least), "{found:?}");
        }
    }

    #[test]
    fn replacing_a_patient_is_attacked_from_both_of_them() {
        let terms = "epsilon = 8.0\nadjacency = \"replace_one\"\n";
        let found = attack(&plan(terms), &plan(terms));
        assert!((0.2 * found.claimed.get()..=found.claimed.get()).contains(&found.at_least), "{found:?}");
    }

    /// A plan whose sites share the noise.
    fn shared(epsilon: &str) -> Plan {
        let text =
            PLAN.replace("mode = \"site\"", "mode = \"distributed\"").replace("local_steps = 20", "local_steps = 1");
        Plan::from_toml(&text.replace("epsilon = 8.0\n", epsilon)).expect("a plan of ours")
    }

    #[test]
    fn noise_in_shares_is_attacked_with_those_of_the_honest_sites_alone() {
        for law in ["skellam", "discrete_gaussian"] {
            let plan = shared(&format!("epsilon = 8.0\nshare = \"{law}\"\n"));
            let found = attack(&plan, &plan);
            let claimed = found.claimed.get();
            assert_eq!(found.steps, 12, "ten rounds and two spare ones");
            assert!((0.2 * claimed..=claimed).contains(&found.at_least), "{law}: {found:?}");
        }
        let weak = attack(&shared("epsilon = 2.0\n"), &shared("epsilon = 30.0\n"));
        assert!(weak.at_least > weak.claimed.get(), "too little is found out: {weak:?}");
    }

    #[test]
    fn a_build_with_too_little_noise_is_found_out() {
        let found = attack(&plan("epsilon = 2.0\n"), &plan("epsilon = 30.0\n"));
        assert!(found.at_least > found.claimed.get(), "{found:?}");
    }

    #[test]
    fn a_site_attacks_with_its_own_coins_and_noise() {
        let plan = plan("epsilon = 8.0\n");
        let cost = StudyCost::of(&plan).expect("a budget that can be kept");
        let found = RoundAudit::of(&plan, &cost).expect("attacked");
        assert_eq!((found.runs, found.steps), (RUNS, 20));
        assert!(found.at_least <= found.claimed.get(), "refuted once in 10^3 at most: {found:?}");
    }
}
