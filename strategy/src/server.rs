//! What the server does with the mean of a round's messages: a rule that goes over the model slice by slice.
//!
//! A rule sees the mean of the messages and nothing else, so it is the same for plain and for masked sums, for noised means,
//! for what a robust rule made, in a simulation and in a deployment. It keeps its state in `f32` vectors as long as the
//! model, which lie beside the model in memory or in files; a slice of the next model needs the same slice of these alone.

use crate::message::{MESSAGE_VECTORS_MAX, MessageShape};

/// Most state vectors of a rule.
pub const STATE_VECTORS_MAX: usize = 4;

/// A server's optimiser: from the mean of the messages to the next model.
///
/// Messages are changes to be *added* to the model, so the mean stands for a negative gradient (Reddi et al. 2021, Δ_t).
pub trait ServerRule: Send + Sync {
    /// How the messages are made up that this rule reads.
    fn message(&self) -> MessageShape {
        MessageShape::UPDATE
    }

    /// Number of state vectors, at most [`STATE_VECTORS_MAX`].
    fn state_vectors(&self) -> usize {
        0
    }

    /// Every weight of state vector `vector` before the first round.
    fn initial_state(&self, vector: usize) -> f32 {
        let _ = vector;
        0.0
    }

    /// How many of the state vectors, counted from the first, are sent to the sites with the model.
    fn broadcast_vectors(&self) -> usize {
        0
    }

    /// Moves one slice of the model and of the state on by one round.
    fn apply(&self, facts: &RoundFacts<'_>, slice: Slice<'_>);
}

/// What a rule knows of a round beside the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundFacts<'a> {
    /// |S| / N, above 0 and at most 1: the weight of the sites in the mean over the weight of all sites of the study, also of
    /// those that have not come yet. N must stay as it is while the study runs.
    pub participation: f64,
    /// Means of the messages' numbers, [`MessageShape::scalars`] of them.
    pub scalars: &'a [f64],
}

/// The same coordinates of the model, the mean and the state. All are of one length, but for those that a rule did not ask
/// for, which are empty.
#[derive(Debug)]
pub struct Slice<'a> {
    /// The model, to be moved.
    pub model: &'a mut [f32],
    /// The means of the message's parts.
    pub means: [&'a [f64]; MESSAGE_VECTORS_MAX],
    /// The state vectors, to be moved.
    pub state: [&'a mut [f32]; STATE_VECTORS_MAX],
}

impl RoundFacts<'_> {
    /// Of a round in which every site took part, with no numbers in the messages.
    pub const ALL: RoundFacts<'static> = RoundFacts { participation: 1.0, scalars: &[] };
}

impl<'a> Slice<'a> {
    /// For a rule without state that reads updates alone.
    pub fn stateless(model: &'a mut [f32], mean: &'a [f64]) -> Self {
        Self { model, means: [mean, &[]], state: Default::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FedAvg, TotalWeight, fold};

    /// As a coordinator does it, which holds neither the whole model nor the whole sum.
    #[test]
    fn a_slice_between_two_reads_is_moved_by_its_mean() -> Result<(), Box<dyn std::error::Error>> {
        let (mut values, mut sum) = ([1.0f32, 2.0], [0; 2]);
        fold(&mut sum, &[0.5, -4.0], 3)?;
        let mut mean = [0.0; 5];
        TotalWeight::of([3]).ok_or("three")?.mean(&sum, &mut mean[..2]);
        FedAvg.apply(&RoundFacts::ALL, Slice::stateless(&mut values, &mean[..2]));
        assert_eq!(
            values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>(),
            [1.5f32, -2.0].map(f32::to_le_bytes).concat()
        );
        Ok(())
    }
}
