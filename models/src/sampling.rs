//! Which images a local step sees.
//!
//! The images of a site are dealt in shuffled passes: every image once before any image a second time. A pass is a
//! permutation from its own stream, so that step `s` of a round can be found without drawing the steps before it.
//! Every round starts a new pass. Each image counts the same; a patient with more images is seen more often.

use rand_chacha::rand_core::Rng;
use wardround_plan::{Purpose, RoundNumber, Stream, StreamKey};

/// The order in which one round sees a site's images.
pub(crate) struct ShuffledPasses<'a> {
    keys: &'a StreamKey,
    round: RoundNumber,
    images: usize,
    pass: u64,
    left: Vec<usize>,
}

impl<'a> ShuffledPasses<'a> {
    /// Over `images` images, at least one.
    pub(crate) fn new(keys: &'a StreamKey, round: RoundNumber, images: usize) -> Self {
        Self { keys, round, images, pass: 0, left: Vec::new() }
    }
}

impl Iterator for ShuffledPasses<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.left.is_empty() {
            self.left = permutation(self.images, &mut self.keys.stream(Purpose::Sampling, self.round, self.pass));
            self.pass += 1;
        }
        self.left.pop()
    }
}

/// Fisher and Yates.
fn permutation(length: usize, stream: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    for last in (1..length).rev() {
        order.swap(last, below(last as u64 + 1, stream) as usize);
    }
    order
}

/// Uniform in `0..bound` without the bias of a remainder (Lemire 2019).
pub(crate) fn below(bound: u64, stream: &mut Stream) -> u64 {
    let too_few = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(stream.next_u64()) * u128::from(bound);
        if product as u64 >= too_few {
            return (product >> 64) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(seed: u64, round: RoundNumber, images: usize, count: usize) -> Vec<usize> {
        ShuffledPasses::new(&StreamKey::from_public_seed(seed), round, images).take(count).collect()
    }

    #[test]
    fn each_pass_sees_every_image_once() {
        let dealt = order(1, RoundNumber::FIRST, 7, 21);
        for pass in dealt.chunks(7) {
            let mut sorted = pass.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..7).collect::<Vec<_>>());
        }
        assert_ne!(dealt[..7], dealt[7..14], "passes differ");
    }

    #[test]
    fn seed_and_round_change_the_order_and_nothing_else_does() {
        let first = order(1, RoundNumber::FIRST, 50, 50);
        assert_eq!(first, order(1, RoundNumber::FIRST, 50, 50));
        assert_ne!(first, order(2, RoundNumber::FIRST, 50, 50));
        assert_ne!(first, order(1, RoundNumber::FIRST.next(), 50, 50));
    }

    #[test]
    fn one_image_is_seen_again_and_again() {
        assert_eq!(order(1, RoundNumber::FIRST, 1, 3), [0, 0, 0]);
    }

    #[test]
    fn every_place_is_as_likely_as_another() {
        // 3 images, 6000 first places: each 2000 expected, standard deviation 36.5; five of them is one in a million.
        let keys = StreamKey::from_public_seed(3);
        let mut counts = [0u32; 3];
        for index in 0..6000 {
            counts[permutation(3, &mut keys.stream(Purpose::Sampling, RoundNumber::FIRST, index))[0]] += 1;
        }
        assert!(counts.iter().all(|count| count.abs_diff(2000) < 183), "seed 3: {counts:?}");
    }
}
