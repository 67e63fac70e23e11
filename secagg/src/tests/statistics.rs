//! What the coordinator sees is noise to every test here, whatever went in; the noise that sites add is in the sum.
//!
//! Seeds are fixed. Limits are those that chance crosses once in 10^6 for all looks of a test together (Bonferroni).

use super::fixture::{Federation, NOW, index, rng};
use super::network::{Delivery, Drop, Network, Sum};
use super::puppet::Puppet;
use crate::client::{Event, NoisePolicy, Output, Policy};
use crate::ring::{BlockNoise, NoiseFailure, NoiseShare, Rounding, Update, Weight, load_words};
use crate::session::{DistributedNoise, Encoding, Lane, NoiseLaw, VectorShape};
use crate::wire::{Chunk, Decode, Envelope, Index, MessageType};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const SESSIONS: u64 = 200;
const WORDS: usize = 1024;

/// The masked words of three sites that all put the same constant in, in many sessions.
fn masked() -> Vec<Vec<Vec<u8>>> {
    let federation = Federation::of(3);
    let session = |seed| {
        let params = federation.params(|params| {
            params.vector = VectorShape::new(Lane::Bits32, WORDS as u64 - 4, 4096).expect("sound");
        });
        let updates = vec![vec![7; WORDS - 4]; 3];
        let (drops, policy) = (vec![Drop::Never; 3], Policy::default());
        let network =
            Network { federation: &federation, params, policy, updates, drops, delivery: Delivery::InOrder, seed };
        let transcript = network.run();
        let chunks = transcript.sent.iter().filter(|(_, message)| MessageType::of(message) == Ok(MessageType::Chunk));
        chunks.map(|(_, message)| Envelope::<Chunk>::from_bytes(message).expect("a chunk").body.bytes).collect()
    };
    (0..SESSIONS).map(session).collect()
}

/// A standard normal beyond this: once in 10^6 over `looks` looks, both sides.
fn normal_limit(looks: f64) -> f64 {
    // P(|Z| > z) < exp(-z²/2)
    (2.0 * (looks * 1e6).ln()).sqrt()
}

#[test]
fn masked_vectors_look_random_byte_by_byte_bit_by_bit_and_at_every_lag() {
    let vectors: Vec<Vec<u8>> = masked().into_iter().flatten().collect();
    let looks = vectors.len() as f64;
    let bytes = (4 * WORDS) as f64;
    for vector in &vectors {
        let mut counts = [0_u32; 256];
        vector.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        let expected = bytes / 256.0;
        let statistic: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
        // Wilson and Hilferty: the cube root of chi-square over its freedom is nearly normal.
        let z = ((statistic / 255.0).cbrt() - (1.0 - 2.0 / (9.0 * 255.0))) / (2.0 / (9.0 * 255.0_f64)).sqrt();
        assert!(z.abs() < normal_limit(looks), "bytes: {z}");
    }
    for bit in 0..32 {
        let set = |vector: &Vec<u8>| vector.chunks(4).filter(|word| word[bit / 8] >> (bit % 8) & 1 == 1).count();
        let ones: usize = vectors.iter().map(set).sum();
        let trials = (vectors.len() * WORDS) as f64;
        let z = (ones as f64 - trials / 2.0) / (trials / 4.0).sqrt();
        assert!(z.abs() < normal_limit(32.0), "bit {bit}: {z}");
    }
    for lag in [1, 2, 4, 8, 16, 64, 512] {
        let agree = |vector: &Vec<u8>| {
            vector.iter().zip(&vector[lag..]).map(|(a, b)| (a ^ b).count_zeros() as usize).sum::<usize>()
        };
        let same: usize = vectors.iter().map(agree).sum();
        let trials = (vectors.len() * (4 * WORDS - lag) * 8) as f64;
        let z = (same as f64 - trials / 2.0) / (trials / 4.0).sqrt();
        assert!(z.abs() < normal_limit(7.0), "lag {lag}: {z}");
    }
}

