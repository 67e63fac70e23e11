//! The site's side of a session.
//!
//! ```text
//! Idle ─M0─► Advertised ─M2─► Shared ─M4─► Masking ─update─► Uploading ─end─► Awaiting ─M6─► Signed ─M8─► Done
//!  any: a check fails, MA, time is up ──► Aborted: secrets wiped, the reason kept
//! ```
//! Every step consumes the state, so none can be repeated with another message. A message that came already is answered
//! as it was the first time; a second one of its kind that differs ends the session. [`Output`]s are performed in order:
//! what is persisted comes before what it promises.

mod advertised;
mod awaiting;
mod check;
mod idle;
mod journal;
mod masking;
mod policy;
mod seat;
mod shared;
mod signed;

pub use check::Check;
pub use journal::{History, JournalRecord, JournalStage};
pub use policy::{Agreement, GraphPolicy, NoisePolicy, Policy, ThresholdFloor, Trained};
pub use seat::Site;

#[cfg(test)]
pub(crate) use check::omission;

use crate::refusal::Refusal;
use crate::ring::{Contribution, NoiseShare, Rounding, Update, Weight};
use crate::session::SessionParams;
use crate::wire::{Abort, MessageType, SessionId};
use rand::CryptoRng;
use seat::Seat;
use wardround_plan::{Digest, Timestamp};
use zeroize::Zeroizing;

/// What can happen to a site in a session.
pub enum Event<'a> {
    /// M0 came.
    Params(&'a [u8]),
    /// Any other message of the coordinator came.
    Message(&'a [u8]),
    /// The update is ready to leave, with this site's share of the noise where noise was agreed on.
    Contribute(Contribution, Option<Box<dyn NoiseShare + Send>>),
    /// Every chunk was taken and sent.
    Uploaded,
    /// Time is up.
    Deadline,
    /// The operator or the shell ends it.
    LocalAbort,
}

/// What the shell has to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Show this: what the session guarantees.
    Agreed(Agreement),
    /// Store this durably before anything that follows.
    Persist(JournalRecord),
    /// Send this to the coordinator.
    Send(Vec<u8>),
    /// Prepare the update ([`Client::prepare`]) and answer with [`Event::Contribute`].
    Encode,
    /// All is done; nothing secret is left.
    Finished,
    /// The session is over for this site.
    Aborted(Refusal),
}

/// A site in a session. Every event consumes it, so no state can be gone back to:
///
/// ```compile_fail,E0382
/// # use wardround_secagg::client::{Client, Event};
/// # use wardround_plan::Timestamp;
/// # fn twice(site: Client, now: Timestamp, one: &[u8], other: &[u8], mut rng: impl rand::CryptoRng) {
/// let (signed_one, _) = site.handle(now, Event::Message(one), &mut rng);
/// let (signed_other, _) = site.handle(now, Event::Message(other), &mut rng);
/// # }
/// ```
pub struct Client {
    state: State,
    /// What came and was taken in, and the answer to the last of it.
    heard: Vec<Digest>,
    reply: Option<Zeroizing<Vec<u8>>>,
}

enum State {
    Idle(Box<idle::Idle>),
    Advertised(Box<advertised::Advertised>),
    Shared(Box<shared::Shared>),
    Masking(Box<masking::Masking>),
    Uploading(Box<masking::Uploading>),
    Awaiting(Box<awaiting::Awaiting>),
    Signed(Box<signed::Signed>),
    Done(Box<signed::Done>),
    Aborted(Refusal),
}

/// What a step leads to.
struct Step<T> {
    next: T,
    outputs: Vec<Output>,
    /// What to say again if the message comes again.
    reply: Option<Vec<u8>>,
}

impl<T> Step<T> {
    fn into(self, state: impl FnOnce(Box<T>) -> State) -> Step<State> {
        Step { next: state(Box::new(self.next)), outputs: self.outputs, reply: self.reply }
    }
}

impl Client {
    /// A site that has trained and waits for the parameters of a session.
    pub fn new(site: Site, trained: Trained, history: History) -> Self {
        let state = State::Idle(Box::new(idle::Idle { site, trained, history }));
        Self { state, heard: Vec::new(), reply: None }
    }

