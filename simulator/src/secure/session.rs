//! One session over a network in memory: every message goes through the machines of both sides, in order.

use super::Member;
use super::federation::{Federation, NOW};
use crate::rule::Training;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::collections::{BTreeMap, VecDeque};
use wardround_plan::Purpose;
use wardround_round::masking::SumTerms;
use wardround_round::{ModelRef, Summand};
use wardround_secagg::client::{Client, Event, History, Output, Policy, ThresholdFloor, Trained};
use wardround_secagg::ring::{Rounding, Update, Weight, load_words};
use wardround_secagg::server::{Server, ServerOutput, ServerStage, accumulate};
use wardround_secagg::session::{Graph, SUITE, SessionParams, Thresholds};
use wardround_secagg::wire::{Attempt, ConfigDigest, Encode, Index, ModelDigest, Round, StudyId};

/// As in a deployment: a sum with one honest site is that site's update.
const HONEST_MIN: u32 = 2;

/// Both sides of a session.
pub(super) struct Session<'a> {
    params: SessionParams,
    opening: Vec<u8>,
    server: Server,
    /// By place.
    members: Vec<&'a Member>,
    clients: BTreeMap<Index, Client>,
    to_clients: VecDeque<(Index, Vec<u8>)>,
    sum: Vec<u8>,
    rng: ChaCha20Rng,
    failure: Option<String>,
}

impl<'a> Session<'a> {
    /// A session of all `members` of a round.
    ///
    /// # Errors
    /// In words: too few, or a model that no session takes.
    pub(super) fn open(
        federation: &Federation,
        training: &Training<'_>,
        model: &[f32],
        members: &'a [Member],
    ) -> Result<Self, String> {
        let length = members.first().map_or(0, |member| member.update.len());
        let params = params(federation, training, model, length)?;
        let find = |site| members.iter().find(|member| member.site == site);
        let ordered: Vec<&Member> = federation.members.iter().filter_map(|enrolled| find(enrolled.site)).collect();
        let policy =
            Policy { threshold: ThresholdFloor::OneSum, corrupt_min: 0, attempts_max: u32::MAX, ..Policy::default() };
        let client = |(place, enrolled)| {
            let site = federation.site(enrolled, policy);
            Some((Index::new(place as u32 + 1)?, Client::new(site, trained(&params), History::default())))
        };
        let clients = federation.members.iter().enumerate().filter_map(client).collect();
        let (server, outputs) = Server::open(params.clone(), &federation.roster, NOW);
        let mut seed = [0; 32];
        let key = training.seeds.work().derive(&format!("secure aggregation {}", training.attempt.get()));
        // Sessions of groups in one round have their own first site.
        let first = members.iter().map(|member| member.site.get()).min().unwrap_or(0);
        key.stream(Purpose::Sampling, training.round, u64::from(first)).fill_bytes(&mut seed);
        let mut session = Self {
            opening: params.to_bytes(),
            sum: vec![0; params.vector.bytes() as usize],
            params,
            server,
            members: ordered,
            clients,
            to_clients: VecDeque::new(),
            rng: ChaCha20Rng::from_seed(seed),
            failure: None,
        };
        session.perform(outputs);
        Ok(session)
    }

    /// Runs the session to its end; the sum of all updates in fixed point.
    ///
    /// # Errors
    /// In words, the machines' own.
    pub(super) fn sum(mut self) -> Result<Vec<i64>, String> {
        while let Some((to, message)) = self.to_clients.pop_front() {
            self.deliver(to, &message)?;
        }
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if self.server.stage() != ServerStage::Closed {
            return Err(format!("the session stopped in the stage {:?}", self.server.stage()));
        }
        self.unmasked()
    }

    fn unmasked(mut self) -> Result<Vec<i64>, String> {
        let unmasker = self.server.recover().map_err(|failure| failure.to_string())?;
        unmasker.unmask(0, &mut self.sum);
        let shape = self.params.vector;
        let tail = shape.coordinates() as usize * shape.lane.bytes();
        let weight = unmasker.total_weight(&self.sum[tail..]).map_err(|error| error.to_string())?.get();
        let expected: u64 = self.members.iter().map(|member| u64::from(member.weight)).sum();
        if weight != expected {
            return Err(format!("the sum has the weight {weight}, its sites {expected}"));
        }
        let mut integers = vec![0; shape.coordinates() as usize];
        load_words(shape.lane, &self.sum[..tail], &mut integers);
        Ok(integers)
    }

    fn perform(&mut self, outputs: Vec<ServerOutput>) {
        for output in outputs {
            match output {
                ServerOutput::Send { to, message } => self.to_clients.push_back((to, message)),
                ServerOutput::Failed(failure) => self.failure = Some(failure.to_string()),
                // Nothing restarts within a simulated session.
                ServerOutput::Persist(_) | ServerOutput::Recover => {}
            }
        }
    }

