//! Collecting updates that nobody may see: sites train, those that are ready open a session together, and its machine
//! (`wardround_secagg::server::Server`) says what to send and when its stages are over.
//!
//! Every event of that machine is one of the study's, so a restart continues with the same sets: sites sign only one set of
//! survivors for a round, ever.

use super::Rejection;
use super::event::{Event, Open, Sealed};
use super::study::Study;
use super::{Effect, Summed};
use super::{collecting, scores};
use crate::masking::{SumTerms, masked_bytes_max, session_round};
use crate::{RoundId, Summand, ToSite, UpdateRef};
use std::collections::BTreeSet;
use std::sync::Arc;
use wardround_plan::{Digest, Duration, Plan, SiteId, Timestamp};
use wardround_privacy::StudyCost;
use wardround_secagg::roster::Roster;
use wardround_secagg::server::{
    CompleteUpload, Server, ServerEvent, ServerOutput, ServerStage, Unmasker, UploadReceiver,
};
use wardround_secagg::session::{Graph, SUITE, SessionParams, Thresholds};
use wardround_secagg::wire::{Attempt, ClientId, ConfigDigest, Index, ModelDigest, StudyId};

/// What a study with secure aggregation knows beside its events.
#[derive(Default)]
pub(super) struct Secure {
    pub(super) roster: Option<Arc<Roster>>,
    ready: BTreeSet<SiteId>,
    session: Option<Session>,
    unmasking: bool,
    /// The sum without masks, while the next model is made from it.
    unmasked: Option<Digest>,
    /// What the plan costs its patients, once it was asked for.
    cost: Option<Arc<StudyCost>>,
}

impl Secure {
    pub(super) fn new(roster: Option<Arc<Roster>>) -> Self {
        Self { roster, ..Self::default() }
    }

    /// What the plan costs its patients; `None` where they pay nothing, or no noise keeps its promise.
    fn cost(&mut self, plan: &Plan) -> Option<Arc<StudyCost>> {
        if self.cost.is_none() {
            self.cost = StudyCost::of(plan).ok().map(Arc::new);
        }
        self.cost.clone()
    }
}

struct Session {
    server: Server,
    /// By index.
    sites: Vec<SiteId>,
    /// Those that were given up.
    left: BTreeSet<SiteId>,
    /// The stage, and when it began.
    stage: ServerStage,
    since: Timestamp,
}

/// A site has trained, or came back to a session.
pub(super) fn ready(study: &mut Study, now: Timestamp, site: SiteId, id: &RoundId) -> Result<(), Rejection> {
    collecting::open_round(study, id)?;
    let Some(session) = &mut study.secure.session else {
        collecting::expects(study, &site, id)?;
        study.secure.ready.insert(site);
        return Ok(());
    };
    if !session.sites.contains(&site) {
        return Err(Rejection::NotExpected(site));
    }
    // Whoever has heard it answers as before.
    let outputs = session.server.resume();
    perform(study, now, outputs);
    Ok(())
}

/// A message of a session.
pub(super) fn heard(
    study: &mut Study,
    now: Timestamp,
    site: &SiteId,
    id: &RoundId,
    message: &[u8],
) -> Result<(), Rejection> {
    collecting::open_round(study, id)?;
    let session = study.secure.session.as_mut().ok_or_else(|| Rejection::NotOpen(id.clone()))?;
    let index = session.index(site)?;
    let outputs = session.server.handle(index, message).map_err(|error| Rejection::Content(error.to_string()))?;
    perform(study, now, outputs);
    Ok(())
}

/// Whether a masked update of so many bytes may come now.
pub(super) fn admit(study: &Study, site: &SiteId, id: &RoundId, bytes: u64) -> Result<(), Rejection> {
    let session = study.secure.session.as_ref().ok_or_else(|| Rejection::NotOpen(id.clone()))?;
    session.index(site)?;
    let shape = session.server.params().vector;
    let (expected, most) = (shape.bytes(), masked_bytes_max(&shape));
    if !(expected..=most).contains(&bytes) {
        return Err(Rejection::Size { expected, got: bytes });
    }
    Ok(())
}

/// What checks the masked update of `site` as it is read; it begins with `header`.
///
/// # Errors
/// In words, where none is expected.
pub(super) fn receive(study: &Study, site: &SiteId, header: &[u8]) -> Result<UploadReceiver, String> {
    let session = study.secure.session.as_ref().ok_or("no session is open")?;
    let index = session.index(site).map_err(|error| error.to_string())?;
    session.server.receive(index, header).map_err(|error| error.to_string())
}

