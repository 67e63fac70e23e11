//! A roster of virtual sites, with keys that anybody can make: in a simulation there is nothing to hide.

use crate::SiteNumber;
use crate::scenario_rules::site_name;
use std::collections::BTreeSet;
use std::sync::Arc;
use wardround_plan::{Digest, SiteId, Timestamp};
use wardround_secagg::client::{Policy, Site};
use wardround_secagg::roster::{Enrolment, Roster, SigningKey};
use wardround_secagg::wire::{ClientId, FederationId};
use zeroize::Zeroizing;

/// The instant at which every simulated session takes place, and the end of all certificates.
pub(super) const NOW: Timestamp = Timestamp::from_ms(1);
const END: Timestamp = Timestamp::from_ms(2);
const FEDERATION: FederationId = FederationId(*b"simulated sites\0");

/// The sites of one session, in the order of their ids: the place, from 0, is the index less one.
pub(super) struct Federation {
    pub(super) roster: Arc<Roster>,
    pub(super) members: Vec<Enrolled>,
}

/// A site with its key.
pub(super) struct Enrolled {
    pub(super) client: ClientId,
    pub(super) site: SiteNumber,
    key: Arc<SigningKey>,
}

impl Federation {
    /// Of these sites.
    ///
    /// # Errors
    /// In words.
    pub(super) fn of(sites: impl Iterator<Item = SiteNumber>) -> Result<Self, String> {
        let mut members: Vec<Enrolled> = sites.map(Enrolled::of).collect::<Result<_, _>>()?;
        members.sort_unstable_by_key(|member| member.client);
        let authority = key("authority", 0);
        let certificates = members.iter().map(|member| Ok(member.enrolment()?.certify(&authority)));
        let certificates = certificates.collect::<Result<_, String>>()?;
        let roster = Roster::new(FEDERATION, &authority.public(), certificates, BTreeSet::new());
        Ok(Self { roster: Arc::new(roster.map_err(|error| error.to_string())?), members })
    }

    /// A site as its own machine knows itself.
    pub(super) fn site(&self, member: &Enrolled, policy: Policy) -> Site {
        Site { client: member.client, key: member.key.clone(), roster: self.roster.clone(), policy }
    }
}

impl Enrolled {
    fn of(site: SiteNumber) -> Result<Self, String> {
        let client = ClientId::of_site(&name(site)?);
        Ok(Self { client, site, key: Arc::new(key("site", site.get())) })
    }

    fn enrolment(&self) -> Result<Enrolment, String> {
        let name = name(self.site)?;
        Ok(Enrolment {
            federation: FEDERATION,
            client: self.client,
            tls_key_sha256: *Digest::of(name.as_str().as_bytes()).as_bytes(),
            name,
            key: self.key.public(),
            not_before: Timestamp::from_ms(0),
            not_after: END,
            serial: u64::from(self.site.get()),
        })
    }
}

fn name(site: SiteNumber) -> Result<SiteId, String> {
    SiteId::new(site_name(site.get())).map_err(|error| error.to_string())
}

fn key(role: &str, number: u32) -> SigningKey {
    let digest = Digest::of(format!("wardround/simulated-key/v1/{role}/{number}").as_bytes());
    SigningKey::from_secret(&Zeroizing::new(*digest.as_bytes()))
}
