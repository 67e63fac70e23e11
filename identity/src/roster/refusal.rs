//! Why a roster was not signed, not believed or not pinned.

use super::{ROSTER_BYTES_MAX, RosterSerial};
use crate::FederationName;
use crate::calendar::in_words;
use wardround_plan::{Digest, SiteId, Timestamp};
use wardround_secagg::roster::RosterError;
use wardround_secagg::wire::DecodeError;

/// Why a roster was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RosterRefusal {
    /// Not the bytes of a roster.
    #[error("these bytes are no roster: {0}")]
    Decode(#[from] DecodeError),
    /// More than any roster can have.
    #[error("a roster has at most {ROSTER_BYTES_MAX} bytes, this one has {found}")]
    TooLarge {
        /// How many came.
        found: usize,
    },
    /// The whole is not signed by the authority that it names.
    #[error(
        "the roster's signature is not its authority's: it was changed on the way, ask the federation's manager for it"
    )]
    BadSignature,
    /// A certificate in it is not what it should be.
    #[error("the roster is not in order: {0}")]
    Certificates(#[from] RosterError),
    /// A certificate names a site by an id that is not this site's.
    #[error("the roster has `{site}` under an id that is not that site's")]
    WrongId {
        /// The name in the certificate.
        site: SiteId,
    },
    /// The id in the certificates is not made of the federation's name and the authority's key.
    #[error("the certificates in the roster are not for federation {federation} with this roster authority")]
    WrongFederationId {
        /// The name in the roster.
        federation: FederationName,
    },
    /// Two certificates have one number, so that neither could be revoked alone.
    #[error("the certificate of `{site}` has a number that stands in the roster twice")]
    SharedSerial {
        /// The second.
        site: SiteId,
    },
    /// The roster of another federation.
    #[error("the roster is that of federation {found}, this site belongs to {expected}")]
    OtherFederation {
        /// Ours.
        expected: FederationName,
        /// The roster's.
        found: FederationName,
    },
    /// Signed by another roster authority than the pinned one.
    #[error(
        "the roster comes from roster authority {found}, the pinned one from {expected}: if the federation has a new \
         roster key, compare it by phone, remove `pinned.roster` from the credentials folder and approve anew"
    )]
    OtherAuthority {
        /// Fingerprint of the pinned authority's key.
        expected: Digest,
        /// Fingerprint of the key that came.
        found: Digest,
    },
    /// Someone put an old roster back.
    #[error("roster {found} is older than the pinned one, {pinned}; the pinned one stays in force")]
    Older {
        /// The pinned roster's number.
        pinned: RosterSerial,
        /// That of the roster that came.
        found: RosterSerial,
    },
    /// Two different rosters with one number.
    #[error(
        "this is another roster than the pinned one, and both have number {serial}: sites are shown different rosters; \
         ask the federation's manager"
    )]
    Ambiguous {
        /// The number of both.
        serial: RosterSerial,
    },
    /// A certificate has ended.
    #[error("the certificate of `{site}` in the roster expired on {}: ask the federation's manager for a newer roster \
             (or set this machine's clock, if that is wrong)", in_words(*.at))]
    Expired {
        /// Whose.
        site: SiteId,
        /// When.
        at: Timestamp,
    },
    /// A certificate has not begun.
    #[error("the certificate of `{site}` in the roster begins on {}: check this machine's clock", in_words(*.at))]
    NotYetValid {
        /// Whose.
        site: SiteId,
        /// When it begins.
        at: Timestamp,
    },
    /// This site is not in it.
    #[error(
        "this site, `{site}`, is not in the roster: enrol it with a signing key, then have the roster signed again"
    )]
    SiteMissing {
        /// This site.
        site: SiteId,
    },
    /// This site is in it as revoked.
    #[error("the roster says that this site, `{site}`, is revoked: ask the federation's manager for an invitation")]
    SiteRevoked {
        /// This site.
        site: SiteId,
    },
    /// Somebody put another key in the place of this site's.
    #[error(
        "the roster has key {found} for this site, `{site}`, whose key is {expected}: somebody exchanged it, or this \
         site lost its key and enrolled again since; do not approve, tell the federation's manager"
    )]
    OtherKey {
        /// This site.
        site: SiteId,
        /// Fingerprint of this site's key.
        expected: Digest,
        /// Fingerprint of the key in the roster.
        found: Digest,
    },
    /// The operator approved another digest than this roster has.
    #[error("the roster has digest {found}, approved was {approved}: compare the digest with the other sites again")]
    NotApproved {
        /// Of the roster under review.
        found: Digest,
        /// What the operator gave.
        approved: Digest,
    },
    /// Somebody pinned a roster while this one was under review.
    #[error("another roster was pinned while this one was looked at: look again")]
    PinChanged,
    /// Only sites have a place in a roster.
    #[error("these credentials are not a site's; only a site pins a roster")]
    NotASite,
    /// A member did not sign for its enrolment.
    #[error("`{site}` has not shown that it holds the signing key it is listed with: the list was changed")]
    NotProven {
        /// Whose.
        site: SiteId,
    },
    /// Nothing to sign.
    #[error("nothing has changed since roster {serial}, whose digest is {digest}")]
    Unchanged {
        /// The number of the roster in force.
        serial: RosterSerial,
        /// Its digest.
        digest: Digest,
    },
    /// The clock stands before the last roster.
    #[error("the last roster was signed on {}, which has not come yet: set this machine's clock", in_words(*.at))]
    ClockBehind {
        /// When.
        at: Timestamp,
    },
    /// The last number is used up.
    #[error("roster {serial} has the last number there is")]
    LastSerial {
        /// The number.
        serial: RosterSerial,
    },
}
