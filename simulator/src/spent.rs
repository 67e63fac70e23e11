//! What the rounds of a study cost so far, as a deployment's ledger would count: for a live view, and for curves of utility
//! against ε. A simulation spends nothing and protects nobody.

use crate::client_level::ClientRule;
use wardround_plan::{Accountant, Plan, PrivacyMode};
use wardround_privacy::{
    AccountError, Adjacency, Charge, Delta, Epsilon, StudyCost, StudyCostError, UnitError, epsilon_pld, epsilon_rdp,
};

/// A promise that cannot be accounted for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SpentError {
    /// The plan's promise.
    #[error("[privacy]: {0}")]
    Promise(String),
    /// A number of the plan.
    #[error("[privacy]: {0}")]
    Unit(#[from] UnitError),
    /// The accountant.
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// ε at the plan's δ after `rounds` rounds of a study with `population` sites: of each patient with `mode = "site"`, of each
/// site with `mode = "client"`; `None` where nothing is promised. Rounds that were tried again count once. Takes up to some
/// tenths of a second.
///
/// # Errors
/// [`SpentError`]
pub fn epsilon_after(plan: &Plan, population: u32, rounds: u32) -> Result<Option<Epsilon>, SpentError> {
    match plan.privacy.mode {
        PrivacyMode::None => Ok(None),
        PrivacyMode::Site | PrivacyMode::Distributed => {
            let cost = StudyCost::of(plan).map_err(|error: StudyCostError| SpentError::Promise(error.to_string()))?;
            let training = Charge { times: cost.round().times * u64::from(rounds), ..cost.round() };
            let measured = u64::from(rounds.div_ceil(plan.evaluation.every));
            let evaluations = cost.evaluation().map(|one| Charge { times: one.times * measured, ..one });
            let charges: Vec<Charge> = std::iter::once(training).chain(evaluations).collect();
            total(plan, &charges, cost.budget().1, cost.adjacency()).map(Some)
        }
        PrivacyMode::Client => {
            let rule = ClientRule::of(plan, population as usize);
            let rule = rule.map_err(|error| SpentError::Promise(error.to_string()))?;
            let charge = Charge { times: u64::from(rounds), ..rule.charge() };
            total(plan, &[charge], Delta::new(plan.privacy.delta.unwrap_or_default())?, Adjacency::AddOrRemoveOne)
                .map(Some)
        }
    }
}

fn total(plan: &Plan, charges: &[Charge], delta: Delta, adjacency: Adjacency) -> Result<Epsilon, SpentError> {
    let charges: Vec<Charge> = charges.iter().copied().filter(|charge| charge.times > 0).collect();
    Ok(match plan.privacy.accountant.unwrap_or_default() {
        Accountant::Pld => epsilon_pld(&charges, delta, adjacency)?.epsilon,
        Accountant::Rdp => epsilon_rdp(&charges, delta)?.epsilon,
    })
}
