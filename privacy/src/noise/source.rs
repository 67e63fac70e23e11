//! Where noise comes from: numbered ChaCha20 streams of one key, none of them handed out twice.
//!
//! Work in parallel takes one stream for each chunk, by number, so that a result depends on the key and on how often it
//! was used before, and never on threads. The trait is sealed: there are two sources, and a deployed site can only have
//! the secret one, because whatever makes a release takes `&mut SecretNoise`, and that has no constructor with a seed:
//!
//! ```compile_fail,E0308
//! # use wardround_privacy::{SecretNoise, SimulatedNoise};
//! # use wardround_plan::StreamKey;
//! fn release(_noise: &mut SecretNoise) {}
//! let mut repeatable = SimulatedNoise::new(&StreamKey::from_public_seed(1), "site 3");
//! release(&mut repeatable); // expected `&mut SecretNoise`, found `&mut SimulatedNoise`
//! ```
//! ```compile_fail,E0599
//! let secret = wardround_privacy::SecretNoise::from_seed([0; 32]); // there is no such function
//! ```
//! ```compile_fail,E0423
//! let secret = wardround_privacy::SecretNoise(wardround_privacy::SimulatedNoise::new(todo!(), "")); // nor such a field
//! ```
//! ```compile_fail,E0599
//! let secret = wardround_privacy::SecretNoise::from_os().expect("entropy");
//! let twin = secret.clone(); // the same noise twice would cancel
//! ```
//! ```compile_fail,E0277
//! struct Constant;
//! impl wardround_privacy::NoiseStreams for Constant { // the trait is sealed
//!     fn take(&mut self, _: usize) -> Result<Vec<wardround_privacy::NoiseStream>, wardround_privacy::NoiseError> { Ok(Vec::new()) }
//! }
//! ```

use super::NoiseError;
use rand::TryRng;
use rand::rngs::SysRng;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use wardround_plan::{Hasher, StreamKey};
use zeroize::Zeroizing;

/// The operating system gave no randomness; without it nothing can be released.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random numbers, so no noise can be made: {0}")]
pub struct EntropyError(#[from] rand::rngs::SysError);

/// Noise that nobody can repeat: its key came from the operating system and is wiped when it is dropped.
///
/// Make a new one for each round: a process that was copied while it ran (a snapshot of a virtual machine) then shares
/// at most one round's noise with its copy.
pub struct SecretNoise(Streams);

/// Noise that repeats: for simulations and tests. What is made with it is **no guarantee** to anybody.
pub struct SimulatedNoise(Streams);

/// A source of numbered, independent streams.
pub trait NoiseStreams: sealed::Sealed {
    /// The next `count` streams; none of them was handed out before.
    ///
    /// # Errors
    /// [`NoiseError::StreamsExhausted`] after 2^64 of them.
    fn take(&mut self, count: usize) -> Result<Vec<NoiseStream>, NoiseError>;
}

/// One stream of random bits. It can be used up, and neither copied nor read from outside this crate.
pub struct NoiseStream(ChaCha20Rng);

struct Streams {
    key: Zeroizing<[u8; 32]>,
    /// The number of the next stream; `None` after the last.
    next: Option<u64>,
}

impl SecretNoise {
    /// With 256 bits from the operating system.
    ///
    /// # Errors
    /// [`EntropyError`] if it has none.
    pub fn from_os() -> Result<Self, EntropyError> {
        let mut key = Zeroizing::new([0; 32]);
        SysRng.try_fill_bytes(key.as_mut_slice())?;
        Ok(Self(Streams::new(key)))
    }
}

impl SimulatedNoise {
    /// From a key that repeats; `label` tells apart the sites, rounds and purposes of one simulation.
    pub fn new(key: &StreamKey, label: &str) -> Self {
        let round = wardround_plan::RoundNumber::FIRST;
        let mut stream =
            key.derive("simulated noise").derive(label).stream(wardround_plan::Purpose::Sampling, round, 0);
        let mut seed = Zeroizing::new([0; 32]);
        stream.fill_bytes(seed.as_mut_slice());
        let mut hasher = Hasher::new();
        hasher.update(b"wardround/simulated-noise/v1\0");
        hasher.update(seed.as_slice());
        Self(Streams::new(Zeroizing::new(*hasher.finish().as_bytes())))
    }
}

impl Streams {
    fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self { key, next: Some(0) }
    }

    fn take(&mut self, count: usize) -> Result<Vec<NoiseStream>, NoiseError> {
        let first = self.next.ok_or(NoiseError::StreamsExhausted)?;
        let count = u64::try_from(count).map_err(|_| NoiseError::StreamsExhausted)?;
        let Some(last) = count.checked_sub(1) else { return Ok(Vec::new()) };
        let last = first.checked_add(last).ok_or(NoiseError::StreamsExhausted)?;
        self.next = last.checked_add(1);
        Ok((first..=last).map(|number| NoiseStream::new(&self.key, number)).collect())
    }
}

