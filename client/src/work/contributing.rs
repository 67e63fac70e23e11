//! The site's part in a masked sum: from "I have an update" to the shares that let the coordinator take the masks off the
//! sum, and off nothing else. What is checked, and when this site says no, is the crate `secagg`'s to say.
//!
//! The secrets live here and nowhere else. They outlive a broken connection, and not the process: a site that was
//! restarted has dropped out.

mod addend;
mod inbox;
mod masked_file;

pub use inbox::Inboxes;

use super::Desk;
use crate::notice::Notice;
use addend::{Addend, Stored};
use inbox::Inbox;
use masked_file::MaskedFile;
use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};
use std::sync::Arc;
use wardround_plan::{Plan, PrivacyMode};
use wardround_privacy::{Released, SecretNoise, Unnoised};
use wardround_proto::Announced;
use wardround_round::masking::{Share, SumTerms, session_round, vector_shape};
use wardround_round::participant::{Event as SiteEvent, Input, UploadFailure};
use wardround_round::{FromSite, ModelRef, Refusal, RefusalReason, ReportedScore, RoundId, UpdateRef, tally};
use wardround_secagg::client::{Agreement, Client, Event, Output, Trained};
use wardround_secagg::ring::{NoiseShare, Rounding};
use wardround_secagg::session::SessionParams;
use wardround_secagg::wire::{ConfigDigest, ModelDigest, StudyId};
use wardround_storage::DatabaseError;

/// Before a transfer is taken up again.
const AFTER_BREAK: std::time::Duration = std::time::Duration::from_millis(200);
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
