//! Who signs rosters: a key of its own, that no coordinator needs to have.
//!
//! Its file may lie on a machine without a network. What it signs is what the enrolment authority lists; the sites' own
//! proofs are checked, and whoever signs compares the fingerprints of new keys by phone.

use super::signed::{Content, federation_id};
use super::{RosterRefusal, RosterSerial, SignedRoster, SigningKeys, SigningMember};
use crate::signing::{create_key, draw_key, read_key, signing_key_fingerprint};
use crate::{FederationName, IdentityError};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use wardround_plan::{Digest, Duration, Timestamp};
use wardround_secagg::roster::{Enrolment, EnrolmentCertificate, PublicKey, Roster, SigningKey};
use wardround_secagg::wire::{ClientId, FederationId};

const DAY_S: u64 = 24 * 60 * 60;
/// How long a site's place in the roster is certified: a year and a day. A signature after half of it extends it.
pub const ROSTER_CERTIFICATE_LIFETIME: Duration = Duration::from_s(366 * DAY_S);
/// Certificates begin this long before they are signed, for sites whose clock is behind.
const BACKDATING: Duration = Duration::from_s(5 * 60);

/// The key that signs a federation's rosters.
#[derive(Debug)]
pub struct RosterAuthority(SigningKey);

impl RosterAuthority {
    /// Makes the key at `path` (such as `roster.key`), readable by its owner alone.
    ///
    /// # Errors
    /// A file that is there already, or that cannot be written.
    pub fn generate(path: &Path) -> Result<Self, IdentityError> {
        let key = draw_key()?;
        create_key(path, &key)?;
        Ok(Self(key))
    }

    /// Takes up the key at `path`.
    ///
    /// # Errors
    /// A file that is absent, open to others or no Ed25519 key.
    pub fn open(path: &Path) -> Result<Self, IdentityError> {
        read_key(path).map(Self)
    }

    /// The public half: what rosters are checked against.
    pub fn public(&self) -> PublicKey {
        self.0.public()
    }

    /// SHA-256 of the public half.
    pub fn fingerprint(&self) -> Digest {
        signing_key_fingerprint(&self.public())
    }

    /// Signs the roster of these members in place of `previous`, the last one that was signed. Certificates of sites that
    /// have not changed stay until half their time is over; sites that left stay revoked until theirs has ended.
    ///
    /// # Errors
    /// A member that did not sign for its own enrolment, a previous roster of another federation or authority or from the
    /// future, one key twice, and [`RosterRefusal::Unchanged`].
    pub fn sign(
        &self,
        keys: &SigningKeys,
        previous: Option<&SignedRoster>,
        now: Timestamp,
    ) -> Result<SignedRoster, RosterRefusal> {
        previous.map_or(Ok(()), |previous| self.check_follows(previous, &keys.federation, now))?;
        let serial = previous.map_or(Ok(RosterSerial::FIRST), |previous| previous.serial().next())?;
        let roster = self.roster(keys, previous, serial, now)?;
        if let Some(previous) = previous.filter(|previous| previous.digest() == roster.digest()) {
            return Err(RosterRefusal::Unchanged { serial: previous.serial(), digest: previous.digest().0 });
        }
        let federation = keys.federation.clone();
        SignedRoster::sign(Content { federation, authority: self.public(), serial, issued: now, roster }, &self.0)
    }

    fn check_follows(
        &self,
        previous: &SignedRoster,
        federation: &FederationName,
        now: Timestamp,
    ) -> Result<(), RosterRefusal> {
        if previous.federation() != federation {
            let (expected, found) = (federation.clone(), previous.federation().clone());
            return Err(RosterRefusal::OtherFederation { expected, found });
        }
        if *previous.authority() != self.public() {
            let (expected, found) = (self.fingerprint(), previous.authority_fingerprint());
            return Err(RosterRefusal::OtherAuthority { expected, found });
        }
        match previous.issued() {
            at if at > now => Err(RosterRefusal::ClockBehind { at }),
            _ => Ok(()),
        }
    }

    fn roster(
        &self,
        keys: &SigningKeys,
        previous: Option<&SignedRoster>,
        serial: RosterSerial,
        now: Timestamp,
    ) -> Result<Roster, RosterRefusal> {
        let mut old: BTreeMap<ClientId, &Enrolment> =
            previous.iter().flat_map(|previous| previous.roster().enrolments()).map(|one| (one.client, one)).collect();
        let federation = federation_id(&keys.federation, &self.public());
        let mut certificates = Vec::new();
        for (place, member) in keys.members.iter().enumerate() {
            if !keys.is_proven(member) {
                return Err(RosterRefusal::NotProven { site: member.site.clone() });
            }
            let fresh = enrolment(member, federation, serial.of_certificate(place), now);
            let kept = old.remove(&fresh.client).filter(|old| stays(old, &fresh, previous, now)).cloned();
            certificates.push(self.certify(kept.unwrap_or(fresh)));
        }
        let left: Vec<_> = old.into_values().filter(|enrolment| enrolment.not_after >= now).collect();
        let revoked: BTreeSet<_> = left.iter().map(|enrolment| enrolment.serial).collect();
        certificates.extend(left.into_iter().map(|enrolment| self.certify(enrolment.clone())));
        Ok(Roster::new(federation, &self.public(), certificates, revoked)?)
    }

    /// Ed25519 signatures are a function of key and statement, so an old certificate comes out as it was.
    fn certify(&self, enrolment: Enrolment) -> EnrolmentCertificate {
        enrolment.certify(&self.0)
    }
}

fn enrolment(member: &SigningMember, federation: FederationId, serial: u64, now: Timestamp) -> Enrolment {
    Enrolment {
        federation,
        client: ClientId::of_site(&member.site),
        name: member.site.clone(),
        key: member.key,
        tls_key_sha256: *member.tls_key_sha256.as_bytes(),
        not_before: Timestamp::from_ms(now.as_ms().saturating_sub(BACKDATING.as_ms())),
        not_after: now + ROSTER_CERTIFICATE_LIFETIME,
        serial,
    }
}

/// Whether an old certificate serves for what would be certified now.
fn stays(old: &Enrolment, fresh: &Enrolment, previous: Option<&SignedRoster>, now: Timestamp) -> bool {
    let same = (old.key, old.tls_key_sha256) == (fresh.key, fresh.tls_key_sha256);
    let life = old.not_after.since(old.not_before).as_ms();
    let revoked = previous.is_some_and(|previous| previous.is_revoked(old));
    same && !revoked && old.is_current(now) && old.not_after.since(now).as_ms() >= life / 2
}
