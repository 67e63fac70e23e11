//! Sites that harm: what they do to their updates or labels before they send.
//!
//! The attacks are those of the field's robustness papers: sign flipping and noise (Li et al. 2019, RSA), scaling (model
//! replacement, Bagdasaryan et al. 2020), and wrong labels (Tolpegin et al. 2020).

use crate::Labels;
use rand_chacha::rand_core::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// What a poisoning site does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Poison {
    /// Sends its update with the opposite sign, times `factor`.
    SignFlip {
        /// How much longer than an honest update.
        factor: f32,
    },
    /// Sends its update times `factor`.
    Scale {
        /// How much longer than an honest update.
        factor: f32,
    },
    /// Sends Gaussian noise instead of an update.
    Noise {
        /// Standard deviation of each weight.
        deviation: f32,
    },
    /// Trains honestly on wrong labels.
    LabelFlip,
}

impl Poison {
    /// What the site trains with.
    pub(crate) fn labels(self) -> Labels {
        match self {
            Self::LabelFlip => Labels::Flipped,
            Self::SignFlip { .. } | Self::Scale { .. } | Self::Noise { .. } => Labels::Honest,
        }
    }

    /// What the site makes of its update.
    pub(crate) fn spoil(self, update: &mut [f32], stream: &mut impl Rng) {
        match self {
            Self::SignFlip { factor } => update.iter_mut().for_each(|value| *value *= -factor),
            Self::Scale { factor } => update.iter_mut().for_each(|value| *value *= factor),
            Self::Noise { deviation } => {
                for value in update {
                    let normal: f32 = StandardNormal.sample(stream);
                    *value = normal * deviation;
                }
            }
            Self::LabelFlip => {}
        }
    }

    /// The number that says how strong it is, if it has one.
    pub(crate) fn strength(self) -> Option<f32> {
        match self {
            Self::SignFlip { factor } | Self::Scale { factor } => Some(factor),
            Self::Noise { deviation } => Some(deviation),
            Self::LabelFlip => None,
        }
    }
}
