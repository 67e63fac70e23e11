//! The hospital's no. Pure: an offer and the settings in, a decision out; what is not allowed is refused.

use crate::config::PolicyConfig;
use wardround_imaging::PatientGrouping;
use wardround_plan::{Plan, PrivacyMode, SiteId};
use wardround_privacy::{PolicyStance, Released, Unprotected, UnprotectedRefused};
use wardround_round::{Invitation, Offer, Refusal, RefusalReason};

/// What the hospital allows.
#[derive(Debug, Clone)]
pub struct Policy {
    config: PolicyConfig,
}

impl Policy {
    /// The policy of a settings file.
    pub fn new(config: PolicyConfig) -> Self {
        Self { config }
    }

    /// Reads the plan of an offer and decides on it.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn decide(&self, offer: &Offer) -> Result<Plan, Refusal> {
        let plan = Plan::from_canonical(&offer.plan)
            .map_err(|error| Refusal::new(RefusalReason::PlanUnreadable, error.to_string()))?;
        let text = "the plan that was sent is not the one that its digest names";
        require(plan.digest() == offer.plan_digest, RefusalReason::PlanDigestMismatch, text)?;
        require(plan.study.name == offer.study, RefusalReason::PlanDigestMismatch, "the plan is of another study")?;
        self.allows(&plan)?;
        let text = "this site's software gives the plan's network another layout; use the same version everywhere";
        require(wardround_models::layout(&plan.model).digest() == offer.layout, RefusalReason::ModelUnknown, text)?;
        Ok(plan)
    }

    /// Decides on a round of a study that was accepted.
    ///
    /// # Errors
    /// A cohort that is too small, or one without this site.
    pub fn decide_round(&self, invitation: &Invitation, this: &SiteId) -> Result<(), Refusal> {
        let (invited, least) = (invitation.cohort.len(), self.config.min_cohort as usize);
        let text = format!("{invited} sites are invited; this site's policy asks for at least {least}");
        require(invited >= least, RefusalReason::CohortTooSmall, &text)?;
        let text = "this site is not among those the invitation names";
        require(invitation.cohort.contains(this), RefusalReason::CohortTooSmall, text)
    }

    /// Releases a value of a study without privacy, if plan and policy both say so.
    ///
    /// # Errors
    /// The policy requires privacy.
    pub fn release<T>(&self, plan: &Plan, value: T) -> Result<Released<T>, UnprotectedRefused> {
        Ok(Released::released_without_privacy(value, &Unprotected::consent(plan, self.stance())?))
    }

    /// What counts as a patient here.
    pub fn grouping(&self) -> PatientGrouping {
        if self.config.images_are_patients { PatientGrouping::ImagesArePatients } else { PatientGrouping::ByManifest }
    }

    /// Decides on a plan that is known to be what it says.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn allows(&self, plan: &Plan) -> Result<(), Refusal> {
        let digest = plan.digest();
        let text = format!("plan {digest} is not listed in this site's [policy] plans");
        require(self.config.plans.contains(&digest), RefusalReason::PlanNotAllowed, &text)?;
        let purposes = &self.config.purposes;
        let purpose = purposes.is_empty() || purposes.iter().any(|allowed| plan.study.purpose.starts_with(allowed));
        let text = "the plan's purpose is none of those in this site's [policy] purposes";
        require(purpose, RefusalReason::PurposeNotAllowed, text)?;
        self.allows_promise(plan)?;
        let text = "the plan shows this site's updates to the coordinator; [policy] allow_visible_updates is not set";
        require(plan.secagg.enabled || self.config.allow_visible_updates, RefusalReason::PrivacyRequired, text)
    }

    /// A site that adds noise itself, all of it or its share, needs nobody's permission but its ledger's and, for a share, its
    /// terms for secure aggregation.
    fn allows_promise(&self, plan: &Plan) -> Result<(), Refusal> {
        let refused = match plan.privacy.mode {
            PrivacyMode::Site | PrivacyMode::Distributed => return Ok(()),
            PrivacyMode::None => match Unprotected::consent(plan, self.stance()) {
                Ok(_) => return Ok(()),
                Err(refused) => refused.to_string(),
            },
            PrivacyMode::Client => {
                "in mode \"client\" whoever sums the updates adds the noise and sees each without it; that is for simulations, \
                 and no site takes part in it"
                    .into()
            }
        };
        Err(Refusal::new(RefusalReason::PrivacyRequired, refused))
    }

    fn stance(&self) -> PolicyStance {
        if self.config.allow_without_privacy {
            PolicyStance::AllowsWithoutPrivacy
        } else {
            PolicyStance::RequiresPrivacy
        }
    }
}

