//! Two convolutions, each with ReLU and pooling, and a dense layer: 9,098 weights for 28 x 28 pixels and ten classes.

use super::conv::{Conv, Turned};
use super::dense::{dense, dense_backward};
use super::pool::{Pool, Pooled};
use pulp::{Arch, Simd, WithSimd};
use wardround_plan::{Layout, LayoutError, TensorSpec};

pub(super) const SIDE: usize = 28;
pub(super) const CLASSES: usize = 10;
const FIRST_CHANNELS: usize = 8;
const SECOND_CHANNELS: usize = 16;
const FIRST: Conv<3, FIRST_CHANNELS> = Conv { side: SIDE };
const FIRST_POOL: Pool<FIRST_CHANNELS> = Pool { side: SIDE, border: 1 };
const SECOND: Conv<{ 3 * FIRST_CHANNELS }, SECOND_CHANNELS> = Conv { side: SIDE / 2 };
const SECOND_POOL: Pool<SECOND_CHANNELS> = Pool { side: SIDE / 2, border: 0 };
const FEATURES: usize = SECOND.plain() / 4;
const SECOND_AT: usize = FIRST.weights();
const DENSE_AT: usize = SECOND_AT + SECOND.weights();
pub(super) const WEIGHTS: usize = DENSE_AT + FEATURES * CLASSES + CLASSES;

/// Names and shapes of the weights.
pub(super) fn layout() -> Result<Layout, LayoutError> {
    let tensor = |name: &str, shape: &[usize]| TensorSpec { name: name.into(), shape: shape.into() };
    Layout::new(vec![
        tensor("first.weight", &[FIRST_CHANNELS, 3, 3, 1]),
        tensor("first.bias", &[FIRST_CHANNELS]),
        tensor("second.weight", &[SECOND_CHANNELS, 3, 3, FIRST_CHANNELS]),
        tensor("second.bias", &[SECOND_CHANNELS]),
        tensor("dense.weight", &[CLASSES, FEATURES]),
        tensor("dense.bias", &[CLASSES]),
    ])
}

/// An image and what it shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Example<'a> {
    /// Row by row.
    pub(super) pixels: &'a [f32],
    pub(super) class: usize,
}

/// What one image becomes on its way, and the gradients on the way back. But for borders, which stay zero, everything is written
/// before it is read.
#[derive(Debug, Clone)]
pub struct Activations {
    first_kernels: Turned<3, FIRST_CHANNELS>,
    second_kernels: Turned<{ 3 * FIRST_CHANNELS }, SECOND_CHANNELS>,
    /// With a border, as is what follows the first pool.
    image: Vec<f32>,
    first: Vec<f32>,
    first_pooled: Vec<f32>,
    first_windows: Vec<u16>,
    second: Vec<f32>,
    features: Vec<f32>,
    second_windows: Vec<u16>,
    scores: Vec<f32>,
    /// Of what the pools gave, and the part of it that came through them.
    first_gradient: Vec<f32>,
    first_slope: Vec<f32>,
    features_gradient: Vec<f32>,
    features_slope: Vec<f32>,
    /// Of a batch, for the weights.
    pub(super) gradient: Vec<f32>,
}

impl Default for Activations {
    fn default() -> Self {
        Self {
            first_kernels: Turned::default(),
            second_kernels: Turned::default(),
            image: vec![0.0; FIRST.padded()],
            first: vec![0.0; FIRST.plain()],
            first_pooled: vec![0.0; SECOND.padded()],
            first_windows: vec![0; FIRST.plain() / 4],
            second: vec![0.0; SECOND.plain()],
            features: vec![0.0; FEATURES],
            second_windows: vec![0; FEATURES],
            scores: vec![0.0; CLASSES],
            first_gradient: vec![0.0; SECOND.padded()],
            first_slope: vec![0.0; FIRST.plain() / 4],
            features_gradient: vec![0.0; FEATURES],
            features_slope: vec![0.0; FEATURES],
            gradient: vec![0.0; WEIGHTS],
        }
    }
}

impl Activations {
    /// The class with the highest score.
    pub(super) fn predict(&mut self, weights: &[f32], image: &Example<'_>) -> usize {
        let images = std::slice::from_ref(image);
        Arch::new().dispatch(Pass { activations: self, weights, images, way: Way::Forward });
        let best = self.scores.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map_or(0, |(class, _)| class)
    }

