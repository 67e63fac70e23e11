//! Convolution, pooling and a dense layer with their gradients, one image at a time, in plain loops over rows.

/// No pixel of a pool was above zero.
const NONE: u8 = 4;

/// A 3 x 3 convolution with zero padding over square planes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conv {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) side: usize,
}

impl Conv {
    /// Numbers of its kernels, `[outputs, inputs, 3, 3]`; a bias for each output comes behind them.
    pub(super) const fn kernels(&self) -> usize {
        self.outputs * self.inputs * 9
    }

    /// Kernels and biases.
    pub(super) const fn weights(&self) -> usize {
        self.kernels() + self.outputs
    }

    pub(super) fn forward(&self, weights: &[f32], input: &[f32], output: &mut [f32]) {
        let (kernels, biases) = weights.split_at(self.kernels());
        for (plane, bias) in output.chunks_exact_mut(self.side * self.side).zip(biases) {
            plane.fill(*bias);
        }
        self.taps(|output_at, input_at, kernel, length| {
            let weight = kernels[kernel];
            let rows = output[output_at..][..length].iter_mut().zip(&input[input_at..][..length]);
            rows.for_each(|(output, input)| *output += weight * input);
        });
    }

    /// Adds to `gradient` what the weights have to do with `slope`, the gradient of the output.
    pub(super) fn backward_weights(&self, input: &[f32], slope: &[f32], gradient: &mut [f32]) {
        let (kernels, biases) = gradient.split_at_mut(self.kernels());
        for (plane, bias) in slope.chunks_exact(self.side * self.side).zip(biases) {
            *bias += plane.iter().sum::<f32>();
        }
        self.taps(|output_at, input_at, kernel, length| {
            kernels[kernel] += dot(&slope[output_at..][..length], &input[input_at..][..length]);
        });
    }

    /// The gradient of the input.
    pub(super) fn backward_input(&self, weights: &[f32], slope: &[f32], input: &mut [f32]) {
        input.fill(0.0);
        self.taps(|output_at, input_at, kernel, length| {
            let weight = weights[kernel];
            let rows = input[input_at..][..length].iter_mut().zip(&slope[output_at..][..length]);
            rows.for_each(|(input, slope)| *input += weight * slope);
        });
    }

    /// Calls `row` for every kernel weight and row that it touches: where the row begins in the output and in the input, which
    /// weight it is, and how long the row is.
    fn taps(&self, mut row: impl FnMut(usize, usize, usize, usize)) {
        let Self { inputs, outputs, side } = *self;
        for kernel in 0..outputs * inputs * 9 {
            let (output, input) = (kernel / 9 / inputs, kernel / 9 % inputs);
            let (down, right) = (kernel % 9 / 3, kernel % 3);
            let (output_x, input_x) = (usize::from(right == 0), usize::from(right == 2));
            for y in usize::from(down == 0)..side - usize::from(down == 2) {
                let output_at = (output * side + y) * side + output_x;
                let input_at = (input * side + y + down - 1) * side + input_x;
                row(output_at, input_at, kernel, side - usize::from(right != 1));
            }
        }
    }
}

/// Four running sums, which a processor adds at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (mut lanes, whole) = ([0.0; 4], a.len() / 4 * 4);
    for (a, b) in a.chunks_exact(4).zip(b.chunks_exact(4)) {
        (0..4).for_each(|lane| lanes[lane] += a[lane] * b[lane]);
    }
    lanes.iter().sum::<f32>() + a[whole..].iter().zip(&b[whole..]).map(|(a, b)| a * b).sum::<f32>()
}

/// The largest of each 2 x 2 square of planes with an even side, or zero where none is above it; and which it was.
pub(super) fn pool(side: usize, input: &[f32], output: &mut [f32], chosen: &mut [u8]) {
    for (place, (output, chosen)) in output.iter_mut().zip(chosen).enumerate() {
        (*output, *chosen) = (0.0, NONE);
        for corner in 0..NONE {
            let value = input[corner_of(side, place, corner)];
            if value > *output {
                (*output, *chosen) = (value, corner);
            }
        }
    }
}

/// The gradient of a pool's input.
pub(super) fn unpool(side: usize, slope: &[f32], chosen: &[u8], input: &mut [f32]) {
    input.fill(0.0);
    for (place, (slope, chosen)) in slope.iter().zip(chosen).enumerate() {
        if *chosen != NONE {
            input[corner_of(side, place, *chosen)] = *slope;
        }
    }
}

fn corner_of(side: usize, place: usize, corner: u8) -> usize {
    let half = side / 2;
    let (row, column) = (place / half, place % half);
    (2 * row + usize::from(corner / 2)) * side + 2 * column + usize::from(corner % 2)
}

/// Scores of each class: `[classes, inputs]` weights, then a bias for each class.
pub(super) fn dense(weights: &[f32], input: &[f32], scores: &mut [f32]) {
    let (rows, biases) = weights.split_at(scores.len() * input.len());
    for ((score, row), bias) in scores.iter_mut().zip(rows.chunks_exact(input.len())).zip(biases) {
        *score = bias + dot(row, input);
    }
}

/// Adds the gradient of a dense layer's weights to `gradient`, and writes that of its input.
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
        gradient.iter_mut().zip(input).for_each(|(gradient, input)| *gradient += slope * input);
        input_slope.iter_mut().zip(row).for_each(|(input, weight)| *input += slope * weight);
    }
}
