//! Draws that are the same on every machine: integers without bias, shares of one, and who is taken from many.

use rand_chacha::rand_core::Rng;
use wardround_plan::Stream;

/// Uniform in `0..bound` without the bias of a remainder (Lemire 2019); `bound` is not 0.
pub(crate) fn below(bound: u64, stream: &mut Stream) -> u64 {
    let too_few = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(stream.next_u64()) * u128::from(bound);
        if product as u64 >= too_few {
            return (product >> 64) as u64;
        }
    }
}

/// In [0, 1), from 53 bits.
pub(crate) fn unit(stream: &mut Stream) -> f64 {
    (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Takes `count` of `items`, each as likely as another, in their first order (Fisher and Yates, as far as needed).
pub(crate) fn some_of<T: Copy + Ord>(mut items: Vec<T>, count: usize, stream: &mut Stream) -> Vec<T> {
    if count >= items.len() {
        return items;
    }
    shuffle_first(&mut items, count, stream);
    items.truncate(count);
    items.sort_unstable();
    items
}

/// Shuffles all of `items`.
pub(crate) fn shuffle<T>(items: &mut [T], stream: &mut Stream) {
    shuffle_first(items, items.len(), stream);
}

fn shuffle_first<T>(items: &mut [T], count: usize, stream: &mut Stream) {
    for place in 0..count.min(items.len()) {
        let other = place + below((items.len() - place) as u64, stream) as usize;
        items.swap(place, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_plan::{Purpose, RoundNumber, StreamKey};

    fn stream(index: u64) -> Stream {
        StreamKey::from_public_seed(4).stream(Purpose::Sampling, RoundNumber::FIRST, index)
    }

    #[test]
    fn all_are_taken_where_as_many_are_asked_for() {
        for count in [3, 4, 100] {
            assert_eq!(some_of(vec![5, 1, 3], count, &mut stream(0)), [5, 1, 3]);
        }
        assert_eq!(some_of(vec![5, 1, 3], 0, &mut stream(0)), [0; 0]);
    }

    /// 2 of 5, 4000 times: each 1600 expected, standard deviation 31; five of them is one in a million.
    #[test]
    fn everyone_is_as_likely_as_another() {
        let mut counts = [0_u32; 5];
        for index in 0..4000 {
            let taken = some_of(vec![0, 1, 2, 3, 4], 2, &mut stream(index));
            assert!(taken.len() == 2 && taken[0] < taken[1]);
            taken.into_iter().for_each(|item| counts[item] += 1);
        }
        assert!(counts.iter().all(|count| count.abs_diff(1600) < 155), "seed 4: {counts:?}");
    }
}