fn require(holds: bool, reason: RefusalReason, text: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::new(reason, text)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use wardround_plan::{Digest, PlanDigest, Timestamp};
    use wardround_round::{Attempt, ModelRef, RoundId};

    const PLAN: &str = include_str!("../../configs/phantoms.toml");

    /// One that shows its updates.
    fn plan() -> Plan {
        Plan::from_toml(&PLAN.replace("enabled = true", "enabled = false")).expect("a plan of ours")
    }

    fn offer() -> Offer {
        let plan = plan();
        let layout = wardround_models::layout(&plan.model).digest();
        Offer { study: plan.study.name.clone(), plan: plan.to_canonical(), plan_digest: plan.digest(), layout }
    }

    fn open() -> PolicyConfig {
        PolicyConfig {
            plans: vec![plan().digest()],
            allow_without_privacy: true,
            allow_visible_updates: true,
            ..PolicyConfig::default()
        }
    }

    fn reason(config: PolicyConfig, offer: &Offer) -> Option<RefusalReason> {
        Policy::new(config).decide(offer).err().map(|refusal| refusal.reason())
    }

    #[test]
    fn a_policy_that_says_nothing_refuses() {
        assert_eq!(reason(PolicyConfig::default(), &offer()), Some(RefusalReason::PlanNotAllowed));
    }

    #[test]
    fn a_listed_plan_runs() {
        assert_eq!(reason(open(), &offer()), None);
    }

    #[test]
    fn each_missing_permission_refuses() {
        let no_privacy = PolicyConfig { allow_without_privacy: false, ..open() };
        assert_eq!(reason(no_privacy, &offer()), Some(RefusalReason::PrivacyRequired));
        let no_view = PolicyConfig { allow_visible_updates: false, ..open() };
        assert_eq!(reason(no_view, &offer()), Some(RefusalReason::PrivacyRequired));
        let other_purpose = PolicyConfig { purposes: vec!["quality control".into()], ..open() };
        assert_eq!(reason(other_purpose, &offer()), Some(RefusalReason::PurposeNotAllowed));
        let other_plan = PolicyConfig { plans: vec![PlanDigest(Digest::of(b"other"))], ..open() };
        assert_eq!(reason(other_plan, &offer()), Some(RefusalReason::PlanNotAllowed));
    }

    #[test]
    fn a_plan_that_hides_its_updates_needs_no_leave_to_show_them() {
        let hidden = Plan::from_toml(PLAN).expect("a plan of ours");
        let config = PolicyConfig { plans: vec![hidden.digest()], allow_visible_updates: false, ..open() };
        assert_eq!(Policy::new(config).allows(&hidden), Ok(()));
    }

    #[test]
    fn a_plan_under_another_digest_or_with_another_layout_is_refused() {
        let mut swapped = offer();
        swapped.plan_digest = PlanDigest(Digest::of(b"an allowed plan"));
        assert_eq!(reason(open(), &swapped), Some(RefusalReason::PlanDigestMismatch));
        let mut network = offer();
        network.layout = Digest::of(b"another network");
        assert_eq!(reason(open(), &network), Some(RefusalReason::ModelUnknown));
        let mut garbage = offer();
        garbage.plan = b"{}".to_vec();
        assert_eq!(reason(open(), &garbage), Some(RefusalReason::PlanUnreadable));
    }

    #[test]
    fn a_small_cohort_or_one_without_us_is_refused() {
        let site = |name: &str| SiteId::new(name).expect("a name");
        let invitation = |names: &[&str]| Invitation {
            id: RoundId {
                study: plan().study.name,
                round: wardround_plan::RoundNumber::FIRST,
                attempt: Attempt::FIRST,
                summand: wardround_round::Summand::Update,
            },
            cohort: names.iter().map(|name| site(name)).collect::<BTreeSet<_>>(),
            model: ModelRef { digest: Digest::of(b""), bytes: 4 },
            closes_at: Timestamp::from_ms(0),
        };
        let policy = Policy::new(PolicyConfig { min_cohort: 3, ..open() });
        assert!(policy.decide_round(&invitation(&["a", "b", "c"]), &site("a")).is_ok());
        assert!(policy.decide_round(&invitation(&["a", "b"]), &site("a")).is_err());
        assert!(policy.decide_round(&invitation(&["b", "c", "d"]), &site("a")).is_err());
    }
}
