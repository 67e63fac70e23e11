//! The step that FedAdagrad, FedAdam and FedYogi share (Reddi et al., ICLR 2021, algorithm 2).
//!
//! m ← β₁ m + (1 - β₁) Δ, v ← by the rule, x ← x + η m / (√v + τ). State: m from 0, v from τ². As in the paper there is no
//! correction of the bias of m and v: with v from τ² the first steps are no larger for it.

use crate::server::Slice;

/// State vectors of an adaptive rule: m and v.
pub(crate) const STATE_VECTORS: usize = 2;

/// The numbers that all three rules have.
pub(crate) struct Adaptive {
    pub(crate) server_learning_rate: f64,
    pub(crate) beta1: f64,
    pub(crate) tau: f64,
}

impl Adaptive {
    /// Moves a slice; `next` gives v from its last value and Δ².
    pub(crate) fn apply(&self, slice: Slice<'_>, next: impl Fn(f64, f64) -> f64) {
        let ([update, ..], [means, variances, ..]) = (slice.means, slice.state);
        let (rate, tau) = (self.server_learning_rate as f32, self.tau as f32);
        let states = means.iter_mut().zip(variances);
        for ((weight, change), (mean, variance)) in slice.model.iter_mut().zip(update).zip(states) {
            let first = self.beta1 * f64::from(*mean) + (1.0 - self.beta1) * change;
            let second = next(f64::from(*variance), change * change);
            (*mean, *variance) = (first as f32, second as f32);
            // Root and quotient as f32: they are most of the work, and the next weight is rounded to f32 in any case.
            *weight += rate * *mean / (variance.sqrt() + tau);
        }
    }
}

/// Every weight of the state vectors before the first round: m is 0, v is τ².
pub(crate) fn initial_state(tau: f64, vector: usize) -> f32 {
    if vector == 0 { 0.0 } else { (tau * tau) as f32 }
}
