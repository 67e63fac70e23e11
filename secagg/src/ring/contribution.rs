//! What one site puts into the sum: its update, bounded and rounded, and its weight.
//!
//! The update is given twice, once to be bounded and once to be masked piece by piece; roundings come from a stream of
//! their own and are the same both times. So the site holds its model and one chunk, and nothing else of that size.

use super::quantise::{UNITS_MAX, Units};
use crate::keys::MaskKey;
use crate::mask::MaskStream;
use crate::refusal::Refusal;
use crate::session::{BLOCK_WORDS, SessionParams};
use crate::wire::SessionId;
use pulp::Arch;
use rand::CryptoRng;
use rayon::prelude::*;
use std::num::NonZeroU32;
use std::ops::Range;
use zeroize::Zeroizing;

/// Conditional rounding succeeds with a probability above 0.39 each time: 400 failures have one below 2^-284.
const ROUNDINGS_MAX: u32 = 400;

/// A site's update, as it is summed.
#[derive(Clone, Copy)]
pub enum Update<'a> {
    /// To be clipped, scaled and rounded.
    Reals(&'a [f32]),
    /// Integers of at most the session's largest word, weighted already: fixed point, counts.
    Integers(&'a [i64]),
}

/// How reals become integers where no noise is added. With noise the rounding is stochastic and conditional.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, ties to even: the same every time.
    Nearest,
    /// Up or down by chance, right in the mean.
    Stochastic,
}

/// How much a site counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(NonZeroU32);

