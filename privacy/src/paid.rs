//! Private steps at a site: paid for by a receipt, with coins and noise from the operating system.

use crate::{Charge, EntropyError, PrivateSteps, Receipt, SecretNoise, StepError, StudyCost};
use wardround_plan::Plan;

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

/// Why steps that were paid for cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum PaidStepsError {
    /// The receipt paid for something else.
    #[error("the receipt paid for {paid:?}, which is not one round of the plan")]
    OtherReceipt {
        /// What was paid for.
        paid: Vec<Charge>,
    },
    /// No secret coins and noise.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The plan has no such steps.
    #[error(transparent)]
    Step(#[from] StepError),
}

impl PaidSteps {
    /// The steps of the round of `plan` that `receipt` paid for, with fresh secret coins and noise.
    ///
    /// # Errors
    /// [`PaidStepsError::OtherReceipt`], [`PaidStepsError::Entropy`], and as [`PrivateSteps::new`].
    pub fn new(plan: &Plan, cost: &StudyCost, receipt: Receipt) -> Result<Self, PaidStepsError> {
        if receipt.charges() != [cost.round()] {
            return Err(PaidStepsError::OtherReceipt { paid: receipt.charges().to_vec() });
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

    pub(crate) fn into_parts(self) -> (T, Receipt) {
        (self.value, self.receipt)
    }
}
