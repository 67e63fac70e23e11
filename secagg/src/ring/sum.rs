//! The unmasked sum: the four words behind it say whether it is one, then integers become a weighted mean.

use super::words::load_words;
use crate::session::{SessionParams, TAIL_WORDS};
use std::num::NonZeroU64;

/// Why a sum is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SumError {
    /// A word that masks left behind, or an upload that is not what the protocol says.
    #[error("word {place} behind the sum is {found}, not {expected}: an upload was corrupt or a mask was not removed")]
    Canary {
        /// 0, 2 or 3.
        place: usize,
        /// What it is.
        found: i64,
        /// What it has to be.
        expected: i64,
    },
    /// A total that these sites cannot have.
    #[error("the weights add up to {found}, which {sites} sites of at most {weight_max} each cannot")]
    Weight {
        /// The total.
        found: i64,
        /// |U3|
        sites: u64,
        /// Of one site.
        weight_max: u32,
    },
}

/// Σw over the sites in the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TotalWeight(NonZeroU64);

impl TotalWeight {
    /// Reads the words behind the sum of `sites` vectors.
    ///
    /// # Errors
    /// [`SumError`]; then the sum is not to be used.
    pub fn read(params: &SessionParams, sites: usize, tail: &[u8]) -> Result<Self, SumError> {
        let mut words = [0; TAIL_WORDS as usize];
        load_words(params.vector.lane, tail, &mut words);
        for (place, expected) in [(0, sites as i64), (2, 0), (3, 0)] {
            if words[place] != expected {
                return Err(SumError::Canary { place, found: words[place], expected });
            }
        }
        let (sites, weight_max) = (sites as u64, params.encoding.weight_max);
        let possible = sites..=sites * u64::from(weight_max);
        let total = u64::try_from(words[1]).ok().filter(|total| possible.contains(total)).and_then(NonZeroU64::new);
        total.map(Self).ok_or(SumError::Weight { found: words[1], sites, weight_max })
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

/// From summed integers to the weighted mean, for updates that were given as reals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecodeSum {
    units: f64,
}

impl DecodeSum {
    /// For the sum of a session.
    pub fn new(params: &SessionParams, total: TotalWeight) -> Self {
        let per_weight = params.encoding.scale / f64::from(params.encoding.weight_max);
        Self { units: per_weight * total.get() as f64 }
    }

    /// The weighted mean of one coordinate.
    pub fn mean(&self, sum: i64) -> f64 {
        sum as f64 / self.units
    }
}
