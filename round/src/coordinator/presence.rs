//! Who is connected, since when, and what each site said about the study.

use crate::Refusal;
use std::collections::{BTreeMap, BTreeSet};
use wardround_plan::{Duration, SiteId, Timestamp};

/// A site's answer to the study's offer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Standing {
    Undecided,
    Accepted,
    Refused(Refusal),
}

/// The sites of the roster, as the coordinator sees them now. Nothing here survives a restart: sites come back and
/// are asked again.
#[derive(Debug)]
pub(super) struct Presence {
    sites: BTreeMap<SiteId, Seen>,
}

#[derive(Debug)]
struct Seen {
    here: bool,
    /// When the site came or left.
    since: Timestamp,
    standing: Standing,
    steps: Option<(u32, u32)>,
}

impl Presence {
    pub(super) fn new() -> Self {
        Self { sites: BTreeMap::new() }
    }

    /// Keeps known sites as they are, forgets those no longer enrolled, and counts new ones as absent from now.
    pub(super) fn enrol(&mut self, now: Timestamp, roster: &BTreeSet<SiteId>) {
        self.sites.retain(|site, _| roster.contains(site));
        for site in roster {
            self.sites.entry(site.clone()).or_insert(Seen {
                here: false,
                since: now,
                standing: Standing::Undecided,
                steps: None,
            });
        }
    }

    /// False for a site that is not enrolled. A site that comes back is asked again: its policy may have changed.
    pub(super) fn arrive(&mut self, now: Timestamp, site: &SiteId) -> bool {
        self.with(site, |seen| {
            seen.here = true;
            seen.since = now;
            seen.standing = Standing::Undecided;
        })
    }

    pub(super) fn leave(&mut self, now: Timestamp, site: &SiteId) {
        self.with(site, |seen| {
            seen.here = false;
            seen.since = now;
            seen.steps = None;
        });
    }

    pub(super) fn answer(&mut self, site: &SiteId, answer: Result<(), Refusal>) {
        self.with(site, |seen| seen.standing = answer.map_or_else(Standing::Refused, |()| Standing::Accepted));
    }

    pub(super) fn progress(&mut self, site: &SiteId, steps: Option<(u32, u32)>) {
        self.with(site, |seen| seen.steps = steps);
    }

    pub(super) fn is_enrolled(&self, site: &SiteId) -> bool {
        self.sites.contains_key(site)
    }

    pub(super) fn is_present(&self, site: &SiteId) -> bool {
        self.sites.get(site).is_some_and(|seen| seen.here)
    }

    /// Connected sites.
    pub(super) fn present(&self) -> impl Iterator<Item = &SiteId> {
        self.sites.iter().filter(|(_, seen)| seen.here).map(|(site, _)| site)
    }

    /// Connected sites that take part.
    pub(super) fn ready(&self) -> BTreeSet<SiteId> {
        let ready = |seen: &Seen| seen.here && seen.standing == Standing::Accepted;
        self.sites.iter().filter(|(_, seen)| ready(seen)).map(|(site, _)| site.clone()).collect()
    }

    /// Sites that have refused the study, with their reasons.
    pub(super) fn refused(&self) -> impl Iterator<Item = (&SiteId, &Refusal)> {
        self.sites.iter().filter_map(|(site, seen)| match &seen.standing {
            Standing::Refused(refusal) => Some((site, refusal)),
            _ => None,
        })
    }

    /// When patience with `site` ends, if it is absent; `None` for a site that is here or unknown.
    pub(super) fn given_up_at(&self, site: &SiteId, patience: Duration) -> Option<Timestamp> {
        self.sites.get(site).filter(|seen| !seen.here).map(|seen| seen.since + patience)
    }

    /// Until when it makes sense to wait for more sites; `None` if everybody is here and has answered, or has refused.
    pub(super) fn may_grow_until(&self, patience: Duration) -> Option<Timestamp> {
        let settled = |seen: &Seen| match seen.standing {
            Standing::Refused(_) => true,
            Standing::Accepted => seen.here,
            Standing::Undecided => false,
        };
        self.sites.values().filter(|seen| !settled(seen)).map(|seen| seen.since + patience).max()
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (&SiteId, bool, &Standing, Option<(u32, u32)>)> {
        self.sites.iter().map(|(site, seen)| (site, seen.here, &seen.standing, seen.steps))
    }

    fn with(&mut self, site: &SiteId, change: impl FnOnce(&mut Seen)) -> bool {
        self.sites.get_mut(site).map(change).is_some()
    }
}
