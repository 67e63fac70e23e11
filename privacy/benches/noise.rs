//! Noise per second of processor time, on one thread: what one core makes.
//! `cargo bench --profile dev -p wardround-privacy --bench noise`
//!
//! The samplers alone, shares added to integers and what their charge misses of δ, whole noised sums (snapped, noised, scaled
//! back), and OpenDP beside them: its discrete Laplace, which is the cheaper half of its discrete Gaussian.

use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use wardround_plan::{NoiseKind, ShareLaw, StreamKey};
use wardround_privacy::{
    ClipNorm, DiscreteGaussian, Epsilon, LaplaceScale, NoiseError, NoiseMultiplier, NoiseStream, NoiseStreams,
    RoundedGaussian, SharedNoise, SimulatedNoise, Skellam, SumNoise, noisy_histogram,
};

const CHUNK: usize = 1 << 14;
const ENTRIES: usize = 4_000_000;
const BLOCK: usize = 4096;
const REPEATS: usize = 5;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| {
        samplers().and_then(|()| shares()).and_then(|()| missed()).and_then(|()| sums()).and_then(|()| opendp())
    })
}

fn samplers() -> Result<(), Box<dyn Error + Send + Sync>> {
    for exponent in [10, 16, 20, 25, 28] {
        let deviation = f64::from(1_u32 << exponent);
        let exact = DiscreteGaussian::at_least(deviation)?;
        let fast = RoundedGaussian::new(deviation)?;
        let exact = sampled(100, |stream, places| exact.fill(stream, places))?;
        let fast = sampled(2000, |stream, places| fast.fill(stream, places))?;
        let skellam = Skellam::new(deviation * deviation)?;
        let skellam = sampled(1000, |stream, places| skellam.fill(stream, places))?;
        println!(
            "sigma 2^{exponent} grid steps: exact {exact:.2} M/s, fast {fast:.1} M/s, Skellam of that variance {skellam:.1} M/s"
        );
    }
    Ok(())
}

/// What a site does for its part of a sum: makes its sampler, and adds it in blocks of 4096 words.
fn shares() -> Result<(), Box<dyn Error + Send + Sync>> {
    for law in [ShareLaw::Skellam, ShareLaw::DiscreteGaussian] {
        let noise = shared(1.0, 1_000_000, 7, law)?;
        let share = noise.share()?;
        let mut streams = SimulatedNoise::new(&StreamKey::from_public_seed(1), "bench");
        let mut integers = vec![0; ENTRIES];
        let rate = best(ENTRIES, || {
            let blocks = share.blocks(ENTRIES.div_ceil(BLOCK), &mut streams)?;
            integers.chunks_mut(BLOCK).zip(blocks).for_each(|(integers, mut block)| block.add_to(integers));
            Ok::<(), NoiseError>(())
        })?;
        let samplers_in_us = best(100, || (0..100).try_for_each(|_| noise.share().map(drop)))?;
        println!("a share of {law:?}: {rate:.2} M/s, made in {:.1} us", 1.0 / samplers_in_us);
    }
    Ok(())
}

fn missed() -> Result<(), Box<dyn Error + Send + Sync>> {
    for (entries, steps) in [(100_000, 1_000), (10_000_000, 10_000), (100_000_000, 100_000)] {
        for honest in [5, 1000] {
            let missed = |law, epsilon| {
                let noise = shared(1.0, entries, honest, law)?;
                Ok::<f64, Box<dyn Error + Send + Sync>>(noise.missed_delta(steps, Epsilon::new(epsilon)?))
            };
            let [skellam, largest] = [missed(ShareLaw::Skellam, 8.0)?, missed(ShareLaw::Skellam, 20.0)?];
            let gaussian = missed(ShareLaw::DiscreteGaussian, 8.0)?;
            println!(
                "{entries} entries, {steps} steps, m = {honest}: misses {skellam:.1e} (epsilon 20: {largest:.1e}), \
                 discrete Gaussian {gaussian:.1e}"
            );
        }
    }
    Ok(())
}

fn shared(
    multiplier: f64,
    entries: usize,
    honest: u32,
    law: ShareLaw,
) -> Result<SharedNoise, Box<dyn Error + Send + Sync>> {
    let (clip, multiplier) = (ClipNorm::new(1.0)?, NoiseMultiplier::new(multiplier)?);
    Ok(SharedNoise::new(clip, multiplier, entries, honest.try_into()?, law)?)
}

fn sums() -> Result<(), Box<dyn Error + Send + Sync>> {
    for kind in [NoiseKind::Exact, NoiseKind::Fast] {
        let (clip, noise_multiplier) = (ClipNorm::new(1.0)?, NoiseMultiplier::new(1.0)?);
        let noise = SumNoise { clip, noise_multiplier, kind };
        let mut streams = SimulatedNoise::new(&StreamKey::from_public_seed(1), "bench");
        let sum = vec![0.25; ENTRIES];
        let rate = best(ENTRIES, || noise.add_to(&sum, &mut streams))?;
        println!("a sum of {ENTRIES} entries, {kind:?}: {rate:.2} M/s");
    }
    Ok(())
}

fn opendp() -> Result<(), Box<dyn Error + Send + Sync>> {
    let counts = vec![0; 100_000];
    let scale = LaplaceScale::new(1024.0)?;
    let rate = best(counts.len(), || noisy_histogram(&counts, scale))?;
    println!("OpenDP, discrete Laplace of scale 1024: {rate:.3} M/s");
    Ok(())
}

fn sampled(chunks: usize, fill: impl Fn(&mut NoiseStream, &mut [i64])) -> Result<f64, Box<dyn Error + Send + Sync>> {
    let mut noise = SimulatedNoise::new(&StreamKey::from_public_seed(1), "bench");
    let mut places = vec![0; CHUNK];
    best(chunks * CHUNK, || {
        let streams = noise.take(chunks)?;
        streams.into_iter().for_each(|mut stream| fill(&mut stream, std::hint::black_box(&mut places)));
        Ok::<(), wardround_privacy::NoiseError>(())
    })
}

/// Millions a second in the best of a few runs, as other work on the machine only slows.
fn best<T, E: Error + Send + Sync + 'static>(
    count: usize,
    mut work: impl FnMut() -> Result<T, E>,
) -> Result<f64, Box<dyn Error + Send + Sync>> {
    let mut rate: f64 = 0.0;
    for _ in 0..REPEATS {
        let start = processor_s();
        std::hint::black_box(work()?);
        rate = rate.max(count as f64 / (processor_s() - start) / 1e6);
    }
    Ok(rate)
}

/// Processor time of this thread, in seconds: waiting for others does not count.
fn processor_s() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
