//! A roster under review at a site: checked, compared with the pinned one, and pinned only when its digest is approved.

use super::{PinnedRoster, RosterChange, RosterRefusal, SignedRoster};
use crate::signing::signing_key_fingerprint;
use crate::{Credentials, FederationName, IdentityError, Role, SigningIdentity};
use std::path::PathBuf;
use wardround_plan::{Digest, SiteId, Timestamp};
use wardround_secagg::roster::{Enrolment, PublicKey};
use wardround_secagg::wire::{ClientId, RosterDigest};

/// A roster that this site could pin. The operator compares [`RosterReview::digest`] with the other sites and the
/// federation's manager, by a way that is not the coordinator's; for the first roster that is all that tells the
/// federation's from another.
#[derive(Debug)]
pub struct RosterReview {
    folder: PathBuf,
    pinned: Option<PinnedRoster>,
    candidate: SignedRoster,
}

impl RosterReview {
    /// Looks at a roster, from wherever it came, for the site with these credentials and this signing key.
    ///
    /// # Errors
    /// [`IdentityError::Roster`] for a roster that no approval could make good: damaged, of another federation or roster
    /// authority, older than the pinned one, with certificates out of their time, without this site or with another key
    /// for it. And files that cannot be read.
    pub fn new(
        credentials: &Credentials,
        signing: &SigningIdentity,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<Self, IdentityError> {
        let candidate = SignedRoster::from_bytes(bytes)?;
        let folder = credentials.folder().to_owned();
        let pinned = PinnedRoster::load(&folder)?;
        check_federation(&candidate, &credentials.peer().federation)?;
        if let Some(pinned) = &pinned {
            check_follows(&candidate, pinned.signed())?;
        }
        check_times(&candidate, now)?;
        let Role::Site(site) = &credentials.peer().role else { return Err(RosterRefusal::NotASite.into()) };
        check_own(&candidate, site, &signing.public())?;
        Ok(Self { folder, pinned, candidate })
    }

    /// The digest to compare and approve.
    pub fn digest(&self) -> RosterDigest {
        self.candidate.digest()
    }

    /// What it changes.
    pub fn changes(&self) -> Vec<RosterChange> {
        RosterChange::between(self.pinned().map(PinnedRoster::signed), &self.candidate)
    }

    /// The roster in force, if there is one.
    pub fn pinned(&self) -> Option<&PinnedRoster> {
        self.pinned.as_ref()
    }

    /// The roster under review.
    pub fn candidate(&self) -> &SignedRoster {
        &self.candidate
    }

    /// Whether this roster is in force already.
    pub fn is_pinned(&self) -> bool {
        self.pinned.as_ref().is_some_and(|pinned| *pinned.signed() == self.candidate)
    }

    /// Pins the roster, if `approved` is its digest.
    ///
    /// # Errors
    /// [`RosterRefusal::NotApproved`], [`RosterRefusal::PinChanged`], and a file that cannot be written; then the pinned
    /// roster is the one from before.
    pub fn approve(self, approved: Digest) -> Result<PinnedRoster, IdentityError> {
        let found = self.digest().0;
        if found != approved {
            return Err(RosterRefusal::NotApproved { found, approved }.into());
        }
        if PinnedRoster::load(&self.folder)? != self.pinned {
            return Err(RosterRefusal::PinChanged.into());
        }
        PinnedRoster::replace(&self.folder, self.candidate)
    }
}

fn check_federation(candidate: &SignedRoster, expected: &FederationName) -> Result<(), RosterRefusal> {
    match candidate.federation() {
        found if found == expected => Ok(()),
        found => Err(RosterRefusal::OtherFederation { expected: expected.clone(), found: found.clone() }),
    }
}

fn check_follows(candidate: &SignedRoster, pinned: &SignedRoster) -> Result<(), RosterRefusal> {
    if candidate.authority() != pinned.authority() {
        let (expected, found) = (pinned.authority_fingerprint(), candidate.authority_fingerprint());
        return Err(RosterRefusal::OtherAuthority { expected, found });
    }
    let (serial, pinned_serial) = (candidate.serial(), pinned.serial());
    if serial < pinned_serial {
        return Err(RosterRefusal::Older { pinned: pinned_serial, found: serial });
    }
    match serial == pinned_serial && candidate != pinned {
        true => Err(RosterRefusal::Ambiguous { serial }),
        false => Ok(()),
    }
}

/// All that would take part now have to be certified now. Revoked ones may have ended.
fn check_times(candidate: &SignedRoster, now: Timestamp) -> Result<(), RosterRefusal> {
    for Enrolment { name, not_before, not_after, .. } in candidate.enrolled() {
        if now < *not_before {
            return Err(RosterRefusal::NotYetValid { site: name.clone(), at: *not_before });
        }
        if now > *not_after {
            return Err(RosterRefusal::Expired { site: name.clone(), at: *not_after });
        }
    }
    Ok(())
}

fn check_own(candidate: &SignedRoster, site: &SiteId, key: &PublicKey) -> Result<(), RosterRefusal> {
    let own = candidate.roster().enrolments().find(|enrolment| enrolment.client == ClientId::of_site(site));
    let Some(own) = own else { return Err(RosterRefusal::SiteMissing { site: site.clone() }) };
    if own.key != *key {
        let (expected, found) = (signing_key_fingerprint(key), signing_key_fingerprint(&own.key));
        return Err(RosterRefusal::OtherKey { site: site.clone(), expected, found });
    }
    match candidate.is_revoked(own) {
        true => Err(RosterRefusal::SiteRevoked { site: site.clone() }),
        false => Ok(()),
    }
}
