//! Noise per second of processor time, on one thread: what one core makes.
//! `cargo bench --profile dev -p wardround-privacy --bench noise`
//!
//! The samplers alone, whole noised sums (snapped, noised, scaled back), and OpenDP beside them: its discrete Laplace, which
//! is the cheaper half of its discrete Gaussian.

use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use wardround_plan::{NoiseKind, StreamKey};
use wardround_privacy::{
    ClipNorm, DiscreteGaussian, LaplaceScale, NoiseMultiplier, NoiseStream, NoiseStreams, RoundedGaussian,
    SimulatedNoise, SumNoise, noisy_histogram,
};

const CHUNK: usize = 1 << 14;
const ENTRIES: usize = 4_000_000;
const REPEATS: usize = 5;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| samplers().and_then(|()| sums()).and_then(|()| opendp()))
}

fn samplers() -> Result<(), Box<dyn Error + Send + Sync>> {
    for exponent in [10, 16, 20, 25] {
        let deviation = f64::from(1_u32 << exponent);
        let exact = DiscreteGaussian::at_least(deviation)?;
        let fast = RoundedGaussian::new(deviation)?;
        let exact = sampled(100, |stream, places| exact.fill(stream, places))?;
        let fast = sampled(2000, |stream, places| fast.fill(stream, places))?;
        println!("sigma 2^{exponent} grid steps: exact {exact:.2} M/s, fast {fast:.1} M/s");
    }
    Ok(())
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
