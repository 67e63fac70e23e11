//! M0: what a session is about, as the coordinator proposes and every site judges (specification, 5.3).

mod encoding;
mod graph;
mod lane;
mod noise;
mod thresholds;
mod vector;

pub use encoding::Encoding;
pub use graph::{Graph, Neighbourhoods};
pub use lane::Lane;
pub use noise::{DistributedNoise, NoiseLaw};
pub use thresholds::Thresholds;

pub(crate) use thresholds::{HONEST_MIN, recommended_threshold};
pub use vector::{BLOCK_WORDS, CHUNK_WORDS_DEFAULT, CHUNK_WORDS_MAX, TAIL_WORDS, VectorShape};

use crate::wire::{
    Attempt, ClientId, ConfigDigest, Decode, DecodeError, Encode, FederationId, Index, Label, ModelDigest, Reader,
    RosterDigest, Round, SessionId, StudyId, Writer, increasing, refused,
};

/// Most participants of one session.
pub const PARTICIPANTS_MAX: usize = 1 << 17;
/// X25519, Ed25519, HKDF-SHA-256, AES-256-GCM for shares, AES-256-CTR for masks.
pub const SUITE: Suite = Suite(0x0001);

/// A choice of algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suite(pub u16);

/// The parameters of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionParams {
    /// The algorithms.
    pub suite: Suite,
    /// The federation.
    pub federation: FederationId,
    /// The study.
    pub study: StudyId,
    /// The round.
    pub round: Round,
    /// Which try at the round.
    pub attempt: Attempt,
    /// The model that was trained from.
    pub model: ModelDigest,
    /// The training configuration.
    pub config: ConfigDigest,
    /// The roster.
    pub roster: RosterDigest,
    /// Who takes part, in strictly increasing order; the place, from 1, is a participant's [`Index`].
    pub participants: Vec<ClientId>,
    /// t, c and the honest inputs.
    pub thresholds: Thresholds,
    /// Who shares masks with whom.
    pub graph: Graph,
    /// The masked vector.
    pub vector: VectorShape,
    /// From reals to the ring.
    pub encoding: Encoding,
    /// Noise in the sum.
    pub noise: Option<DistributedNoise>,
}

impl SessionParams {
    /// sid: whatever differs in the parameters is another session with other masks.
    pub fn session_id(&self) -> SessionId {
        SessionId(Label::SESSION.hash(&[&self.to_bytes()]))
    }

    /// The place of `client` among the participants.
    pub fn index_of(&self, client: ClientId) -> Option<Index> {
        self.participants.binary_search(&client).ok().map(Index::of_place)
    }

    /// Whether `index` is a participant's.
    pub fn has(&self, index: Index) -> bool {
        index.place() < self.participants.len()
    }

    /// The participant at `index`, if there is one.
    pub fn client_at(&self, index: Index) -> Option<ClientId> {
        self.participants.get(index.place()).copied()
    }

    /// Every participant's index.
    pub fn indices(&self) -> impl Iterator<Item = Index> {
        (0..self.participants.len()).map(Index::of_place)
    }
}

impl Encode for SessionParams {
    fn write(&self, out: &mut Writer) {
        out.u16(self.suite.0);
        self.federation.write(out);
        self.study.write(out);
        out.u64(self.round.0);
        out.u32(self.attempt.0);
        self.model.write(out);
        self.config.write(out);
        self.roster.write(out);
        out.list(&self.participants);
        self.thresholds.write(out);
        self.graph.write(out);
        self.vector.write(out);
        self.encoding.write(out);
        noise::write(self.noise.as_ref(), out);
        out.u8(TAIL_WORDS);
    }
}

impl Decode for SessionParams {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let params = Self {
            suite: Suite(from.u16("suite")?),
            federation: FederationId::read(from)?,
            study: StudyId::read(from)?,
            round: Round(from.u64("round")?),
            attempt: Attempt(from.u32("attempt")?),
            model: ModelDigest::read(from)?,
            config: ConfigDigest::read(from)?,
            roster: RosterDigest::read(from)?,
            participants: participants(from)?,
            thresholds: Thresholds::read(from)?,
            graph: Graph::read(from)?,
            vector: VectorShape::read(from)?,
            encoding: Encoding::read(from)?,
            noise: noise::read(from)?,
        };
        match from.u8("tail")? {
            TAIL_WORDS => Ok(params),
            other => Err(refused("tail", other, "4")),
        }
    }
}

fn participants(from: &mut Reader<'_>) -> Result<Vec<ClientId>, DecodeError> {
    increasing("participants", from.list("participants", PARTICIPANTS_MAX, 16)?, |client: &ClientId| *client)
}
