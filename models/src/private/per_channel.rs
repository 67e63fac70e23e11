//! Gradients of parameters with one value a channel: a bias or a shift, and a scale.

use super::recorder::Slot;
use burn::tensor::Tensor;

/// Gives `bias`, which is added to every position of its channel, its gradients from that of the output,
/// `[images, channels, height, width]`.
pub(crate) fn record_bias(bias: &Slot, gradient: Tensor<4>) {
    let [images, channels, height, width] = gradient.dims();
    let rows = gradient.reshape([images, channels, height * width]).sum_dim(2);
    bias.add_rows(rows.into_data().iter::<f32>().collect());
}

/// Gives `scale`, by which every position of its channel is multiplied, its gradients from that of the output and from
/// what was multiplied.
pub(crate) fn record_scale(scale: &Slot, gradient: Tensor<4>, input: Tensor<4>) {
    record_bias(scale, gradient * input);
}
