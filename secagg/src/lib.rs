//! The coordinator learns one sum per round and nothing else, whatever it sends and whoever drops out.
//!
//! Bonawitz et al. 2017 ("Practical Secure Aggregation for Privacy-Preserving Machine Learning"), the variant for a
//! malicious server: keys signed by a pinned roster, and a round in which sites sign the sets they were told before any
//! share leaves them. Everything here is pure: no files, sockets, clock or randomness of its own.
//!
//! # Threat
//! The coordinator, the network and up to c sites may do anything. With 2t > n + c they learn at most one sum over at
//! least t - c honest sites, of one set. Not covered: availability; sites that lie about their update; what the sum itself
//! tells (that is what noise is for); who took part and when.

pub mod client;
mod keys;
mod mask;
pub mod refusal;
pub mod ring;
pub mod roster;
pub mod server;
pub mod session;
pub mod shamir;
pub mod wire;

pub use refusal::{AbortCode, Refusal, Stage};

#[cfg(test)]
mod tests;
