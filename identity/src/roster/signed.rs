//! A roster as it travels: the certificates of secure aggregation's [`Roster`], numbered, dated and signed as a whole.
//!
//! The number keeps old rosters from coming back; the signature also covers what no single certificate does, such as who
//! is missing. One [`RosterDigest`] is what operators compare and what sessions name: it covers every certificate and,
//! through the [`FederationId`], the authority's key.

use super::RosterRefusal;
use crate::files::{self, Readers};
use crate::signing::{Purpose, signing_key_fingerprint};
use crate::{FederationName, IdentityError};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use wardround_plan::{Digest, Hasher, Timestamp};
use wardround_secagg::roster::{Enrolment, PublicKey, Roster, Signature, SigningKey};
use wardround_secagg::wire::{ClientId, Decode, DecodeError, Encode, FederationId, Reader, RosterDigest, Writer};

/// Largest roster: room for some 4000 sites with the longest names. It fits into one message.
pub const ROSTER_BYTES_MAX: usize = 1024 * 1024;
/// First bytes of every roster, with the version of its form.
const MAGIC: &[u8; 20] = b"wardround-roster-v1\0";
/// Longest name of a federation.
const NAME_BYTES_MAX: usize = 63;
/// With 2^40 rosters of 2^20 certificates each, numbers of certificates stay below 2^60.
const SERIAL_MAX: u64 = 1 << 40;
const CERTIFICATES_PER_ROSTER: u64 = 1 << 20;

/// Counts the rosters of an authority, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RosterSerial(u64);

/// A roster that its authority signed. Everything in it has been checked against the authority that it names; whether
/// that is the right one is for a [`RosterReview`](super::RosterReview) to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRoster {
    content: Content,
    signature: Signature,
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) federation: FederationName,
    pub(super) authority: PublicKey,
    pub(super) serial: RosterSerial,
    pub(super) issued: Timestamp,
    pub(super) roster: Roster,
}

/// What bytes say, before anything is believed.
struct Unchecked(Content, Signature);

impl RosterSerial {
    /// The number of an authority's first roster.
    pub const FIRST: Self = Self(1);

    /// The next number.
    pub(super) fn next(self) -> Result<Self, RosterRefusal> {
        if self.0 < SERIAL_MAX { Ok(Self(self.0 + 1)) } else { Err(RosterRefusal::LastSerial { serial: self }) }
    }

    /// The number of a certificate that this roster is the first to have, by its place in the list.
    pub(super) fn of_certificate(self, place: usize) -> u64 {
        self.0 * CERTIFICATES_PER_ROSTER + place as u64
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl SignedRoster {
    /// Signs the content. What comes out has passed the checks of [`SignedRoster::from_bytes`].
    pub(super) fn sign(content: Content, key: &SigningKey) -> Result<Self, RosterRefusal> {
        let signature = Purpose::Roster.sign(key, &content.to_bytes());
        Self { content, signature }.checked()
    }

    /// Reads what [`SignedRoster::to_bytes`] writes.
    ///
    /// # Errors
    /// More than [`ROSTER_BYTES_MAX`] bytes, a changed byte, and certificates that contradict each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RosterRefusal> {
        if bytes.len() > ROSTER_BYTES_MAX {
            return Err(RosterRefusal::TooLarge { found: bytes.len() });
        }
        let Unchecked(content, signature) = Unchecked::from_bytes(bytes)?;
        Self { content, signature }.checked()
    }

    /// The one encoding of this roster.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.content.write(&mut out);
        self.signature.write(&mut out);
        out.finish()
    }

