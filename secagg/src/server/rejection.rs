//! Why one site's message does not count; the session goes on without it.

use crate::refusal::Stage;
use crate::wire::{DecodeError, Index, MessageType};

/// What is wrong with a message of a site.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// It is of another session or in another's name.
    #[error("the message is not this site's, in this session")]
    WrongSession,
    /// Its stage is over, or has not begun.
    #[error("{got:?} came while the session was at {stage:?}")]
    OutOfTurn {
        /// What came.
        got: MessageType,
        /// The stage.
        stage: ServerStage,
    },
    /// The site is not asked at this stage: it was too late at an earlier one.
    #[error("site {index} is not part of this stage")]
    NotExpected {
        /// Who.
        index: Index,
    },
    /// The site has answered this, and otherwise.
    #[error("site {index} has sent another answer before")]
    SecondThoughts {
        /// Who.
        index: Index,
    },
    /// A signature that does not hold.
    #[error("the signature of site {index} does not hold")]
    Signature {
        /// Whose.
        index: Index,
    },
    /// Keys that another site has, or of small order.
    #[error("the keys of site {index} are another's or agree with nobody")]
    Keys {
        /// Whose.
        index: Index,
    },
    /// Shares that are not for those, or of those, that they have to be.
    #[error("the shares of site {index} are not one for each site that they have to be for")]
    ShareList {
        /// Who.
        index: Index,
    },
    /// A share that is no scalar.
    #[error("site {index} sent a share that is not a canonical scalar")]
    NotCanonical {
        /// Who.
        index: Index,
    },
    /// Sets that differ from what was sent.
    #[error("site {index} saw other sets than were sent to it")]
    Sets {
        /// Who.
        index: Index,
    },
    /// A chunk of another number or length.
    #[error("a chunk of site {index} has number {number} and {bytes} bytes, not the next and its length")]
    Chunk {
        /// Who.
        index: Index,
        /// Its number.
        number: u32,
        /// Its length.
        bytes: usize,
    },
    /// The vector is not the one that its trailer signs.
    #[error("the vector of site {index} is not the one that it signed")]
    Vector {
        /// Who.
        index: Index,
    },
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerStage {
    /// Waiting for M1.
    Keys,
    /// Waiting for M3.
    Shares,
    /// Waiting for vectors.
    Upload,
    /// Waiting for M7.
    Consistency,
    /// Waiting for M9.
    Unmasking,
    /// Everything that can come has come.
    Closed,
    /// Too few were left.
    Failed,
}

/// Why a session ends without a sum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Too few sites.
    #[error("{got} sites are left after {stage:?}, {required} are needed")]
    TooFew {
        /// Where.
        stage: Stage,
        /// How many, at the site that has fewest.
        got: usize,
        /// t
        required: u32,
    },
    /// Shares that give no secret that fits what was advertised.
    #[error("the shares of site {owner}'s secret fit no secret that it advertised: it, or {holders:?}, lied")]
    Shares {
        /// Whose secret.
        owner: Index,
        /// Who gave shares of it.
        holders: Vec<Index>,
    },
    /// The session has not come that far.
    #[error("the session is at {stage:?}")]
    NotClosed {
        /// Where it is.
        stage: ServerStage,
    },
}
