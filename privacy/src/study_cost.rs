//! What a plan costs each patient of a site. The noise is derived here from the plan's ε and nowhere typed.
//!
//! A site's patients pay for every local step of every round, for the rounds the plan keeps spare for crashes, and for every
//! noised evaluation. A patient is either trained on or measured on, so charging both to everybody counts too much and never
//! too little, even where a site moves patients from one side to the other between studies.

use crate::{
    AccountError, Adjacency, Charge, ClipNorm, Delta, Epsilon, Grid, LaplaceScale, Mechanism, NoiseError,
    NoiseMultiplier, SamplingRate, SharedNoise, Target, UnitError, calibrate_noise, histogram_charges,
};
use std::num::NonZeroU32;
use wardround_plan::{Plan, PlanAdjacency};

/// The charges of a plan that promises its patients something.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyCost {
    epsilon: Epsilon,
    delta: Delta,
    adjacency: Adjacency,
    noise_multiplier: NoiseMultiplier,
    round: Charge,
    rounds: u64,
    evaluation: Option<Charge>,
    evaluations: u64,
}

/// The plan's promise cannot be kept, or is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StudyCostError {
    /// `privacy.mode` is neither "site" nor "distributed".
    #[error(
        "the plan's `privacy.mode` is neither \"site\" nor \"distributed\", so its sites pay nothing and promise nothing"
    )]
    NotPrivate,
    /// A number of the plan that is out of its range; the plan's rules say so earlier.
    #[error("[privacy]: {0}")]
    Unit(#[from] UnitError),
    /// No noise keeps the promise.
    #[error("no noise keeps the plan's promise: {0}")]
    Account(#[from] AccountError),
    /// The noise cannot be made in shares.
    #[error("the noise cannot be shared: {0}")]
    Noise(#[from] NoiseError),
    /// Shares that are too far from what is charged for.
    #[error(
        "noise in {honest} shares is not as good as what is charged for it: it may miss δ by {missed:e}, of which {most:e} is \
         set aside; plan fewer rounds or a smaller model"
    )]
    Missed {
        /// By how much δ may be missed.
        missed: f64,
        /// What is set aside for that.
        most: f64,
        /// m
        honest: u32,
    },
}

impl StudyCost {
    /// Derives the noise and lists the charges. Pure; takes up to some tenths of a second.
    ///
    /// # Errors
    /// [`StudyCostError`]
    pub fn of(plan: &Plan) -> Result<Self, StudyCostError> {
        let terms = plan.privacy.patients().ok_or(StudyCostError::NotPrivate)?;
        let (epsilon, delta) = (Epsilon::new(terms.epsilon)?, Delta::new(terms.delta)?);
        let adjacency = match terms.adjacency {
            PlanAdjacency::AddOrRemoveOne => Adjacency::AddOrRemoveOne,
            PlanAdjacency::ReplaceOne => Adjacency::ReplaceOne,
        };
        let spare = u64::from(terms.spare_rounds);
        let rounds = u64::from(plan.study.rounds) + spare;
        let evaluations = plan.evaluations();
        let evaluation = evaluation(plan)?;
        let sampling_rate = SamplingRate::new(terms.sampling_rate)?;
        let local_steps = u64::from(plan.training.local_steps);
        let steps = rounds * local_steps;
        // Shares of noise are charged as what their sum nearly is.
        let kept = if terms.share.is_some() { 1.0 - MISSED_SHARE } else { 1.0 };
        let counted = Delta::new(delta.get() * kept)?;
        let target = Target { epsilon, delta: counted, sampling_rate, steps, adjacency, accountant: terms.accountant };
        let measured: Vec<Charge> = evaluation.map(|one| Charge { times: evaluations, ..one }).into_iter().collect();
        let noise_multiplier = calibrate_noise(&target, &measured)?;
        let round =
            Charge { mechanism: Mechanism::SampledGaussian { noise_multiplier, sampling_rate }, times: local_steps };
        Ok(Self { epsilon, delta, adjacency, noise_multiplier, round, rounds, evaluation, evaluations })
    }

    /// The noise that every sum of the plan's gradients carries, in shares of `honest` sites: for `privacy.mode = "distributed"`.
    ///
    /// # Errors
    /// [`StudyCostError::NotPrivate`] in another mode, [`StudyCostError::Noise`], [`StudyCostError::Missed`].
    pub fn shared_noise(&self, plan: &Plan, weights: u64, honest: NonZeroU32) -> Result<SharedNoise, StudyCostError> {
        let terms = plan.privacy.patients().ok_or(StudyCostError::NotPrivate)?;
        let law = terms.share.ok_or(StudyCostError::NotPrivate)?;
        let entries = usize::try_from(weights).unwrap_or(usize::MAX);
        let clip = ClipNorm::new(terms.clip)?;
        let noise = SharedNoise::new(clip, self.noise_multiplier, entries, honest, law)?;
        let missed = noise.missed_delta(self.round.times * self.rounds, self.epsilon);
        let most = self.delta.get() * MISSED_SHARE;
        match missed <= most {
            true => Ok(noise),
            false => Err(StudyCostError::Missed { missed, most, honest: honest.get() }),
        }
    }

    /// Where each site snaps its sum of gradients before it adds its share of the noise.
    ///
    /// # Errors
    /// As [`Self::shared_noise`].
    pub fn shared_grid(&self, plan: &Plan, weights: u64) -> Result<Grid, StudyCostError> {
        // The grid is the same however many share the noise.
        Ok(*self.shared_noise(plan, weights, NonZeroU32::MIN)?.grid())
    }

    /// σ
    pub fn noise_multiplier(&self) -> NoiseMultiplier {
        self.noise_multiplier
    }

