//! A model and its rule's state in memory, moved on by whole rounds: what a simulation keeps between two rounds.

use crate::fixed::TotalWeight;
use crate::message::MESSAGE_VECTORS_MAX;
use crate::server::{RoundFacts, STATE_VECTORS_MAX, ServerRule, Slice};
use rayon::prelude::*;
use std::ops::Range;

/// Weights that are moved at a time: model, means and state of a slice stay in a core's first cache.
const SLICE_WEIGHTS: usize = 512;
/// Fewest slices that are worth another thread.
const SLICES_MIN: usize = 16;

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
    /// The next model, or the rule's state, has a weight that is no finite number.
    #[error("weight {index} of the next model or its state is not a finite number: lower the server's learning rate")]
    NotFinite {
        /// Place in the model or the state vector.
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
        mean.part(shape.vectors * weights..mean.len()).read(&mut scalars);
        let part = |number| if number < shape.vectors { number * weights..(number + 1) * weights } else { 0..0 };
        let parts: [Mean<'_>; MESSAGE_VECTORS_MAX] = std::array::from_fn(|number| mean.part(part(number)));
        let facts = RoundFacts { participation, scalars: &scalars };
        let moved = |scratch: &mut Scratch, (number, slice): (usize, [&mut [f32]; STATE_VECTORS_MAX + 1])| {
            let [model, mut state @ ..] = slice;
            let from = number * SLICE_WEIGHTS;
            let means = scratch.fill(&parts, from..from + model.len());
            let vectors = state.each_mut().map(|vector| &mut **vector);
            rule.apply(&facts, Slice { model: &mut *model, means, state: vectors });
            // While the slice is still in the cache.
            is_finite(model) & state.iter().fold(true, |finite, vector| finite & is_finite(vector))
        };
        let slices = self.slices().into_par_iter().enumerate().with_min_len(SLICES_MIN);
        let finite = slices.map_init(Scratch::new, moved).reduce(|| true, |a, b| a & b);
        if finite { Ok(()) } else { Err(StepError::NotFinite { index: self.first_bad() }) }
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

    fn first_bad(&self) -> usize {
        let all = std::iter::once(&self.model).chain(&self.vectors);
        all.filter_map(|vector| vector.iter().position(|weight| !weight.is_finite())).min().unwrap_or_default()
    }
}

/// Looks at all, so that the compiler can take several at a time.
fn is_finite(weights: &[f32]) -> bool {
    weights.iter().fold(true, |finite, weight| finite & weight.is_finite())
}

impl<'a> Mean<'a> {
    fn len(&self) -> usize {
        match self {
            Self::Sum(sum, _) => sum.len(),
            Self::Values(values) => values.len(),
        }
    }

    fn part(&self, range: Range<usize>) -> Mean<'a> {
        match self {
            Self::Sum(sum, total) => Mean::Sum(&sum[range], *total),
            Self::Values(values) => Mean::Values(&values[range]),
        }
    }

    /// Writes all means.
    fn read(&self, out: &mut [f64]) {
        match self {
            Self::Sum(sum, total) => total.mean(sum, out),
            Self::Values(values) => out.copy_from_slice(values),
        }
    }
}

/// One worker's room for the means of a slice.
struct Scratch([Vec<f64>; MESSAGE_VECTORS_MAX]);

impl Scratch {
    fn new() -> Self {
        Self(std::array::from_fn(|_| Vec::with_capacity(SLICE_WEIGHTS)))
    }

