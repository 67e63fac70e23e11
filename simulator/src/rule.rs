//! From a round's jobs to the next model: the study's strategy and privacy, by the code of a deployment.

use crate::client_level::{ClientCoins, ClientRule};
use crate::crew::{Assignment, Crew, Ended, RoundWork};
use crate::draw::shuffle;
use crate::gather::Kept;
use crate::run::{RunError, Secagg};
use crate::secure::{self, Member};
use crate::seeds::Seeds;
use crate::shared_noise::{SharedRule, SharedStep};
use crate::states::SiteStates;
use crate::{Attempt, LocalWork, SiteNumber};
use wardround_plan::{Plan, PrivacyMode, RoundNumber};
use wardround_strategy::{
    AdvanceError, Aggregation, Collected, Influence, Mean, Received, RobustError, ServerState, Strategy, TotalWeight,
    fold, group_ranges,
};

/// How the messages of a study's sites become the next model.
pub(crate) struct Rule {
    pub(crate) strategy: Strategy,
    privacy: PrivacyRule,
    /// The weight of all sites of the study.
    weight: u64,
}

/// What privacy has a say in beyond the sites' own work.
enum PrivacyRule {
    Nothing,
    /// Whole sites are clipped and drawn by coins.
    OfSites(ClientRule),
    /// Sites share the noise.
    Shared(SharedRule),
}

/// One attempt's training.
#[derive(Clone, Copy)]
pub(crate) struct Training<'a> {
    pub(crate) round: RoundNumber,
    pub(crate) attempt: Attempt,
    pub(crate) jobs: &'a [Assignment],
    pub(crate) clip: Option<f64>,
    pub(crate) plan: &'a Plan,
    pub(crate) seeds: &'a Seeds,
    pub(crate) states: &'a SiteStates,
    pub(crate) secagg: Secagg,
    pub(crate) progress: &'a (dyn Fn(usize) + Sync),
}

/// What a round leads to beside the next model.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Next {
    /// The clip norm of the next round, where it moves.
    pub(crate) clip: Option<f64>,
    /// The sites whose updates a robust rule chose, if it chooses.
    pub(crate) chosen: Option<Vec<SiteNumber>>,
}

impl Rule {
    /// `strategy` for sites of these weights, with the privacy of `plan`.
    ///
    /// # Errors
    /// [`RunError::Privacy`] for a promise that no noise keeps.
    pub(crate) fn of(plan: &Plan, strategy: Strategy, weights: &[u32]) -> Result<Self, RunError> {
        let privacy = match plan.privacy.mode {
            PrivacyMode::None | PrivacyMode::Site => PrivacyRule::Nothing,
            PrivacyMode::Distributed => PrivacyRule::Shared(SharedRule::of(plan)?),
            PrivacyMode::Client => PrivacyRule::OfSites(ClientRule::of(plan, weights.len())?),
        };
        Ok(Self { strategy, privacy, weight: weights.iter().map(|weight| u64::from(*weight)).sum() })
    }

    /// The coins by which sites are drawn, where privacy asks for coins.
    pub(crate) fn coins(&self) -> Option<ClientCoins> {
        match &self.privacy {
            PrivacyRule::OfSites(rule) => Some(rule.coins()),
            PrivacyRule::Nothing | PrivacyRule::Shared(_) => None,
        }
    }

