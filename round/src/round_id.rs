//! What a message is about.

use serde::{Deserialize, Serialize};
use std::fmt;
use wardround_plan::{Digest, RoundNumber, StudyId};

/// How often this round has been tried, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attempt(u32);

impl Attempt {
    /// The first attempt.
    pub const FIRST: Self = Self(1);

    /// An attempt by its number from 1; `None` for 0.
    pub fn new(number: u32) -> Option<Self> {
        (number > 0).then_some(Self(number))
    }

    /// The attempt after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number, from 1.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// What the sites of a round add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Summand {
    /// Updates: the round makes a model.
    #[default]
    Update,
    /// How well the round's model did at each site, in a masked sum of its own.
    Scores,
}

impl Summand {
    /// Whether it is updates that are added up.
    pub fn is_update(&self) -> bool {
        *self == Self::Update
    }
}

/// One attempt at one round of one study.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoundId {
    /// The study.
    pub study: StudyId,
    /// The round.
    pub round: RoundNumber,
    /// The attempt at it.
    pub attempt: Attempt,
    /// What is added up.
    #[serde(default, skip_serializing_if = "Summand::is_update")]
    pub summand: Summand,
}

impl fmt::Display for RoundId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.summand {
            Summand::Update => write!(f, "{} round {}", self.study, self.round)?,
            Summand::Scores => write!(f, "{} scores of round {}", self.study, self.round)?,
        }
        if self.attempt > Attempt::FIRST { write!(f, " (attempt {})", self.attempt.get()) } else { Ok(()) }
    }
}

/// A model by its content: the little-endian bytes of its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelRef {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// Their number.
    pub bytes: u64,
}

/// An update by its content: the little-endian bytes of its weights, as many as the model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UpdateRef {
    /// SHA-256 of the bytes.
    pub digest: Digest,
}
