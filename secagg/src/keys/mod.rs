//! From two secret scalars and a key pair to every key of a session (specification, 5.4).

mod agreement;
mod derivation;
mod sealing;

pub(crate) use agreement::AgreementSecret;
pub(crate) use derivation::{KeySchedule, MaskKey, PairEnds};
pub(crate) use sealing::{ShareKey, SharePair};

#[cfg(test)]
mod tests;
