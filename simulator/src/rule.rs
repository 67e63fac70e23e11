//! From a round's jobs to the next model: the study's strategy and privacy, by the code of a deployment.

use crate::LocalWork;
use crate::client_level::{ClientCoins, ClientRule};
use crate::crew::{Assignment, Crew, Ended, RoundWork};
use crate::run::{RunError, Secagg};
use crate::secure;
use wardround_plan::{Plan, PrivacyMode};
use wardround_strategy::{FedAvg, TotalWeight};

/// How updates become the next model.
pub(crate) enum Rule {
    /// The weighted mean of an exact sum, masked or not.
    Mean,
    /// Whole updates clipped, summed and noised once.
    ClientLevel(Box<ClientRule>),
}

/// One attempt's training.
#[derive(Clone, Copy)]
pub(crate) struct Training<'a> {
    pub(crate) jobs: &'a [Assignment],
    pub(crate) work: &'a RoundWork<'a>,
    pub(crate) clip: Option<f64>,
    pub(crate) plan: &'a Plan,
    pub(crate) secagg: Secagg,
}

/// What a round leads to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Next {
    pub(crate) model: Vec<f32>,
    pub(crate) clip: Option<f64>,
}

impl Rule {
    /// The rule of `plan` for so many sites.
    ///
    /// # Errors
    /// [`RunError::Privacy`] for a promise that no noise keeps.
    pub(crate) fn of(plan: &Plan, population: u32) -> Result<Self, RunError> {
        match plan.privacy.mode {
            PrivacyMode::None | PrivacyMode::Site => Ok(Self::Mean),
            PrivacyMode::Client => Ok(Self::ClientLevel(Box::new(ClientRule::of(plan, population)?))),
        }
    }

    /// The coins by which sites are drawn, where privacy asks for coins.
    pub(crate) fn coins(&self) -> Option<ClientCoins> {
        match self {
            Self::Mean => None,
            Self::ClientLevel(rule) => Some(rule.coins()),
        }
    }

    /// Why secure aggregation cannot make this rule's sums, if it cannot.
    pub(crate) fn unmaskable(&self) -> Option<&'static str> {
        match self {
            Self::Mean => None,
            Self::ClientLevel(_) => {
                Some("with `privacy.mode = \"client\"` whoever sums clips whole updates, and has to see them")
            }
        }
    }

    /// Trains, and makes the next model where enough updates came.
    ///
    /// # Errors
    /// [`RunError`] where not a site is at fault.
    pub(crate) fn apply<W: LocalWork>(
        &self,
        crew: &mut Crew<'_, W>,
        training: &Training<'_>,
    ) -> Result<(Vec<Ended>, Option<Next>), RunError> {
        match self {
            Self::Mean => mean(crew, training),
            Self::ClientLevel(rule) => rule.apply(crew, training),
        }
    }
}

fn mean<W: LocalWork>(crew: &mut Crew<'_, W>, training: &Training<'_>) -> Result<(Vec<Ended>, Option<Next>), RunError> {
    let masked;
    let (ended, sum) = match training.secagg {
        Secagg::Off => crew.train_and_sum(training.jobs, training.work)?,
        Secagg::Full => {
            let (ended, sum) = secure::train_and_sum(crew, training)?;
            masked = sum;
            (ended, masked.as_slice())
        }
    };
    let taken = || training.jobs.iter().zip(&ended).filter(|(_, ended)| matches!(ended, Ended::Taken(_)));
    let enough = taken().count() >= training.plan.study.min_sites as usize;
    let total = TotalWeight::of(taken().map(|(job, _)| job.weight)).filter(|_| enough);
    let next = total.map(|total| FedAvg::new(total).apply(training.work.model, sum).collect());
    Ok((ended, next.map(|model| Next { model, clip: None })))
}
