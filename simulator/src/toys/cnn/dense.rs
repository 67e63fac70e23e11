//! A dense layer and its gradients, one image at a time.

/// Running sums of a product, enough to fill the widest vectors.
const LANES: usize = 16;

/// Scores of each class: `[classes, inputs]` weights, then a bias for each class.
#[inline(always)]
pub(super) fn dense(weights: &[f32], input: &[f32], scores: &mut [f32]) {
    let (rows, biases) = weights.split_at(scores.len() * input.len());
    for ((score, row), bias) in scores.iter_mut().zip(rows.chunks_exact(input.len())).zip(biases) {
        *score = bias + dot(row, input);
    }
}

/// Adds the gradient of a dense layer's weights to `gradient`, and writes that of its input.
#[inline(always)]
pub(super) fn dense_backward(
    weights: &[f32],
    input: &[f32],
    slopes: &[f32],
    gradient: &mut [f32],
    input_slope: &mut [f32],
) {
    let (rows, biases) = gradient.split_at_mut(slopes.len() * input.len());
    input_slope.fill(0.0);
    let rows = rows.chunks_exact_mut(input.len()).zip(weights.chunks_exact(input.len()));
    for (((gradient, row), bias), slope) in rows.zip(biases).zip(slopes) {
        *bias += slope;
        for (gradient, input) in gradient.iter_mut().zip(input) {
            *gradient += slope * input;
        }
        for (input, weight) in input_slope.iter_mut().zip(row) {
            *input += slope * weight;
        }
    }
}

/// So many running sums as a processor adds at once.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let mut sum = 0.0;
    for lane in lanes {
        sum += lane;
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        sum += a * b;
    }
    sum
}