#[test]
fn vectors_of_two_sites_and_of_two_sessions_are_unrelated() {
    let sessions = masked();
    let agreement = |a: &[u8], b: &[u8]| {
        let same: u32 = a.iter().zip(b).map(|(a, b)| (a ^ b).count_zeros()).sum();
        let trials = (a.len() * 8) as f64;
        (f64::from(same) - trials / 2.0) / (trials / 4.0).sqrt()
    };
    let looks = 4.0 * sessions.len() as f64;
    for pair in sessions.windows(2) {
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let z = agreement(&pair[0][one], &pair[0][other]);
            assert!(z.abs() < normal_limit(looks), "sites {one} and {other}: {z}");
        }
        let z = agreement(&pair[0][0], &pair[1][0]);
        assert!(z.abs() < normal_limit(looks), "one site twice: {z}");
    }
}

/// The rank of 64 x 64 bits: a linear generator of few words makes it fall short. Full rank has probability 0.2888, one
/// less 0.5776, two less 0.1284; three or more less 0.0052.
#[test]
fn matrices_of_masked_bits_have_the_ranks_of_random_ones() {
    let vectors: Vec<Vec<u8>> = masked().into_iter().flatten().collect();
    let mut missing = [0_u32; 4];
    for rows in vectors.iter().flat_map(|vector| vector.chunks_exact(512)) {
        let rows = rows.chunks_exact(8).map(|row| u64::from_le_bytes(row.try_into().expect("eight bytes")));
        missing[(64 - rank(rows.collect())).min(3)] += 1;
    }
    let total = f64::from(missing.iter().sum::<u32>());
    let expected = [0.288_788, 0.577_576, 0.128_350, 0.005_286];
    let statistic: f64 = missing
        .iter()
        .zip(expected)
        .map(|(count, part)| (f64::from(*count) - part * total).powi(2) / (part * total))
        .sum();
    // Chi-square with three degrees of freedom: beyond 31 once in 10^6.
    assert!(statistic < 31.0, "{missing:?}: {statistic}");
}

fn rank(mut rows: Vec<u64>) -> usize {
    let mut rank = 0;
    for bit in 0..64 {
        let Some(pivot) = (rank..rows.len()).find(|row| rows[*row] >> bit & 1 == 1) else { continue };
        rows.swap(rank, pivot);
        let pivot = rows[rank];
        rows.iter_mut().skip(rank + 1).filter(|row| **row >> bit & 1 == 1).for_each(|row| *row ^= pivot);
        rank += 1;
    }
    rank
}

#[test]
fn the_rank_test_sees_a_linear_generator() {
    // An xorshift of 32 bits as 64-bit rows: at most 32 of the rows are independent.
    let mut state = 0x1234_5678_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        u64::from(state)
    };
    let rows = (0..64).map(|_| next() | next() << 32).collect();
    assert!(rank(rows) <= 32);
}

#[test]
fn the_largest_words_of_all_sites_add_up_exactly_at_the_edge_of_every_ring() {
    for (lane, word_max) in [(Lane::Bits16, 6553_i64), (Lane::Bits32, 429_496_729), (Lane::Bits64, 1 << 50)] {
        let federation = Federation::of(5);
        let params = federation.params(|params| {
            params.vector = VectorShape::new(lane, 4, 4096).expect("sound");
            params.encoding = Encoding { scale: word_max as f64 - 1.5, clip_linf: 1.0, clip_l2: 1e9, weight_max: 2 };
        });
        assert_eq!(params.encoding.word_max(), Some(word_max as u64));
        let updates = vec![vec![word_max, -word_max, 0, 1]; 5];
        let (drops, policy) = (vec![Drop::Never; 5], Policy::default());
        let network =
            Network { federation: &federation, params, policy, updates, drops, delivery: Delivery::InOrder, seed: 1 };
        let Sum { integers, .. } = network.run().result.expect("all are there");
        assert_eq!(integers, [5 * word_max, -5 * word_max, 0, 5], "{lane:?}");
    }
    let mut puppet = Puppet::of(5, |params| {
        params.vector = VectorShape::new(Lane::Bits16, 4, 4096).expect("sound");
        params.encoding = Encoding { scale: 6554.0 - 1.5, clip_linf: 1.0, clip_l2: 1e9, weight_max: 2 };
    });
    assert_eq!(puppet.open(index(1)), Err(crate::Refusal::Overflow), "one step above the bound");
}

/// Fair coins: a sum of 4s of them, centred, has the variance s. Only its variance matters here.
struct Coins {
    variance: u32,
    rng: ChaCha20Rng,
}

