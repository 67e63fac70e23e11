//! Private steps: coins, the caller's sum of clipped contributions, noise, division by a public number, in this order and
//! each once.

use crate::{
    Charge, Clip, ClipNorm, Grid, Mechanism, NoiseError, NoiseStreams, PoissonSample, SampleError, SamplingRate,
    StudyCost, SumNoise, UnitError, Unnoised,
};
use wardround_plan::{PatientPrivacy, Plan};

/// The private steps of one round, with coins and noise from `N`.
#[derive(Debug)]
pub struct PrivateSteps<N> {
    left: u64,
    drawn: bool,
    rate: SamplingRate,
    clip: Clip,
    noise: SumNoise,
    divisor: f64,
    streams: N,
}

/// Why a private step cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The plan has no private steps.
    #[error("the plan has no `privacy.mode = \"site\"`")]
    NotPrivate,
    /// A number of the plan that is out of its range; the plan's rules say so earlier.
    #[error("[privacy]: {0}")]
    Unit(#[from] UnitError),
    /// All steps that were paid for are made.
    #[error("all local steps that were paid for are made")]
    NothingLeft,
    /// Noise was asked for without a draw, or a draw before the last one's noise.
    #[error("each draw of patients gets its noise exactly once, before the next draw")]
    OutOfTurn,
    /// The patients cannot be sampled.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The sum cannot be noised.
    #[error(transparent)]
    Noise(#[from] NoiseError),
}

impl<N: NoiseStreams> PrivateSteps<N> {
    /// The steps of one round of `plan`.
    ///
    /// # Errors
    /// [`StepError::NotPrivate`] and [`StepError::Unit`].
    pub fn new(plan: &Plan, cost: &StudyCost, streams: N) -> Result<Self, StepError> {
        let terms: PatientPrivacy = plan.privacy.patients().ok_or(StepError::NotPrivate)?;
        let Charge { mechanism: Mechanism::SampledGaussian { noise_multiplier, sampling_rate: rate }, times: left } =
            cost.round()
        else {
            return Err(StepError::NotPrivate);
        };
        let norm = ClipNorm::new(terms.clip)?;
        let divisor = f64::from(plan.training.expected_batch_patients.ok_or(StepError::NotPrivate)?);
        let clip = Clip { norm, kind: terms.clip_kind };
        let noise = SumNoise { clip: norm, noise_multiplier, kind: terms.noise };
        Ok(Self { left, drawn: false, rate, clip, noise, divisor, streams })
    }

    /// Who takes part in the next step: a coin for each of `patients`.
    ///
    /// # Errors
    /// [`StepError::NothingLeft`], and [`StepError::OutOfTurn`] before the last draw got its noise.
    pub fn draw(&mut self, patients: usize) -> Result<Vec<usize>, StepError> {
        if self.drawn {
            return Err(StepError::OutOfTurn);
        }
        self.left = self.left.checked_sub(1).ok_or(StepError::NothingLeft)?;
        self.drawn = true;
        Ok(PoissonSample::draw(patients, self.rate, &mut self.streams)?)
    }

    /// The integers of a step's sum, for a masked sum on the plan's grid, in which all sites add
    /// shares of noise. **They have none yet.**
    ///
    /// # Errors
    /// [`StepError::OutOfTurn`], and [`StepError::Noise`] for what is no sum of clipped contributions.
    pub fn unnoised(&mut self, clipped: &[f64], grid: &Grid) -> Result<Unnoised<Vec<i64>>, StepError> {
        if !std::mem::take(&mut self.drawn) {
            return Err(StepError::OutOfTurn);
        }
        let snap =
            |(index, value): (usize, &f64)| grid.snap(*value).ok_or(NoiseError::NotClipped { index, value: *value });
        let integers: Result<Vec<i64>, NoiseError> = clipped.iter().enumerate().map(snap).collect();
        Ok(Unnoised::new(integers?))
    }

    /// C
    pub(crate) fn clip_norm(&self) -> ClipNorm {
        self.noise.clip
    }

    /// A number of a noised mean, as the sum it was and in clip norms.
    pub(crate) fn in_clip_norms(&self, mean: f64) -> f64 {
        mean * self.divisor / self.noise.clip.get()
    }

    /// By what a contribution is multiplied, from its squared L2 norm.
    pub fn clip_factor(&self, norm_squared: f64) -> f64 {
        self.clip.factor(norm_squared)
    }

    /// The noised mean of a step: noise once, however many parts the sum was made of, and division by the public expected
    /// number of patients, never by the number of those who were drawn.
    ///
    /// # Errors
    /// [`StepError::OutOfTurn`] and [`StepError::Noise`].
    pub fn noisy_mean(&mut self, clipped: &[f64]) -> Result<Vec<f64>, StepError> {
        if !std::mem::take(&mut self.drawn) {
            return Err(StepError::OutOfTurn);
        }
        let noisy = self.noise.add_to(clipped, &mut self.streams)?;
        Ok(noisy.into_iter().map(|value| value / self.divisor).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimulatedNoise;
    use wardround_plan::StreamKey;

    const PLAN: &str = include_str!("../../configs/phantoms-private.toml");

    fn steps() -> PrivateSteps<SimulatedNoise> {
        let plan = Plan::from_toml(PLAN).expect("a plan of ours");
        let cost = StudyCost::of(&plan).expect("a budget that can be kept");
        let streams = SimulatedNoise::new(&StreamKey::from_public_seed(1), "steps");
        PrivateSteps::new(&plan, &cost, streams).expect("a private plan")
    }

    #[test]
    fn each_draw_gets_its_noise_once() {
        let mut steps = steps();
        assert!(matches!(steps.noisy_mean(&[0.0]), Err(StepError::OutOfTurn)));
        steps.draw(10).expect("paid for");
        assert!(matches!(steps.draw(10), Err(StepError::OutOfTurn)));
        steps.noisy_mean(&[0.0]).expect("drawn before");
        assert!(matches!(steps.noisy_mean(&[0.0]), Err(StepError::OutOfTurn)));
    }

    #[test]
    fn no_more_steps_are_made_than_a_round_has() {
        let (mut steps, plan) = (steps(), Plan::from_toml(PLAN).expect("a plan of ours"));
        for _ in 0..plan.training.local_steps {
            steps.draw(3).expect("paid for");
            steps.noisy_mean(&[0.0; 4]).expect("noised");
        }
        assert!(matches!(steps.draw(3), Err(StepError::NothingLeft)));
    }

    #[test]
    fn the_mean_is_over_the_plans_number_whoever_was_drawn() {
        let (mut steps, plan) = (steps(), Plan::from_toml(PLAN).expect("a plan of ours"));
        let expected = f64::from(plan.training.expected_batch_patients.expect("a private plan"));
        steps.draw(0).expect("paid for");
        let far = 1e6 * expected;
        let mean = steps.noisy_mean(&[far]).expect("noised")[0];
        assert!((mean - 1e6).abs() < 1.0, "{mean}");
    }
}
