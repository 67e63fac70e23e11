//! Another display of the same signal.

use ndarray::ArrayViewMut3;

/// Multiplies.
pub(super) fn brightness(mut planes: ArrayViewMut3<'_, f32>, factor: f32) {
    planes.mapv_inplace(|value| value * factor);
}

/// Multiplies the distance from each channel's mean.
pub(super) fn contrast(mut planes: ArrayViewMut3<'_, f32>, factor: f32) {
    for mut plane in planes.outer_iter_mut() {
        let mean = (plane.iter().copied().map(f64::from).sum::<f64>() / plane.len().max(1) as f64) as f32;
        plane.mapv_inplace(|value| mean + (value - mean) * factor);
    }
}

/// Raises to a power.
pub(super) fn gamma(mut planes: ArrayViewMut3<'_, f32>, exponent: f32) {
    planes.mapv_inplace(|value| value.powf(exponent));
}