    /// Takes one event in. After a refusal the site is out of the session for good.
    pub fn handle(self, now: Timestamp, event: Event<'_>, rng: &mut impl CryptoRng) -> (Self, Vec<Output>) {
        let heard = match &event {
            Event::Params(bytes) | Event::Message(bytes) => Some(Digest::of(bytes)),
            _ => None,
        };
        if heard.is_some_and(|digest| self.heard.contains(&digest)) || self.is_over_for(&event) {
            let again = self.repeats(heard);
            return (self, again);
        }
        let farewell = self.state.seat().map(|seat| (seat.session, seat.index));
        let Self { state, heard: mut known, reply } = self;
        match state.step(now, event, rng) {
            Ok(step) => {
                known.extend(heard);
                let reply = step.reply.map(Zeroizing::new).or(if heard.is_some() { None } else { reply });
                (Self { state: step.next, heard: known, reply }, step.outputs)
            }
            Err(refusal) => (
                Self { state: State::Aborted(refusal.clone()), heard: known, reply: None },
                farewell_of(farewell, refusal),
            ),
        }
    }

    /// Bounds the update for this session. `None` unless [`Output::Encode`] was the last thing asked for.
    ///
    /// # Errors
    /// [`Refusal::Update`] from [`Contribution::prepare`].
    pub fn prepare(
        &self,
        update: Update<'_>,
        weight: Weight,
        rounding: Rounding,
        rng: &mut impl CryptoRng,
    ) -> Option<Result<Contribution, Refusal>> {
        match &self.state {
            State::Masking(masking) => Some(masking.prepare(update, weight, rounding, rng)),
            _ => None,
        }
    }

    /// The next masked chunk, a message to be sent, from the update that was prepared; `None` when all were made, or
    /// where no upload is open. Chunks are made once each: a shell that may have to send one again keeps it.
    ///
    /// # Errors
    /// [`Refusal`] for another update than was prepared, or no noise; end the session then.
    pub fn next_chunk(&mut self, update: Update<'_>) -> Result<Option<Vec<u8>>, Refusal> {
        match &mut self.state {
            State::Uploading(uploading) => uploading.next_chunk(update),
            _ => Ok(None),
        }
    }

    /// The parameters, from when they were accepted until the site is out.
    pub fn params(&self) -> Option<&SessionParams> {
        self.state.seat().map(|seat| &seat.params)
    }

    /// The session, from when it was accepted until the site is out.
    pub fn session(&self) -> Option<SessionId> {
        self.state.seat().map(|seat| seat.session)
    }

    /// Why the site is out, if it is.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.state {
            State::Aborted(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether the site has given its shares.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    /// What the site has done last, in words.
    pub fn stage(&self) -> &'static str {
        self.state.name()
    }

    fn is_over_for(&self, event: &Event<'_>) -> bool {
        match self.state {
            State::Aborted(_) => true,
            // Its secrets are gone; what comes later cannot change what was said.
            State::Done(_) => !matches!(event, Event::Params(_)),
            _ => false,
        }
    }

    /// The answer to the last message, if it is that which came again.
    fn repeats(&self, heard: Option<Digest>) -> Vec<Output> {
        let is_last = heard.is_some() && heard == self.heard.last().copied();
        self.reply.iter().filter(|_| is_last).map(|reply| Output::Send(reply.to_vec())).collect()
    }
}

/// What an aborted site says and does.
fn farewell_of(seat: Option<(SessionId, crate::wire::Index)>, refusal: Refusal) -> Vec<Output> {
    use crate::wire::{Encode, Envelope, Sender};
    let say = |(session, index)| {
        let body = Abort { code: refusal.code(), detail: refusal.detail() };
        Output::Send(Envelope { session, sender: Sender::Client(index), body }.to_bytes())
    };
    let mut outputs: Vec<Output> = seat.map(say).into_iter().collect();
    outputs.push(Output::Aborted(refusal));
    outputs
}