impl Weight {
    /// The weight of a site where all count the same.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// A weight; `None` for 0.
    pub fn new(weight: u32) -> Option<Self> {
        NonZeroU32::new(weight).map(Self)
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

/// An update that was bounded, and how it is rounded.
pub struct Contribution {
    session: SessionId,
    coordinates: usize,
    kind: Kind,
    word_max: u64,
    weight: Weight,
    units: Units,
    rounding: Option<Box<MaskStream>>,
    /// Σq² where noise makes it matter.
    square: Option<u128>,
}

impl Contribution {
    /// Bounds an update: its L2 norm, every coordinate, and with noise the norm after rounding.
    ///
    /// # Errors
    /// [`Refusal::Update`] for another length, values that are no numbers, integers beyond the session's largest word or
    /// norm, a weight beyond its largest.
    pub fn prepare(
        params: &SessionParams,
        update: Update<'_>,
        weight: Weight,
        rounding: Rounding,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, Refusal> {
        let mut contribution = Self::unrounded(params, update, weight)?;
        if matches!((rounding, params.noise), (Rounding::Stochastic, None)) {
            contribution.rounding = Some(random_stream(rng));
        }
        if params.noise.is_some() {
            let bound = params.encoding.rounded_l2_max(params.vector.coordinates());
            contribution.round_within((bound * bound).next_down() as u128, update, rng)?;
        }
        Ok(contribution)
    }

    fn unrounded(params: &SessionParams, update: Update<'_>, weight: Weight) -> Result<Self, Refusal> {
        let encoding = &params.encoding;
        let integers_max = encoding.word_max().ok_or(Refusal::Overflow)?;
        if update.len() as u64 != params.vector.coordinates() {
            return refuse(format!("it has {} coordinates, the session {}", update.len(), params.vector.coordinates()));
        }
        if weight.get() > encoding.weight_max {
            return refuse(format!("its weight is {}, at most {} is allowed", weight.get(), encoding.weight_max));
        }
        let units = Units {
            scale: encoding.scale * clip_factor(update, encoding.clip_l2)?,
            limit: encoding.scale * encoding.clip_linf,
            weight: f64::from(weight.get()) / f64::from(encoding.weight_max),
        };
        check_range(update, units.limit, integers_max)?;
        Ok(Self {
            session: params.session_id(),
            coordinates: update.len(),
            kind: update.kind(),
            word_max: integers_max,
            weight,
            units,
            rounding: None,
            square: None,
        })
    }

    /// Rounds again until the norm is within its bound: the sensitivity that noise is made for.
    fn round_within(&mut self, bound: u128, update: Update<'_>, rng: &mut impl CryptoRng) -> Result<(), Refusal> {
        for _ in 0..ROUNDINGS_MAX {
            self.rounding = Some(random_stream(rng));
            let square = self.square_of(update);
            if square <= bound {
                self.square = Some(square);
                return Ok(());
            }
            if matches!(update, Update::Integers(_)) {
                return refuse(format!("its squared norm is {square}, at most {bound} is allowed"));
            }
        }
        refuse("no rounding keeps its norm within the bound".into())
    }

    fn square_of(&self, update: Update<'_>) -> u128 {
        let blocks = self.coordinates.div_ceil(BLOCK_WORDS as usize);
        let block = |number: usize| {
            let first = number * BLOCK_WORDS as usize;
            let mut integers = [0; BLOCK_WORDS as usize];
            let integers = &mut integers[..(self.coordinates - first).min(BLOCK_WORDS as usize)];
            self.fill(update, first, integers);
            sum_of_squares(integers)
        };
        (0..blocks).into_par_iter().map(block).sum()
    }

    /// The integers from coordinate `first` on: a multiple of 4 bytes into the rounding's stream.
    pub(crate) fn fill(&self, update: Update<'_>, first: usize, integers: &mut [i64]) {
        match (update, &self.rounding) {
            (Update::Integers(given), _) => integers.copy_from_slice(&given[first..first + integers.len()]),
            (Update::Reals(values), None) => self.units.nearest(&values[first..first + integers.len()], integers),
            (Update::Reals(values), Some(stream)) => {
                let mut random = Zeroizing::new([0; 4 * BLOCK_WORDS as usize]);
                for (number, block) in integers.chunks_mut(BLOCK_WORDS as usize).enumerate() {
                    let first = first + number * BLOCK_WORDS as usize;
                    let random = &mut random[..4 * block.len()];
                    stream.fill(4 * first as u64, random);
                    self.units.stochastic(&values[first..first + block.len()], random, block);
                }
            }
        }
    }

    /// The weight.
    pub fn weight(&self) -> Weight {
        self.weight
    }

    /// Whether an update can be the one that was prepared: of that kind and length, and its integers at these
    /// coordinates as small as was agreed.
    pub(crate) fn admits(&self, update: Update<'_>, coordinates: Range<usize>) -> bool {
        let small = |integers: &[i64]| integers.iter().all(|integer| integer.unsigned_abs() <= self.word_max);
        let in_range = match update {
            Update::Reals(_) => true,
            Update::Integers(integers) => integers.get(coordinates).is_some_and(small),
        };
        update.kind() == self.kind && update.len() == self.coordinates && in_range
    }

    /// The session that it was prepared for.
    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    pub(crate) fn square(&self) -> Option<u128> {
        self.square
    }
}

/// Which of the two an update is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Reals,
    Integers,
}

impl Update<'_> {
    fn kind(&self) -> Kind {
        match self {
            Self::Reals(_) => Kind::Reals,
            Self::Integers(_) => Kind::Integers,
        }
    }

    /// Coordinates.
    pub fn len(&self) -> usize {
        match self {
            Self::Reals(values) => values.len(),
            Self::Integers(integers) => integers.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Σq², exact.
pub(crate) fn sum_of_squares(integers: &[i64]) -> u128 {
    let square = |integer: &i64| u128::from(integer.unsigned_abs()) * u128::from(integer.unsigned_abs());
    integers.iter().map(square).sum()
}

/// min(1, C / ‖v‖); integers are bounded by who made them.
fn clip_factor(update: Update<'_>, clip: f64) -> Result<f64, Refusal> {
    let Update::Reals(values) = update else {
        return Ok(1.0);
    };
    // In chunks whose sums are added in order, so that threads change no bit.
    let parts: Vec<f64> = values.par_chunks(BLOCK_WORDS as usize).map(norm_squared).collect();
    let norm = parts.iter().sum::<f64>().sqrt();
    match norm.is_finite() {
        true => Ok(if norm > clip { clip / norm } else { 1.0 }),
        false => refuse("it contains values that are not finite numbers".into()),
    }
}

/// Eight sums side by side, which a vector unit can do; the order is fixed all the same.
fn norm_squared(values: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    let (eights, rest) = values.as_chunks::<8>();
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for eight in eights {
                for (sum, value) in sums.iter_mut().zip(eight) {
                    *sum += f64::from(*value) * f64::from(*value);
                }
            }
        },
    );
    let rest = rest.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>();
    sums.iter().sum::<f64>() + rest
}

fn check_range(update: Update<'_>, limit: f64, integers_max: u64) -> Result<(), Refusal> {
    match update {
        Update::Reals(_) if limit > UNITS_MAX => {
            refuse(format!("words of {limit:e} units are beyond 2^50: give integers instead of reals"))
        }
        Update::Integers(integers) if integers.iter().any(|integer| integer.unsigned_abs() > integers_max) => {
            refuse(format!("it contains an integer beyond {integers_max}"))
        }
        _ => Ok(()),
    }
}

fn random_stream(rng: &mut impl CryptoRng) -> Box<MaskStream> {
    let mut key = Zeroizing::new([0; 48]);
    rng.fill_bytes(key.as_mut());
    Box::new(MaskStream::new(&MaskKey(key)))
}

fn refuse<T>(reason: String) -> Result<T, Refusal> {
    Err(Refusal::Update { reason })
}
