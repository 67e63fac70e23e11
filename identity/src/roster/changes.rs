//! What a roster changes, for the person who approves it.

use super::SignedRoster;
use crate::signing::signing_key_fingerprint;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use wardround_plan::{Digest, SiteId, Timestamp};
use wardround_secagg::roster::Enrolment;

/// One difference between two rosters. Fingerprints are SHA-256 of signing keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum RosterChange {
    /// The site takes part from now on.
    Added {
        /// Which.
        site: SiteId,
        /// Its key.
        key: Digest,
    },
    /// The site takes part no more.
    Removed {
        /// Which.
        site: SiteId,
        /// The key that it had.
        key: Digest,
    },
    /// The site has another key: it enrolled again, or somebody puts itself in its place.
    KeyChanged {
        /// Which.
        site: SiteId,
        /// The key that it had.
        before: Digest,
        /// The key that it is to have.
        after: Digest,
    },
    /// The same site and key, certified anew.
    Recertified {
        /// Which.
        site: SiteId,
        /// Its key.
        key: Digest,
        /// Until when.
        until: Timestamp,
    },
}

impl RosterChange {
    /// The differences, by site. Without a roster before, every site is added.
    pub fn between(before: Option<&SignedRoster>, after: &SignedRoster) -> Vec<Self> {
        let (before, after) = (before.map(by_site).unwrap_or_default(), by_site(after));
        let sites: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
        sites.into_iter().filter_map(|site| Self::of(site, before.get(site), after.get(site))).collect()
    }

    fn of(site: &SiteId, before: Option<&&Enrolment>, after: Option<&&Enrolment>) -> Option<Self> {
        let (site, key) = (site.clone(), |enrolment: &Enrolment| signing_key_fingerprint(&enrolment.key));
        match (before, after) {
            (None, Some(after)) => Some(Self::Added { site, key: key(after) }),
            (Some(before), None) => Some(Self::Removed { site, key: key(before) }),
            (Some(before), Some(after)) if before.key != after.key => {
                Some(Self::KeyChanged { site, before: key(before), after: key(after) })
            }
            (Some(before), Some(after)) if before != after => {
                Some(Self::Recertified { site, key: key(after), until: after.not_after })
            }
            _ => None,
        }
    }
}

fn by_site(roster: &SignedRoster) -> BTreeMap<&SiteId, &Enrolment> {
    roster.enrolled().map(|enrolment| (&enrolment.name, enrolment)).collect()
}
