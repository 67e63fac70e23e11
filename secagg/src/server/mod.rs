//! The coordinator's side of a session.
//!
//! ```text
//! Keys ─► Shares ─► Upload ─► Consistency ─► Unmasking ─► Closed ─recover─► Unmasker
//!  each stage ends when all who can answer have, or when time is up; with fewer than t left: Failed
//! ```
//! Nothing here is trusted by the sites. The coordinator checks what they check so that it finds out early, and it
//! remembers every event so that a restart continues with the same sets.

mod asking;
mod event;
mod messages;
mod recover;
mod rejection;
mod unmask;
mod upload;

pub use event::ServerEvent;
pub use recover::Blame;
pub use rejection::{Failure, Rejection, ServerStage};
pub use unmask::{Unmasker, accumulate};
pub use upload::{CompleteUpload, UploadReceiver};

use crate::refusal::Stage;
use crate::roster::{PublicKey, Roster, Signature};
use crate::session::{Neighbourhoods, SessionParams};
use crate::shamir::SecretScalar;
use crate::wire::{
    Abort, Encode, EncryptedShares, FirstSetDigest, Index, IndexSet, KeyAdvert, MaskedHeader, MessageType, SessionId,
};
use messages::Answer;
use std::collections::{BTreeMap, BTreeSet};
use wardround_plan::{Digest, Timestamp};

/// What the shell has to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerOutput {
    /// Store this durably before anything that follows.
    Persist(ServerEvent),
    /// Send this to one site.
    Send {
        /// To whom.
        to: Index,
        /// What.
        message: Vec<u8>,
    },
    /// All that can come has come: [`Server::recover`] now.
    Recover,
    /// There will be no sum.
    Failed(Failure),
}

/// The coordinator's machine for one session.
pub struct Server {
    params: SessionParams,
    session: SessionId,
    signers: Vec<Option<PublicKey>>,
    neighbourhoods: Neighbourhoods,
    stage: ServerStage,
    failure: Option<Failure>,
    left: BTreeSet<Index>,
    heard: BTreeMap<(MessageType, Index), Digest>,
    adverts: BTreeMap<Index, KeyAdvert>,
    shares: BTreeMap<Index, EncryptedShares>,
    uploads: BTreeSet<Index>,
    signatures: BTreeMap<Index, Signature>,
    revealed: BTreeMap<Index, BTreeMap<Index, SecretScalar>>,
    first_set: IndexSet,
    first_digest: Option<FirstSetDigest>,
    second_set: IndexSet,
    third_set: IndexSet,
}

impl Server {
    /// Opens a session, and what to send to every participant first. Participants that are not enrolled at `now` cannot
    /// answer.
    pub fn open(params: SessionParams, roster: &Roster, now: Timestamp) -> (Self, Vec<ServerOutput>) {
        let server = Self::new(params.clone(), roster, now);
        let blob = params.to_bytes();
        let mut outputs = vec![ServerOutput::Persist(ServerEvent::Opened(Box::new(params)))];
        let everyone = server.params.indices();
        outputs.extend(everyone.map(|to| ServerOutput::Send { to, message: blob.clone() }));
        (server, outputs)
    }

    /// The machine that these events made, or `None` if they do not begin with an opened session. Messages that were
    /// taken in once are taken in again; [`Self::resume`] says what to do next.
    pub fn restore(events: impl IntoIterator<Item = ServerEvent>, roster: &Roster, now: Timestamp) -> Option<Self> {
        let mut events = events.into_iter();
        let ServerEvent::Opened(params) = events.next()? else {
            return None;
        };
        let mut server = Self::new(*params, roster, now);
        events.for_each(|event| server.apply(event));
        Some(server)
    }

    fn new(params: SessionParams, roster: &Roster, now: Timestamp) -> Self {
        let participants = params.participants.len();
        let key = |client| roster.current(client, now).map(|enrolment| enrolment.key);
        Self {
            session: params.session_id(),
            signers: params.participants.iter().copied().map(key).collect(),
            neighbourhoods: params.graph.neighbourhoods(participants),
            stage: ServerStage::Keys,
            failure: None,
            left: BTreeSet::new(),
            heard: BTreeMap::new(),
            adverts: BTreeMap::new(),
            shares: BTreeMap::new(),
            uploads: BTreeSet::new(),
            signatures: BTreeMap::new(),
            revealed: BTreeMap::new(),
            first_set: IndexSet::empty(participants),
            first_digest: None,
            second_set: IndexSet::empty(participants),
            third_set: IndexSet::empty(participants),
            params,
        }
    }