/// A masked update is checked and in the new sum.
pub(super) fn folded(study: &mut Study, now: Timestamp, sum: Digest, complete: CompleteUpload) {
    let Some((site, update)) = study.folding.take() else { return };
    let counted = study.secure.session.as_mut().map(|session| session.server.uploaded(complete));
    let (before, id) = (study.progress.open.as_ref().and_then(|open| open.sum), study.progress.id());
    match counted {
        Some(Ok(outputs)) => {
            let (entries, rest) = split(outputs);
            study.record(now, Event::MaskedCounted { site: site.clone(), update, sum, entries });
            study.push(Effect::Receipt(site, id, Ok(())));
            study.discard(before.filter(|before| *before != sum));
            carry_out(study, now, rest);
        }
        Some(Err(error)) => refuse(study, site, sum, Rejection::Content(error.to_string())),
        None => refuse(study, site, sum, Rejection::NotOpen(id)),
    }
}

fn refuse(study: &mut Study, site: SiteId, sum: Digest, rejection: Rejection) {
    let id = study.progress.id();
    study.push(Effect::Receipt(site, id, Err(rejection)));
    let current = study.progress.open.as_ref().and_then(|open| open.sum);
    study.discard(Some(sum).filter(|sum| Some(*sum) != current));
}

/// What takes the masks off the sum.
///
/// # Errors
/// In words: shares that fit nothing.
pub(super) fn unmasker(study: &Study) -> Result<Unmasker, String> {
    let session = study.secure.session.as_ref().ok_or("no session is open")?;
    session.server.recover().map_err(|failure| failure.to_string())
}

/// The sum without masks, or why there is none.
pub(super) fn unmasked(study: &mut Study, now: Timestamp, sum: Result<Digest, String>) {
    study.secure.unmasking = false;
    match sum {
        Ok(sum) => {
            study.secure.unmasked = Some(sum);
            match study.progress.id().summand {
                Summand::Update => collecting::start_apply(study, now, sum),
                Summand::Scores => scores::start_reading(study, sum),
            }
        }
        Err(reason) => collecting::abandon(study, now, reason),
    }
}

/// How the change of the model is read from a sum of gradients over `sites` sites; `None` where updates were summed.
///
/// # Errors
/// In words: the plan's noise cannot be derived.
pub(super) fn gradients(study: &mut Study, sites: usize) -> Option<Result<Summed, String>> {
    study.submission.plan.privacy.patients()?.share?;
    let cost = study.secure.cost(&study.submission.plan);
    let thresholds = study.secure.session.as_ref().map(|session| session.server.params().thresholds);
    let (id, plan) = (study.progress.id(), &study.submission.plan);
    let terms = thresholds
        .ok_or_else(|| "no session is open".into())
        .and_then(|thresholds| SumTerms::of(plan, cost.as_deref(), id.summand, &study.progress.model, thresholds));
    let patients = f64::from(plan.training.expected_batch_patients.unwrap_or(1)) * sites as f64;
    let per_step = plan.learning_rate(id.round, 0) / patients;
    Some(terms.and_then(|terms| {
        let noise = terms.noise.ok_or("the plan shares no noise")?;
        Ok(Summed::Gradients { per_unit: -per_step * noise.grid().step() })
    }))
}

/// Opens the session when all are ready or time is up; ends its stages when theirs is.
pub(super) fn advance(study: &mut Study, now: Timestamp) {
    if study.applying || study.folding.is_some() || study.secure.unmasking {
        return;
    }
    if let Some((site, update)) = study.arrived.pop_front() {
        return start_fold(study, site, update);
    }
    match &study.secure.session {
        None => open_when_ready(study, now),
        Some(session) if session.server.stage() == ServerStage::Closed => {}
        Some(_) => end_stage(study, now),
    }
    // Also where the last stage was ended just now: nobody will say anything more that could bring us back here.
    if study.secure.session.as_ref().is_some_and(|session| session.server.stage() == ServerStage::Closed) {
        start_unmasking(study);
    }
}