    fn deliver(&mut self, to: Index, message: &[u8]) -> Result<(), String> {
        let Some(client) = self.clients.remove(&to) else { return Ok(()) };
        let event = if message == self.opening { Event::Params(message) } else { Event::Message(message) };
        let (client, outputs) = client.handle(NOW, event, &mut self.rng);
        self.clients.insert(to, client);
        for output in outputs {
            match output {
                Output::Send(message) => {
                    let outputs = self.server.handle(to, &message).map_err(|rejected| rejected.to_string())?;
                    self.perform(outputs);
                }
                Output::Encode => self.upload(to)?,
                Output::Aborted(refusal) => return Err(format!("site {to:?} refused: {refusal}")),
                Output::Agreed(_) | Output::Persist(_) | Output::Finished => {}
            }
        }
        Ok(())
    }

    /// One site's masked update, chunk by chunk.
    fn upload(&mut self, from: Index) -> Result<(), String> {
        let integers = self.member(from)?.integers().map_err(|error| error.to_string())?;
        let (header, mut client) = self.begin_upload(from, &integers)?;
        let mut receiver = self.server.receive(from, &header).map_err(|rejected| rejected.to_string())?;
        let mut vector = Vec::with_capacity(self.sum.len());
        while let Some(chunk) = client.next_chunk(Update::Integers(&integers)).map_err(|refusal| refusal.to_string())? {
            vector.extend(receiver.chunk(&chunk).map_err(|rejected| rejected.to_string())?);
        }
        let (client, outputs) = client.handle(NOW, Event::Uploaded, &mut self.rng);
        self.clients.insert(from, client);
        let complete = receiver.finish(&sent(outputs)?).map_err(|rejected| rejected.to_string())?;
        accumulate(self.params.vector.lane, &mut self.sum, &vector);
        let outputs = self.server.uploaded(complete).map_err(|rejected| rejected.to_string())?;
        self.perform(outputs);
        Ok(())
    }

    fn begin_upload(&mut self, from: Index, integers: &[i64]) -> Result<(Vec<u8>, Client), String> {
        let weight = Weight::new(self.member(from)?.weight).ok_or("a site has the weight 0")?;
        let client = self.clients.remove(&from).ok_or("a site that is not there was asked for its update")?;
        let prepared = client.prepare(Update::Integers(integers), weight, Rounding::Nearest, &mut self.rng);
        let contribution = prepared.ok_or("a site was not ready")?.map_err(|refusal| refusal.to_string())?;
        let (client, outputs) = client.handle(NOW, Event::Contribute(contribution, None), &mut self.rng);
        Ok((sent(outputs)?, client))
    }

    fn member(&self, index: Index) -> Result<&'a Member, String> {
        self.members.get(index.get() as usize - 1).copied().ok_or_else(|| format!("there is no site {index:?}"))
    }
}

/// The one message among the outputs.
fn sent(outputs: Vec<Output>) -> Result<Vec<u8>, String> {
    let mut reason = "a site had nothing to send".to_owned();
    for output in outputs {
        match output {
            Output::Send(message) => return Ok(message),
            Output::Aborted(refusal) => reason = refusal.to_string(),
            _ => {}
        }
    }
    Err(reason)
}

/// The session's parameters, from the plan as a coordinator derives them.
fn params(
    federation: &Federation,
    training: &Training<'_>,
    model: &[f32],
    length: usize,
) -> Result<SessionParams, String> {
    let (plan, sites) = (training.plan, federation.members.len());
    let thresholds = plan.secagg.threshold(u32::try_from(sites).unwrap_or(u32::MAX));
    let (threshold, corrupt) =
        thresholds.ok_or_else(|| format!("{sites} sites are too few for a sum that hides them"))?;
    let thresholds = Thresholds { threshold, corrupt, honest_min: HONEST_MIN };
    let digest = crate::run::model_digest(model);
    let message = ModelRef { digest, bytes: length as u64 * 4 };
    let terms = SumTerms::of(plan, None, Summand::Update, &message, thresholds)?;
    Ok(SessionParams {
        suite: SUITE,
        federation: federation.roster.federation(),
        study: StudyId::of_study(&plan.study.name),
        round: Round(u64::from(training.round.get())),
        attempt: Attempt(training.attempt.get()),
        model: ModelDigest(digest),
        config: ConfigDigest(plan.digest().0),
        roster: federation.roster.digest(),
        participants: federation.members.iter().map(|member| member.client).collect(),
        thresholds,
        graph: Graph::Complete,
        vector: terms.vector,
        encoding: terms.encoding,
        noise: None,
    })
}

fn trained(params: &SessionParams) -> Trained {
    let SessionParams { study, round, model, config, .. } = *params;
    Trained { study, round, model, config, coordinates: params.vector.coordinates() }
}