    /// Reads a roster file.
    ///
    /// # Errors
    /// As [`SignedRoster::from_bytes`], and a file that cannot be read; each names the file.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let bytes = files::read(path, ROSTER_BYTES_MAX as u64)?;
        Self::from_bytes(&bytes).map_err(|refusal| IdentityError::from(refusal).in_file(path))
    }

    /// Writes a roster file, for everyone to read.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn store(&self, path: &Path) -> Result<(), IdentityError> {
        Ok(files::replace(path, &self.to_bytes(), Readers::Everyone)?)
    }

    /// The digest that operators compare, and that sessions name.
    pub fn digest(&self) -> RosterDigest {
        self.content.roster.digest()
    }

    /// The federation.
    pub fn federation(&self) -> &FederationName {
        &self.content.federation
    }

    /// The key of the roster authority that signed it.
    pub fn authority(&self) -> &PublicKey {
        &self.content.authority
    }

    /// SHA-256 of the roster authority's key.
    pub fn authority_fingerprint(&self) -> Digest {
        signing_key_fingerprint(&self.content.authority)
    }

    /// Its number.
    pub fn serial(&self) -> RosterSerial {
        self.content.serial
    }

    /// When it was signed.
    pub fn issued(&self) -> Timestamp {
        self.content.issued
    }

    /// The certificates, for a session.
    pub fn into_roster(self) -> Roster {
        self.content.roster
    }

    /// The certificates, for secure aggregation.
    pub fn roster(&self) -> &Roster {
        &self.content.roster
    }

    /// Whether an enrolment in it is revoked.
    pub fn is_revoked(&self, enrolment: &Enrolment) -> bool {
        // Its first instant lies in its time, unless that is empty; then it never holds.
        self.content.roster.current(enrolment.client, enrolment.not_before).is_none()
    }

    /// The enrolments that are not revoked, expired or not.
    pub fn enrolled(&self) -> impl Iterator<Item = &Enrolment> {
        self.content.roster.enrolments().filter(|enrolment| !self.is_revoked(enrolment))
    }

    fn checked(self) -> Result<Self, RosterRefusal> {
        let Content { federation, authority, roster, .. } = &self.content;
        // First, so that whoever lacks the authority's key makes nobody verify thousands of certificates.
        if !Purpose::Roster.is_signed_by(authority, &self.content.to_bytes(), &self.signature) {
            return Err(RosterRefusal::BadSignature);
        }
        let encoded = roster.to_bytes();
        Roster::open(&encoded, roster.digest(), authority)?;
        if roster.federation() != federation_id(federation, authority) {
            return Err(RosterRefusal::WrongFederationId { federation: federation.clone() });
        }
        check_names_and_serials(roster)?;
        match self.to_bytes().len() {
            0..=ROSTER_BYTES_MAX => Ok(self),
            found => Err(RosterRefusal::TooLarge { found }),
        }
    }
}

/// The id of a federation in secure aggregation: of its name and its roster authority, so that two authorities never
/// speak for one federation.
pub(super) fn federation_id(federation: &FederationName, authority: &PublicKey) -> FederationId {
    let mut hasher = Hasher::new();
    hasher.update(b"wardround/federation-id/v1\0");
    hasher.update(&authority.0);
    hasher.update(federation.as_str().as_bytes());
    let digest = hasher.finish();
    let (half, _) = digest.as_bytes().split_first_chunk().expect("a digest is twice as long");
    FederationId(*half)
}

/// One name, one id, one certificate. The ids are known to differ; with each made from its name, the names do, too.
fn check_names_and_serials(roster: &Roster) -> Result<(), RosterRefusal> {
    let mut serials = BTreeSet::new();
    for Enrolment { client, name, serial, .. } in roster.enrolments() {
        if *client != ClientId::of_site(name) {
            return Err(RosterRefusal::WrongId { site: name.clone() });
        }
        if !serials.insert(serial) {
            return Err(RosterRefusal::SharedSerial { site: name.clone() });
        }
    }
    Ok(())
}

impl Encode for Content {
    fn write(&self, out: &mut Writer) {
        out.raw(MAGIC);
        out.bytes(self.federation.as_str().as_bytes());
        self.authority.write(out);
        out.u64(self.serial.0);
        out.u64(self.issued.as_ms());
        self.roster.write(out);
    }
}

impl Decode for Content {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let magic: [u8; MAGIC.len()] = from.array("first bytes")?;
        if magic != *MAGIC {
            return Err(refused("first bytes", String::from_utf8_lossy(&magic), "`wardround-roster-v1`"));
        }
        Ok(Self {
            federation: name(from)?,
            authority: PublicKey::read(from)?,
            serial: serial(from)?,
            issued: Timestamp::from_ms(from.u64("issued")?),
            roster: Roster::read(from)?,
        })
    }
}

fn name(from: &mut Reader<'_>) -> Result<FederationName, DecodeError> {
    let text = String::from_utf8_lossy(from.bytes("federation", NAME_BYTES_MAX)?);
    FederationName::new(text.clone()).map_err(|_| refused("federation", text, "the name of a federation"))
}

fn serial(from: &mut Reader<'_>) -> Result<RosterSerial, DecodeError> {
    match from.u64("roster number")? {
        number @ 1..=SERIAL_MAX => Ok(RosterSerial(number)),
        other => Err(refused("roster number", other, "1 to 2^40")),
    }
}

fn refused(field: &'static str, found: impl fmt::Display, expected: &'static str) -> DecodeError {
    DecodeError::Value { field, found: found.to_string(), expected }
}

impl Decode for Unchecked {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(Content::read(from)?, Signature::read(from)?))
    }
}

impl fmt::Display for RosterSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
