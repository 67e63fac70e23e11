//! Who is who in a federation: its authority, how a hospital enrols, certificates, roles, and TLS.
//!
//! The private key of a site is made at the site ([`SiteKeys`]) and never leaves it. The federation's [`Authority`]
//! decides the name in a certificate; what a request asks for is ignored. A peer is its [`PeerId`], read from the
//! one SPIFFE URI in its certificate, and never from a common name. Only this crate builds rustls configurations
//! ([`tls`]): TLS 1.3, certificates required on both sides, revocation without a restart.
//!
//! With a second key, its [`SigningIdentity`], a site signs in secure aggregation. Those keys are certified in a roster
//! that a [`RosterAuthority`] signs, a coordinator relays and each site pins for itself ([`RosterReview`]).
//!
//! Nothing here reads a clock: `now` is an argument, and TLS is given a [`tls::Clock`].

mod authority;
mod calendar;
mod certificate;
mod code;
mod credentials;
mod crl;
mod error;
pub mod files;
mod key;
mod names;
mod peer;
mod request;
mod role;
mod roster;
mod serial;
mod signing;
mod site_keys;
#[cfg(test)]
mod testing;
pub mod tls;
mod x509;

pub use authority::{
    Approval, Authority, CERTIFICATE_LIFETIME, CRL_REFRESH, CrlRefresh, Enrolment, EnrolmentRefusal, INVITATION_VALID,
    Invitation, Member, MemberState, Pending, RenewalRefusal, ServerNames,
};
pub use certificate::Certificate;
pub use code::{CodeError, EnrolmentCode};
pub use credentials::Credentials;
pub use crl::{Crl, CrlWatch, load_crl};
pub use error::IdentityError;
pub use files::FileError;
pub use key::PrivateKey;
pub use names::{AdminName, FederationName};
pub use peer::PeerId;
pub use role::{Role, SpiffeError, SpiffeId};
pub use roster::{
    PinnedRoster, ROSTER_BYTES_MAX, ROSTER_CERTIFICATE_LIFETIME, RosterAuthority, RosterChange, RosterRefusal,
    RosterReview, RosterSerial, SignedRoster, SigningKeys, SigningMember,
};
pub use serial::Serial;
pub use signing::{EnrolmentRequest, SigningIdentity, signing_key_fingerprint};
pub use site_keys::SiteKeys;
