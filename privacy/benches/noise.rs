//! Samples of noise per second, on one thread: what one core makes.
//! `cargo bench -p wardround-privacy --bench noise --profile dev`

use std::time::Instant;
use wardround_plan::StreamKey;
use wardround_privacy::{DiscreteGaussian, NoiseError, NoiseStreams, RoundedGaussian, SimulatedNoise};

const SAMPLES: usize = 1 << 14;
const REPEATS: usize = 5;

fn main() -> Result<(), NoiseError> {
    for exponent in [10, 16, 20, 25] {
        let deviation = f64::from(1_u32 << exponent);
        let exact = DiscreteGaussian::at_least(deviation)?;
        let fast = RoundedGaussian::new(deviation)?;
        let exact = rate(100, |stream, places| exact.fill(stream, places))?;
        let fast = rate(2000, |stream, places| fast.fill(stream, places))?;
        println!("sigma 2^{exponent}: exact {:6.2} M/s, fast {:6.2} M/s", exact / 1e6, fast / 1e6);
    }
    Ok(())
}

/// The best of a few runs, as other work on the machine only slows.
fn rate(chunks: usize, fill: impl Fn(&mut wardround_privacy::NoiseStream, &mut [i64])) -> Result<f64, NoiseError> {
    let mut noise = SimulatedNoise::new(&StreamKey::from_public_seed(1), "bench");
    let mut places = vec![0; SAMPLES];
    let mut best: f64 = 0.0;
    for _ in 0..REPEATS {
        let mut streams = noise.take(chunks)?;
        let start = Instant::now();
        for stream in &mut streams {
            fill(stream, &mut places);
            std::hint::black_box(&places);
        }
        best = best.max((chunks * SAMPLES) as f64 / start.elapsed().as_secs_f64());
    }
    Ok(best)
}
