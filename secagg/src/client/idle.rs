//! M0: whether to take part at all. Nothing has left this site, and nothing does if a check fails.

use super::advertised::Advertised;
use super::check::Check;
use super::journal::{History, JournalRecord, JournalStage};
use super::policy::{GraphPolicy, NoisePolicy, Trained};
use super::seat::{Seat, Site};
use super::{Output, Step};
use crate::refusal::Refusal;
use crate::roster::PublicKey;
use crate::session::{Graph, HONEST_MIN, SUITE, SessionParams};
use crate::wire::{Decode, Index};
use rand::CryptoRng;
use wardround_plan::Timestamp;

/// A site that has trained and waits for a session.
pub(super) struct Idle {
    pub(super) site: Site,
    pub(super) trained: Trained,
    pub(super) history: History,
}

impl Idle {
    /// Opens the session, or refuses it.
    pub(super) fn open(
        self,
        now: Timestamp,
        params: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Step<Advertised>, Refusal> {
        let params = SessionParams::from_bytes(params)?;
        self.check_purpose(&params)?;
        let signers = self.check_participants(&params, now)?;
        self.check_thresholds(&params)?;
        self.check_sum(&params)?;
        self.check_history(&params)?;
        let index = params.index_of(self.site.client).ok_or(Refusal::NotListed)?;
        Ok(self.seated(params, index, signers, rng))
    }

    fn seated(
        self,
        params: SessionParams,
        index: Index,
        signers: Vec<PublicKey>,
        rng: &mut impl CryptoRng,
    ) -> Step<Advertised> {
        let neighbourhood = params.graph.neighbourhoods(params.participants.len()).of(index);
        let session = params.session_id();
        let seat = Seat { site: self.site, params, session, index, neighbourhood, signers };
        let record = seat.record(JournalStage::Opened);
        let agreement = seat.agreement();
        let (next, advert) = Advertised::begin(seat, rng);
        let outputs = vec![Output::Agreed(agreement), Output::Persist(record), Output::Send(advert.clone())];
        Step { next, outputs, reply: Some(advert) }
    }

    fn check_purpose(&self, params: &SessionParams) -> Result<(), Refusal> {
        let Trained { study, round, model, config, coordinates } = self.trained;
        Check::Suite.requires(params.suite == SUITE, || Refusal::Suite { suite: params.suite.0 })?;
        let other = |what| move || Refusal::OtherRound { what };
        Check::Federation.requires(params.federation == self.site.roster.federation(), other("federation"))?;
        Check::Study.requires(params.study == study, other("study"))?;
        Check::Round.requires(params.round == round, other("round"))?;
        Check::Model.requires(params.model == model, || Refusal::OtherModel)?;
        Check::Config.requires(params.config == config, || Refusal::OtherConfig)?;
        let got = params.vector.coordinates();
        Check::Dimension.requires(got == coordinates, || Refusal::Dimension { got, expected: coordinates })
    }

    /// Every participant's signing key, in order.
    fn check_participants(&self, params: &SessionParams, now: Timestamp) -> Result<Vec<PublicKey>, Refusal> {
        let roster = &self.site.roster;
        Check::Roster.requires(params.roster == roster.digest(), || Refusal::RosterNotPinned)?;
        let (participants, required) = (params.participants.len(), self.site.policy.cohort_min.max(3) as usize);
        Check::Cohort.requires(participants >= required, || Refusal::CohortTooSmall { participants, required })?;
        let mut signers = Vec::with_capacity(participants);
        for client in params.participants.iter().copied() {
            let enrolment = roster.current(client, now);
            Check::Enrolled.requires(enrolment.is_some(), || Refusal::NotEnrolled { client })?;
            // Nobody signs with the key of all zeros: strict verification refuses it.
            signers.push(enrolment.map_or(PublicKey([0; 32]), |enrolment| enrolment.key));
        }
        Ok(signers)
    }

    fn check_thresholds(&self, params: &SessionParams) -> Result<(), Refusal> {
        let (policy, thresholds) = (&self.site.policy, params.thresholds);
        let participants = params.participants.len();
        let allowed = params.graph == Graph::Complete || policy.graph == GraphPolicy::AlsoHonestButCurious;
        Check::Graph.requires(allowed && params.graph.fits(participants), || Refusal::Graph)?;
        let reachable = params.graph.neighbourhood_size(participants) as u32;
        let (threshold, corrupt) = (thresholds.threshold, thresholds.corrupt);
        let refusal = |required| move || Refusal::Threshold { threshold, required, reachable };
        Check::ThresholdReachable.requires(threshold <= reachable, refusal(1))?;
        let required = policy.threshold.lowest(reachable);
        Check::ThresholdFloor.requires(threshold >= required, refusal(required))?;
        let two_sums = || Refusal::TwoSums { participants: reachable, threshold, corrupt };
        // In a graph whose neighbourhoods are small, traitors are counted in a neighbourhood's statistics and not here.
        let counted = if params.graph == Graph::Complete { thresholds } else { thresholds.without_traitors() };
        Check::OneSum.requires(counted.forbid_two_sums(reachable), two_sums)?;
        let required = policy.corrupt_min;
        Check::Corrupt.requires(corrupt >= required, || Refusal::CorruptTooFew { assumed: corrupt, required })?;
        let required = policy.honest_min.max(HONEST_MIN).max(thresholds.honest_min);
        let honest = thresholds.honest_inputs();
        Check::Honest.requires(honest >= required, || Refusal::HonestTooFew { honest, required })
    }

    fn check_sum(&self, params: &SessionParams) -> Result<(), Refusal> {
        let (encoding, noise) = (&params.encoding, params.noise.as_ref());
        let fits = encoding.cannot_wrap(params.participants.len(), &params.vector, noise);
        Check::NoWrap.requires(fits, || Refusal::Overflow)?;
        if let NoisePolicy::AtLeast { multiplier } = self.site.policy.noise {
            let sensitivity = encoding.rounded_l2_max(params.vector.coordinates());
            let deviation = noise.map_or(0.0, |noise| noise.total_variance.sqrt().next_down());
            let refusal = || Refusal::Noise { reason: "the sum carries less of it than this site asks for" };
            Check::NoiseFloor.requires(deviation >= (multiplier * sensitivity).next_up(), refusal)?;
        }
        let Some(noise) = noise else {
            return Ok(());
        };
        let refusal = || Refusal::Noise { reason: "it counts on more sites than are surely honest (m > t - c)" };
        Check::NoiseShares.requires(noise.honest <= params.thresholds.honest_inputs(), refusal)?;
        let refusal = || Refusal::Noise { reason: "weights are summed without noise, so all have to be 1" };
        Check::NoiseWeights.requires(encoding.weight_max == 1, refusal)
    }

    fn check_history(&self, params: &SessionParams) -> Result<(), Refusal> {
        let SessionParams { study, round, attempt, .. } = *params;
        let refusal = |reason| move || Refusal::Replay { round, attempt, reason };
        let signed = self.history.has_signed(study, round);
        Check::NotSigned.requires(!signed, refusal("this site has signed for a sum of this round already"))?;
        let new = self.history.last_attempt(study, round).is_none_or(|last| last < attempt);
        Check::NewAttempt.requires(new, refusal("this site has begun this attempt or a later one already"))?;
        let tried = self.history.attempts(study, round) as u64;
        let left = tried < u64::from(self.site.policy.attempts_max);
        Check::AttemptBudget.requires(left, refusal("this site's policy allows no further attempt"))
    }
}

impl Seat {
    pub(super) fn record(&self, stage: JournalStage) -> JournalRecord {
        let SessionParams { study, round, attempt, .. } = self.params;
        JournalRecord { study, round, attempt, session: self.session, stage }
    }
}
