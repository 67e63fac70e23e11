//! Repeatable randomness: a counter-based stream for each purpose, round, site and patient.
//!
//! A stream depends on its key alone, never on what was drawn before or on which thread drew it, so worker
//! count, scheduling and retries cannot change a bit. These streams shuffle, augment and initialise. They never
//! make privacy noise in a deployed site: that comes from the operating system.

use crate::{Hasher, RoundNumber};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A generator for one purpose; ChaCha with 8 rounds.
pub type Stream = ChaCha8Rng;

/// What a stream is drawn for; two purposes never share a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The initial weights of a network.
    InitialWeights,
    /// Which images a local step sees.
    Sampling,
    /// Flips, rotations and intensity changes.
    Augmentation,
    /// Synthetic scans.
    Phantom,
    /// A split of patients into train and validation.
    Split,
}

/// The root of a family of streams: a study's public seed, or a site's own secret.
#[derive(Clone)]
pub struct StreamKey([u8; 32]);

impl StreamKey {
    /// From a public number, for what everyone may know: initial weights and phantoms.
    pub fn from_public_seed(seed: u64) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(b"wardround/stream-key/public/v1\0");
        hasher.update(&seed.to_le_bytes());
        Self(*hasher.finish().as_bytes())
    }

    /// From 32 bytes that only this site knows, drawn from its operating system at enrolment.
    pub fn from_site_secret(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// A key for one part of the work, for example one study.
    pub fn derive(&self, label: &str) -> Self {
        Self(*self.hashed(b"wardround/stream-key/derive/v1\0", label.as_bytes()).finish().as_bytes())
    }

    /// The stream for `purpose` in `round`; `index` tells apart items within it (a patient, a step, a site).
    pub fn stream(&self, purpose: Purpose, round: RoundNumber, index: u64) -> Stream {
        let mut hasher = self.hashed(b"wardround/stream/v1\0", &[purpose.tag()]);
        hasher.update(&round.get().to_le_bytes());
        hasher.update(&index.to_le_bytes());
        ChaCha8Rng::from_seed(*hasher.finish().as_bytes())
    }

    fn hashed(&self, domain: &[u8], label: &[u8]) -> Hasher {
        let mut hasher = Hasher::new();
        hasher.update(domain);
        hasher.update(&self.0);
        hasher.update(&(label.len() as u64).to_le_bytes());
        hasher.update(label);
        hasher
    }
}

impl Purpose {
    const fn tag(self) -> u8 {
        match self {
            Self::InitialWeights => 1,
            Self::Sampling => 2,
            Self::Augmentation => 3,
            Self::Phantom => 4,
            Self::Split => 5,
        }
    }
}

impl std::fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::Rng;

    #[test]
    fn every_coordinate_gives_another_stream() {
        let key = StreamKey::from_public_seed(1);
        let two = RoundNumber::FIRST.next();
        let firsts = [
            key.stream(Purpose::Sampling, RoundNumber::FIRST, 0).next_u64(),
            key.stream(Purpose::Augmentation, RoundNumber::FIRST, 0).next_u64(),
            key.stream(Purpose::Sampling, two, 0).next_u64(),
            key.stream(Purpose::Sampling, RoundNumber::FIRST, 1).next_u64(),
            key.derive("other").stream(Purpose::Sampling, RoundNumber::FIRST, 0).next_u64(),
            StreamKey::from_public_seed(2).stream(Purpose::Sampling, RoundNumber::FIRST, 0).next_u64(),
        ];
        assert_eq!(firsts.iter().collect::<std::collections::BTreeSet<_>>().len(), firsts.len());
    }

    #[test]
    fn a_stream_repeats_and_its_key_is_not_printed() {
        let key = StreamKey::from_public_seed(7);
        let draw = || key.stream(Purpose::Phantom, RoundNumber::FIRST, 3).next_u64();
        assert_eq!(draw(), draw());
        assert_eq!(format!("{key:?}"), "StreamKey");
    }
}
