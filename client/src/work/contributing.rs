//! The site's part in a masked sum: from "I have an update" to the shares that let the coordinator take the masks off the
//! sum, and off nothing else. What is checked, and when this site says no, is the crate `secagg`'s to say.
//!
//! The secrets live here and nowhere else. They outlive a broken connection, and not the process: a site that was
//! restarted has dropped out.

use super::Desk;
use super::training::SALT_BYTES;
use crate::notice::Notice;
use bytes::Bytes;
use futures_util::TryStreamExt;
use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use wardround_plan::{Hasher, Plan, PrivacyMode};
use wardround_privacy::{Released, SecretNoise, Unnoised};
use wardround_proto::Announced;
use wardround_round::masking::{Share, SumTerms, frame, session_round, vector_shape};
use wardround_round::participant::{Event as SiteEvent, Input, UploadFailure};
use wardround_round::{FromSite, ModelRef, Refusal, RefusalReason, ReportedScore, RoundId, UpdateRef, tally};
use wardround_secagg::client::{Agreement, Client, Event, Output, Trained};
use wardround_secagg::ring::{NoiseShare, Rounding, Update, Weight};
use wardround_secagg::session::SessionParams;
use wardround_secagg::wire::{ConfigDigest, ModelDigest, StudyId};
use wardround_storage::{BlobWriter, DatabaseError, StorageError};

/// Before a transfer is taken up again.
const AFTER_BREAK: std::time::Duration = std::time::Duration::from_millis(200);
/// Messages of a session that may wait: it has five.
const INBOX_MAX: usize = 16;

/// The messages of one round.
pub(super) type Inbox = mpsc::Receiver<Vec<u8>>;

/// Where the coordinator's messages about masked sums are handed to those that wait for them. Clones share it.
#[derive(Clone, Default)]
pub struct Inboxes(Arc<Mutex<BTreeMap<RoundId, mpsc::Sender<Vec<u8>>>>>);

impl Inboxes {
    /// From now on messages of this round are kept, and its end is known, for whoever reads this.
    pub(super) fn open(&self, id: &RoundId) -> Inbox {
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        self.with(|inboxes| inboxes.insert(id.clone(), sender));
        inbox
    }

    /// A message that nobody waits for, or one too many, is lost: the coordinator says it again when it matters.
    pub fn deliver(&self, id: &RoundId, message: Vec<u8>) {
        self.with(|inboxes| inboxes.get(id).map(|inbox| inbox.try_send(message)));
    }

    /// Nothing more will come for this round.
    pub fn close(&self, id: &RoundId) {
        self.with(|inboxes| inboxes.remove(id));
    }

    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<RoundId, mpsc::Sender<Vec<u8>>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A site in one session.
struct Session<'a> {
    desk: &'a Desk,
    plan: &'a Plan,
    id: &'a RoundId,
    model: ModelRef,
    /// What was released; it and its masked form leave, and nothing else.
    released: Stored,
    /// Absent only while a thread has it.
    client: Option<Client>,
    rng: StdRng,
}

/// What goes into a sum, as it is kept until the session asks for it.
#[derive(Clone)]
enum Stored {
    /// On disk.
    Update(UpdateRef),
    /// On disk, without noise: it gets this site's share of it with the masks.
    Gradients(Unnoised<UpdateRef>),
    /// The words of a tally.
    Scores(Arc<Vec<i64>>),
}

impl Desk {
    /// Takes part in the session of this round with a released update.
    pub(super) async fn contribute_update(
        &self,
        plan: &Plan,
        id: &RoundId,
        model: ModelRef,
        update: Released<UpdateRef>,
        inbox: Inbox,
    ) -> Result<(), UploadFailure> {
        self.contribute(plan, id, model, Stored::Update(update.into_value()), inbox).await
    }

    /// The same with gradients that get this site's share of the noise.
    pub(super) async fn contribute_gradients(
        &self,
        plan: &Plan,
        id: &RoundId,
        model: ModelRef,
        gradients: Released<Unnoised<UpdateRef>>,
        inbox: Inbox,
    ) -> Result<(), UploadFailure> {
        self.contribute(plan, id, model, Stored::Gradients(gradients.into_value()), inbox).await
    }

    /// The same with released scores.
    pub(super) async fn contribute_scores(
        &self,
        plan: &Plan,
        id: &RoundId,
        model: ModelRef,
        scores: Released<Vec<ReportedScore>>,
        inbox: Inbox,
    ) -> Result<(), UploadFailure> {
        let words = tally::write(plan, scores.value()).map_err(UploadFailure::Rejected)?;
        self.contribute(plan, id, model, Stored::Scores(Arc::new(words)), inbox).await
    }

