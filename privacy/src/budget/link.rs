//! The links of the chain: what happened, each bound to everything before it by SHA-256.

use super::{Decision, OfficerKey, OfficerSignature, Proposal, exact};
use crate::Charge;
use crate::budget::LedgerId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU32;
use wardround_plan::{DataSetName, Digest, Hasher, LedgerHead, PlanDigest, RoundNumber, StudyId, Timestamp};

/// What the hashed bytes begin with.
const DOMAIN: &[u8] = b"wardround ledger link, version 1\n";
/// Longest link in its canonical form; the longest that can be made is half of it.
pub const LINK_BYTES_MAX: usize = 64 * 1024;

/// One link. Made only from the head before it, or read back from its canonical form.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    content: Content,
    hash: Digest,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    seq: u64,
    at: Timestamp,
    previous: Digest,
    entry: Entry,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// The ledger was opened; only these officers decide about it.
    Opened {
        /// The ledger's name.
        ledger: LedgerId,
        /// Their public keys, sorted.
        officers: Vec<OfficerKey>,
    },
    /// Officers decided.
    Decided {
        /// What.
        proposal: Proposal,
        /// Their signatures: one for a lower budget, two for anything else.
        signatures: Vec<OfficerSignature>,
    },
    /// A study's whole cost is set aside. The link's number is the reservation's.
    Reserved {
        /// Whose patients.
        data_set: DataSetName,
        /// The study.
        study: StudyId,
        /// Its plan.
        plan: PlanDigest,
        /// Everything it will run.
        #[serde(with = "exact::charges")]
        charges: Vec<Charge>,
    },
    /// Paid, before noise was drawn.
    Debited {
        /// From which reservation.
        reservation: ReservationId,
        /// What for.
        purpose: Purpose,
        /// What will be run.
        #[serde(with = "exact::charges")]
        charges: Vec<Charge>,
    },
    /// What a debit paid for was made. Recorded before it leaves, so that after a crash the same bytes may be sent again.
    Released {
        /// The number of the debit's link.
        debit: u64,
        /// Digest of what may leave.
        content: Digest,
    },
    /// A study is over: nothing more is debited from its reservation.
    Settled {
        /// Which.
        reservation: ReservationId,
    },
}

/// The number of the link that made a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReservationId(u64);

/// What a debit pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case", deny_unknown_fields)]
pub enum Purpose {
    /// The local steps of one attempt at a round.
    Training {
        /// The round.
        round: RoundNumber,
        /// The attempt, from 1.
        attempt: NonZeroU32,
    },
    /// Scores of the model of a round.
    Evaluation {
        /// The round; `None` for the initial model.
        round: Option<RoundNumber>,
    },
    /// One configuration that was tried.
    Tuning {
        /// Which, from 1.
        trial: NonZeroU32,
    },
}

/// A stored link is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Longer than any link.
    #[error("it has {bytes} bytes, at most {LINK_BYTES_MAX} are possible")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It says something that no link says.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It says the same in other bytes.
    #[error("it is not written as this version writes it")]
    NotCanonical,
    /// Its content has another hash.
    #[error("its hash is not that of its content")]
    WrongHash,
}

impl Link {
    /// The link that follows `head`. Only writing off a gap leaves out numbers: those that were lost.
    pub fn after(head: LedgerHead, at: Timestamp, entry: Entry) -> Self {
        let lost = match &entry {
            Entry::Decided { proposal, .. } => match &proposal.decision {
                Decision::WriteOff { gap } => gap.seq,
                Decision::Budget { .. } => 0,
            },
            _ => 0,
        };
        let seq = head.seq.max(lost).saturating_add(1);
        let content = Content { seq, at, previous: head.hash, entry };
        let hash = content.hash();
        Self { content, hash }
    }

    /// Reads a link as [`Link::to_canonical`] wrote it.
    ///
    /// # Errors
    /// [`LinkError`] for anything but the very bytes that were written for this hash.
    pub fn from_canonical(text: &str, hash: Digest) -> Result<Self, LinkError> {
        if text.len() > LINK_BYTES_MAX {
            return Err(LinkError::TooLong { bytes: text.len() });
        }
        let content: Content = serde_json::from_str(text).map_err(|error| LinkError::Unreadable(error.to_string()))?;
        if exact_text(&content) != text {
            return Err(LinkError::NotCanonical);
        }
        if content.hash() != hash {
            return Err(LinkError::WrongHash);
        }
        Ok(Self { content, hash })
    }

    /// The bytes that are stored and hashed, as JSON text.
    pub fn to_canonical(&self) -> String {
        exact_text(&self.content)
    }

    /// The chain's head once this link is in it.
    pub fn head(&self) -> LedgerHead {
        LedgerHead { seq: self.content.seq, hash: self.hash }
    }

    /// When it was written, by the site's clock.
    pub fn at(&self) -> Timestamp {
        self.content.at
    }

    /// Hash of the link before; zeros for the first.
    pub fn previous(&self) -> Digest {
        self.content.previous
    }

    /// What happened.
    pub fn entry(&self) -> &Entry {
        &self.content.entry
    }
}

impl Content {
    fn hash(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(DOMAIN);
        hasher.update(exact_text(self).as_bytes());
        hasher.finish()
    }
}

impl ReservationId {
    pub(super) fn of(link: &Link) -> Self {
        Self(link.content.seq)
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Training { round, attempt } => write!(f, "training in round {round}, attempt {attempt}"),
            Self::Evaluation { round: Some(round) } => write!(f, "scores of round {round}"),
            Self::Evaluation { round: None } => f.write_str("scores of the initial model"),
            Self::Tuning { trial } => write!(f, "trial {trial}"),
        }
    }
}

/// The one text of a value: fields in the order of their declaration, no spaces, numbers as [`exact`] writes them.
pub(super) fn exact_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it holds only texts, whole numbers and lists of them")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        let entry = Entry::Settled { reservation: ReservationId(3) };
        let head = LedgerHead { seq: 4, hash: Digest::of(b"before") };
        Link::after(head, Timestamp::from_ms(9), entry)
    }

    #[test]
    fn a_link_reads_back_and_any_flipped_bit_is_noticed() {
        let (text, hash) = (link().to_canonical(), link().head().hash);
        assert_eq!(Link::from_canonical(&text, hash), Ok(link()));
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(Link::from_canonical(&changed, hash).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn the_same_link_with_other_spaces_or_another_order_is_refused() {
        let (text, hash) = (link().to_canonical(), link().head().hash);
        assert_eq!(Link::from_canonical(&text.replace(':', ": "), hash), Err(LinkError::NotCanonical));
        let moved = text.replace("\"seq\":5,", "").replace("}}", "},\"seq\":5}");
        assert_eq!(Link::from_canonical(&moved, hash), Err(LinkError::NotCanonical));
    }

    #[test]
    fn the_place_in_the_chain_is_part_of_the_hash() {
        let elsewhere = Link::after(LedgerHead { seq: 5, ..LedgerHead::EMPTY }, link().at(), link().entry().clone());
        assert_ne!(elsewhere.head().hash, link().head().hash);
    }
}
