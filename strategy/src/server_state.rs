//! A model and its rule's state in memory, moved on by whole rounds: what a simulation keeps between two rounds.

use crate::fixed::TotalWeight;
use crate::message::MESSAGE_VECTORS_MAX;
use crate::server::{RoundFacts, STATE_VECTORS_MAX, ServerRule, Slice};
use rayon::prelude::*;

/// Weights that are moved at a time: model, means and state of a slice stay in a core's cache.
const SLICE_WEIGHTS: usize = 4096;

/// The model and the state vectors of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerState {
    model: Vec<f32>,
    vectors: Vec<Vec<f32>>,
}

/// The mean of a round's messages, as it came about.
#[derive(Debug, Clone, Copy)]
pub enum Mean<'a> {
    /// A fixed-point sum, as [`crate::fold`] makes it, and the weight in it.
    Sum(&'a [i64], TotalWeight),
    /// Numbers: a noised mean, or what a robust rule made.
    Values(&'a [f64]),
}

/// The state does not fit the rule, the model or the message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StepError {
    /// A mean of another length than the rule's messages.
    #[error("the mean has {got} numbers, the rule's messages have {expected}: it belongs to another rule or model")]
    MeanLength {
        /// Numbers in a message of the rule.
        expected: usize,
        /// Numbers given.
        got: usize,
    },
    /// State of another rule or model.
    #[error("the state is of another rule or model: the rule keeps {expected} vectors as long as the model")]
    State {
        /// Vectors the rule keeps.
        expected: usize,
    },
    /// No share of sites, or more than all.
    #[error("a share of {0} of the sites took part; it has to be above 0 and at most 1")]
    Participation(f64),
    /// The next model has a weight that is no finite number.
    #[error("weight {index} of the next model is not a finite number: lower the server's learning rate")]
    NotFinite {
        /// Place in the model or in a state vector.
        index: usize,
    },
}

impl ServerState {
    /// The state before the first round.
    pub fn new(rule: &dyn ServerRule, model: Vec<f32>) -> Self {
        let vectors = (0..rule.state_vectors()).map(|vector| vec![rule.initial_state(vector); model.len()]).collect();
        Self { model, vectors }
    }

    /// A state as it was taken apart by [`Self::into_parts`].
    ///
    /// # Errors
    /// [`StepError::State`]
    pub fn from_parts(rule: &dyn ServerRule, model: Vec<f32>, vectors: Vec<Vec<f32>>) -> Result<Self, StepError> {
        let state = Self { model, vectors };
        state.fits(rule)?;
        Ok(state)
    }

    /// The model and the state vectors.
    pub fn into_parts(self) -> (Vec<f32>, Vec<Vec<f32>>) {
        (self.model, self.vectors)
    }

    /// Moves the model and the state on by one round, slices in parallel; their number changes no bit.
    ///
    /// # Errors
    /// [`StepError`]; after [`StepError::NotFinite`] the state is of no more use.
    pub fn step(&mut self, rule: &dyn ServerRule, participation: f64, mean: Mean<'_>) -> Result<(), StepError> {
        self.fits(rule)?;
        let (weights, shape) = (self.model.len(), rule.message());
        if mean.len() != shape.len(weights) {
            return Err(StepError::MeanLength { expected: shape.len(weights), got: mean.len() });
        }
        if !(participation > 0.0 && participation <= 1.0) {
            return Err(StepError::Participation(participation));
        }
        let mut scalars = vec![0.0; shape.scalars];
        mean.read(shape.vectors * weights, &mut scalars);
        let facts = RoundFacts { participation, scalars: &scalars };
        let slices = self.slices();
        slices.into_par_iter().enumerate().for_each_init(Scratch::new, |scratch, (number, slice)| {
            let [model, state @ ..] = slice;
            let means = scratch.fill(mean, number * SLICE_WEIGHTS, model.len(), weights, shape.vectors);
            rule.apply(&facts, Slice { model, means, state });
        });
        self.is_finite()
    }

    /// The model.
    pub fn model(&self) -> &[f32] {
        &self.model
    }

    /// The state vectors, of which the first [`ServerRule::broadcast_vectors`] go to the sites.
    pub fn vectors(&self) -> &[Vec<f32>] {
        &self.vectors
    }

    fn fits(&self, rule: &dyn ServerRule) -> Result<(), StepError> {
        let expected = rule.state_vectors();
        let fits = expected <= STATE_VECTORS_MAX
            && (1..=MESSAGE_VECTORS_MAX).contains(&rule.message().vectors)
            && self.vectors.len() == expected
            && self.vectors.iter().all(|vector| vector.len() == self.model.len());
        if fits { Ok(()) } else { Err(StepError::State { expected }) }
    }

    /// Model and state cut at the same places, in order; vectors that the rule does not keep are empty.
    fn slices(&mut self) -> Vec<[&mut [f32]; STATE_VECTORS_MAX + 1]> {
        let count = self.model.len().div_ceil(SLICE_WEIGHTS);
        let mut vectors = self.vectors.iter_mut();
        let rest: [&mut [f32]; STATE_VECTORS_MAX] =
            std::array::from_fn(|_| vectors.next().map(Vec::as_mut_slice).unwrap_or_default());
        let mut columns = rest.map(|vector| vector.chunks_mut(SLICE_WEIGHTS));
        let mut models = self.model.chunks_mut(SLICE_WEIGHTS);
        let cut = |_| {
            let mut slice: [&mut [f32]; STATE_VECTORS_MAX + 1] = Default::default();
            slice[0] = models.next().unwrap_or_default();
            slice[1..].iter_mut().zip(&mut columns).for_each(|(to, from)| *to = from.next().unwrap_or_default());
            slice
        };
        (0..count).map(cut).collect()
    }

    fn is_finite(&self) -> Result<(), StepError> {
        let all = std::iter::once(&self.model).chain(&self.vectors);
        // Adding up zeros instead of looking for the first bad weight lets the compiler use vector instructions.
        let bad = all.into_iter().find(|vector| {
            vector.par_chunks(SLICE_WEIGHTS).any(|chunk| chunk.iter().map(|weight| weight * 0.0).sum::<f32>() != 0.0)
        });
        let Some(vector) = bad else { return Ok(()) };
        let index = vector.iter().position(|weight| !weight.is_finite()).unwrap_or_default();
        Err(StepError::NotFinite { index })
    }
}

impl Mean<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Sum(sum, _) => sum.len(),
            Self::Values(values) => values.len(),
        }
    }

    /// Writes the means from `offset` on.
    fn read(&self, offset: usize, out: &mut [f64]) {
        let range = offset..offset + out.len();
        match self {
            Self::Sum(sum, total) => total.mean(&sum[range], out),
            Self::Values(values) => out.copy_from_slice(&values[range]),
        }
    }
}

/// One worker's room for the means of a slice.
struct Scratch([Vec<f64>; MESSAGE_VECTORS_MAX]);

impl Scratch {
    fn new() -> Self {
        Self(std::array::from_fn(|_| Vec::with_capacity(SLICE_WEIGHTS)))
    }

    fn fill(
        &mut self,
        mean: Mean<'_>,
        offset: usize,
        count: usize,
        weights: usize,
        vectors: usize,
    ) -> [&[f64]; MESSAGE_VECTORS_MAX] {
        for (number, part) in self.0.iter_mut().enumerate() {
            part.resize(if number < vectors { count } else { 0 }, 0.0);
            if number < vectors {
                mean.read(number * weights + offset, part);
            }
        }
        self.0.each_ref().map(Vec::as_slice)
    }
}