    /// Takes a message of a site in (but for chunks). A repeated one changes nothing.
    ///
    /// # Errors
    /// [`Rejection`]; the session goes on, and the site may be told.
    pub fn handle(&mut self, from: Index, message: &[u8]) -> Result<Vec<ServerOutput>, Rejection> {
        let kind = MessageType::of(message)?;
        if kind == MessageType::Abort {
            upload::read::<Abort>(message, self.session, from)?;
            return Ok(self.record(ServerEvent::Left { from }));
        }
        match self.heard.get(&(kind, from)) {
            Some(before) if *before == Digest::of(message) => return Ok(Vec::new()),
            Some(_) => return Err(Rejection::SecondThoughts { index: from }),
            None => self.check(kind, from, message)?,
        }
        Ok(self.record(ServerEvent::Heard { from, message: message.to_vec() }))
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// [`Rejection`] for a site that is not in U2 or has uploaded, a closed stage, a header of other sets.
    pub fn receive(&self, from: Index, header: &[u8]) -> Result<UploadReceiver, Rejection> {
        let header: MaskedHeader = upload::read(header, self.session, from)?;
        self.check_turn(MessageType::MaskedHeader, ServerStage::Upload, from)?;
        let expected = self.first_digest.map(|first_set| MaskedHeader {
            first_set,
            second_set: self.second_set.second_digest(self.session),
            chunks: self.params.vector.chunks(),
        });
        if Some(header) != expected {
            return Err(Rejection::Sets { index: from });
        }
        Ok(UploadReceiver::new(self.session, from, *self.signer(from)?, self.params.vector))
    }

    /// Counts a complete upload. The shell has spooled it, and adds it to the sum ([`accumulate`]) once.
    ///
    /// # Errors
    /// [`Rejection`] where the stage is over or the site has uploaded.
    pub fn uploaded(&mut self, upload: CompleteUpload) -> Result<Vec<ServerOutput>, Rejection> {
        let CompleteUpload { session, from, digest } = upload;
        if session != self.session {
            return Err(Rejection::WrongSession);
        }
        self.check_turn(MessageType::MaskedTrailer, ServerStage::Upload, from)?;
        if self.uploads.contains(&from) {
            return Err(Rejection::SecondThoughts { index: from });
        }
        Ok(self.record(ServerEvent::Uploaded { from, digest }))
    }

    /// A site is gone for good, as far as the shell knows.
    pub fn site_left(&mut self, from: Index) -> Vec<ServerOutput> {
        self.record(ServerEvent::Left { from })
    }

    /// Time is up for this stage: it closes with whoever has answered.
    pub fn deadline(&mut self) -> Vec<ServerOutput> {
        match self.stage {
            ServerStage::Closed | ServerStage::Failed => Vec::new(),
            stage => self.record(ServerEvent::Closed { stage }),
        }
    }

    /// What to do after a restart: the sites that have not answered at this stage are told again what they were told.
    pub fn resume(&mut self) -> Vec<ServerOutput> {
        let (stage, waits) = (self.stage, self.pending().next().is_some());
        match waits || stage >= ServerStage::Closed {
            true => self.entered(),
            false => self.record(ServerEvent::Closed { stage }),
        }
    }

    /// Where the session stands.
    pub fn stage(&self) -> ServerStage {
        self.stage
    }

    /// The session.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The parameters.
    pub fn params(&self) -> &SessionParams {
        &self.params
    }

    /// U3 so far, and for good from the consistency check on.
    pub fn survivors(&self) -> IndexSet {
        IndexSet::of(self.params.participants.len(), self.uploads.iter().copied())
    }

    /// What this stage asks of every site that has not answered yet.
    fn announcements(&self) -> Vec<ServerOutput> {
        let send = |to| self.announcement(to).map(|message| ServerOutput::Send { to, message });
        self.pending().filter_map(send).collect()
    }

    fn signer(&self, index: Index) -> Result<&PublicKey, Rejection> {
        let signer = self.signers.get(index.place()).and_then(Option::as_ref);
        signer.ok_or(Rejection::NotExpected { index })
    }

    fn check(&self, kind: MessageType, from: Index, message: &[u8]) -> Result<(), Rejection> {
        let answer = Answer::read(self, from, message)?;
        self.check_turn(kind, answer.stage(), from)?;
        answer.check(self, from)
    }

    fn check_turn(&self, got: MessageType, stage: ServerStage, from: Index) -> Result<(), Rejection> {
        if self.stage != stage {
            return Err(Rejection::OutOfTurn { got, stage: self.stage });
        }
        match self.is_asked(from) {
            true => Ok(()),
            false => Err(Rejection::NotExpected { index: from }),
        }
    }

    /// Applies an event and closes the stage if nobody is waited for any more.
    fn record(&mut self, event: ServerEvent) -> Vec<ServerOutput> {
        let stage = self.stage;
        self.apply(event.clone());
        let mut outputs = vec![ServerOutput::Persist(event)];
        if self.stage != stage {
            outputs.extend(self.entered());
        } else if self.pending().next().is_none() && stage < ServerStage::Closed {
            outputs.extend(self.record(ServerEvent::Closed { stage }));
        }
        outputs
    }

    fn entered(&self) -> Vec<ServerOutput> {
        match (self.stage, &self.failure) {
            (ServerStage::Failed, Some(failure)) => vec![ServerOutput::Failed(failure.clone())],
            (ServerStage::Closed, _) => vec![ServerOutput::Recover],
            _ => self.announcements(),
        }
    }

    fn apply(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::Opened(_) => {}
            ServerEvent::Heard { from, message } => self.take_in(from, &message),
            ServerEvent::Uploaded { from, .. } => drop(self.uploads.insert(from)),
            ServerEvent::Left { from } => drop(self.left.insert(from)),
            ServerEvent::Closed { stage } if stage == self.stage => self.close(),
            ServerEvent::Closed { .. } => {}
        }
    }

