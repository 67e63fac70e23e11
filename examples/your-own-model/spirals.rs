//! What every site does: some steps on points of its own, from three spirals that wind around each other.

use crate::network::{CLASSES, Network};
use burn::tensor::{Device, Tensor, TensorData, activation};
use rand_chacha::rand_core::Rng;
use std::f64::consts::TAU;
use std::sync::Arc;
use wardround_plan::{
    Digest, Hasher, Layout, LayoutError, Purpose, RoundNumber, Stream, StreamKey, TrainingSection, Weights,
};
use wardround_simulator::{Job, Labels, LocalWork, Report, Scenario, SiteNumber, WorkError};
use wardround_strategy::{Correction, Effort};

/// Points of a site: those to train on, and those to measure on behind them.
const TRAIN: usize = 90;
const VALIDATION: usize = 60;
/// Chance of a point to be of the class that its site sees most.
const OWN_CLASS: f64 = 0.6;
/// How far from its spiral a point may lie, and how often a spiral winds around the middle.
const WIDTH: f64 = 0.06;
const TURNS: f64 = 0.8;

/// The sites' points, and how each learns.
pub struct Spirals {
    layout: Arc<Layout>,
    training: TrainingSection,
    keys: StreamKey,
    sites: Vec<Vec<Point>>,
}

/// Where a point is, and on which spiral.
#[derive(Clone, Copy)]
struct Point {
    at: [f32; 2],
    class: usize,
}

/// What a worker keeps from site to site: networks whose weights are replaced before each use, and room for a gradient.
pub struct Worker {
    learning: Network,
    measuring: Network,
    gradient: Vec<f32>,
}

impl Spirals {
    /// Points for every site of `scenario`.
    pub fn new(scenario: &Scenario) -> Result<Self, LayoutError> {
        let keys = StreamKey::from_public_seed(scenario.simulation().seed).derive("spirals");
        let site = |site: u32| {
            let mut stream = keys.stream(Purpose::Phantom, RoundNumber::FIRST, u64::from(site));
            (0..TRAIN + VALIDATION).map(|_| Point::draw(site as usize % CLASSES, &mut stream)).collect()
        };
        let sites = (0..scenario.simulation().population).map(site).collect();
        Ok(Self { layout: Arc::new(Network::layout()?), training: scenario.plan().training.clone(), keys, sites })
    }

    fn site(&self, site: SiteNumber) -> Result<&[Point], WorkError> {
        let unknown = || WorkError(format!("there are points of {} sites, and none of site {site}", self.sites.len()));
        self.sites.get(site.place()).map(Vec::as_slice).ok_or_else(unknown)
    }
}

impl Point {
    fn draw(own_class: usize, stream: &mut Stream) -> Self {
        let class = if unit(stream) < OWN_CLASS { own_class } else { (unit(stream) * CLASSES as f64) as usize };
        let radius = 0.1 + 0.9 * unit(stream);
        let angle = TAU * (class as f64 / CLASSES as f64 + TURNS * radius);
        let mut near = |middle: f64| (middle + WIDTH * (2.0 * unit(stream) - 1.0)) as f32;
        Self { at: [near(radius * angle.cos()), near(radius * angle.sin())], class }
    }

    /// As a site that lies says it.
    fn told(self, labels: Labels) -> Self {
        Self { class: if labels == Labels::Flipped { CLASSES - 1 - self.class } else { self.class }, ..self }
    }
}

impl Worker {
    /// The loss of a step at `weights`, whose gradient is kept.
    fn step(&mut self, weights: &[f32], batch: &[Point], device: &Device) -> f64 {
        self.learning = self.learning.clone().with_weights(weights);
        let truth = batch.iter().flat_map(|point| (0..CLASSES).map(|class| f32::from(class == point.class)));
        let truth = TensorData::new(truth.collect::<Vec<f32>>(), [batch.len(), CLASSES]);
        let scores = self.learning.forward(positions(batch, device));
        let right = activation::log_softmax(scores, 1) * Tensor::<2>::from_data(truth, device);
        let loss = right.sum().div_scalar(-(batch.len() as f64));
        self.learning.gradient(&loss.backward(), &mut self.gradient);
        f64::from(loss.into_scalar::<f32>())
    }
}

