//! Noise in shares: every site adds some to its own integers before they are masked, so that the sum carries it and nobody
//! has to be trusted to add it (specification of secure aggregation, 5.9).
//!
//! A sum that comes out holds the shares of at least m honest sites, m = threshold - assumed corrupt sites. Each share has
//! 1/m of the variance that is paid for, rounded up, so the honest shares alone carry all of it; what the others add, or do
//! not, is their own. What may be claimed for the sum is said in [`SharedNoise::sampled_rdp`] and
//! [`SharedNoise::missed_delta`].

use super::{DiscreteGaussian, Grid, NoiseError, NoiseStream, NoiseStreams, Skellam};
use crate::{ClipNorm, NoiseMultiplier};
use std::num::NonZeroU32;
use std::sync::Arc;
use wardround_plan::ShareLaw;

/// Draws that are made before they are added: a part of a page.
const DRAWN_AT_ONCE: usize = 256;

/// The noise that a sum over sites must carry: on the finer grid, in shares of as many honest sites. One sum is charged as
/// `Mechanism::SampledGaussian` with `multiplier`, and the study's δ less [`Self::missed_delta`] is what there is to spend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedNoise {
    grid: Grid,
    multiplier: NoiseMultiplier,
    entries: usize,
    honest: NonZeroU32,
    law: ShareLaw,
}

/// What one site adds. Making one takes some 50 µs: one for a round, not one for a block.
#[derive(Debug, Clone)]
pub struct LocalShare {
    sampler: Arc<Sampler>,
    variance: f64,
}

/// A share of one block of integers, from a stream of its own.
#[derive(Debug)]
pub struct ShareBlock {
    sampler: Arc<Sampler>,
    stream: NoiseStream,
}

#[derive(Debug)]
enum Sampler {
    Skellam(Skellam),
    DiscreteGaussian(DiscreteGaussian),
}

impl SharedNoise {
    /// For sums of contributions of norm `clip` in `entries` dimensions, noised by `multiplier` times what a patient can
    /// change, with `honest` (m) sites whose shares are in every sum.
    ///
    /// # Errors
    /// [`NoiseError::TooLong`] and [`NoiseError::NoGrid`].
    pub fn new(
        clip: ClipNorm,
        multiplier: NoiseMultiplier,
        entries: usize,
        honest: NonZeroU32,
        law: ShareLaw,
    ) -> Result<Self, NoiseError> {
        Ok(Self { grid: Grid::shared(clip, multiplier, entries)?, multiplier, entries, honest, law })
    }

    /// Where each site snaps its sum before it adds its share.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The distribution of each share.
    pub fn law(&self) -> ShareLaw {
        self.law
    }

    /// m
    pub fn honest(&self) -> NonZeroU32 {
        self.honest
    }

    /// Entries of the sum.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// C_eff in grid units: the most that one patient changes the snapped sum, in L2, rounded up.
    pub fn sensitivity(&self) -> f64 {
        (self.grid.sensitivity() / self.grid.step()).next_up()
    }

    /// The variance that every sum carries at least in each entry, in squared grid units, rounded up.
    pub fn total_variance(&self) -> f64 {
        let deviation = self.grid.deviation(self.multiplier);
        // The noise is compared with a Gaussian that is rounded to integers, which adds a twelfth.
        (deviation * deviation + 1.0 / 12.0).next_up()
    }

    /// The largest magnitude of an integer of one site before its noise, for a sum of at most so many contributions.
    pub fn word_max(&self, contributions: u64) -> u64 {
        // Half a step of rounding is part of the sensitivity of the first contribution.
        (contributions.max(1) as f64 * self.sensitivity()).next_up().ceil() as u64
    }

    /// What one site adds.
    ///
    /// # Errors
    /// [`NoiseError::TooWide`].
    pub fn share(&self) -> Result<LocalShare, NoiseError> {
        LocalShare::new(self.total_variance(), self.honest, self.law)
    }
}

impl LocalShare {
    /// 1/m of a variance in squared grid units.
    ///
    /// # Errors
    /// [`NoiseError::TooWide`] and [`NoiseError::NoVariance`].
    pub fn new(total_variance: f64, honest: NonZeroU32, law: ShareLaw) -> Result<Self, NoiseError> {
        if total_variance.is_nan() || total_variance <= 0.0 {
            return Err(NoiseError::NoVariance { variance: total_variance });
        }
        // The quotient is rounded to the nearest, so the number above it is not below the true one.
        let variance = (total_variance / f64::from(honest.get())).next_up();
        let (sampler, variance) = match law {
            ShareLaw::Skellam => (Sampler::Skellam(Skellam::new(variance)?), variance),
            ShareLaw::DiscreteGaussian => {
                let sampler = DiscreteGaussian::at_least(variance.sqrt().next_up())?;
                let parameter = sampler.sigma() as f64;
                (Sampler::DiscreteGaussian(sampler), (parameter * parameter).next_up())
            }
        };
        Ok(Self { sampler: Arc::new(sampler), variance })
    }

