//! Who is in the federation, with which signing keys (specification, 5.2).
//!
//! Threat met here: a coordinator that invents sites or hands out its own keys in a site's name. The roster is signed by
//! an authority that the coordinator is not, and its digest is pinned by an operator at each site.

mod certificate;
mod signing;

pub use certificate::{Enrolment, EnrolmentCertificate};
pub use signing::{PublicKey, Signature, SigningKey};

pub(crate) use signing::SIGNATURE_BYTES;

use crate::session::PARTICIPANTS_MAX;
use crate::wire::{
    ClientId, Decode, DecodeError, Encode, FederationId, Label, Reader, RosterDigest, Writer, increasing,
};
use std::collections::BTreeSet;
use wardround_plan::Timestamp;

/// Shortest certificate: a name of one letter.
const CERTIFICATE_BYTES_MIN: usize = 16 + 16 + 5 + 32 + 32 + 24 + SIGNATURE_BYTES;

/// Why a list of certificates is no roster.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RosterError {
    /// It is not what the operator pinned.
    #[error("the roster is {found}, this site has pinned {pinned}: compare both with the other sites and pin again")]
    NotPinned {
        /// Of the bytes given.
        found: RosterDigest,
        /// Of the operator's choice.
        pinned: RosterDigest,
    },
    /// A certificate that the authority did not issue.
    #[error("the certificate of `{client}` is not signed by the federation's authority")]
    NotIssued {
        /// Whose.
        client: ClientId,
    },
    /// A certificate of another federation.
    #[error("the certificate of `{client}` belongs to another federation")]
    OtherFederation {
        /// Whose.
        client: ClientId,
    },
    /// Two sites with one key could vote twice.
    #[error("the key of `{client}` stands in the roster twice")]
    SharedKey {
        /// The second.
        client: ClientId,
    },
    /// Not the bytes of a roster.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// The enrolled sites, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    federation: FederationId,
    /// In strictly increasing order of the client id.
    certificates: Vec<EnrolmentCertificate>,
    revoked: Vec<u64>,
}

impl Roster {
    /// A roster of these certificates, as the authority makes it.
    ///
    /// # Errors
    /// [`RosterError`] but for [`RosterError::NotPinned`].
    pub fn new(
        federation: FederationId,
        authority: &PublicKey,
        mut certificates: Vec<EnrolmentCertificate>,
        revoked: BTreeSet<u64>,
    ) -> Result<Self, RosterError> {
        certificates.sort_by_key(|certificate| certificate.enrolment.client);
        let certificates = increasing("certificates", certificates, |one| one.enrolment.client)?;
        let roster = Self { federation, certificates, revoked: revoked.into_iter().collect() };
        roster.checked(authority)
    }

    /// Reads a roster that an operator has pinned.
    ///
    /// # Errors
    /// [`RosterError`].
    pub fn open(bytes: &[u8], pinned: RosterDigest, authority: &PublicKey) -> Result<Self, RosterError> {
        let roster = Self::from_bytes(bytes)?;
        match roster.digest() {
            found if found == pinned => roster.checked(authority),
            found => Err(RosterError::NotPinned { found, pinned }),
        }
    }

    /// The digest that operators compare and pin.
    pub fn digest(&self) -> RosterDigest {
        RosterDigest(Label::ROSTER.hash(&[&self.to_bytes()]))
    }

    /// The federation.
    pub fn federation(&self) -> FederationId {
        self.federation
    }

    /// The enrolment of a site if it holds at `now` and is not revoked.
    pub fn current(&self, client: ClientId, now: Timestamp) -> Option<&Enrolment> {
        let place = self.certificates.binary_search_by_key(&client, |one| one.enrolment.client).ok()?;
        let enrolment = &self.certificates[place].enrolment;
        (enrolment.is_current(now) && self.revoked.binary_search(&enrolment.serial).is_err()).then_some(enrolment)
    }

    /// All enrolments, also revoked ones.
    pub fn enrolments(&self) -> impl Iterator<Item = &Enrolment> {
        self.certificates.iter().map(|certificate| &certificate.enrolment)
    }

    fn checked(self, authority: &PublicKey) -> Result<Self, RosterError> {
        let mut keys = BTreeSet::new();
        for certificate in &self.certificates {
            let Enrolment { client, federation, key, .. } = certificate.enrolment;
            if federation != self.federation {
                return Err(RosterError::OtherFederation { client });
            }
            if !certificate.is_issued_by(authority) {
                return Err(RosterError::NotIssued { client });
            }
            if !keys.insert(key) {
                return Err(RosterError::SharedKey { client });
            }
        }
        Ok(self)
    }
}

impl Encode for Roster {
    fn write(&self, out: &mut Writer) {
        self.federation.write(out);
        out.list(&self.certificates);
        let revoked: Vec<Serial> = self.revoked.iter().copied().map(Serial).collect();
        out.list(&revoked);
    }
}

impl Decode for Roster {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let federation = FederationId::read(from)?;
        let certificates = from.list("certificates", PARTICIPANTS_MAX, CERTIFICATE_BYTES_MIN)?;
        let certificates = increasing("certificates", certificates, |one: &EnrolmentCertificate| one.enrolment.client)?;
        let revoked = from.list("revoked serials", PARTICIPANTS_MAX, 8)?;
        let revoked = increasing("revoked serials", revoked, |serial: &Serial| serial.0)?;
        Ok(Self { federation, certificates, revoked: revoked.into_iter().map(|serial| serial.0).collect() })
    }
}

struct Serial(u64);

impl Encode for Serial {
    fn write(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}

impl Decode for Serial {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.u64("serial").map(Self)
    }
}

#[cfg(test)]
mod tests;
