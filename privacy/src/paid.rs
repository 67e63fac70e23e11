//! What a receipt pays for at a site: the private steps of a round, or a histogram. Coins and noise come from the operating
//! system.

use crate::{
    Charge, EntropyError, Mechanism, PrivateSteps, Receipt, SecretNoise, SmallReleaseError, StepError, StudyCost,
    histogram_charges, noisy_histogram,
};
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

/// Why a histogram that was paid for cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PaidHistogramError {
    /// The receipt paid for something else.
    #[error("the receipt paid for {paid:?}, which is not one histogram")]
    OtherReceipt {
        /// What was paid for.
        paid: Vec<Charge>,
    },
    /// No noise.
    #[error(transparent)]
    Release(#[from] SmallReleaseError),
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

    /// Takes out a value that depends on patients through [`PrivateSteps::noisy_mean`] alone: the rest is post-processing. Or what
    /// [`PrivateSteps::unnoised`] gave, whose type says that its noise is still to come.
    pub fn finish<T>(self, value: T) -> Paid<T> {
        Paid { value, receipt: self.receipt }
    }
}

impl Paid<Vec<i64>> {
    /// How many patients are in each of some bins, with the noise that `receipt` paid for.
    ///
    /// # Errors
    /// [`PaidHistogramError`]; then nothing was made.
    pub fn histogram(counts: &[u64], receipt: Receipt) -> Result<Self, PaidHistogramError> {
        let [Charge { mechanism: Mechanism::DiscreteLaplace { scale, .. }, times: 1 }] = receipt.charges() else {
            return Err(PaidHistogramError::OtherReceipt { paid: receipt.charges().to_vec() });
        };
        if receipt.charges() != histogram_charges(*scale) {
            return Err(PaidHistogramError::OtherReceipt { paid: receipt.charges().to_vec() });
        }
        let value = noisy_histogram(counts, *scale)?.value;
        Ok(Self { value, receipt })
    }
}

impl<T> Paid<T> {
    /// Post-processing: what is made of the value alone costs nothing more.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Paid<U> {
        Paid { value: make(self.value), receipt: self.receipt }
    }

    /// The value, for whoever stores it before it is recorded.
    pub fn value(&self) -> &T {
        &self.value
    }

    pub(crate) fn into_parts(self) -> (T, Receipt) {
        (self.value, self.receipt)
    }
}