    async fn contribute(
        &self,
        plan: &Plan,
        id: &RoundId,
        model: ModelRef,
        released: Stored,
        mut inbox: Inbox,
    ) -> Result<(), UploadFailure> {
        let client = self.client(plan, id, model).await.map_err(UploadFailure::Rejected)?;
        let rng = StdRng::try_from_rng(&mut SysRng).map_err(|error| UploadFailure::Rejected(error.to_string()))?;
        let mut session = Session { desk: self, plan, id, model, released, client: Some(client), rng };
        session.run(&mut inbox).await
    }

    /// A transfer that breaks goes on over the next connection, as long as the round is open.
    async fn send_masked(&self, id: &RoundId, object: Announced) -> Result<(), UploadFailure> {
        loop {
            let Some(_connected) = self.session().await else { return Err(UploadFailure::Broken) };
            match self.send_file(id, object).await {
                Err(UploadFailure::Broken) => tokio::time::sleep(AFTER_BREAK).await,
                result => return result,
            }
        }
    }

    /// What must not be in two sums is on record as being in this one, before the first masked word leaves.
    async fn use_up(&self, plan: &Plan, id: &RoundId, model: ModelRef) -> Result<(), DatabaseError> {
        if id.summand.is_update() && plan.privacy.mode != PrivacyMode::Distributed {
            return Ok(());
        }
        self.journal.append((self.clock)(), &SiteEvent::Masking { id: id.clone(), model }).await?;
        self.finish_async(Input::Masking(id.clone(), model)).await;
        Ok(())
    }

    /// A sum is made by the plan, whatever the coordinator proposes; gives this site's share of the noise where the sum needs
    /// some, from fresh randomness.
    async fn share(
        &self,
        plan: &Plan,
        id: &RoundId,
        model: &ModelRef,
        params: &SessionParams,
    ) -> Result<Option<Box<dyn NoiseShare + Send>>, String> {
        let cost = match plan.privacy.mode {
            PrivacyMode::Distributed => Some(self.payments.cost(plan).await.map_err(|no| no.to_string())?),
            PrivacyMode::Site | PrivacyMode::Client | PrivacyMode::None => None,
        };
        let (sites, thresholds) = (params.participants.len(), &params.thresholds);
        let planned = plan.secagg.threshold(u32::try_from(sites).unwrap_or(u32::MAX));
        if planned != Some((thresholds.threshold, thresholds.corrupt)) || sites < plan.study.min_sites as usize {
            return Err("the session's thresholds are not the plan's for so many sites".into());
        }
        let terms = SumTerms::of(plan, cost.as_deref(), id.summand, model, params.thresholds)?;
        if (params.vector, params.encoding) != (terms.vector, terms.encoding) {
            return Err("the session's ring is not the plan's".into());
        }
        if !terms.has_enough(params.noise.as_ref()) {
            return Err("the session's noise is not what this site's patients were promised".into());
        }
        let Some(agreed) = &params.noise else { return Ok(None) };
        let streams = SecretNoise::from_os().map_err(|error| error.to_string())?;
        Ok(Some(Box::new(Share::new(agreed, streams)?)))
    }

    /// What this site adds.
    async fn addend(&self, plan: &Plan, released: &Stored) -> Result<Addend, String> {
        let stored = match released {
            Stored::Scores(words) => return Ok(Addend::Weighted(words.to_vec(), Weight::ONE)),
            Stored::Update(update) => update,
            Stored::Gradients(unnoised) => unnoised.value(),
        };
        if let Stored::Gradients(_) = released {
            let words = self.numbers(stored, SALT_BYTES as u64, i64::from_le_bytes).await;
            return words.map(|words| Addend::Weighted(words, Weight::ONE)).map_err(|error| error.to_string());
        }
        let values = self.numbers(stored, 0, f32::from_le_bytes).await.map_err(|error| error.to_string())?;
        let weight = plan.weight_of(self.seat.name()).and_then(Weight::new);
        Addend::new(values, weight.ok_or("the plan gives this site no weight")?, plan.weight_max())
    }

