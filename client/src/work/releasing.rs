//! The border: what leaves is a [`Released`] value, by the hospital's consent or by the ledger's record.

use super::Desk;
use wardround_plan::{Plan, PrivacyMode};
use wardround_privacy::Released;
use wardround_round::{Refusal, RefusalReason, ReportedScore, UpdateRef};

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

    pub(super) async fn release_update(&self, plan: &Plan, update: UpdateRef) -> Result<Released<UpdateRef>, Refusal> {
        match plan.privacy.mode {
            PrivacyMode::None => self.without_privacy(plan, update),
            PrivacyMode::Site | PrivacyMode::Distributed | PrivacyMode::Client => {
                self.payments.released(update, update.digest).await
            }
        }
    }

    fn without_privacy<T>(&self, plan: &Plan, value: T) -> Result<Released<T>, Refusal> {
        let released = self.policy.release(plan, value);
        released.map_err(|refused| Refusal::new(RefusalReason::PrivacyRequired, refused.to_string()))
    }
}
