//! A small convolutional network on drawn figures: what frameworks are compared on where a model is cheap and not trivial.
//!
//! Ten classes of smooth random figures, 28 x 28 pixels, seen through noise. A site has some images of each to train on, in
//! batches of eight, one epoch a round, and a quarter as many to be measured on.

mod conv;
mod dense;
mod network;
mod pool;

pub use network::Activations;

use crate::draw::{below, shuffle, unit};
use crate::{Job, Labels, LocalWork, Report, SiteNumber, WorkError};
use network::{CLASSES, Example, SIDE, WEIGHTS, layout};
use rand_distr::{Distribution, StandardNormal};
use std::sync::Arc;
use wardround_plan::{Digest, Hasher, Layout, LayoutError, Purpose, RoundNumber, Stream, StreamKey, Weights};
use wardround_strategy::{Correction, Effort};

const PIXELS: usize = SIDE * SIDE;
const BATCH: usize = 8;
const LEARNING_RATE: f32 = 0.05;
/// Waves that make a figure, and the noise on each pixel.
const WAVES: usize = 4;
const NOISE: f32 = 0.5;

/// The sites' images.
#[derive(Debug, Clone)]
pub struct Cnn {
    layout: Arc<Layout>,
    initial: StreamKey,
    sites: Vec<Site>,
    train: usize,
}

/// Images one behind the other, those to train on first.
#[derive(Debug, Clone)]
struct Site {
    pixels: Vec<f32>,
    classes: Vec<usize>,
}

impl Cnn {
    /// Images of `sites` sites, `images` each to train on.
    ///
    /// # Errors
    /// None that can be met: the network's layout is sound.
    pub fn new(seed: u64, sites: u32, images: usize) -> Result<Self, LayoutError> {
        let keys = StreamKey::from_public_seed(seed).derive("drawn figures");
        let figures: Vec<Vec<f32>> =
            (0..CLASSES as u64).map(|class| figure(&mut stream(&keys.derive("class"), class))).collect();
        let site = |site| Site::draw(&figures, images + images.div_ceil(4), &mut stream(&keys, u64::from(site)));
        let layout = Arc::new(layout()?);
        let sites = (0..sites).map(site).collect();
        Ok(Self { layout, initial: keys, sites, train: images })
    }

    /// An image of a site.
    fn image(&self, site: usize, number: usize) -> Example<'_> {
        let site = &self.sites[site];
        Example { pixels: &site.pixels[number * PIXELS..][..PIXELS], class: site.classes[number] }
    }

    /// As [`Cnn::image`], with the class that the site says.
    fn told(&self, site: usize, number: usize, labels: Labels) -> Example<'_> {
        let Example { pixels, class } = self.image(site, number);
        Example { pixels, class: if labels == Labels::Flipped { CLASSES - 1 - class } else { class } }
    }

    fn known(&self, site: SiteNumber) -> Result<usize, WorkError> {
        let unknown = || WorkError(format!("there are images of {} sites, and none of site {site}", self.sites.len()));
        (site.place() < self.sites.len()).then_some(site.place()).ok_or_else(unknown)
    }
}

impl Site {
    fn draw(figures: &[Vec<f32>], images: usize, stream: &mut Stream) -> Self {
        let classes: Vec<usize> = (0..images).map(|_| below(CLASSES as u64, stream) as usize).collect();
        let mut noisy = |value: &f32| {
            let normal: f32 = StandardNormal.sample(stream);
            value + NOISE * normal
        };
        let pixels = classes.iter().flat_map(|class| &figures[*class]).map(&mut noisy).collect();
        Self { pixels, classes }
    }
}

impl LocalWork for Cnn {
    type Worker = Activations;

    fn worker(&self) -> Result<Activations, WorkError> {
        Ok(Activations::default())
    }

    fn train(
        &self,
        worker: &mut Activations,
        job: &Job<'_>,
        weights: &mut [f32],
        correction: &Correction<'_>,
    ) -> Result<Report, WorkError> {
        let site = self.known(job.site)?;
        let mut order: Vec<usize> = (0..self.train).collect();
        shuffle(&mut order, &mut job.stream(Purpose::Sampling));
        let mut loss = 0.0;
        for batch in order.chunks(BATCH) {
            let images: Vec<Example<'_>> = batch.iter().map(|number| self.told(site, *number, job.labels)).collect();
            loss += worker.learn(weights, &images);
            worker.gradient.iter_mut().for_each(|slope| *slope /= batch.len() as f32);
            correction.apply(weights, &mut worker.gradient);
            weights.iter_mut().zip(&worker.gradient).for_each(|(weight, slope)| *weight -= LEARNING_RATE * slope);
        }
        let effort = Effort::sgd(self.train.div_ceil(BATCH) as u32, f64::from(LEARNING_RATE));
        Ok(Report { loss: (self.train > 0).then(|| loss / self.train as f64), effort })
    }

    /// Share of the site's other images whose class is found.
    fn evaluate(&self, worker: &mut Activations, site: SiteNumber, model: &[f32]) -> Result<Option<f64>, WorkError> {
        let site = self.known(site)?;
        let others = self.train..self.sites[site].classes.len();
        let right = others.clone().filter(|number| {
            let image = self.image(site, *number);
            worker.predict(model, &image) == image.class
        });
        let right = right.count();
        Ok((!others.is_empty()).then(|| right as f64 / others.len() as f64))
    }

    fn initial(&self) -> Weights {
        let mut values = Vec::with_capacity(WEIGHTS);
        for (index, tensor) in self.layout.tensors().iter().enumerate() {
            let mut stream = self.initial.stream(Purpose::InitialWeights, RoundNumber::FIRST, index as u64);
            let inputs: usize = tensor.shape.iter().skip(1).product();
            // Uniform with the variance of He et al. 2015; biases have one dimension and start at zero.
            let bound = if tensor.shape.len() > 1 { (6.0 / inputs as f64).sqrt() } else { 0.0 };
            let draw = |_| ((2.0 * unit(&mut stream) - 1.0) * bound) as f32;
            values.extend((0..tensor.shape.iter().product()).map(draw));
        }
        Weights::new(self.layout.clone(), values).expect("as many finite values as the layout has weights")
    }

    fn name(&self) -> &str {
        "small cnn"
    }

    fn data(&self) -> Digest {
        let mut hasher = Hasher::new();
        for site in &self.sites {
            hasher.update(&(site.classes.len() as u64).to_le_bytes());
            hasher.update(&site.pixels.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
            hasher.update(&site.classes.iter().map(|class| *class as u8).collect::<Vec<u8>>());
        }
        hasher.finish()
    }
}

/// A smooth figure: a few waves in random directions.
fn figure(stream: &mut Stream) -> Vec<f32> {
    let waves: Vec<[f32; 3]> = (0..WAVES)
        .map(|_| std::array::from_fn(|place| (unit(stream) * if place < 2 { 0.6 } else { 6.3 }) as f32))
        .collect();
    let at = |pixel: usize| {
        let (y, x) = ((pixel / SIDE) as f32, (pixel % SIDE) as f32);
        waves.iter().map(|[down, right, phase]| (down * y + right * x + phase).sin()).sum::<f32>() / WAVES as f32
    };
    (0..PIXELS).map(at).collect()
}

fn stream(keys: &StreamKey, index: u64) -> Stream {
    keys.stream(Purpose::Phantom, RoundNumber::FIRST, index)
}
