//! The federation's roster: which sites there are, with which signing keys (specification of secure aggregation, 5.2).
//!
//! ```text
//! Authority::signing_keys ──► RosterAuthority::sign ──► SignedRoster ──coordinator──► RosterReview ──approve──► PinnedRoster
//!   (enrolments)               (its own key)             (bytes)       (relays only)   (at each site)
//! ```
//! Threat met here: a coordinator, with the authority's database in its hands, that invents sites or exchanges keys. The
//! roster is signed by a key that it does not have; a site takes no roster but one whose digest its operator compared
//! with the others', and never an older one than it has. What this cannot do: tell a roster authority that lies to
//! everyone alike from one that does not. That is what comparing the keys' fingerprints is for.

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