impl LocalWork for Spirals {
    type Worker = Worker;

    fn worker(&self) -> Result<Worker, WorkError> {
        let measuring = Network::new(&Device::flex());
        Ok(Worker { learning: Network::new(&Device::flex().autodiff()), measuring, gradient: Vec::new() })
    }

    fn train(
        &self,
        worker: &mut Worker,
        job: &Job<'_>,
        weights: &mut [f32],
        correction: &Correction<'_>,
    ) -> Result<Report, WorkError> {
        let (points, device) = (&self.site(job.site)?[..TRAIN], Device::flex().autodiff());
        let rate = self.training.learning_rate as f32;
        // The same for every attempt at a round, and for any number of workers.
        let mut stream = job.stream(Purpose::Sampling);
        let mut loss = 0.0;
        for _ in 0..self.training.local_steps {
            let mut drawn = || points[(unit(&mut stream) * TRAIN as f64) as usize].told(job.labels);
            let batch: Vec<Point> = (0..self.training.batch_images).map(|_| drawn()).collect();
            loss = worker.step(weights, &batch, &device);
            // Without this line no strategy could bend the steps.
            correction.apply(weights, &mut worker.gradient);
            weights.iter_mut().zip(&worker.gradient).for_each(|(weight, slope)| *weight -= rate * slope);
        }
        Ok(Report { loss: Some(loss), effort: Effort::sgd(self.training.local_steps, f64::from(rate)) })
    }

    /// Share of the site's other points whose spiral is found.
    fn evaluate(&self, worker: &mut Worker, site: SiteNumber, model: &[f32]) -> Result<Option<f64>, WorkError> {
        let points = &self.site(site)?[TRAIN..];
        worker.measuring = worker.measuring.clone().with_weights(model);
        let scores = worker.measuring.forward(positions(points, &Device::flex())).into_data();
        let scores: Vec<f32> = scores.iter::<f32>().collect();
        let is_found = |(point, scores): &(&Point, &[f32])| {
            let best = scores.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
            best.is_some_and(|(class, _)| class == point.class)
        };
        let found = points.iter().zip(scores.chunks_exact(CLASSES)).filter(is_found).count();
        Ok(Some(found as f64 / points.len() as f64))
    }

    fn initial(&self) -> Weights {
        let mut values = Vec::with_capacity(self.layout.len());
        for (index, tensor) in self.layout.tensors().iter().enumerate() {
            let mut stream = self.keys.stream(Purpose::InitialWeights, RoundNumber::FIRST, index as u64);
            // Uniform with the variance of He et al. 2015; biases have one dimension and start at zero.
            let bound = if tensor.shape.len() > 1 { (6.0 / tensor.shape[0] as f64).sqrt() } else { 0.0 };
            let draw = |_| ((2.0 * unit(&mut stream) - 1.0) * bound) as f32;
            values.extend((0..tensor.shape.iter().product()).map(draw));
        }
        Weights::new(self.layout.clone(), values).expect("as many finite values as the layout has weights")
    }

    fn name(&self) -> &str {
        "spirals"
    }

    fn data(&self) -> Digest {
        let mut hasher = Hasher::new();
        for point in self.sites.iter().flatten() {
            hasher.update(&[point.at[0].to_le_bytes(), point.at[1].to_le_bytes()].concat());
            hasher.update(&[point.class as u8]);
        }
        hasher.finish()
    }
}

fn positions(points: &[Point], device: &Device) -> Tensor<2> {
    let values: Vec<f32> = points.iter().flat_map(|point| point.at).collect();
    Tensor::from_data(TensorData::new(values, [points.len(), 2]), device)
}

/// In [0, 1), from 53 bits.
fn unit(stream: &mut Stream) -> f64 {
    (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}
