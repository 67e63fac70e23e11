//! Private steps, and the receipt that pays for them.
//!
//! A step is: coins, the caller's sum of clipped contributions, noise, division by a public number. [`PrivateSteps`] makes
//! them in this order and each once. At a site they come wrapped in [`PaidSteps`], which holds the receipt and takes its coins
//! and noise from the operating system.

use crate::{
    Charge, Clip, ClipNorm, EntropyError, Mechanism, NoiseError, NoiseStreams, PoissonSample, Receipt, SampleError,
    SamplingRate, SecretNoise, StudyCost, SumNoise, UnitError,
};
use wardround_plan::{Plan, SitePrivacy};

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

/// The steps of a round that a receipt paid for. It holds the receipt until they are over, so that one serves one round.
#[derive(Debug)]
pub struct PaidSteps {
    steps: PrivateSteps<SecretNoise>,
    receipt: Receipt,
}

/// What came out of something that a receipt paid for, on its way into the ledger's record of releases.
#[derive(Debug)]
pub struct Paid<T> {
    value: T,
    receipt: Receipt,
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
    /// The receipt paid for something else.
    #[error("the receipt paid for {paid:?}, which is not one round of the plan")]
    OtherReceipt {
        /// What was paid for.
        paid: Vec<Charge>,
    },
    /// All steps that were paid for are made.
    #[error("all local steps that were paid for are made")]
    NothingLeft,
    /// Noise was asked for without a draw, or a draw before the last one's noise.
    #[error("each draw of patients gets its noise exactly once, before the next draw")]
    OutOfTurn,
    /// No secret coins and noise.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
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
        let terms: SitePrivacy = plan.privacy.site().ok_or(StepError::NotPrivate)?;
        let Charge { mechanism: Mechanism::SampledGaussian { noise_multiplier, sampling_rate: rate }, times: left } =
            cost.round()
        else {
            return Err(StepError::NotPrivate);
        };
        let norm = ClipNorm::new(terms.clip)?;
        let divisor = f64::from(plan.training.expected_batch_patients.ok_or(StepError::NotPrivate)?);
        let clip = Clip { norm, kind: terms.clip_kind };
        let noise = SumNoise { clip: norm, noise_multiplier, kind: terms.noise, adjacency: cost.adjacency() };
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

impl PaidSteps {
    /// The steps of the round of `plan` that `receipt` paid for, with fresh secret coins and noise.
    ///
    /// # Errors
    /// [`StepError::OtherReceipt`], [`StepError::Entropy`], and as [`PrivateSteps::new`].
    pub fn new(plan: &Plan, cost: &StudyCost, receipt: Receipt) -> Result<Self, StepError> {
        if receipt.charges() != [cost.round()] {
            return Err(StepError::OtherReceipt { paid: receipt.charges().to_vec() });
        }
        Ok(Self { steps: PrivateSteps::new(plan, cost, SecretNoise::from_os()?)?, receipt })
    }

    /// The steps.
    pub fn steps(&mut self) -> &mut PrivateSteps<SecretNoise> {
        &mut self.steps
    }

    /// Takes out a value that depends on patients through [`PrivateSteps::noisy_mean`] alone: the rest is post-processing.
    pub fn finish<T>(self, value: T) -> Paid<T> {
        Paid { value, receipt: self.receipt }
    }
}

impl<T> Paid<T> {
    /// What `receipt` paid for in one go.
    pub(crate) fn new(value: T, receipt: Receipt) -> Self {
        Self { value, receipt }
    }

    /// The value, for whoever stores it before it is recorded.
    pub fn value(&self) -> &T {
        &self.value
    }

    pub(crate) fn into_receipt(self) -> Receipt {
        self.receipt
    }
}
