//! What a study's machine asks of its shell.

use super::{Recorded, Rejection};
use crate::{ModelRef, RoundId, ToSite, UpdateRef};
use wardround_plan::{Digest, SiteId};

/// What the shell has to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Store this durably before performing any later effect.
    Persist(Recorded),
    /// Send, if the site is connected.
    Send(SiteId, ToSite),
    /// Add an update to the running sum and answer with `Folded` or `FoldRefused`. At most one is under way.
    Fold(Fold),
    /// Check a masked update with [`super::Study::receive`], add it to the running sum, and answer with `MaskedFolded` or
    /// `FoldRefused`. At most one fold is under way.
    FoldMasked(Fold),
    /// Take the masks off the running sum with [`super::Study::unmasker`], and answer with `Unmasked`.
    Unmask {
        /// The round.
        id: RoundId,
        /// The running sum.
        sum: Digest,
    },
    /// Read a sum of scores, which is short, and answer with `SumRead`.
    Read(Digest),
    /// Make the next model from the running sum and answer with `Applied`.
    Apply {
        /// The model the sites started from.
        model: ModelRef,
        /// The running sum.
        sum: Digest,
        /// What it is a sum of.
        of: Summed,
    },
    /// Tell the site that waits for the receipt of its upload.
    Receipt(SiteId, RoundId, Result<(), Rejection>),
    /// A stored sum is of no more use.
    Discard(Digest),
}

/// What a running sum is a sum of, and how the mean change of the model is read from it.
#[derive(Debug, Clone, PartialEq)]
pub enum Summed {
    /// Updates in units of 2^-32, each times its site's weight; these are the weights.
    Updates(Vec<u32>),
    /// Clipped gradients with shared noise: a unit of the sum changes the model by this much (FedSGD, McMahan et al. 2017).
    Gradients {
        /// Below zero: minus the step size times the grid's step, over the expected number of patients of all sites.
        per_unit: f64,
    },
}

/// One addition to the running sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    /// Whose update.
    pub site: SiteId,
    /// For which round.
    pub id: RoundId,
    /// The update.
    pub update: UpdateRef,
    /// How much it counts.
    pub weight: u32,
    /// The sum so far; `None` for the first.
    pub onto: Option<Digest>,
}
