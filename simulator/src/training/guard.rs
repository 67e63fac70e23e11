//! Where the trainer meets the simulated budget: `models` asks, `privacy` answers.

use wardround_models::{Guard, GuardError};
use wardround_privacy::{PrivateSteps, SimulatedNoise};

/// Private steps with noise that repeats, as the trainer's guard.
pub(super) struct StepGuard<'a>(pub(super) &'a mut PrivateSteps<SimulatedNoise>);

impl Guard for StepGuard<'_> {
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
