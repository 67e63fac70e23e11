//! Why a site takes no further part, and what it says of that.

use crate::wire::{
    Attempt, ClientId, Decode, DecodeError, DetailDigest, Encode, Index, Label, MessageType, Reader, Round, Writer,
    refused,
};

/// What a peer is told of a refusal: a small fixed vocabulary (specification, 5.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum AbortCode {
    /// The parameters are not what the site's policy allows.
    Policy = 1,
    /// Somebody is not on the pinned roster.
    Roster = 2,
    /// A signature does not hold.
    Signature = 3,
    /// A set is too small.
    SetSize = 4,
    /// A set or list is not what it has to be.
    SetMismatch = 5,
    /// A share does not decrypt or is none.
    Decrypt = 6,
    /// The sum could leave the ring.
    Overflow = 7,
    /// Another model or configuration than was trained.
    ModelHash = 8,
    /// The round was signed, or tried too often.
    Replay = 9,
    /// A message that is none, or out of turn.
    ProtocolOrder = 10,
    /// Time was up.
    Deadline = 11,
}

impl AbortCode {
    const ALL: [Self; 11] = [
        Self::Policy,
        Self::Roster,
        Self::Signature,
        Self::SetSize,
        Self::SetMismatch,
        Self::Decrypt,
        Self::Overflow,
        Self::ModelHash,
        Self::Replay,
        Self::ProtocolOrder,
        Self::Deadline,
    ];
}

impl Encode for AbortCode {
    fn write(&self, out: &mut Writer) {
        out.u16(*self as u16);
    }
}

impl Decode for AbortCode {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = from.u16("abort code")?;
        let known = Self::ALL.into_iter().find(|one| *one as u16 == code);
        known.ok_or_else(|| refused("abort code", code, "1 to 11"))
    }
}

/// Whom a set was cut to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// U1: sent keys.
    Keys,
    /// U2: sent shares.
    Shares,
    /// U3: uploaded.
    Upload,
    /// Signed the sets.
    Consistency,
    /// Sent shares for unmasking.
    Unmasking,
}

