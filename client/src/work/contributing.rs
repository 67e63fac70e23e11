//! The site's part in a masked sum: from "I have an update" to the shares that let the coordinator take the masks off the
//! sum, and off nothing else. What is checked, and when this site says no, is the crate `secagg`'s to say.
//!
//! The secrets live here and nowhere else. They outlive a broken connection, and not the process: a site that was
//! restarted has dropped out.

use super::Desk;
use crate::notice::Notice;
use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use wardround_plan::{Hasher, Plan};
use wardround_privacy::Released;
use wardround_proto::Announced;
use wardround_round::masking::{encoding, frame, vector_shape};
use wardround_round::participant::UploadFailure;
use wardround_round::{FromSite, ModelRef, Refusal, RefusalReason, RoundId, UpdateRef};
use wardround_secagg::client::{Agreement, Client, Event, Output, Trained};
use wardround_secagg::ring::{Rounding, Update, Weight};
use wardround_secagg::wire::{ConfigDigest, ModelDigest, Round, StudyId};
use wardround_storage::BlobWriter;

/// Before a transfer is taken up again.
const AFTER_BREAK: std::time::Duration = std::time::Duration::from_millis(200);
/// Messages of a session that may wait: it has five.
const INBOX_MAX: usize = 16;

/// Where the coordinator's messages about masked sums are handed to those that wait for them. Clones share it.
#[derive(Clone, Default)]
pub struct Inboxes(Arc<Mutex<BTreeMap<RoundId, mpsc::Sender<Vec<u8>>>>>);

impl Inboxes {
    /// From now on messages of this round are kept, and its end is known, for whoever reads this.
    pub(super) fn open(&self, id: &RoundId) -> mpsc::Receiver<Vec<u8>> {
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
    /// The update and its masked form are the released value's; nothing else leaves.
    update: UpdateRef,
    /// Absent only while a thread has it.
    client: Option<Client>,
    rng: StdRng,
}

impl Desk {
    /// Takes part in the session of this round with a released update.
    pub(super) async fn contribute(
        &self,
        plan: &Plan,
        id: &RoundId,
        model: ModelRef,
        update: Released<UpdateRef>,
        mut inbox: mpsc::Receiver<Vec<u8>>,
    ) -> Result<(), UploadFailure> {
        let client = self.client(plan, id, model).await.map_err(UploadFailure::Rejected)?;
        let rng = StdRng::try_from_rng(&mut SysRng).map_err(|error| UploadFailure::Rejected(error.to_string()))?;
        let mut session = Session { desk: self, plan, id, update: update.into_value(), client: Some(client), rng };
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

    /// What this site brings to every session, and what it has done before.
    async fn client(&self, plan: &Plan, id: &RoundId, model: ModelRef) -> Result<Client, String> {
        let site = self.seat.site()?;
        let trained = Trained {
            study: StudyId::of_study(&id.study),
            round: Round(u64::from(id.round.get())),
            model: ModelDigest(model.digest),
            config: ConfigDigest(plan.digest().0),
            coordinates: model.bytes / 4,
        };
        let history = self.journal.secagg_history().await.map_err(|error| error.to_string())?;
        Ok(Client::new(site, trained, history))
    }
}

impl Session<'_> {
    async fn run(&mut self, inbox: &mut mpsc::Receiver<Vec<u8>>) -> Result<(), UploadFailure> {
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
        let bytes = self.desk.spool.blobs().get_bytes(&self.update.digest).await.map_err(|error| rejected(&error))?;
        self.check_ring(bytes.len() as u64)?;
        let addend = Arc::new(self.addend(&bytes).map_err(UploadFailure::Rejected)?);
        let client = self.client.as_ref().ok_or_else(|| UploadFailure::Rejected("no session is open".into()))?;
        let contribution = client.prepare(addend.update(), addend.weight(), Rounding::Nearest, &mut self.rng);
        let contribution = contribution.ok_or_else(|| UploadFailure::Rejected("no update was asked for".into()))?;
        let contribution = contribution.map_err(|refusal| rejected(&refusal))?;
        let mut masked = MaskedFile::new(self.desk).await?;
        masked.messages(self.step(Event::Contribute(contribution, None))).await?;
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

    /// Refuses a sum that is made otherwise than the plan says, however safe it may be.
    fn check_ring(&self, update_bytes: u64) -> Result<(), UploadFailure> {
        let params = self.client.as_ref().and_then(Client::params);
        let is_the_plans = params.zip(vector_shape(update_bytes)).is_some_and(|(params, shape)| {
            params.vector == shape && params.encoding == encoding(self.plan, &shape) && params.noise.is_none()
        });
        if is_the_plans { Ok(()) } else { Err(refused(&"the session's ring is not the plan's")) }
    }

    /// What this site adds, by the plan.
    fn addend(&self, bytes: &[u8]) -> Result<Addend, String> {
        let weight = self.plan.weight_of(self.desk.seat.name()).and_then(Weight::new);
        let weight = weight.ok_or("the plan gives this site no weight")?;
        Addend::new(bytes, weight, self.plan.weight_max())
    }

    fn tell(&self, agreed: &Agreement) {
        let notice = Notice::Agreed {
            study: self.id.study.clone(),
            round: self.id.round,
            cohort: agreed.cohort,
            threshold: agreed.thresholds.threshold,
            assumed_corrupt: agreed.thresholds.corrupt,
            dropouts_tolerated: agreed.dropouts_tolerated,
            honest_inputs: agreed.honest_inputs,
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
    fn new(bytes: &[u8], weight: Weight, weight_max: u32) -> Result<Self, String> {
        let values: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
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
        let id = RoundId { study, round: RoundNumber::FIRST, attempt: Attempt::FIRST };
        let inboxes = Inboxes::default();
        let mut inbox = inboxes.open(&id);
        inboxes.deliver(&id, vec![1]);
        inboxes.close(&id);
        inboxes.deliver(&id, vec![2]);
        assert_eq!(inbox.recv().await, Some(vec![1]));
        assert_eq!(inbox.recv().await, None);
    }
}
