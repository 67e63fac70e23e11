//! Who this site is in secure aggregation, and what it asks for whatever the coordinator proposes.

use crate::config::{SecaggPolicy, SiteConfig};
use std::path::PathBuf;
use std::sync::Arc;
use wardround_identity::{PinnedRoster, SigningIdentity};
use wardround_plan::SiteId;
use wardround_secagg::client::{GraphPolicy, NoisePolicy, Policy, Site, ThresholdFloor};
use wardround_secagg::wire::ClientId;

/// The site's place in every session; key and roster are read anew for each, since people may change them.
#[derive(Debug, Clone)]
pub struct Seat {
    name: SiteId,
    credentials: PathBuf,
    policy: SecaggPolicy,
    min_cohort: u32,
}

impl Seat {
    /// The seat of `name` by its settings.
    pub fn new(config: &SiteConfig, name: SiteId) -> Self {
        let (policy, min_cohort) = (config.policy.secagg, config.policy.min_cohort);
        Self { name, credentials: config.credentials.clone(), policy, min_cohort }
    }

    /// The site's name.
    pub fn name(&self) -> &SiteId {
        &self.name
    }

    /// Everything a session asks for.
    ///
    /// # Errors
    /// In words, for a person: a site without a signing key or without a roster that its operator approved.
    pub fn site(&self) -> Result<Site, String> {
        let key = SigningIdentity::open(&self.credentials).map_err(|error| error.to_string())?;
        let roster = PinnedRoster::load(&self.credentials).map_err(|error| error.to_string())?;
        let roster = roster.ok_or(
            "this site has approved no roster of signing keys: `wardround site roster` shows the coordinator's, and how to \
             approve it",
        )?;
        Ok(Site {
            client: ClientId::of_site(&self.name),
            key: Arc::new(key.into_key()),
            roster: Arc::new(roster.into_roster()),
            policy: self.policy(),
        })
    }

    fn policy(&self) -> Policy {
        Policy {
            cohort_min: self.min_cohort.max(3),
            // The plan, which this site has allowed, may assume fewer traitors to bear more dropouts.
            threshold: ThresholdFloor::OneSum,
            corrupt_min: self.policy.assumed_corrupt,
            honest_min: self.policy.min_honest,
            attempts_max: self.policy.attempts,
            graph: GraphPolicy::Complete,
            noise: NoisePolicy::NotRequired,
        }
    }
}
