//! Where the trainer meets the budget: `models` asks, `privacy` answers.

use wardround_models::{Guard, GuardError};
use wardround_privacy::{NoiseStreams, PrivateSteps};

/// Private steps as the trainer's guard.
pub struct StepGuard<'a, N>(pub &'a mut PrivateSteps<N>);

impl<N: NoiseStreams> Guard for StepGuard<'_, N> {
    fn draw(&mut self, patients: usize) -> Result<Vec<usize>, GuardError> {
        self.0.draw(patients).map_err(|error| GuardError(error.to_string()))
    }

    fn clip_factor(&self, norm_squared: f64) -> f64 {
        self.0.clip_factor(norm_squared)
    }

    fn noisy_mean(&mut self, clipped: &[f64]) -> Result<Vec<f64>, GuardError> {
        self.0.noisy_mean(clipped).map_err(|error| GuardError(error.to_string()))
    }
}