    /// Stores what a message says. Messages in events were checked when they came.
    fn take_in(&mut self, from: Index, message: &[u8]) {
        let Ok(kind) = MessageType::of(message) else {
            return;
        };
        self.heard.insert((kind, from), Digest::of(message));
        match Answer::read(self, from, message) {
            Ok(Answer::Keys(advert)) => drop(self.adverts.insert(from, advert)),
            Ok(Answer::Shares(shares)) => drop(self.shares.insert(from, shares)),
            Ok(Answer::Consistency(one)) => drop(self.signatures.insert(from, one.signature)),
            Ok(Answer::Unmask(shares)) => drop(self.revealed.insert(from, shares)),
            Err(_) => {}
        }
    }

    fn close(&mut self) {
        let participants = self.params.participants.len();
        let answered = IndexSet::of(participants, self.answered());
        let (stage, next) = match self.stage {
            ServerStage::Keys => {
                self.first_digest = Some(self.key_set().digest(self.session));
                self.first_set = answered.clone();
                (Stage::Keys, ServerStage::Shares)
            }
            ServerStage::Shares => {
                self.second_set = answered.clone();
                (Stage::Shares, ServerStage::Upload)
            }
            ServerStage::Upload => {
                self.third_set = answered.clone();
                (Stage::Upload, ServerStage::Consistency)
            }
            ServerStage::Consistency => (Stage::Consistency, ServerStage::Unmasking),
            ServerStage::Unmasking => (Stage::Unmasking, ServerStage::Closed),
            ServerStage::Closed | ServerStage::Failed => return,
        };
        self.stage = next;
        if let Some(failure) = self.too_few(stage, &answered) {
            self.stage = ServerStage::Failed;
            self.failure = Some(failure);
        }
    }

    /// The failure if any site that goes on has fewer than t around it.
    fn too_few(&self, stage: Stage, answered: &IndexSet) -> Option<Failure> {
        let required = self.params.thresholds.threshold;
        let around = |index: Index| {
            let near = self.neighbourhoods.of(index);
            answered.iter().filter(|other| near.contains(*other)).count()
        };
        // Whose secrets have to be recovered: every site of U2 at the end, those that answered before.
        let centres = if stage == Stage::Unmasking { &self.second_set } else { answered };
        let got = centres.iter().map(around).min().unwrap_or(0);
        ((got as u64) < u64::from(required)).then_some(Failure::TooFew { stage, got, required })
    }

    /// Who has answered at this stage.
    fn answered(&self) -> Vec<Index> {
        match self.stage {
            ServerStage::Keys => self.adverts.keys().copied().collect(),
            ServerStage::Shares => self.shares.keys().copied().collect(),
            ServerStage::Upload => self.uploads.iter().copied().collect(),
            ServerStage::Consistency => self.signatures.keys().copied().collect(),
            ServerStage::Unmasking => self.revealed.keys().copied().collect(),
            ServerStage::Closed | ServerStage::Failed => Vec::new(),
        }
    }

    /// Whether a site is asked at this stage.
    fn is_asked(&self, index: Index) -> bool {
        match self.stage {
            ServerStage::Keys => self.params.has(index),
            ServerStage::Shares => self.first_set.contains(index),
            ServerStage::Upload => self.second_set.contains(index),
            ServerStage::Consistency => self.third_set.contains(index),
            ServerStage::Unmasking => self.signatures.contains_key(&index),
            ServerStage::Closed | ServerStage::Failed => false,
        }
    }

    fn has_answered(&self, index: Index) -> bool {
        match self.stage {
            ServerStage::Keys => self.adverts.contains_key(&index),
            ServerStage::Shares => self.shares.contains_key(&index),
            ServerStage::Upload => self.uploads.contains(&index),
            ServerStage::Consistency => self.signatures.contains_key(&index),
            ServerStage::Unmasking => self.revealed.contains_key(&index),
            ServerStage::Closed | ServerStage::Failed => true,
        }
    }

    /// Who is still waited for.
    fn pending(&self) -> impl Iterator<Item = Index> {
        let waited = |index: &Index| self.is_asked(*index) && !self.has_answered(*index) && !self.left.contains(index);
        self.params.indices().filter(waited)
    }
}