    /// The numbers of a stored vector behind its first `skip` bytes, read piece by piece: they are in memory once.
    async fn numbers<const N: usize, T>(
        &self,
        stored: &UpdateRef,
        skip: u64,
        number: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, StorageError> {
        let blobs = self.spool.blobs();
        let bytes = blobs.len(&stored.digest).await?.saturating_sub(skip);
        let mut numbers = Vec::with_capacity(bytes as usize / N);
        let mut pieces = pin!(blobs.reader(stored.digest, skip).await?);
        let mut unread: Vec<u8> = Vec::new();
        while let Some(piece) = pieces.try_next().await? {
            unread.extend_from_slice(&piece);
            let (whole, rest) = unread.as_chunks();
            numbers.extend(whole.iter().map(|bytes| number(*bytes)));
            unread = rest.to_vec();
        }
        Ok(numbers)
    }

    /// What this site brings to every session, and what it has done before.
    async fn client(&self, plan: &Plan, id: &RoundId, model: ModelRef) -> Result<Client, String> {
        let site = self.seat.site()?;
        let vector = vector_shape(plan, id.summand, &model).ok_or("no plan has a model of this size")?;
        let trained = Trained {
            study: StudyId::of_study(&id.study),
            round: session_round(id),
            model: ModelDigest(model.digest),
            config: ConfigDigest(plan.digest().0),
            coordinates: vector.coordinates(),
        };
        let history = self.journal.secagg_history().await.map_err(|error| error.to_string())?;
        Ok(Client::new(site, trained, history))
    }
}

impl Session<'_> {
    async fn run(&mut self, inbox: &mut Inbox) -> Result<(), UploadFailure> {
        let mut connection = self.desk.session.clone();
        connection.mark_changed();
        let mut done = false;
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    // Only now: the last answer may have been lost with the connection, and is given again when asked for.
                    None if done => return Ok(()),
                    None => return Err(UploadFailure::Rejected("the round is over".into())),
                    Some(message) => done |= self.hear(&message).await?,
                },
                // A coordinator that was restarted, or was away, has to hear it again.
                Ok(()) = connection.changed() => {
                    if connection.borrow_and_update().is_some() {
                        self.desk.say(FromSite::Ready(self.id.clone()));
                    }
                }
            }
        }
    }

    /// Whether all is done.
    async fn hear(&mut self, message: &[u8]) -> Result<bool, UploadFailure> {
        // The first message is the parameters, which name the session that all others carry.
        let begun = self.client.as_ref().is_some_and(|client| client.session().is_some());
        let event = if begun { Event::Message(message) } else { Event::Params(message) };
        let mut outputs = self.step(event);
        let mut at = 0;
        while at < outputs.len() {
            match std::mem::replace(&mut outputs[at], Output::Finished) {
                Output::Agreed(agreed) => self.tell(&agreed),
                Output::Persist(record) => {
                    let stored = self.desk.journal.append_secagg(&record).await;
                    stored.map_err(|error| UploadFailure::Rejected(error.to_string()))?;
                }
                Output::Send(message) => self.desk.say(FromSite::Secagg(self.id.clone(), message)),
                Output::Encode => outputs.extend(self.mask_and_send().await?),
                Output::Finished if at + 1 == outputs.len() => return Ok(true),
                Output::Finished => {}
                Output::Aborted(refusal) => return Err(refused(&refusal)),
            }
            at += 1;
        }
        Ok(false)
    }
}

impl Session<'_> {
    /// One event into the session's machine.
    fn step(&mut self, event: Event<'_>) -> Vec<Output> {
        let Some(client) = self.client.take() else { return Vec::new() };
        let (client, outputs) = client.handle((self.desk.clock)(), event, &mut self.rng);
        self.client = Some(client);
        outputs
    }

    /// Masks the update piece by piece into a file, and sends that. In memory are the update and one piece.
    async fn mask_and_send(&mut self) -> Result<Vec<Output>, UploadFailure> {
        let rejected = |error: &dyn std::fmt::Display| UploadFailure::Rejected(error.to_string());
        let params = self.client.as_ref().and_then(Client::params).cloned();
        let params = params.ok_or_else(|| UploadFailure::Rejected("no session is open".into()))?;
        let share = self.desk.share(self.plan, self.id, &self.model, &params).await.map_err(|why| refused(&why))?;
        let addend = Arc::new(self.desk.addend(self.plan, &self.released).await.map_err(UploadFailure::Rejected)?);
        let client = self.client.as_ref().ok_or_else(|| UploadFailure::Rejected("no session is open".into()))?;
        let contribution = client.prepare(addend.update(), addend.weight(), Rounding::Nearest, &mut self.rng);
        let contribution = contribution.ok_or_else(|| UploadFailure::Rejected("no update was asked for".into()))?;
        let contribution = contribution.map_err(|refusal| rejected(&refusal))?;
        self.desk.use_up(self.plan, self.id, self.model).await.map_err(|error| rejected(&error))?;
        let mut masked = MaskedFile::new(self.desk).await?;
        masked.messages(self.step(Event::Contribute(contribution, share))).await?;
        while let Some(chunk) = self.next_chunk(&addend).await? {
            masked.message(&chunk).await?;
        }
        masked.messages(self.step(Event::Uploaded)).await?;
        let object = masked.finish().await?;
        let sent = self.desk.send_masked(self.id, object).await;
        // Nobody asks for it again: a session is never repeated.
        self.desk.discard(UpdateRef { digest: object.digest }).await;
        sent.map(|()| Vec::new())
    }

    /// The next piece, made on a thread that may take its time.
    async fn next_chunk(&mut self, addend: &Arc<Addend>) -> Result<Option<Vec<u8>>, UploadFailure> {
        let Some(mut client) = self.client.take() else { return Ok(None) };
        let addend = addend.clone();
        let work = move || {
            let chunk = client.next_chunk(addend.update());
            (client, chunk)
        };
        let done = tokio::task::spawn_blocking(work).await;
        let (client, chunk) = done.map_err(|error| UploadFailure::Rejected(error.to_string()))?;
        self.client = Some(client);
        chunk.map_err(|refusal| UploadFailure::Rejected(refusal.to_string()))
    }

    fn tell(&self, agreed: &Agreement) {
        let notice = Notice::Agreed {
            study: self.id.study.clone(),
            round: self.id.round,
            summand: self.id.summand,
            cohort: agreed.cohort,
            threshold: agreed.thresholds.threshold,
            assumed_corrupt: agreed.thresholds.corrupt,
            dropouts_tolerated: agreed.dropouts_tolerated,
            honest_inputs: agreed.honest_inputs,
            noise_shares: agreed.noise_shares,
        };
        let _ = self.desk.notices.try_send(notice);
    }
}