    /// Why secure aggregation cannot make this rule's sums, if it cannot.
    pub(crate) fn unmaskable(&self) -> Option<&'static str> {
        match (&self.privacy, self.strategy.aggregation()) {
            (PrivacyRule::OfSites(_), _) => {
                Some("with `privacy.mode = \"client\"` whoever sums clips whole updates, and has to see them")
            }
            (PrivacyRule::Shared(_), _) => {
                Some("shares of noise are added to exact sums here, whose bits masks would not change")
            }
            (PrivacyRule::Nothing, Aggregation::Single(_)) => Some("the strategy has to see every single update"),
            (PrivacyRule::Nothing, Aggregation::Mean | Aggregation::Groups { .. }) => None,
        }
    }

    /// Trains, and moves `state` on where enough messages came; `None` where too few did.
    ///
    /// # Errors
    /// [`RunError`] where not a site is at fault.
    pub(crate) fn apply<W: LocalWork>(
        &self,
        crew: &mut Crew<'_, W>,
        training: &Training<'_>,
        state: &mut ServerState,
    ) -> Result<(Vec<Ended>, Option<Next>), RunError> {
        match (&self.privacy, self.strategy.aggregation()) {
            (PrivacyRule::OfSites(client), _) => self.client_level(client, crew, training, state),
            (PrivacyRule::Shared(shared), _) => self.shared(shared, crew, training, state),
            (PrivacyRule::Nothing, Aggregation::Mean) => self.mean(crew, training, state),
            (PrivacyRule::Nothing, Aggregation::Single(_)) => self.single(crew, training, state),
            (PrivacyRule::Nothing, Aggregation::Groups { size, .. }) => self.groups(*size, crew, training, state),
        }
    }

    fn mean<W: LocalWork>(
        &self,
        crew: &mut Crew<'_, W>,
        training: &Training<'_>,
        state: &mut ServerState,
    ) -> Result<(Vec<Ended>, Option<Next>), RunError> {
        if training.secagg == Secagg::Full {
            let (ended, members) = self.kept(crew, training, state)?;
            if !training.is_enough(members.len()) {
                return Ok((ended, None));
            }
            let sum = secure::sum(training, state.model(), &members)?;
            let next = self.advance_mean(training, state, &ended, &sum)?;
            return Ok((ended, next));
        }
        let (ended, sum) = with_work(self, training, state, |work| Ok(crew.train_and_sum(training.jobs, work)?))?;
        let next = self.advance_mean(training, state, &ended, sum)?;
        Ok((ended, next))
    }

    fn advance_mean(
        &self,
        training: &Training<'_>,
        state: &mut ServerState,
        ended: &[Ended],
        sum: &[i64],
    ) -> Result<Option<Next>, RunError> {
        let taken = || training.jobs.iter().zip(ended).filter(|(_, ended)| matches!(ended, Ended::Taken(_)));
        let enough = training.is_enough(taken().count());
        let total = TotalWeight::of(taken().map(|(job, _)| job.weight)).filter(|_| enough);
        let Some(total) = total else { return Ok(None) };
        let weight: u64 = taken().map(|(job, _)| u64::from(job.weight)).sum();
        self.advance(training, state, weight, Collected::Mean(Mean::Sum(sum, total)))
    }

    fn single<W: LocalWork>(
        &self,
        crew: &mut Crew<'_, W>,
        training: &Training<'_>,
        state: &mut ServerState,
    ) -> Result<(Vec<Ended>, Option<Next>), RunError> {
        let (ended, members) = self.kept(crew, training, state)?;
        if !training.is_enough(members.len()) {
            return Ok((ended, None));
        }
        let list: Vec<&[f32]> = members.iter().map(|member| member.update.as_slice()).collect();
        let weight = weight_of(&members);
        let next = self.advance(training, state, weight, Collected::Single(&list))?;
        let sites = |places: Vec<SiteNumber>| places.iter().map(|place| members[place.place()].site).collect();
        Ok((ended, next.map(|next| Next { chosen: next.chosen.map(sites), ..next })))
    }

    /// One sum for each group of sites, in an order that is drawn once it is known who came.
    fn groups<W: LocalWork>(
        &self,
        size: usize,
        crew: &mut Crew<'_, W>,
        training: &Training<'_>,
        state: &mut ServerState,
    ) -> Result<(Vec<Ended>, Option<Next>), RunError> {
        let (ended, mut members) = self.kept(crew, training, state)?;
        if !training.is_enough(members.len()) {
            return Ok((ended, None));
        }
        shuffle(&mut members, &mut training.seeds.groups(training.round, training.attempt));
        let groups: Vec<&[Member]> =
            group_ranges(members.len(), size).into_iter().map(|group| &members[group]).collect();
        let sums = groups.iter().map(|group| group_sum(training, state.model(), group));
        let sums: Vec<(Vec<i64>, TotalWeight)> = sums.collect::<Result<_, _>>()?;
        let collected: Vec<(&[i64], TotalWeight)> = sums.iter().map(|(sum, total)| (sum.as_slice(), *total)).collect();
        let next = self.advance(training, state, weight_of(&members), Collected::Groups(&collected))?;
        // What a rule chose here are groups, and their sites stay hidden in them.
        Ok((ended, next.map(|next| Next { chosen: None, ..next })))
    }

    fn client_level<W: LocalWork>(
        &self,
        client: &ClientRule,
        crew: &mut Crew<'_, W>,
        training: &Training<'_>,
        state: &mut ServerState,
    ) -> Result<(Vec<Ended>, Option<Next>), RunError> {
        let (ended, step) = with_work(self, training, state, |work| client.step(crew, training, work))?;
        // Of the expected sites, not of those that came: who came is private.
        let expected = client.expected_weight().min(self.weight as f64) / self.weight as f64;
        self.advance_by(training, state, expected, Collected::Mean(Mean::Values(&step.mean)))?;
        Ok((ended, Some(Next { clip: Some(step.next_clip.get()), chosen: None })))
    }

    fn shared<W: LocalWork>(
        &self,
        shared: &SharedRule,
        crew: &mut Crew<'_, W>,
        training: &Training<'_>,
        state: &mut ServerState,
    ) -> Result<(Vec<Ended>, Option<Next>), RunError> {
        let SharedStep { ended, change } = with_work(self, training, state, |work| shared.step(crew, training, work))?;
        let Some(change) = change else { return Ok((ended, None)) };
        let taken = training.jobs.iter().zip(&ended).filter(|(_, ended)| matches!(ended, Ended::Taken(_)));
        let weight = taken.map(|(job, _)| u64::from(job.weight)).sum();
        let next = self.advance(training, state, weight, Collected::Mean(Mean::Values(&change)))?;
        Ok((ended, next))
    }

    /// Trains and keeps every message.
    fn kept<W: LocalWork>(
        &self,
        crew: &mut Crew<'_, W>,
        training: &Training<'_>,
        state: &ServerState,
    ) -> Result<(Vec<Ended>, Vec<Member>), RunError> {
        let kept = Kept::new(training.jobs.len());
        let ended = with_work(self, training, state, |work| Ok(crew.train(training.jobs, work, &kept)?))?;
        let member = |(place, update): (usize, Vec<f32>)| {
            let job = &training.jobs[place];
            Member { site: job.site, weight: job.weight, update }
        };
        Ok((ended, kept.into_updates().into_iter().map(member).collect()))
    }

    fn advance(
        &self,
        training: &Training<'_>,
        state: &mut ServerState,
        weight: u64,
        collected: Collected<'_>,
    ) -> Result<Option<Next>, RunError> {
        self.advance_by(training, state, weight as f64 / self.weight as f64, collected)
    }

    fn advance_by(
        &self,
        training: &Training<'_>,
        state: &mut ServerState,
        participation: f64,
        collected: Collected<'_>,
    ) -> Result<Option<Next>, RunError> {
        match self.strategy.advance(state, participation, collected) {
            Ok(verdict) => Ok(Some(Next { clip: None, chosen: verdict.influence.and_then(chosen) })),
            Err(AdvanceError::Robust(RobustError::TooFew { .. })) => Ok(None),
            Err(error) => Err(RunError::Advance { round: training.round, reason: error.to_string() }),
        }
    }
}

