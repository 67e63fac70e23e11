//! The federation's roster: which sites there are, with which signing keys (specification of secure aggregation, 5.2).
//!
//! ```text
//! Authority::signing_keys ──► RosterAuthority::sign ──► SignedRoster ──coordinator──► RosterReview ──approve──► PinnedRoster
//!   (enrolments)               (its own key)             (bytes)       (relays only)   (at each site)
//! ```
//! Threat met here: a coordinator that invents sites or exchanges keys. The roster is signed by a key that it does not
//! have; a site takes no roster but one whose digest its operator compared with the others', never an older one than it
//! has, and none with another key for itself.
//!
//! What is left to people: whoever holds the enrolment authority's database can list a key of its own in a site's name,
//! with a valid proof by that key. That site refuses the roster, and all others are shown a changed or added key. So
//! whoever signs or approves compares the fingerprints of new keys by phone; nothing here can do that for them.

mod authority;
mod changes;
mod members;
mod pinned;
mod refusal;
mod review;
mod signed;

pub use authority::{ROSTER_CERTIFICATE_LIFETIME, RosterAuthority};
pub use changes::RosterChange;
pub use members::{SigningKeys, SigningMember};
pub use pinned::PinnedRoster;
pub use refusal::RosterRefusal;
pub use review::RosterReview;
pub use signed::{ROSTER_BYTES_MAX, RosterSerial, SignedRoster};

#[cfg(test)]
mod tests;