/// Why a site takes no further part. The words are for its own log and its operator.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A message that cannot be read.
    #[error("a message of the coordinator cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    /// A message out of turn.
    #[error("the coordinator sent {got:?} where the site had {done}")]
    OutOfTurn {
        /// What came.
        got: MessageType,
        /// The state.
        done: &'static str,
    },
    /// A second message of a kind, different from the first.
    #[error("the coordinator sent a second {got:?} that differs from the first: it may be trying for a second sum")]
    SecondThoughts {
        /// What came.
        got: MessageType,
    },
    /// Parameters of a second session.
    #[error("the coordinator opened a second session while the first was open")]
    SecondSession,
    /// A message of another session or in another's name.
    #[error("a message is not from the coordinator in this session")]
    WrongSession,
    /// Algorithms that this site does not know.
    #[error("suite {suite:#06x} is not known here: update this site")]
    Suite {
        /// The suite.
        suite: u16,
    },
    /// Another federation, study or round than the site trained for.
    #[error("the session is for another {what} than this site trained for")]
    OtherRound {
        /// Which of them.
        what: &'static str,
    },
    /// Another roster than was pinned.
    #[error("the session's roster is not the pinned one: compare its digest with the other sites before pinning it")]
    RosterNotPinned,
    /// A participant that is not enrolled.
    #[error("participant `{client}` is not on the pinned roster, revoked or out of date")]
    NotEnrolled {
        /// Who.
        client: ClientId,
    },
    /// This site is not listed.
    #[error("this site is not among the participants")]
    NotListed,
    /// Too few sites to hide in.
    #[error("{participants} sites take part, this site's policy asks for {required}")]
    CohortTooSmall {
        /// n
        participants: usize,
        /// Asked for.
        required: usize,
    },
    /// A threshold that nobody can reach or that policy finds too low.
    #[error("the threshold is {threshold}; it has to be {required} to {reachable}")]
    Threshold {
        /// t
        threshold: u32,
        /// The least.
        required: u32,
        /// n, or the size of a neighbourhood.
        reachable: u32,
    },
    /// 2t ≤ n + c.
    #[error(
        "with {participants} sites, threshold {threshold} and {corrupt} corrupt, two sums of one round could come out"
    )]
    TwoSums {
        /// n
        participants: u32,
        /// t
        threshold: u32,
        /// c
        corrupt: u32,
    },
    /// Fewer traitors assumed than policy wants.
    #[error("the session assumes {assumed} corrupt sites, this site's policy {required}")]
    CorruptTooFew {
        /// c
        assumed: u32,
        /// Of the policy.
        required: u32,
    },
    /// t - c is too small.
    #[error("only {honest} honest inputs are guaranteed, {required} are asked for")]
    HonestTooFew {
        /// t - c
        honest: u32,
        /// Asked for.
        required: u32,
    },
    /// A graph that policy does not allow.
    #[error(
        "the session's graph holds against an honest-but-curious coordinator only, which this site does not assume"
    )]
    Graph,
    /// Another model.
    #[error("the session is about another model than this site trained from")]
    OtherModel,
    /// Another configuration.
    #[error("the session's training configuration is not allowed here")]
    OtherConfig,
    /// A vector of another length.
    #[error("the session sums {got} coordinates, the model has {expected}")]
    Dimension {
        /// d
        got: u64,
        /// Of the model.
        expected: u64,
    },
    /// The sum could wrap.
    #[error("the sum could leave the ring: fewer sites, a smaller scale or a wider word are needed")]
    Overflow,
    /// Too little noise, or noise counted from more sites than are surely honest.
    #[error("the noise does not meet this site's policy: {reason}")]
    Noise {
        /// In what.
        reason: &'static str,
    },
    /// The round was signed for or tried too often.
    #[error("attempt {} of round {} is refused: {reason}", .attempt.0, .round.0)]
    Replay {
        /// The round.
        round: Round,
        /// The attempt.
        attempt: Attempt,
        /// Why.
        reason: &'static str,
    },
    /// A signature that does not hold.
    #[error("the signature of site {index} on its {what} does not hold: the coordinator or that site is lying")]
    Signature {
        /// Whose.
        index: Index,
        /// On what.
        what: &'static str,
    },
    /// An entry of somebody who takes no part.
    #[error("site {index} is in a list in which it has no place")]
    Stranger {
        /// Who.
        index: Index,
    },
    /// Keys that two sites share, or that agree with nobody.
    #[error("the keys of site {index} are {what}")]
    Key {
        /// Whose.
        index: Index,
        /// What is wrong.
        what: &'static str,
    },
    /// What this site sent came back changed or not at all.
    #[error("this site's own {what} is missing or changed")]
    OwnEntry {
        /// What it is.
        what: &'static str,
    },
    /// Too few at a stage.
    #[error("{got} sites are left after {stage:?}, {required} are needed")]
    TooFew {
        /// Where.
        stage: Stage,
        /// How many.
        got: usize,
        /// t
        required: u32,
    },
    /// A set that is not part of the one before.
    #[error("the set after {stage:?} is not a part of the one before")]
    NotSubset {
        /// Which.
        stage: Stage,
    },
    /// Shares of some are missing or there are too many.
    #[error("the shares that came are not one from each site that sent any")]
    ShareList,
    /// A share that does not decrypt.
    #[error("the share from site {from} does not decrypt: report both sites to the operator")]
    Decrypt {
        /// From whom.
        from: Index,
    },
    /// A share that is no scalar.
    #[error("the share from site {from} is not a canonical scalar")]
    NotCanonical {
        /// From whom.
        from: Index,
    },
    /// The update cannot be encoded.
    #[error("this site's update cannot be summed: {reason}")]
    Update {
        /// Why.
        reason: String,
    },
    /// Time was up.
    #[error("time was up while the site had {done}")]
    Deadline {
        /// The state.
        done: &'static str,
    },
    /// The coordinator or this site's operator ended it.
    #[error("ended by {by}")]
    Ended {
        /// Who.
        by: &'static str,
    },
}

impl Refusal {
    /// What peers are told.
    pub fn code(&self) -> AbortCode {
        match self {
            Self::Malformed(_) | Self::OutOfTurn { .. } | Self::WrongSession => AbortCode::ProtocolOrder,
            Self::RosterNotPinned | Self::NotEnrolled { .. } | Self::NotListed => AbortCode::Roster,
            Self::Signature { .. } => AbortCode::Signature,
            Self::TooFew { .. } => AbortCode::SetSize,
            Self::SecondThoughts { .. }
            | Self::Stranger { .. }
            | Self::Key { .. }
            | Self::OwnEntry { .. }
            | Self::NotSubset { .. }
            | Self::ShareList => AbortCode::SetMismatch,
            Self::Decrypt { .. } | Self::NotCanonical { .. } => AbortCode::Decrypt,
            Self::Overflow | Self::Update { .. } => AbortCode::Overflow,
            Self::OtherModel | Self::OtherConfig | Self::Dimension { .. } => AbortCode::ModelHash,
            Self::Replay { .. } | Self::SecondSession => AbortCode::Replay,
            Self::Deadline { .. } => AbortCode::Deadline,
            Self::Suite { .. }
            | Self::OtherRound { .. }
            | Self::CohortTooSmall { .. }
            | Self::Threshold { .. }
            | Self::TwoSums { .. }
            | Self::CorruptTooFew { .. }
            | Self::HonestTooFew { .. }
            | Self::Graph
            | Self::Noise { .. }
            | Self::Ended { .. } => AbortCode::Policy,
        }
    }

    /// The hash of the words.
    pub fn detail(&self) -> DetailDigest {
        DetailDigest(Label::DETAIL.hash(&[self.to_string().as_bytes()]))
    }
}