impl Training<'_> {
    /// Whether so many messages make a round; masked, also whether their sum hides them.
    fn is_enough(&self, taken: usize) -> bool {
        let hidden = || self.plan.secagg.threshold(u32::try_from(taken).unwrap_or(u32::MAX)).is_some();
        taken >= self.plan.study.min_sites as usize && (self.secagg == Secagg::Off || hidden())
    }
}

/// Does `train` with what the sites of a round are sent.
fn with_work<T>(
    rule: &Rule,
    training: &Training<'_>,
    state: &ServerState,
    train: impl FnOnce(&RoundWork<'_>) -> Result<T, RunError>,
) -> Result<T, RunError> {
    let sent = rule.strategy.server().broadcast_vectors();
    let server: Vec<&[f32]> = state.vectors().iter().take(sent).map(Vec::as_slice).collect();
    let Training { round, attempt, seeds, states, progress, .. } = *training;
    let received = Received { model: state.model(), server: &server };
    train(&RoundWork { round, attempt, received, local: rule.strategy.local(), states, seeds, progress })
}

fn weight_of(members: &[Member]) -> u64 {
    members.iter().map(|member| u64::from(member.weight)).sum()
}

fn group_sum(training: &Training<'_>, model: &[f32], group: &[Member]) -> Result<(Vec<i64>, TotalWeight), RunError> {
    let empty = || RunError::Advance { round: training.round, reason: "a group has no weight".into() };
    let total = TotalWeight::of(group.iter().map(|member| member.weight)).ok_or_else(empty)?;
    if training.secagg == Secagg::Full {
        return Ok((secure::sum(training, model, group)?, total));
    }
    let mut sum = vec![0; group.first().map_or(0, |member| member.update.len())];
    for member in group {
        let refused = |error| RunError::Advance { round: training.round, reason: format!("{error}") };
        fold(&mut sum, &member.update, member.weight).map_err(refused)?;
    }
    Ok((sum, total))
}

/// The places a rule chose, as numbers of sites until they are told apart.
fn chosen(influence: Influence) -> Option<Vec<SiteNumber>> {
    match influence {
        Influence::Chosen(places) => Some(places.into_iter().map(|place| SiteNumber::new(place as u32)).collect()),
        Influence::Coordinatewise | Influence::Weighted(_) => None,
    }
}
