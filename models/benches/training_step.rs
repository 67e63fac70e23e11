//! Cost of one training step of the U-Net: forward, backward, checks and optimiser.
//!
//! `cargo bench -p wardround-models --profile dev --bench training_step -- WIDTH DEPTH PIXELS BATCH [STEPS]`
//! prints processor and wall time a step, median over the steps, after one to warm up. `RAYON_NUM_THREADS` bounds threads.

use ndarray::{Array2, Array3};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use wardround_imaging::{Case, Patient};
use wardround_models::{ComputeDevice, Trainer, TrainingSet, initial_weights};
use wardround_plan::{Plan, RoundNumber, StreamKey};

/// What is measured where nothing is said.
const DEFAULTS: [u32; 5] = [16, 4, 128, 8, 10];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<u32> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let at = |index: usize| given.get(index).copied().unwrap_or(DEFAULTS[index]);
    let [width, depth, pixels, batch, steps] = [at(0), at(1), at(2), at(3), at(4)];
    let plan = plan(width, depth, pixels, batch, steps + 1)?;
    let images = TrainingSet::prepare(&plan, &[patient(pixels as usize)])?;
    let trainer = Trainer::new(&plan, ComputeDevice::Cpu)?;
    let start = initial_weights(&plan);

    let mut marks = Vec::new();
    let mut observer = |_| {
        marks.push((Instant::now(), processor_time()));
        ControlFlow::Continue(())
    };
    trainer.train(&start, &images, RoundNumber::FIRST, &StreamKey::from_public_seed(1), &mut observer)?;
    let wall = median(marks.windows(2).map(|pair| pair[1].0 - pair[0].0));
    let processor = median(marks.windows(2).map(|pair| pair[1].1 - pair[0].1));
    println!("width {width}, depth {depth}, {pixels} px, batch {batch}, {} weights", start.layout().len());
    println!("{:.1} ms processor, {:.1} ms wall a step", processor.as_secs_f64() * 1e3, wall.as_secs_f64() * 1e3);
    Ok(())
}

fn plan(width: u32, depth: u32, pixels: u32, batch: u32, steps: u32) -> Result<Plan, wardround_plan::PlanError> {
    Plan::from_toml(&format!(
        r#"
        study = {{ name = "step", purpose = "benchmark", rounds = 1, min_sites = 1, deadline_s = 60 }}
        model = {{ kind = "unet2d", width = {width}, depth = {depth}, classes = 2, channels = 1, input_px = {pixels} }}
        training = {{ optimizer = "adam", learning_rate = 0.001, local_steps = {steps}, batch_images = {batch} }}
        privacy = {{ mode = "none" }}
        secagg = {{ enabled = false }}
        strategy = {{ kind = "fedavg", weighting = "equal" }}
        evaluation = {{ metrics = ["dice.foreground"] }}
        "#
    ))
}

/// One patient with one image: a disc on a slope.
fn patient(pixels: usize) -> Patient {
    let middle = pixels as f32 / 2.0;
    let distance = |y: usize, x: usize| (y as f32 - middle).hypot(x as f32 - middle);
    let mask = Array2::from_shape_fn((pixels, pixels), |(y, x)| u8::from(distance(y, x) < middle / 2.0));
    let pixels = Array3::from_shape_fn((1, pixels, pixels), |(_, y, x)| {
        0.5 * f32::from(mask[[y, x]]) + 0.5 * x as f32 / pixels as f32
    });
    Patient { cases: vec![Case { pixels, mask }] }
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn median(spans: impl Iterator<Item = Duration>) -> Duration {
    let mut spans: Vec<Duration> = spans.collect();
    spans.sort();
    spans.get(spans.len() / 2).copied().unwrap_or_default()
}