/// The next instant at which waiting may end.
pub(super) fn deadline(study: &Study, open: &Open) -> Option<Timestamp> {
    if study.applying || study.folding.is_some() || study.secure.unmasking {
        return None;
    }
    let sites: Vec<&SiteId> = match &study.secure.session {
        Some(session) => session.sites.iter().filter(|site| !session.left.contains(*site)).collect(),
        None => open.pending().filter(|site| !study.secure.ready.contains(*site)).collect(),
    };
    let given_up = sites.into_iter().filter_map(|site| collecting::given_up_at(study, site));
    let until = study.secure.session.as_ref().map_or(open.closes_at, |session| session.until(study, open));
    given_up.chain([until]).min()
}

/// A session that was open when the coordinator stopped.
pub(super) fn restore(study: &mut Study, now: Timestamp) {
    let Some(open) = study.progress.open.as_ref().filter(|open| !open.session.is_empty()) else { return };
    let events: Option<Vec<ServerEvent>> = open.session.iter().map(Sealed::open).collect();
    let roster = study.secure.roster.clone();
    let server = events.zip(roster).and_then(|(events, roster)| Server::restore(events, &roster, now));
    match server {
        Some(server) => {
            let sites = participants(&server, &open.cohort);
            study.secure.session = Some(Session::new(server, sites, now));
        }
        None => collecting::abandon(study, now, "its secure aggregation could not be taken up again".into()),
    }
}

/// A round is over, and with it all that belongs to it.
pub(super) fn forget(study: &mut Study) {
    let (roster, cost) = (study.secure.roster.take(), study.secure.cost.take());
    let over = std::mem::replace(&mut study.secure, Secure { cost, ..Secure::new(roster) });
    study.discard(over.unmasked);
}

fn open_when_ready(study: &mut Study, now: Timestamp) {
    let Some(open) = &study.progress.open else { return };
    let waiting =
        |site: &&SiteId| !study.secure.ready.contains(*site) && collecting::still_worth_waiting(study, site, now);
    if open.pending().any(|site| waiting(&site)) && now < open.closes_at {
        return;
    }
    let here = |site: &&SiteId| study.secure.ready.contains(*site) && study.presence.is_present(site);
    let sites: Vec<SiteId> = open.pending().filter(here).cloned().collect();
    let cost = study.secure.cost(&study.submission.plan);
    match open_session(study, cost.as_deref(), sites, now) {
        Ok((session, outputs)) => {
            study.secure.session = Some(session);
            perform(study, now, outputs);
        }
        Err(reason) => collecting::abandon(study, now, reason),
    }
}

fn open_session(
    study: &Study,
    cost: Option<&StudyCost>,
    sites: Vec<SiteId>,
    now: Timestamp,
) -> Result<(Session, Vec<ServerOutput>), String> {
    let plan = &study.submission.plan;
    let roster = study
        .secure
        .roster
        .as_ref()
        .ok_or("the coordinator has no roster: make one with `wardround authority sign-roster`")?;
    let enrolled = |site: &SiteId| roster.current(ClientId::of_site(site), now).is_some();
    let sites: Vec<SiteId> = sites.into_iter().filter(enrolled).collect();
    let ready = sites.len();
    let few = || format!("{ready} sites are ready and on the roster, too few for a sum that hides them");
    let thresholds = plan.secagg.threshold(ready as u32).filter(|_| ready >= plan.study.min_sites as usize);
    let (threshold, corrupt) = thresholds.ok_or_else(few)?;
    let thresholds = Thresholds { threshold, corrupt, honest_min: HONEST_MIN };
    let id = study.progress.id();
    let terms = SumTerms::of(plan, cost, id.summand, &study.progress.model, thresholds)?;
    let mut participants: Vec<ClientId> = sites.iter().map(ClientId::of_site).collect();
    participants.sort_unstable();
    let params = SessionParams {
        suite: SUITE,
        federation: roster.federation(),
        study: StudyId::of_study(&id.study),
        round: session_round(&id),
        attempt: Attempt(id.attempt.get()),
        model: ModelDigest(study.progress.model.digest),
        config: ConfigDigest(plan.digest().0),
        roster: roster.digest(),
        participants,
        thresholds,
        graph: Graph::Complete,
        vector: terms.vector,
        encoding: terms.encoding,
        noise: terms.proposed_noise(),
    };
    let (server, outputs) = Server::open(params, roster, now);
    let sites = participants_of(&server, sites);
    Ok((Session::new(server, sites, now), outputs))
}

fn participants(server: &Server, cohort: &BTreeSet<SiteId>) -> Vec<SiteId> {
    participants_of(server, cohort.iter().cloned().collect())
}

