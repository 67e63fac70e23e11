//! The border: what leaves is a [`Released`] value, by the hospital's consent or by the ledger's record.

use super::Desk;
use super::training::unnoised_content;
use wardround_plan::{Plan, PrivacyMode};
use wardround_privacy::{Released, Unnoised};
use wardround_round::{Refusal, RefusalReason, ReportedScore, UpdateRef};

/// What a site made in a round, and how it may leave.
pub(super) enum Leaving {
    /// As it is.
    AsItIs(Released<UpdateRef>),
    /// In a masked sum, with this site's share of the noise.
    WithNoise(Released<Unnoised<UpdateRef>>),
}

impl Desk {
    /// Scores, if they may leave the site: alone, or in a masked sum where the plan has secure aggregation.
    pub async fn release_scores(
        &self,
        plan: &Plan,
        scores: Vec<ReportedScore>,
    ) -> Result<Released<Vec<ReportedScore>>, Refusal> {
        match plan.privacy.mode {
            PrivacyMode::None => self.without_privacy(plan, scores),
            PrivacyMode::Site | PrivacyMode::Distributed | PrivacyMode::Client => {
                self.payments.released_scores(scores).await
            }
        }
    }

    pub(super) async fn release_update(&self, plan: &Plan, update: UpdateRef) -> Result<Leaving, Refusal> {
        Ok(match plan.privacy.mode {
            PrivacyMode::None => Leaving::AsItIs(self.without_privacy(plan, update)?),
            PrivacyMode::Site | PrivacyMode::Client => {
                Leaving::AsItIs(self.payments.released(update, update.digest).await?)
            }
            PrivacyMode::Distributed => {
                Leaving::WithNoise(self.payments.released(update, unnoised_content(update)).await?.unnoised())
            }
        })
    }

    fn without_privacy<T>(&self, plan: &Plan, value: T) -> Result<Released<T>, Refusal> {
        let released = self.policy.release(plan, value);
        released.map_err(|refused| Refusal::new(RefusalReason::PrivacyRequired, refused.to_string()))
    }
}