    /// The same coordinates of each part; of a part that the message does not have, none.
    fn fill(&mut self, parts: &[Mean<'_>; MESSAGE_VECTORS_MAX], range: Range<usize>) -> [&[f64]; MESSAGE_VECTORS_MAX] {
        for (room, part) in self.0.iter_mut().zip(parts) {
            let range = if part.len() == 0 { 0..0 } else { range.clone() };
            room.resize(range.len(), 0.0);
            part.part(range).read(room);
        }
        self.0.each_ref().map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FedAdam, FedAvg, Scaffold, fold};
    use wardround_plan::{AdaptiveConfig, ScaffoldConfig};

    fn fedadam() -> FedAdam {
        let config = AdaptiveConfig { server_learning_rate: 0.1, beta1: 0.9, beta2: 0.99, tau: 1e-3 };
        FedAdam::new(config).expect("in range")
    }

    fn scaffold() -> Scaffold {
        Scaffold::new(ScaffoldConfig { server_learning_rate: 1.0 }).expect("in range")
    }

    fn sum(len: usize) -> (Vec<i64>, TotalWeight) {
        let mut sum = vec![0; len];
        for site in 0..3 {
            let update: Vec<f32> = (0..len).map(|at| ((at * 7 + site * 3) as f32).sin()).collect();
            fold(&mut sum, &update, 2).expect("in range");
        }
        (sum, TotalWeight::of([2; 3]).expect("not zero"))
    }

    /// What a coordinator does with files: any slices, one after another, with its own buffers.
    fn streamed(rule: &dyn ServerRule, mut state: ServerState, rounds: usize, slice: usize) -> ServerState {
        let weights = state.model.len();
        let vectors = rule.message().vectors;
        let (sum, total) = sum(rule.message().len(weights));
        for _ in 0..rounds {
            for from in (0..weights).step_by(slice) {
                let to = weights.min(from + slice);
                let mut means: [Vec<f64>; MESSAGE_VECTORS_MAX] = Default::default();
                for (part, mean) in means.iter_mut().enumerate().take(vectors) {
                    mean.resize(to - from, 0.0);
                    total.mean(&sum[part * weights + from..part * weights + to], mean);
                }
                let mut kept = state.vectors.iter_mut();
                let vectors = std::array::from_fn(|_| kept.next().map(|v| &mut v[from..to]).unwrap_or_default());
                let means = means.each_ref().map(Vec::as_slice);
                let facts = RoundFacts { participation: 0.5, scalars: &[] };
                rule.apply(&facts, Slice { model: &mut state.model[from..to], means, state: vectors });
            }
        }
        state
    }

    #[test]
    fn whole_steps_are_streamed_slices_bit_for_bit_on_any_number_of_threads() {
        let weights = 3 * SLICES_MIN * SLICE_WEIGHTS + 17;
        let rules: [Box<dyn ServerRule>; 3] = [Box::new(FedAvg), Box::new(fedadam()), Box::new(scaffold())];
        for rule in &rules {
            let start = ServerState::new(rule.as_ref(), vec![0.25; weights]);
            let (sum, total) = sum(rule.message().len(weights));
            let stepped = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let mut state = start.clone();
                pool.install(|| {
                    (0..3).for_each(|_| state.step(rule.as_ref(), 0.5, Mean::Sum(&sum, total)).expect("fits"));
                });
                state
            };
            let one = stepped(1);
            assert_eq!(one, stepped(4));
            assert_eq!(one, streamed(rule.as_ref(), start.clone(), 3, 1000));
            assert_ne!(one.model, start.model);
        }
    }

    #[test]
    fn a_state_taken_apart_goes_on_as_before() {
        let rule = fedadam();
        let mut state = ServerState::new(&rule, vec![1.0; 5]);
        state.step(&rule, 1.0, Mean::Values(&[0.5; 5])).expect("fits");
        let (model, vectors) = state.clone().into_parts();
        assert_eq!(ServerState::from_parts(&rule, model.clone(), vectors), Ok(state));
        let short = ServerState::from_parts(&rule, model.clone(), vec![vec![0.0; 5], vec![0.0; 4]]);
        assert_eq!(short, Err(StepError::State { expected: 2 }));
        assert_eq!(ServerState::from_parts(&FedAvg, model, vec![vec![0.0; 5]]), Err(StepError::State { expected: 0 }));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let mut state = ServerState::new(&FedAvg, vec![1.0; 3]);
        let before = state.clone();
        let got = state.step(&FedAvg, 1.0, Mean::Values(&[0.0; 2]));
        assert_eq!(got, Err(StepError::MeanLength { expected: 3, got: 2 }));
        for share in [0.0, -1.0, 1.1, f64::NAN] {
            let got = state.step(&FedAvg, share, Mean::Values(&[1.0; 3]));
            assert!(matches!(got, Err(StepError::Participation(_))), "{share}");
        }
        let got = state.step(&fedadam(), 1.0, Mean::Values(&[1.0; 3]));
        assert_eq!(got, Err(StepError::State { expected: 2 }), "another rule's state");
        assert_eq!(state, before);
    }

    #[test]
    fn a_model_that_leaves_the_numbers_is_refused_at_its_place() {
        let mut state = ServerState::new(&FedAvg, vec![1.0; SLICE_WEIGHTS + 2]);
        let mut mean = vec![0.0; SLICE_WEIGHTS + 2];
        for bad in [f64::NAN, f64::INFINITY, 1e300] {
            mean[SLICE_WEIGHTS + 1] = bad;
            let got = state.clone().step(&FedAvg, 1.0, Mean::Values(&mean));
            assert_eq!(got, Err(StepError::NotFinite { index: SLICE_WEIGHTS + 1 }), "{bad}");
        }
        mean[SLICE_WEIGHTS + 1] = 1e30;
        state.step(&FedAvg, 1.0, Mean::Values(&mean)).expect("large, and a number");
        let mut state = ServerState::new(&fedadam(), vec![1.0; SLICE_WEIGHTS + 2]);
        let got = state.step(&fedadam(), 1.0, Mean::Values(&mean));
        assert_eq!(
            got,
            Err(StepError::NotFinite { index: SLICE_WEIGHTS + 1 }),
            "its square is none, and the step were 0"
        );
    }
}