    /// Sum of the images' cross-entropies, whose gradient is written.
    pub(super) fn learn(&mut self, weights: &[f32], images: &[Example<'_>]) -> f64 {
        self.gradient.fill(0.0);
        Arch::new().dispatch(Pass { activations: self, weights, images, way: Way::ThereAndBack })
    }

    #[inline(always)]
    fn forward<S: Simd>(&mut self, simd: S, weights: &[f32], pixels: &[f32]) {
        for (row, pixels) in self.image[SIDE + 2..].chunks_exact_mut(SIDE + 2).zip(pixels.chunks_exact(SIDE)) {
            row[1..=SIDE].copy_from_slice(pixels);
        }
        FIRST.forward(simd, &self.first_kernels, &self.image, &mut self.first);
        FIRST_POOL.forward(&self.first, &mut self.first_pooled, &mut self.first_windows);
        SECOND.forward(simd, &self.second_kernels, &self.first_pooled, &mut self.second);
        SECOND_POOL.forward(&self.second, &mut self.features, &mut self.second_windows);
        dense(&weights[DENSE_AT..], &self.features, &mut self.scores);
    }

    /// Adds the gradient of the image that went forward last, from that of its scores.
    #[inline(always)]
    fn backward<S: Simd>(&mut self, simd: S, weights: &[f32]) {
        let Self { features_gradient, features_slope, first_gradient, first_slope, gradient, .. } = self;
        let layer = &mut gradient[DENSE_AT..];
        dense_backward(&weights[DENSE_AT..], &self.features, &self.scores, layer, features_gradient);
        SECOND_POOL.backward(&self.features, features_gradient, features_slope);
        let pooled = Pooled { slopes: features_slope, windows: &self.second_windows };
        SECOND.backward_weights(simd, &self.first_pooled, &pooled, &mut gradient[SECOND_AT..DENSE_AT]);
        SECOND.backward_input(simd, &weights[SECOND_AT..DENSE_AT], &pooled, first_gradient);
        FIRST_POOL.backward(&self.first_pooled, first_gradient, first_slope);
        let pooled = Pooled { slopes: first_slope, windows: &self.first_windows };
        FIRST.backward_weights(simd, &self.image, &pooled, &mut gradient[..SECOND_AT]);
    }
}

/// Which way images go.
enum Way {
    Forward,
    ThereAndBack,
}

/// Images through the network, compiled for each kind of processor.
struct Pass<'a> {
    activations: &'a mut Activations,
    weights: &'a [f32],
    images: &'a [Example<'a>],
    way: Way,
}

impl WithSimd for Pass<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let Self { activations, weights, images, way } = self;
        activations.first_kernels.turn(&weights[..SECOND_AT]);
        activations.second_kernels.turn(&weights[SECOND_AT..DENSE_AT]);
        let mut loss = 0.0;
        for image in images {
            activations.forward(simd, weights, image.pixels);
            if let Way::ThereAndBack = way {
                loss += softmax_loss(&mut activations.scores, image.class);
                activations.backward(simd, weights);
            }
        }
        loss
    }
}

/// Turns scores into the gradient of the cross-entropy, which it gives.
fn softmax_loss(scores: &mut [f32], class: usize) -> f64 {
    let highest = scores.iter().copied().fold(f32::MIN, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - highest).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
    let loss = -f64::from(scores[class].max(f32::MIN_POSITIVE)).ln();
    scores[class] -= 1.0;
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalWork as _;
    use crate::toys::Cnn;

    const STEP: f32 = 1e-3;

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let cnn = Cnn::new(3, 1, 8).expect("images");
        let (weights, image) = (cnn.initial(), cnn.image(0, 0));
        let mut activations = Activations::default();
        activations.learn(weights.values(), &[image]);
        let gradient = activations.gradient.clone();
        let mut at = 0;
        for tensor in weights.layout().tensors() {
            let length = tensor.len().expect("a checked layout");
            let (mut off, mut all) = (0.0, 0.0);
            for place in (at..at + length).step_by(length.div_ceil(40)) {
                let mut loss = |shift: f32| {
                    let mut moved = weights.values().to_vec();
                    moved[place] += shift;
                    activations.learn(&moved, &[image])
                };
                let slope = (loss(STEP) - loss(-STEP)) / f64::from(2.0 * STEP);
                off += (slope - f64::from(gradient[place])).powi(2);
                all += slope.powi(2);
            }
            // Kinks of ReLU and pooling within a step, and losses in single precision, are what is left.
            assert!(off.sqrt() < 0.15 * all.sqrt() && all > 0.0, "{}: {off:e} of {all:e}", tensor.name);
            at += length;
        }
    }

    #[test]
    fn the_layout_is_as_long_as_the_weights() {
        assert_eq!(layout().expect("six names").len(), WEIGHTS);
    }
}