/// This site's no to what the coordinator proposes, which hears it: `why` names rules of the protocol, never a number of the
/// update nor a file.
fn refused(why: &dyn std::fmt::Display) -> UploadFailure {
    UploadFailure::Refused(Refusal::new(RefusalReason::PrivacyRequired, why.to_string()))
}

/// The update of a site as it is summed.
enum Addend {
    /// All sites count the same: rounded while it is masked.
    Alike(Vec<f32>),
    /// Fixed point, times the site's weight.
    Weighted(Vec<i64>, Weight),
}

impl Addend {
    fn new(values: Vec<f32>, weight: Weight, weight_max: u32) -> Result<Self, String> {
        let mut units = vec![0; if weight_max == 1 { 0 } else { values.len() }];
        if weight_max == 1 {
            wardround_strategy::check(&values).map_err(|error| error.to_string())?;
            return Ok(Self::Alike(values));
        }
        wardround_strategy::fold(&mut units, &values, weight.get()).map_err(|error| error.to_string())?;
        Ok(Self::Weighted(units, weight))
    }

    fn update(&self) -> Update<'_> {
        match self {
            Self::Alike(values) => Update::Reals(values),
            Self::Weighted(units, _) => Update::Integers(units),
        }
    }

    fn weight(&self) -> Weight {
        match self {
            Self::Alike(_) => Weight::ONE,
            Self::Weighted(_, weight) => *weight,
        }
    }
}

/// A masked update on this site's disk, as long as it takes to send it.
struct MaskedFile {
    writer: BlobWriter,
    hasher: Hasher,
    size_bytes: u64,
}

impl MaskedFile {
    async fn new(desk: &Desk) -> Result<Self, UploadFailure> {
        let writer = desk.spool.blobs().writer().await;
        let writer = writer.map_err(|error| UploadFailure::Rejected(error.to_string()))?;
        Ok(Self { writer, hasher: Hasher::new(), size_bytes: 0 })
    }

    /// What the machine wants to be sent; where it refuses, that.
    async fn messages(&mut self, outputs: Vec<Output>) -> Result<(), UploadFailure> {
        for output in outputs {
            match output {
                Output::Send(message) => self.message(&message).await?,
                Output::Aborted(refusal) => return Err(UploadFailure::Rejected(refusal.to_string())),
                _ => {}
            }
        }
        Ok(())
    }

    async fn message(&mut self, message: &[u8]) -> Result<(), UploadFailure> {
        let framed = frame(message);
        self.hasher.update(&framed);
        self.size_bytes += framed.len() as u64;
        let written = self.writer.write(Bytes::from(framed)).await;
        written.map_err(|error| UploadFailure::Rejected(error.to_string()))
    }

    async fn finish(self) -> Result<Announced, UploadFailure> {
        let digest = self.hasher.finish();
        let finished = self.writer.finish(digest).await;
        finished.map_err(|error| UploadFailure::Rejected(error.to_string()))?;
        Ok(Announced { digest, size_bytes: self.size_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_plan::RoundNumber;
    use wardround_round::Attempt;

    #[tokio::test]
    async fn the_end_of_a_round_is_heard_also_before_anybody_listens() {
        let study = wardround_plan::StudyId::new("s").expect("a name");
        let id = RoundId {
            study,
            round: RoundNumber::FIRST,
            attempt: Attempt::FIRST,
            summand: wardround_round::Summand::Update,
        };
        let inboxes = Inboxes::default();
        let mut inbox = inboxes.open(&id);
        inboxes.deliver(&id, vec![1]);
        inboxes.close(&id);
        inboxes.deliver(&id, vec![2]);
        assert_eq!(inbox.recv().await, Some(vec![1]));
        assert_eq!(inbox.recv().await, None);
    }
}