    /// The budget that all charges together stay within.
    pub fn budget(&self) -> (Epsilon, Delta) {
        (self.epsilon, self.delta)
    }

    /// Which data sets are neighbours.
    pub fn adjacency(&self) -> Adjacency {
        self.adjacency
    }

    /// The local steps of one round.
    pub fn round(&self) -> Charge {
        self.round
    }

    /// One noised evaluation; `None` where scores stay at their site.
    pub fn evaluation(&self) -> Option<Charge> {
        self.evaluation
    }

    /// Scale of the noise in each bin of an evaluation's histogram, in patients; 0 without evaluations.
    pub fn evaluation_scale(&self) -> f64 {
        match self.evaluation.map(|charge| charge.mechanism) {
            Some(Mechanism::DiscreteLaplace { scale, .. }) => scale.get(),
            _ => 0.0,
        }
    }

    /// Everything a site reserves before it reads a scan: rounds with the spare ones, and evaluations.
    pub fn reservation(&self) -> Vec<Charge> {
        let times = self.round.times * self.rounds;
        let training = Charge { times, ..self.round };
        let evaluations = self.evaluation.map(|one| Charge { times: self.evaluations, ..one });
        std::iter::once(training).chain(evaluations).collect()
    }
}

/// Each evaluation's histogram, as pure ε.
fn evaluation(plan: &Plan) -> Result<Option<Charge>, UnitError> {
    let scale = plan.histogram_scale().map(LaplaceScale::new).transpose()?;
    Ok(scale.and_then(|scale| histogram_charges(scale).first().copied()))
}

/// The part of δ that is set aside for shares of noise, which are charged as the Gaussian that their sum nearly is.
const MISSED_SHARE: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epsilon_pld;

    const PLAN: &str = include_str!("../../configs/phantoms-private.toml");

    fn plan(from: &str, to: &str) -> Plan {
        let text = PLAN.replace(from, to);
        assert!(from.is_empty() || text != PLAN, "`{from}` is not in the plan");
        Plan::from_toml(&text).expect("a good plan")
    }

    fn spent(cost: &StudyCost) -> f64 {
        let (_, delta) = cost.budget();
        epsilon_pld(&cost.reservation(), delta, cost.adjacency()).expect("accountable").epsilon.get()
    }

    #[test]
    fn everything_a_study_reserves_is_within_its_epsilon_and_uses_it() {
        for plan in [plan("", ""), plan("clip = 1.0", "clip = 1.0\nadjacency = \"replace_one\"")] {
            let cost = StudyCost::of(&plan).expect("a budget that can be kept");
            let spent = spent(&cost);
            assert!(spent <= 8.0 && spent > 7.9, "{spent}");
        }
    }

    #[test]
    fn spare_rounds_and_evaluations_are_paid_for() {
        let sigma = |plan: &Plan| StudyCost::of(plan).expect("a budget that can be kept").noise_multiplier().get();
        let (spare, none) = (plan("", ""), plan("spare_rounds = 2 ", "spare_rounds = 0 "));
        assert!(sigma(&spare) > sigma(&none), "spare rounds cost noise");
        assert!(sigma(&spare) > sigma(&plan("epsilon_share = 0.05", "epsilon_share = 0.0")), "so do evaluations");
        let cost = StudyCost::of(&spare).expect("a budget that can be kept");
        let [training, evaluations] = cost.reservation()[..] else { panic!("{:?}", cost.reservation()) };
        let rounds = u64::from(spare.study.rounds) + 2;
        assert_eq!(training.times, rounds * u64::from(spare.training.local_steps));
        assert_eq!(evaluations.times, u64::from(spare.study.rounds.div_ceil(spare.evaluation.every)) + 2);
    }

    #[test]
    fn no_evaluation_is_paid_for_where_none_leaves() {
        let cost = StudyCost::of(&plan("epsilon_share = 0.05", "epsilon_share = 0.0")).expect("kept");
        assert_eq!((cost.evaluation(), cost.reservation().len()), (None, 1));
    }

    #[test]
    fn shared_noise_is_made_for_a_little_less_than_delta() {
        let share = |law: &str| format!("mode = \"distributed\"\nshare = \"{law}\"");
        for law in ["skellam", "discrete_gaussian"] {
            let text = PLAN.replace("mode = \"site\"", &share(law)).replace("local_steps = 20", "local_steps = 1");
            let plan = Plan::from_toml(&text).expect("a good plan");
            let cost = StudyCost::of(&plan).expect("a budget that can be kept");
            let honest = NonZeroU32::new(2).expect("two");
            let noise = cost.shared_noise(&plan, 30_000, honest).expect("a good grid");
            let (steps, (epsilon, delta)) = (cost.round().times * 12, cost.budget());
            let missed = noise.missed_delta(steps, epsilon);
            let spent =
                epsilon_pld(&cost.reservation(), Delta::new(delta.get() - missed).expect("positive"), cost.adjacency());
            assert!(missed > 0.0 && spent.expect("accountable").epsilon <= epsilon, "{law}: {missed:e}");
            let sensitivity = noise.grid().sensitivity() / noise.grid().step();
            assert!(noise.total_variance().sqrt() >= cost.noise_multiplier().get() * sensitivity);
            assert!(matches!(
                StudyCost { rounds: u64::MAX / 2, ..cost }.shared_noise(&plan, 30_000, honest),
                Err(StudyCostError::Missed { .. })
            ));
        }
    }

    #[test]
    fn a_plan_without_privacy_has_no_cost() {
        let open = Plan::from_toml(include_str!("../../configs/phantoms.toml")).expect("a good plan");
        assert_eq!(StudyCost::of(&open), Err(StudyCostError::NotPrivate));
    }
}
