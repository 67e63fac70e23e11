//! The noise of one logical step: on the sum, once, whatever the micro-batches.

use super::{DiscreteGaussian, Grid, NoiseError, NoiseStream, NoiseStreams, RoundedGaussian};
use crate::{ClipNorm, NoiseMultiplier};
use rayon::prelude::*;
use wardround_plan::NoiseKind;

/// Entries that share one stream. Part of the result: another size is other noise from the same key.
const CHUNK: usize = 1 << 14;

/// Gaussian noise for a sum of clipped contributions.
///
/// The sum must be made in f64 of at most [`super::CONTRIBUTIONS_MAX`] contributions, each a whole patient's (or site's)
/// with an L2 norm of at most `clip`. The noise has the standard deviation `noise_multiplier` · C_eff, where C_eff
/// ([`Grid::sensitivity`]) is the clip norm and a ten-thousandth of it.
/// The accountant is to be told `Mechanism::SampledGaussian` with `noise_multiplier` for both kinds; what that claims
/// for each is in their modules.
///
/// The result still has to be divided by the **expected** number of contributions, which is public, and never by the
/// number there was. An empty sample is a sum of zeros: it is noised like any other, and the step is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SumNoise {
    /// C
    pub clip: ClipNorm,
    /// σ, over what one patient's presence can change.
    pub noise_multiplier: NoiseMultiplier,
    /// How it is drawn.
    pub kind: NoiseKind,
}

enum Sampler {
    Exact(DiscreteGaussian),
    Fast(RoundedGaussian),
}

impl SumNoise {
    /// The sum with noise, on the grid. Call it **once** per logical step: a second call on the same sum is a second
    /// release, to be charged as one.
    ///
    /// # Errors
    /// [`NoiseError`]; then nothing was released.
    pub fn add_to(&self, sum: &[f64], streams: &mut impl NoiseStreams) -> Result<Vec<f64>, NoiseError> {
        let grid = Grid::new(self.clip, self.noise_multiplier, sum.len())?;
        let sampler = self.sampler(&grid)?;
        let streams = streams.take(sum.len().div_ceil(CHUNK))?;
        let mut noisy = vec![0.0; sum.len()];
        let chunks = noisy.par_chunks_mut(CHUNK).zip(sum.par_chunks(CHUNK)).zip(streams).enumerate();
        chunks.try_for_each(|(number, ((noisy, sum), stream))| {
            add_chunk(&grid, &sampler, sum, stream, noisy).map_err(|error| error.after(number * CHUNK))
        })?;
        Ok(noisy)
    }

    /// The standard deviation of the noise in each of `entries` entries, in the units of the sum.
    ///
    /// # Errors
    /// [`NoiseError`] as from [`Self::add_to`].
    pub fn deviation(&self, entries: usize) -> Result<f64, NoiseError> {
        let grid = Grid::new(self.clip, self.noise_multiplier, entries)?;
        Ok(grid.deviation(self.noise_multiplier) * grid.step())
    }

    fn sampler(&self, grid: &Grid) -> Result<Sampler, NoiseError> {
        let deviation = grid.deviation(self.noise_multiplier);
        Ok(match self.kind {
            NoiseKind::Exact => Sampler::Exact(DiscreteGaussian::at_least(deviation)?),
            NoiseKind::Fast => Sampler::Fast(RoundedGaussian::new(deviation)?),
        })
    }
}

fn add_chunk(
    grid: &Grid,
    sampler: &Sampler,
    sum: &[f64],
    mut stream: NoiseStream,
    noisy: &mut [f64],
) -> Result<(), NoiseError> {
    let mut noise = vec![0; sum.len()];
    match sampler {
        Sampler::Exact(sampler) => sampler.fill(&mut stream, &mut noise),
        Sampler::Fast(sampler) => sampler.fill(&mut stream, &mut noise),
    }
    for (index, ((noisy, value), noise)) in noisy.iter_mut().zip(sum).zip(noise).enumerate() {
        let snapped = grid.snap(*value).and_then(|steps| steps.checked_add(noise));
        *noisy = grid.value(snapped.ok_or(NoiseError::NotClipped { index, value: *value })?);
    }
    Ok(())
}

