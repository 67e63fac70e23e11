//! Two convolutions, each with ReLU and pooling, and a dense layer: 9,098 weights for 28 x 28 pixels and ten classes.

use super::layers::{Conv, dense, dense_backward, pool, unpool};
use wardround_plan::{Layout, LayoutError, TensorSpec};

pub(super) const SIDE: usize = 28;
pub(super) const CLASSES: usize = 10;
const FIRST: Conv = Conv { inputs: 1, outputs: 8, side: SIDE };
const SECOND: Conv = Conv { inputs: 8, outputs: 16, side: SIDE / 2 };
const FEATURES: usize = SECOND.outputs * (SIDE / 4) * (SIDE / 4);
const SECOND_AT: usize = FIRST.weights();
const DENSE_AT: usize = SECOND_AT + SECOND.weights();
pub(super) const WEIGHTS: usize = DENSE_AT + FEATURES * CLASSES + CLASSES;

/// Names and shapes of the weights.
pub(super) fn layout() -> Result<Layout, LayoutError> {
    let tensor = |name: &str, shape: &[usize]| TensorSpec { name: name.into(), shape: shape.into() };
    Layout::new(vec![
        tensor("first.weight", &[FIRST.outputs, FIRST.inputs, 3, 3]),
        tensor("first.bias", &[FIRST.outputs]),
        tensor("second.weight", &[SECOND.outputs, SECOND.inputs, 3, 3]),
        tensor("second.bias", &[SECOND.outputs]),
        tensor("dense.weight", &[CLASSES, FEATURES]),
        tensor("dense.bias", &[CLASSES]),
    ])
}

/// What one image becomes on its way, and the gradients on the way back. Everything is written before it is read.
#[derive(Debug, Clone)]
pub struct Activations {
    first: Vec<f32>,
    first_pooled: Vec<f32>,
    first_chosen: Vec<u8>,
    second: Vec<f32>,
    features: Vec<f32>,
    second_chosen: Vec<u8>,
    scores: Vec<f32>,
    /// Gradients of a plane's worth before and after pooling.
    slope: Vec<f32>,
    pooled_slope: Vec<f32>,
    /// Of a batch, for the weights.
    pub(super) gradient: Vec<f32>,
}

impl Default for Activations {
    fn default() -> Self {
        let (first, second) = (FIRST.outputs * SIDE * SIDE, SECOND.outputs * (SIDE / 2) * (SIDE / 2));
        Self {
            first: vec![0.0; first],
            first_pooled: vec![0.0; first / 4],
            first_chosen: vec![0; first / 4],
            second: vec![0.0; second],
            features: vec![0.0; FEATURES],
            second_chosen: vec![0; FEATURES],
            scores: vec![0.0; CLASSES],
            slope: vec![0.0; first],
            pooled_slope: vec![0.0; first / 4],
            gradient: vec![0.0; WEIGHTS],
        }
    }
}

impl Activations {
    /// The class with the highest score.
    pub(super) fn predict(&mut self, weights: &[f32], image: &[f32]) -> usize {
        self.forward(weights, image);
        let best = self.scores.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map_or(0, |(class, _)| class)
    }

    /// Cross-entropy of the image, whose gradient is added.
    pub(super) fn learn(&mut self, weights: &[f32], image: &[f32], class: usize) -> f64 {
        self.forward(weights, image);
        let loss = softmax_loss(&mut self.scores, class);
        let Self { slope, pooled_slope, gradient, .. } = self;
        let features_slope = &mut pooled_slope[..FEATURES];
        dense_backward(&weights[DENSE_AT..], &self.features, &self.scores, &mut gradient[DENSE_AT..], features_slope);
        let second_slope = &mut slope[..self.second.len()];
        unpool(SECOND.side, features_slope, &self.second_chosen, second_slope);
        SECOND.backward_weights(&self.first_pooled, second_slope, &mut gradient[SECOND_AT..DENSE_AT]);
        SECOND.backward_input(&weights[SECOND_AT..DENSE_AT], second_slope, pooled_slope);
        unpool(FIRST.side, pooled_slope, &self.first_chosen, slope);
        FIRST.backward_weights(image, slope, &mut gradient[..SECOND_AT]);
        loss
    }

    fn forward(&mut self, weights: &[f32], image: &[f32]) {
        FIRST.forward(&weights[..SECOND_AT], image, &mut self.first);
        pool(FIRST.side, &self.first, &mut self.first_pooled, &mut self.first_chosen);
        SECOND.forward(&weights[SECOND_AT..DENSE_AT], &self.first_pooled, &mut self.second);
        pool(SECOND.side, &self.second, &mut self.features, &mut self.second_chosen);
        dense(&weights[DENSE_AT..], &self.features, &mut self.scores);
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
        let (weights, (image, class)) = (cnn.initial(), cnn.image(0, 0));
        let mut activations = Activations::default();
        activations.learn(weights.values(), image, class);
        let gradient = activations.gradient.clone();
        let mut at = 0;
        for tensor in weights.layout().tensors() {
            let length = tensor.len().expect("a checked layout");
            let (mut off, mut all) = (0.0, 0.0);
            for place in (at..at + length).step_by(length.div_ceil(40)) {
                let mut loss = |shift: f32| {
                    let mut moved = weights.values().to_vec();
                    moved[place] += shift;
                    activations.learn(&moved, image, class)
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