    /// The variance of each draw, in squared grid units: at least 1/m of the total, and never more than this.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// The next `count` blocks. Blocks are independent; a second attempt at a round takes fresh ones.
    ///
    /// # Errors
    /// [`NoiseError::StreamsExhausted`].
    pub fn blocks(&self, count: usize, streams: &mut impl NoiseStreams) -> Result<Vec<ShareBlock>, NoiseError> {
        let streams = streams.take(count)?.into_iter();
        Ok(streams.map(|stream| ShareBlock { sampler: Arc::clone(&self.sampler), stream }).collect())
    }
}

impl ShareBlock {
    /// Adds one draw to each integer, modulo 2^64 as the ring does. A block in parts gets the same noise as in one piece.
    pub fn add_to(&mut self, integers: &mut [i64]) {
        let mut noise = [0; DRAWN_AT_ONCE];
        for part in integers.chunks_mut(DRAWN_AT_ONCE) {
            let noise = &mut noise[..part.len()];
            match &*self.sampler {
                Sampler::Skellam(sampler) => sampler.fill(&mut self.stream, noise),
                Sampler::DiscreteGaussian(sampler) => sampler.fill(&mut self.stream, noise),
            }
            part.iter_mut().zip(noise).for_each(|(integer, noise)| *integer = integer.wrapping_add(*noise));
        }
        // The noise of a release is as secret as what it hides.
        zeroize::Zeroize::zeroize(&mut noise);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::SimulatedNoise;
    use rayon::prelude::*;
    use wardround_plan::StreamKey;

    const LAWS: [ShareLaw; 2] = [ShareLaw::Skellam, ShareLaw::DiscreteGaussian];

    fn honest(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).expect("at least one")
    }

    fn streams(seed: u64) -> SimulatedNoise {
        SimulatedNoise::new(&StreamKey::from_public_seed(seed), "share")
    }

    fn shared(law: ShareLaw, sites: u32) -> SharedNoise {
        let (clip, multiplier) = (ClipNorm::new(0.5).expect("positive"), NoiseMultiplier::new(1.3).expect("positive"));
        SharedNoise::new(clip, multiplier, 1000, honest(sites), law).expect("a grid")
    }

    #[test]
    fn a_share_is_no_larger_than_rounding_needs() {
        for sites in [1, 2, 3, 7, 10, 49, 1000, 999_983] {
            for total in [4e5, 1.0e16 / 3.0, 7.3e17, 4.6e18] {
                let exact = total / f64::from(sites);
                let variance = |law| LocalShare::new(total, honest(sites), law).expect("in range").variance();
                assert!(variance(ShareLaw::Skellam) <= exact.next_up().next_up(), "{sites} of {total:e}");
                // A whole parameter, and room for a twelfth.
                let most = (exact.sqrt() + 1.1).powi(2);
                assert!((exact..=most).contains(&variance(ShareLaw::DiscreteGaussian)), "{sites} of {total:e}");
            }
        }
    }

    /// Whole multiples of 2^-40, so that m times the share is compared with the total without rounding.
    #[test]
    fn the_share_is_rounded_up_in_exact_arithmetic() {
        for sites in [1_u32, 3, 7, 11, 1000, 4_294_967_295] {
            for total in [1_u128 << 60, (1 << 61) + (1 << 9), 3 << 70, (1 << 53) + 1] {
                let share = LocalShare::new(total as f64, honest(sites), ShareLaw::Skellam).expect("in range");
                let scaled = share.variance() * 2.0_f64.powi(40);
                assert_eq!(scaled.fract(), 0.0);
                let total = (total as f64) as u128;
                assert!(u128::from(sites) * (scaled as u128) >= total << 40, "{sites} of {total}");
            }
        }
    }

    /// The sum of n shares: variance n v and, for Skellam, a fourth cumulant n v, by 400 000 sums of small noise.
    #[test]
    fn a_sum_of_shares_has_their_variance_and_fourth_cumulant() {
        const SUMS: usize = 400_000;
        for (law, total) in [(ShareLaw::Skellam, 2.0), (ShareLaw::DiscreteGaussian, 500.0)] {
            let share = LocalShare::new(total, honest(5), law).expect("in range");
            let mut sums = vec![0; SUMS];
            let mut streams = streams(1);
            share.blocks(5, &mut streams).expect("streams").iter_mut().for_each(|block| block.add_to(&mut sums));
            let mean_of = |power: i32| sums.iter().map(|x| (*x as f64).powi(power)).sum::<f64>() / SUMS as f64;
            let (second, fourth) = (mean_of(2), mean_of(4));
            let variance = 5.0 * share.variance();
            let root = (SUMS as f64).sqrt();
            let fourth_cumulant = if law == ShareLaw::Skellam { variance } else { 0.0 };
            let spread = ((2.0 * variance * variance + fourth_cumulant).sqrt()) / root;
            assert!((second - variance).abs() < 6.0 * spread, "{law:?}: {second} for {variance}");
            assert!(second > total - 6.0 * spread, "{law:?}: the total is carried");
            // The variance of x⁴ is that of cumulants v, v, v, v, which is more than that of a Gaussian.
            let u = 1.0 / variance;
            let error = (fourth - 3.0 * variance * variance - fourth_cumulant).abs();
            let spread = (96.0 + u * (204.0 + u * (62.0 + u))).sqrt() * variance * variance / root;
            assert!(error < 6.0 * spread, "{law:?}: fourth moment off by {error}");
            assert!(law != ShareLaw::Skellam || 12.0 * spread < fourth_cumulant, "a Gaussian would be found out");
        }
    }