impl NoiseError {
    fn after(self, earlier: usize) -> Self {
        match self {
            Self::NotClipped { index, value } => Self::NotClipped { index: index + earlier, value },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::SimulatedNoise;
    use wardround_plan::StreamKey;

    const KINDS: [NoiseKind; 2] = [NoiseKind::Exact, NoiseKind::Fast];

    fn noise(kind: NoiseKind) -> SumNoise {
        SumNoise {
            clip: ClipNorm::new(0.5).expect("positive"),
            noise_multiplier: NoiseMultiplier::new(1.3).expect("positive"),
            kind,
        }
    }

    fn streams(seed: u64) -> SimulatedNoise {
        SimulatedNoise::new(&StreamKey::from_public_seed(seed), "sum")
    }

    fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(work)
    }

    /// Over a million draws the chi-square statistic is normal; six standard deviations are 0.85 % of the variance, and
    /// wrong by chance for one seed in 5 · 10^8.
    #[test]
    fn deviation_is_the_multiplier_times_the_clip_norm() {
        const ENTRIES: usize = 1_000_000;
        for kind in KINDS {
            let (noise, claimed) = (noise(kind), 1.3 * 0.5);
            let noisy = noise.add_to(&vec![0.0; ENTRIES], &mut streams(1)).expect("noised");
            let statistic: f64 = noisy.iter().map(|x| (x / claimed).powi(2)).sum();
            let n = ENTRIES as f64;
            assert!((statistic - n).abs() < 6.0 * (2.0 * n).sqrt(), "{kind:?}: {}", statistic / n);
            let mean = noisy.iter().sum::<f64>() / n;
            assert!(mean.abs() < 6.0 * claimed / n.sqrt(), "{kind:?}: {mean}");
            let stated = noise.deviation(ENTRIES).expect("a grid");
            assert!(stated >= claimed && stated < claimed * 1.001, "{stated} pays for the grid, and for no more");
        }
    }

    #[test]
    fn noise_does_not_depend_on_threads() {
        let sum: Vec<f64> = (0..3 * CHUNK + 17).map(|index| (index as f64).sin()).collect();
        for kind in KINDS {
            let draw = |threads| with_threads(threads, || noise(kind).add_to(&sum, &mut streams(2)).expect("noised"));
            assert_eq!(draw(1), draw(3));
        }
    }

    #[test]
    fn noise_does_not_depend_on_the_sum() {
        for kind in KINDS {
            let entries = CHUNK + 1;
            let noise = noise(kind);
            let grid = Grid::new(noise.clip, noise.noise_multiplier, entries).expect("a grid");
            let sum: Vec<f64> = (0..entries).map(|index| grid.value(index as i64 * 977 - 5_000_000)).collect();
            let of_sum = noise.add_to(&sum, &mut streams(3)).expect("noised");
            let of_zeros = noise.add_to(&vec![0.0; entries], &mut streams(3)).expect("noised");
            for (index, (noisy, value)) in of_sum.iter().zip(&sum).enumerate() {
                assert_eq!(noisy - value, of_zeros[index], "entry {index}");
                assert_eq!(noisy % grid.step(), 0.0, "every result lies on the grid");
            }
        }
    }

    #[test]
    fn chunks_and_calls_have_noise_of_their_own() {
        for kind in KINDS {
            for entries in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK] {
                let mut streams = streams(4);
                let zeros = vec![0.0; entries];
                let first = noise(kind).add_to(&zeros, &mut streams).expect("noised");
                let second = noise(kind).add_to(&zeros, &mut streams).expect("noised");
                assert_eq!(first.len(), entries);
                let all: Vec<_> = first.iter().chain(&second).map(|x| x.to_bits()).collect();
                let starts: std::collections::BTreeSet<_> =
                    all.chunks(CHUNK.min(entries.max(1))).map(|chunk| chunk[0]).collect();
                assert_eq!(starts.len(), all.chunks(CHUNK.min(entries.max(1))).len(), "{entries} entries");
            }
        }
    }

    #[test]
    fn what_was_not_clipped_is_refused_by_its_place() {
        for kind in KINDS {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e40] {
                let mut sum = vec![0.0; CHUNK + 5];
                sum[CHUNK + 2] = bad;
                let refused = noise(kind).add_to(&sum, &mut streams(5)).expect_err("not clipped");
                assert!(matches!(refused, NoiseError::NotClipped { index, .. } if index == CHUNK + 2), "{refused}");
            }
        }
    }

    #[test]
    fn noise_too_wide_for_its_sampler_is_refused() {
        let wide = NoiseMultiplier::new(1e7).expect("positive");
        let fast = SumNoise { noise_multiplier: wide, ..noise(NoiseKind::Fast) };
        assert!(matches!(fast.add_to(&[0.0], &mut streams(6)), Err(NoiseError::TooWide { .. })));
        let exact = SumNoise { kind: NoiseKind::Exact, ..fast };
        assert!(exact.add_to(&[0.0], &mut streams(6)).is_ok(), "exact noise has wider integers");
    }
}
