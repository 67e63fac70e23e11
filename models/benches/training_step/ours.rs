//! The step as a site makes it: through the trainer, so that nothing a site pays for is left out.

use crate::Outcome;
use crate::site::Site;
use ndarray::{Array2, Array3};
use serde_json::json;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use wardround_imaging::{Case, ImageCase, Patient};
use wardround_models::{ComputeDevice, Trainer, TrainingSet, initial_weights};
use wardround_plan::{Plan, RoundNumber, StreamKey};

/// The network, its input, and how many steps are measured.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Channels of the first level.
    pub width: u32,
    /// Levels.
    pub depth: u32,
    /// Side of an image.
    pub pixels: u32,
    /// Images a step.
    pub batch: u32,
    /// Steps measured.
    pub steps: u32,
}

impl Shape {
    /// The numbers given, then those that are used where none is given.
    pub fn with_defaults(given: &[u32], otherwise: [u32; 5]) -> Self {
        let at = |index: usize| given.get(index).copied().unwrap_or(otherwise[index]);
        Self { width: at(0), depth: at(1), pixels: at(2), batch: at(3), steps: at(4) }
    }
}

/// What the step does with the gradients of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Takes their mean.
    Plain,
    /// Clips each patient's, adds them up, and adds noise.
    Private,
}

impl Kind {
    /// As it is written on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Private => "private",
        }
    }
}

/// Measures in this process; prints a line for people and a JSON line.
pub fn print(shape: Shape, kind: Kind) -> Outcome<()> {
    let Shape { width, depth, pixels, batch, .. } = shape;
    let before_mib = memory_mib("VmRSS:")?;
    let plan = plan(shape, kind)?;
    // Plain steps take their batch from one patient's images as well as from many patients'.
    let images = TrainingSet::prepare(&plan, &vec![patient(pixels as usize); batch as usize])?;
    let start = initial_weights(&plan);

    let mut marks = Vec::new();
    let mut observer = |_| {
        marks.push((Instant::now(), processor_time()));
        ControlFlow::Continue(())
    };
    let (trainer, keys) = (Trainer::new(&plan, ComputeDevice::Cpu)?, StreamKey::from_public_seed(1));
    let round = RoundNumber::FIRST;
    match kind {
        Kind::Plain => trainer.train(&start, &images, round, &keys, &mut observer)?,
        Kind::Private => trainer.train_private(&start, &images, round, &keys, &mut Site::of(&plan)?, &mut observer)?,
    };
    let wall = median(marks.windows(2).map(|pair| pair[1].0 - pair[0].0));
    let processor = median(marks.windows(2).map(|pair| pair[1].1 - pair[0].1));
    let [processor_ms, wall_ms] = [processor, wall].map(|span| span.as_secs_f64() * 1e3);
    let (weights, peak_mib) = (start.layout().len(), memory_mib("VmHWM:")? - before_mib);
    println!("width {width}, depth {depth}, {pixels} px, batch {batch}, {weights} weights, {}", kind.word());
    println!("{processor_ms:.1} ms processor, {wall_ms:.1} ms wall a step; at most {peak_mib:.1} MiB");
    let line = json!({ "processor_ms": processor_ms, "wall_ms": wall_ms, "weights": weights, "peak_mib": peak_mib });
    println!("{line}");
    Ok(())
}

/// Memory of this process: now, or the most it ever had.
fn memory_mib(name: &str) -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("the kernel does not say")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// The steps that are measured, and one to warm up. The private ones draw everybody: q = 1.
fn plan(shape: Shape, kind: Kind) -> Result<Plan, wardround_plan::PlanError> {
    let Shape { width, depth, pixels, batch, steps } = shape;
    let steps = steps + 1;
    let (batches, privacy) = match kind {
        Kind::Plain => (String::new(), "mode = \"none\"".to_owned()),
        Kind::Private => (
            format!(", expected_batch_patients = {batch}, images_per_patient = 1"),
            "mode = \"site\", epsilon = 8.0, delta = 1e-5, sampling_rate = 1.0, clip = 1.0, spare_rounds = 0"
                .to_owned(),
        ),
    };
    Plan::from_toml(&format!(
        r#"
        study = {{ name = "step", purpose = "benchmark", rounds = 1, min_sites = 1, deadline_s = 60 }}
        model = {{ kind = "unet2d", width = {width}, depth = {depth}, classes = 2, channels = 1, input_px = {pixels} }}
        training = {{ optimizer = "adam", learning_rate = 0.001, local_steps = {steps}, batch_images = {batch}{batches} }}
        privacy = {{ {privacy} }}
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
    Patient { cases: vec![Case::Image(ImageCase { pixels, mask })] }
}

/// Processor time of this process.
pub fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn median(spans: impl Iterator<Item = Duration>) -> Duration {
    let mut spans: Vec<Duration> = spans.collect();
    spans.sort();
    spans.get(spans.len() / 2).copied().unwrap_or_default()
}
