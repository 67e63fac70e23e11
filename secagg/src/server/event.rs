//! What a coordinator has to remember over a restart. The machine is the sum of its events, so a restarted one stands
//! where the last event left it: with the same sets, and no second one.

use super::rejection::ServerStage;
use crate::session::SessionParams;
use crate::wire::{Decode, DecodeError, Encode, Index, Reader, VectorDigest, Writer, refused};

/// Longest message that is an event: M3 and M9 of the most participants.
const MESSAGE_BYTES_MAX: usize = 64 + 84 * crate::session::PARTICIPANTS_MAX;

/// One event.
#[derive(Clone, PartialEq)]
pub enum ServerEvent {
    /// The session was opened.
    Opened(Box<SessionParams>),
    /// A message of a site was taken in.
    Heard {
        /// Whose.
        from: Index,
        /// As it came. M9 holds shares: keep the log as the masked vectors are kept.
        message: Vec<u8>,
    },
    /// A vector is complete and kept.
    Uploaded {
        /// Whose.
        from: Index,
        /// What it is.
        digest: VectorDigest,
    },
    /// A site left.
    Left {
        /// Who.
        from: Index,
    },
    /// A stage is over: whoever is in its set is, and nobody else.
    Closed {
        /// Which.
        stage: ServerStage,
    },
}

impl Encode for ServerEvent {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Opened(params) => {
                out.u8(1);
                params.write(out);
            }
            Self::Heard { from, message } => {
                out.u8(2);
                from.write(out);
                out.bytes(message);
            }
            Self::Uploaded { from, digest } => {
                out.u8(3);
                from.write(out);
                digest.write(out);
            }
            Self::Left { from } => {
                out.u8(4);
                from.write(out);
            }
            Self::Closed { stage } => {
                out.u8(5);
                out.u8(*stage as u8);
            }
        }
    }
}

impl Decode for ServerEvent {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match from.u8("event")? {
            1 => Self::Opened(Box::new(SessionParams::read(from)?)),
            2 => {
                let index = Index::read(from)?;
                Self::Heard { from: index, message: from.bytes("message", MESSAGE_BYTES_MAX)?.to_vec() }
            }
            3 => Self::Uploaded { from: Index::read(from)?, digest: VectorDigest::read(from)? },
            4 => Self::Left { from: Index::read(from)? },
            5 => Self::Closed { stage: stage(from)? },
            other => return Err(refused("event", other, "1 to 5")),
        })
    }
}

fn stage(from: &mut Reader<'_>) -> Result<ServerStage, DecodeError> {
    use ServerStage::{Consistency, Keys, Shares, Unmasking, Upload};
    let tag = from.u8("stage")?;
    let known = [Keys, Shares, Upload, Consistency, Unmasking].into_iter().find(|stage| *stage as u8 == tag);
    known.ok_or_else(|| refused("stage", tag, "0 to 4"))
}

impl std::fmt::Debug for ServerEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Opened(_) => f.write_str("Opened"),
            Self::Heard { from, .. } => write!(f, "Heard({from})"),
            Self::Uploaded { from, .. } => write!(f, "Uploaded({from})"),
            Self::Left { from } => write!(f, "Left({from})"),
            Self::Closed { stage } => write!(f, "Closed({stage:?})"),
        }
    }
}
