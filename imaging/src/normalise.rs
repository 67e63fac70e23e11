//! Intensities of one image, freed from its scanner: local to the image, so nothing about a site is needed or told.
//!
//! Sites differ in scale by a factor of thousands (see the data of several hospitals side by side): without this a
//! shared network learns nothing.

use ndarray::{ArrayViewMut, Dimension};

/// Share of the pixels cut off at the dark and at the bright end: a metal clip or a hot pixel must not set the scale.
const CLIPPED: f64 = 0.005;
/// Smallest standard deviation that counts as contrast, as a share of the clipped range's magnitude.
const CONTRAST_MIN: f64 = 1e-6;

/// Clips to the 0.5th and 99.5th percentile, then shifts and scales to zero mean and unit variance. An image without
/// contrast becomes zeros; a pixel that is not finite becomes 0, the mean.
pub(crate) fn normalise<D: Dimension>(mut image: ArrayViewMut<'_, f32, D>) {
    let mut finite: Vec<f32> = image.iter().copied().filter(|value| value.is_finite()).collect();
    let (low, high) = percentiles(&mut finite);
    let moments = Moments::of(finite.iter().map(|value| value.clamp(low, high)));
    let magnitude = f64::from(low.abs().max(high.abs()));
    let scale = if moments.deviation > CONTRAST_MIN * magnitude { 1.0 / moments.deviation } else { 0.0 };
    image.mapv_inplace(|value| match value.is_finite() {
        true => ((f64::from(value.clamp(low, high)) - moments.mean) * scale) as f32,
        false => 0.0,
    });
}

/// Mean and standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
}

impl Moments {
    /// Of no values: zero and zero.
    pub(crate) fn of(values: impl Iterator<Item = f32> + Clone) -> Self {
        let count = values.clone().count().max(1) as f64;
        let mean = values.clone().map(f64::from).sum::<f64>() / count;
        // Two passes: a sum of squares would lose small contrast on a large offset.
        let variance = values.map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
        Self { mean, deviation: variance.sqrt() }
    }
}

fn percentiles(values: &mut [f32]) -> (f32, f32) {
    let Some(last) = values.len().checked_sub(1) else { return (0.0, 0.0) };
    let rank = (last as f64 * CLIPPED).round() as usize;
    let low = *values.select_nth_unstable_by(rank, f32::total_cmp).1;
    let high = *values.select_nth_unstable_by(last - rank, f32::total_cmp).1;
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn normalised(mut plane: Array2<f32>) -> Array2<f32> {
        normalise(plane.view_mut());
        plane
    }

    #[test]
    fn mean_is_zero_and_variance_one() {
        let plane = normalised(Array2::from_shape_fn((40, 50), |(y, x)| 4000.0 + ((y * 7 + x * 13) % 97) as f32));
        let moments = Moments::of(plane.iter().copied());
        assert!(moments.mean.abs() < 1e-5 && (moments.deviation - 1.0).abs() < 1e-5, "{moments:?}");
    }

    #[test]
    fn gain_and_offset_of_a_scanner_leave_no_trace() {
        let plane = Array2::from_shape_fn((20, 20), |(y, x)| ((y * 31 + x * 17) % 53) as f32);
        let other = normalised(plane.mapv(|value| value * 4000.0 - 9.0));
        assert!(normalised(plane).iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn one_hot_pixel_does_not_set_the_scale() {
        let mut plane = Array2::from_shape_fn((30, 30), |(y, x)| ((y + x) % 10) as f32);
        plane[[3, 3]] = 1e9;
        assert!(normalised(plane).iter().all(|value| value.abs() < 3.0));
    }

    #[test]
    fn constant_empty_and_not_finite_images_are_safe() {
        assert!(normalised(Array2::from_elem((4, 4), 0.7)).iter().all(|value| *value == 0.0));
        assert_eq!(normalised(Array2::zeros((0, 0))).len(), 0);
        let mut plane = Array2::from_shape_fn((10, 10), |(y, _)| y as f32);
        plane[[0, 0]] = f32::NAN;
        plane[[1, 1]] = f32::INFINITY;
        let plane = normalised(plane);
        assert!(plane.iter().all(|value| value.is_finite()) && plane[[0, 0]] == 0.0);
        assert!(normalised(Array2::from_elem((3, 3), f32::NAN)).iter().all(|value| *value == 0.0));
    }
}