    /// In the units of the sum; over a million draws six standard deviations are 0.85 % of the variance.
    #[test]
    fn a_sum_carries_the_multiplier_times_what_a_patient_changes() {
        const ENTRIES: usize = 1_000_000;
        for law in LAWS {
            let noise = shared(law, 3);
            let share = noise.share().expect("in range");
            let mut sums = vec![0; ENTRIES];
            let blocks = share.blocks(3, &mut streams(6)).expect("streams");
            blocks.into_iter().for_each(|mut block| block.add_to(&mut sums));
            let claimed = 1.3 * noise.grid().sensitivity();
            let statistic: f64 = sums.iter().map(|x| (noise.grid().value(*x) / claimed).powi(2)).sum();
            let n = ENTRIES as f64;
            assert!((statistic - n).abs() < 6.0 * (2.0 * n).sqrt(), "{law:?}: {}", statistic / n);
        }
    }

    #[test]
    fn noise_repeats_by_key_whatever_the_threads_and_parts() {
        for law in LAWS {
            let share = shared(law, 3).share().expect("in range");
            let draw = |threads: usize, part: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let mut integers = vec![5_i64; 3000];
                let blocks = share.blocks(3, &mut streams(2)).expect("streams");
                pool.install(|| {
                    let work = integers.par_chunks_mut(1000).zip(blocks);
                    work.for_each(|(block, mut noise)| block.chunks_mut(part).for_each(|part| noise.add_to(part)));
                });
                integers
            };
            assert_eq!(draw(1, 1000), draw(3, 1000));
            assert_eq!(draw(1, 1000), draw(2, 7));
        }
    }

    /// Six standard errors of a correlation of 100 000 pairs.
    #[test]
    fn blocks_and_calls_are_independent() {
        const LENGTH: usize = 100_000;
        for law in LAWS {
            let share = shared(law, 3).share().expect("in range");
            let mut streams = streams(3);
            let mut blocks = share.blocks(2, &mut streams).expect("streams");
            blocks.extend(share.blocks(1, &mut streams).expect("streams"));
            let deviation = share.variance().sqrt();
            let drawn: Vec<Vec<f64>> = blocks
                .iter_mut()
                .map(|block| {
                    let mut integers = vec![0; LENGTH];
                    block.add_to(&mut integers);
                    integers.iter().map(|x| *x as f64 / deviation).collect()
                })
                .collect();
            for (a, b) in [(0, 1), (0, 2), (1, 2)] {
                let correlation: f64 = drawn[a].iter().zip(&drawn[b]).map(|(x, y)| x * y).sum();
                assert!(correlation.abs() < 6.0 * (LENGTH as f64).sqrt(), "{law:?}: blocks {a} and {b}: {correlation}");
            }
        }
    }

    #[test]
    fn blocks_go_to_other_threads_and_outlive_their_share() {
        fn spread(_: impl Send + 'static) {}
        let blocks =
            shared(ShareLaw::Skellam, 3).share().expect("in range").blocks(1, &mut streams(5)).expect("streams");
        spread(blocks);
    }

    #[test]
    fn integers_wrap_as_the_ring_does() {
        let share = shared(ShareLaw::Skellam, 1).share().expect("in range");
        let draw = |start: i64| {
            let mut integers = vec![start; 100];
            share.blocks(1, &mut streams(4)).expect("streams")[0].add_to(&mut integers);
            integers
        };
        let noise = draw(0);
        assert!(noise.iter().any(|x| *x > 0) && noise.iter().any(|x| *x < 0));
        for (wrapped, noise) in draw(i64::MAX).iter().zip(noise) {
            assert_eq!(*wrapped, i64::MAX.wrapping_add(noise));
        }
    }

    #[test]
    fn the_largest_word_is_that_of_all_contributions() {
        let noise = shared(ShareLaw::Skellam, 3);
        let exact = 10.0 * noise.sensitivity();
        assert!((exact..exact + 2.0).contains(&(noise.word_max(10) as f64)));
        assert!(noise.word_max(0) >= 1, "an empty sum is rounded as well");
        let clip = noise.grid().snap(0.5 * 10.0).expect("in range") as u64;
        assert!(clip <= noise.word_max(10));
    }

    #[test]
    fn noise_without_a_width_or_too_wide_is_refused() {
        for law in LAWS {
            for total in [f64::INFINITY, 1e40] {
                let refused = LocalShare::new(total, honest(1), law);
                assert!(matches!(refused, Err(NoiseError::TooWide { .. })), "{law:?}, {total}");
            }
            for total in [0.0, -0.0, -1.0, f64::NAN] {
                let refused = LocalShare::new(total, honest(1), law);
                assert!(matches!(refused, Err(NoiseError::NoVariance { .. })), "{law:?}, {total}");
            }
        }
    }
}
