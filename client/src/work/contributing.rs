//! The site's part in a masked sum: from "I have an update" to the shares that let the coordinator take the masks off the
//! sum, and off nothing else. What is checked, and when this site says no, is the crate `secagg`'s to say.
//!
//! The secrets live here and nowhere else. They outlive a broken connection, and not the process: a site that was
//! restarted has dropped out.

use super::{Desk, Pause, client};
use crate::notice::{Direction, Notice};
use crate::transfer::{Moved, upload};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use wardround_plan::{Digest, Plan, Weights};
use wardround_privacy::Released;
use wardround_proto::{Announced, UploadPurpose, UploadRequest};
use wardround_round::participant::UploadFailure;
use wardround_round::{FromSite, ModelRef, RoundId, UpdateRef};
use wardround_secagg::client::{Client, Event, Output, Trained};
use wardround_secagg::ring::{Rounding, Update, Weight};
use wardround_secagg::wire::{ConfigDigest, ModelDigest, Round, StudyId};

/// Messages of a session that may wait: it has five.
const INBOX_MAX: usize = 16;

/// Where the coordinator's messages about masked sums are handed to those that wait for them. Clones share it.
#[derive(Clone, Default)]
pub struct Inboxes(Arc<Mutex<BTreeMap<RoundId, mpsc::Sender<Vec<u8>>>>>);

impl Inboxes {
    fn open(&self, id: &RoundId) -> mpsc::Receiver<Vec<u8>> {
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
    client: Option<Client>,
}

impl Desk {
    /// Takes part in the session of this round with a released update.
    pub(super) async fn contribute(
        &self,
        plan: &Plan,
        id: &RoundId,
        model: ModelRef,
        update: Released<UpdateRef>,
    ) -> Result<(), UploadFailure> {
        let mut inbox = self.inboxes.open(id);
        let client = self.client(plan, id, model).await.map_err(UploadFailure::Rejected)?;
        let mut session = Session { desk: self, plan, id, update: update.into_value(), client: Some(client) };
        let result = session.run(&mut inbox).await;
        self.inboxes.close(id);
        result
    }

    /// What this site brings to every session, and what it has done before.
    async fn client(&self, plan: &Plan, id: &RoundId, model: ModelRef) -> Result<Client, String> {
        let site = self.seat.site(&self.policy, (self.clock)())?;
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
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    None => return Err(UploadFailure::Rejected("the round is over".into())),
                    Some(message) => if self.hear(&message).await? { return Ok(()) },
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
                Output::Aborted(refusal) => return Err(UploadFailure::Rejected(refusal.to_string())),
            }
            at += 1;
        }
        Ok(false)
    }
}