impl State {
    fn step(self, now: Timestamp, event: Event<'_>, rng: &mut impl CryptoRng) -> Result<Step<Self>, Refusal> {
        match (self, event) {
            (state, Event::Deadline) => Err(Refusal::Deadline { done: state.name() }),
            (_, Event::LocalAbort) => Err(Refusal::Ended { by: "this site" }),
            (Self::Idle(idle), Event::Params(bytes)) => Ok(idle.open(now, bytes, rng)?.into(Self::Advertised)),
            (_, Event::Params(_)) => Err(Refusal::SecondSession),
            (Self::Masking(state), Event::Contribute(contribution, noise)) => {
                Ok(state.begin(contribution, noise)?.into(Self::Uploading))
            }
            (Self::Uploading(state), Event::Uploaded) => Ok(state.finish()?.into(Self::Awaiting)),
            (state, Event::Message(bytes)) => state.hear(bytes, rng),
            (state, Event::Contribute(..) | Event::Uploaded) => Err(Refusal::Ended { by: state.unready() }),
        }
    }

    fn hear(self, message: &[u8], rng: &mut impl CryptoRng) -> Result<Step<Self>, Refusal> {
        let kind = MessageType::of(message)?;
        match (self, kind) {
            (Self::Advertised(state), MessageType::KeySet) => Ok(state.share(message, rng)?.into(Self::Shared)),
            (Self::Shared(state), MessageType::ShareSet) => Ok(state.receive(message)?.into(Self::Masking)),
            (Self::Awaiting(state), MessageType::Survivors) => Ok(state.sign(message)?.into(Self::Signed)),
            (Self::Signed(state), MessageType::SignatureSet) => Ok(state.unmask(message)?.into(Self::Done)),
            (state, MessageType::Abort) => {
                if let Some(seat) = state.seat() {
                    seat.hears::<Abort>(message)?;
                }
                Err(Refusal::Ended { by: "the coordinator" })
            }
            (state, got) => {
                Check::Order.requires(false, || state.out_of_turn(got))?;
                Ok(Step { next: state, outputs: Vec::new(), reply: None })
            }
        }
    }

    /// A message that is not awaited: too early, or a second and different one.
    fn out_of_turn(&self, got: MessageType) -> Refusal {
        if got < self.awaited() {
            Refusal::SecondThoughts { got }
        } else {
            Refusal::OutOfTurn { got, done: self.name() }
        }
    }

    /// The message that comes next; the coordinator's types increase in their order.
    fn awaited(&self) -> MessageType {
        match self {
            Self::Idle(_) | Self::Advertised(_) => MessageType::KeySet,
            Self::Shared(_) => MessageType::ShareSet,
            Self::Masking(_) | Self::Uploading(_) | Self::Awaiting(_) => MessageType::Survivors,
            Self::Signed(_) | Self::Done(_) | Self::Aborted(_) => MessageType::SignatureSet,
        }
    }

    fn seat(&self) -> Option<&Seat> {
        match self {
            Self::Idle(_) | Self::Aborted(_) => None,
            Self::Advertised(state) => Some(&state.seat),
            Self::Shared(state) => Some(&state.seat),
            Self::Masking(state) => Some(&state.seat),
            Self::Uploading(state) => Some(&state.masking.seat),
            Self::Awaiting(state) => Some(&state.seat),
            Self::Signed(state) => Some(&state.seat),
            Self::Done(state) => Some(&state.seat),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Idle(_) => "not begun",
            Self::Advertised(_) => "sent its keys",
            Self::Shared(_) => "sent its shares",
            Self::Masking(_) => "made its masks",
            Self::Uploading(_) => "begun its upload",
            Self::Awaiting(_) => "uploaded",
            Self::Signed(_) => "signed the sets",
            Self::Done(_) => "given its shares",
            Self::Aborted(_) => "gone",
        }
    }

    fn unready(&self) -> &'static str {
        match self {
            Self::Uploading(_) => "this site: an update was given twice",
            _ => "this site: an update came where none was asked for",
        }
    }
}

#[cfg(test)]
impl Client {
    /// Takes this site's masks off again.
    pub(crate) fn unmasked_for_test(&self, words: &mut [u8]) {
        let State::Uploading(uploading) = &self.state else { panic!("no upload is open") };
        let mut masks = vec![0; words.len()];
        uploading.masking.masks.apply(0, &mut masks);
        crate::mask::subtract_words(uploading.masking.seat.params.vector.lane, words, &masks);
    }
}