struct CoinBlock(u32, ChaCha20Rng);

impl NoiseShare for Coins {
    fn law(&self) -> NoiseLaw {
        NoiseLaw::Skellam
    }
    fn variance(&self) -> f64 {
        f64::from(self.variance)
    }
    fn blocks(&mut self, count: usize) -> Result<Vec<Box<dyn BlockNoise>>, NoiseFailure> {
        let block = |_| -> Box<dyn BlockNoise> {
            Box::new(CoinBlock(self.variance, ChaCha20Rng::seed_from_u64(self.rng.next_u64())))
        };
        Ok((0..count).map(block).collect())
    }
}

impl BlockNoise for CoinBlock {
    fn add_to(&mut self, integers: &mut [i64]) {
        for integer in integers {
            let words = 4 * self.0 / 64;
            let ones: u32 = (0..words).map(|_| self.1.next_u64().count_ones()).sum();
            *integer += i64::from(ones) - i64::from(32 * words);
        }
    }
}

/// n = 5, t = 4, c = 2, so m = 2: with one dropout and two sites without noise, what is left is what was accounted for.
#[test]
fn the_sum_carries_the_noise_that_was_accounted_for_under_the_worst_dropouts() {
    const COORDINATES: usize = 20_000;
    let total_variance = 256.0;
    let mut puppet = Puppet::of(5, |params| {
        params.vector = VectorShape::new(Lane::Bits32, COORDINATES as u64, 4096).expect("sound");
        params.encoding = Encoding { scale: 1.0, clip_linf: 10.0, clip_l2: 10.0, weight_max: 1 };
        params.noise = Some(DistributedNoise { law: NoiseLaw::Skellam, total_variance, honest: 2 });
    });
    let policy = Policy { noise: NoisePolicy::AtLeast { multiplier: 0.1 }, ..Policy::default() };
    puppet = puppet.with_victim(policy, Default::default()).advertised().shared(&[1, 2, 3, 4, 5]);
    let share = puppet.params.noise.expect("noise").share_variance();
    assert!((128.0..128.1).contains(&share), "half of it from each of two");
    let mut noises = Vec::new();
    for site in 1..=2 {
        noises.push(noise_of(&mut puppet, index(site), COORDINATES));
    }
    let variance = |values: &[i64]| {
        let mean = values.iter().sum::<i64>() as f64 / values.len() as f64;
        values.iter().map(|value| (*value as f64 - mean).powi(2)).sum::<f64>() / values.len() as f64
    };
    let sum: Vec<i64> = noises[0].iter().zip(&noises[1]).map(|(a, b)| a + b).collect();
    // The share is rounded up to the next 16; six standard errors of a variance over 20 000 draws.
    let error = 6.0 * (2.0 / COORDINATES as f64).sqrt();
    let got = variance(&sum) / total_variance;
    assert!(got > 1.0 - error && got < 1.0 + 0.13 + error, "{got} of the variance");
}

/// What one site put in beyond its update of zeros, with its masks taken off.
fn noise_of(puppet: &mut Puppet, to: Index, coordinates: usize) -> Vec<i64> {
    let shares = puppet.share_set(to, &[1, 2, 3, 4, 5]);
    puppet.say(to, shares).expect("honest");
    let zeros = vec![0.0; coordinates];
    let prepared = puppet.clients[&to].prepare(Update::Reals(&zeros), Weight::ONE, Rounding::Nearest, &mut puppet.rng);
    let contribution = prepared.expect("it was asked to").expect("sound");
    let noise = Coins { variance: 144, rng: rng(u64::from(to.get())) };
    let client = puppet.clients.remove(&to).expect("a site");
    let (mut client, outputs) =
        client.handle(NOW, Event::Contribute(contribution, Some(Box::new(noise))), &mut puppet.rng);
    assert!(matches!(outputs[..], [Output::Send(_)]), "{outputs:?}");
    let mut words = Vec::new();
    while let Some(message) = client.next_chunk(Update::Reals(&zeros)).expect("the same update") {
        let chunk: Chunk = super::puppet::body(&message);
        words.extend(chunk.bytes);
    }
    client.unmasked_for_test(&mut words);
    let mut integers = vec![0; coordinates];
    load_words(Lane::Bits32, &words, &mut integers);
    integers
}