impl NoiseStream {
    fn new(key: &[u8; 32], number: u64) -> Self {
        let mut generator = ChaCha20Rng::from_seed(*key);
        generator.set_stream(number);
        Self(generator)
    }

    pub(crate) fn bits(&mut self) -> &mut ChaCha20Rng {
        &mut self.0
    }
}

impl Drop for NoiseStream {
    /// The generator does not wipe its key and buffer, so they are overwritten; `black_box` keeps the compiler from
    /// removing a write that nothing reads.
    fn drop(&mut self) {
        self.0 = ChaCha20Rng::from_seed([0; 32]);
        std::hint::black_box(&self.0);
    }
}

impl NoiseStreams for SecretNoise {
    fn take(&mut self, count: usize) -> Result<Vec<NoiseStream>, NoiseError> {
        self.0.take(count)
    }
}

impl NoiseStreams for SimulatedNoise {
    fn take(&mut self, count: usize) -> Result<Vec<NoiseStream>, NoiseError> {
        self.0.take(count)
    }
}

macro_rules! named_only {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}
named_only!(SecretNoise, SimulatedNoise, NoiseStream);

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::SecretNoise {}
    impl Sealed for super::SimulatedNoise {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn first_words(streams: &mut impl NoiseStreams, count: usize) -> Vec<u64> {
        streams.take(count).expect("streams left").iter_mut().map(|stream| stream.bits().next_u64()).collect()
    }

    #[test]
    fn no_stream_is_handed_out_twice() {
        let mut noise = SimulatedNoise::new(&StreamKey::from_public_seed(1), "a");
        let mut words = BTreeSet::new();
        for count in [0, 1, 7, 100, 1] {
            words.extend(first_words(&mut noise, count));
        }
        assert_eq!(words.len(), 109);
    }

    #[test]
    fn simulated_noise_repeats_and_differs_by_key_and_label() {
        let draw = |seed, label| first_words(&mut SimulatedNoise::new(&StreamKey::from_public_seed(seed), label), 3);
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
    }

    #[test]
    fn two_secrets_differ_and_print_their_name_only() {
        let mut secrets = [SecretNoise::from_os().expect("entropy"), SecretNoise::from_os().expect("entropy")];
        assert_eq!(format!("{:?}", secrets[0]), "SecretNoise");
        let [first, second] = secrets.each_mut().map(|secret| first_words(secret, 2));
        assert_ne!(first, second, "a chance of 2^-128 if all is well");
    }

    #[test]
    fn the_last_stream_is_the_last() {
        let mut streams = Streams { key: Zeroizing::new([7; 32]), next: Some(u64::MAX - 1) };
        assert_eq!(streams.take(3).err(), Some(NoiseError::StreamsExhausted), "three do not fit, and none is taken");
        assert_eq!(streams.take(2).expect("two are left").len(), 2);
        assert_eq!(streams.take(1).err(), Some(NoiseError::StreamsExhausted));
    }

    #[test]
    fn streams_are_those_of_the_published_cipher() {
        // draft-nir-cfrg-chacha20-poly1305-04, section 2.3.2 and appendix A: key 0, nonce 0.
        let mut stream = NoiseStream::new(&[0; 32], 0);
        assert_eq!(stream.bits().next_u32(), 0xade0_b876);
        assert_ne!(NoiseStream::new(&[0; 32], 1).bits().next_u32(), 0xade0_b876, "the number is the nonce");
    }
}