/// The sites in the order of their indices.
fn participants_of(server: &Server, mut sites: Vec<SiteId>) -> Vec<SiteId> {
    let order = &server.params().participants;
    sites.retain(|site| order.contains(&ClientId::of_site(site)));
    sites.sort_by_key(ClientId::of_site);
    sites
}

fn start_fold(study: &mut Study, site: SiteId, update: UpdateRef) {
    let Some(onto) = study.progress.open.as_ref().map(|open| open.sum) else { return };
    study.folding = Some((site.clone(), update));
    let id = study.progress.id();
    study.push(Effect::FoldMasked(super::Fold { site, id, update, weight: 1, onto }));
}

fn start_unmasking(study: &mut Study) {
    let Some(sum) = study.progress.open.as_ref().and_then(|open| open.sum) else { return };
    study.secure.unmasking = true;
    let id = study.progress.id();
    study.push(Effect::Unmask { id, sum });
}

/// Sites that refused or are not worth waiting for have left; a stage whose time is up is over.
fn end_stage(study: &mut Study, now: Timestamp) {
    let Some(open) = &study.progress.open else { return };
    let Some(session) = &study.secure.session else { return };
    if now >= session.until(study, open) {
        let outputs = study.secure.session.as_mut().map(|session| session.server.deadline()).unwrap_or_default();
        return perform(study, now, outputs);
    }
    let lost = |site: &SiteId| open.out.contains_key(site) || !collecting::still_worth_waiting(study, site, now);
    let gone = |site: &&SiteId| lost(site) && !session.left.contains(*site);
    let gone: Vec<SiteId> = session.sites.iter().filter(gone).cloned().collect();
    for site in gone {
        let Some(session) = study.secure.session.as_mut() else { return };
        let Ok(index) = session.index(&site) else { continue };
        session.left.insert(site);
        let outputs = session.server.site_left(index);
        perform(study, now, outputs);
    }
}

fn perform(study: &mut Study, now: Timestamp, outputs: Vec<ServerOutput>) {
    let (entries, rest) = split(outputs);
    if !entries.is_empty() {
        study.record(now, Event::Secagg { entries });
    }
    carry_out(study, now, rest);
}

/// What is stored, all before anything is said, and the rest.
fn split(outputs: Vec<ServerOutput>) -> (Vec<Sealed>, Vec<ServerOutput>) {
    let (mut entries, mut rest) = (Vec::new(), Vec::new());
    for output in outputs {
        match output {
            ServerOutput::Persist(event) => entries.push(Sealed::of(&event)),
            other => rest.push(other),
        }
    }
    (entries, rest)
}

fn carry_out(study: &mut Study, now: Timestamp, outputs: Vec<ServerOutput>) {
    study.secure.session.iter_mut().for_each(|session| session.look_at_stage(now));
    let id = study.progress.id();
    for output in outputs {
        match output {
            ServerOutput::Send { to, message } => {
                let Some(session) = &study.secure.session else { return };
                let Some(site) = session.sites.get(place_of(to)).cloned() else { continue };
                study.send(site, ToSite::Secagg(id.clone(), message));
            }
            ServerOutput::Failed(failure) => {
                let reason = collecting::with_refusals(study, failure.to_string());
                collecting::abandon(study, now, reason);
            }
            ServerOutput::Recover | ServerOutput::Persist(_) => {}
        }
    }
}

impl Session {
    fn new(server: Server, sites: Vec<SiteId>, now: Timestamp) -> Self {
        let stage = server.stage();
        Self { server, sites, left: BTreeSet::new(), stage, since: now }
    }

    fn look_at_stage(&mut self, now: Timestamp) {
        if self.stage != self.server.stage() {
            (self.stage, self.since) = (self.server.stage(), now);
        }
    }

    fn index(&self, site: &SiteId) -> Result<Index, Rejection> {
        let index = self.server.params().index_of(ClientId::of_site(site));
        index.ok_or_else(|| Rejection::NotExpected(site.clone()))
    }

    /// When the stage's time is up: masked updates have the round's deadline.
    fn until(&self, study: &Study, open: &Open) -> Timestamp {
        let until = self.since + Duration::from_s(study.submission.plan.secagg.stage_s);
        if self.server.stage() == ServerStage::Upload { until.max(open.closes_at) } else { until }
    }
}

/// Indices are counted from 1.
fn place_of(index: Index) -> usize {
    index.get() as usize - 1
}

/// A sum with one honest site is that site's update.
const HONEST_MIN: u32 = 2;
