//! Private steps as a site makes them, with its noise, over batches of one size: every patient is drawn every time.

use wardround_models::{Guard, GuardError};
use wardround_plan::Plan;
use wardround_privacy::{NoiseStreams, PrivateSteps, SecretNoise, StudyCost};

/// The steps of one round, whose noise is derived from the plan's ε.
pub struct Site<N>(PrivateSteps<N>);

impl Site<SecretNoise> {
    /// With coins and noise from the operating system.
    pub fn of(plan: &Plan) -> crate::Outcome<Self> {
        Ok(Self(PrivateSteps::new(plan, &StudyCost::of(plan)?, SecretNoise::from_os()?)?))
    }
}

impl<N: NoiseStreams> Guard for Site<N> {
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
