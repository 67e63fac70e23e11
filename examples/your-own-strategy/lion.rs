//! A strategy of our own: Lion (Chen et al., NeurIPS 2023, algorithm 2) at the server, after a fall of its step size.
//!
//! Every weight moves by ± η, by the sign of β₁ m + (1 - β₁) Δ; then m ← β₂ m + (1 - β₂) Δ. State: m and, the same for all
//! weights, the number of rounds so far, so that η falls as 1 / (1 + rounds / 20).

use wardround_strategy::{RoundFacts, ServerRule, Slice};

/// Signs of a momentum of the mean.
pub struct Lion {
    /// η: how far a weight moves in the first round.
    pub server_learning_rate: f64,
    /// β₁: share of the past in a step.
    pub beta1: f64,
    /// β₂: share of the past in the memory.
    pub beta2: f64,
}

/// Rounds after which the step size has fallen to a half.
const HALVED_AFTER: f64 = 20.0;

impl ServerRule for Lion {
    fn state_vectors(&self) -> usize {
        2
    }

    fn apply(&self, _: &RoundFacts<'_>, slice: Slice<'_>) {
        let ([update, ..], [memories, rounds, ..]) = (slice.means, slice.state);
        for (((weight, change), memory), round) in slice.model.iter_mut().zip(update).zip(memories).zip(rounds) {
            let past = f64::from(*memory);
            let direction = self.beta1 * past + (1.0 - self.beta1) * change;
            let rate = self.server_learning_rate / (1.0 + f64::from(*round) / HALVED_AFTER);
            // f64::signum makes 1 of 0; Lion stands still there.
            let sign = if direction == 0.0 { 0.0 } else { direction.signum() };
            *weight = (f64::from(*weight) + rate * sign) as f32;
            *memory = (self.beta2 * past + (1.0 - self.beta2) * change) as f32;
            *round += 1.0;
        }
    }
}
