//! What the physics of MR does to an image, after TorchIO (Pérez-García et al., Computer Methods and Programs in
//! Biomedicine 2021). Ghosts and spikes are errors of k-space; both have a closed form in the image, which is used here.

use ndarray::{ArrayViewMut3, Axis};
use rand::RngExt as _;
use std::f32::consts::TAU;
use std::ops::RangeInclusive;
use wardround_plan::Stream;

/// Highest power of the polynomial in a bias field.
const BIAS_ORDER: i32 = 3;
/// Number of ghosts.
const GHOSTS: RangeInclusive<usize> = 4..=10;

/// Multiplies by the exponential of a polynomial in y and x, both -1..=1 (Van Leemput et al., IEEE TMI 1999), whose
/// coefficients are drawn from -`largest`..=`largest`.
pub(super) fn bias_field(mut planes: ArrayViewMut3<'_, f32>, largest: f32, stream: &mut Stream) {
    let powers = (0..=BIAS_ORDER).flat_map(|y| (0..=BIAS_ORDER - y).map(move |x| (y, x)));
    let terms: Vec<(i32, i32, f32)> =
        powers.map(|(y, x)| (y, x, largest * stream.random_range(-1.0f32..=1.0))).collect();
    let (_, height, width) = planes.dim();
    let centred = |place: usize, extent: usize| (2.0 * place as f32 + 1.0) / extent as f32 - 1.0;
    for ((_, y, x), value) in planes.indexed_iter_mut() {
        let (y, x) = (centred(y, height), centred(x, width));
        let field: f32 = terms.iter().map(|(in_y, in_x, weight)| weight * y.powi(*in_y) * x.powi(*in_x)).sum();
        *value *= field.exp();
    }
}

/// Takes `share` from every n-th line of k-space along one axis, but from the middle one, for a drawn n and axis.
pub(super) fn ghosting(mut planes: ArrayViewMut3<'_, f32>, share: f32, stream: &mut Stream) {
    let (ghosts, axis) = (stream.random_range(GHOSTS), Axis(stream.random_range(0..2)));
    for mut plane in planes.outer_iter_mut() {
        plane.lanes_mut(axis).into_iter().for_each(|mut lane| {
            let ghosted = ghosted(&lane.to_vec(), ghosts, share);
            lane.iter_mut().zip(ghosted).for_each(|(value, ghosted)| *value = ghosted);
        });
    }
}

/// Weakening every n-th frequency of a line subtracts the mean of its n copies, each shifted by one n-th further round;
/// sparing frequency 0 gives back the line's mean.
pub(super) fn ghosted(line: &[f32], ghosts: usize, share: f32) -> Vec<f32> {
    let mean = line.iter().sum::<f32>() / line.len().max(1) as f32;
    let step = line.len() as f32 / ghosts as f32;
    let copies = |place: usize| {
        let copy = |ghost: usize| around(line, place as f32 + ghost as f32 * step);
        (0..ghosts).map(copy).sum::<f32>() / ghosts as f32
    };
    line.iter().enumerate().map(|(place, value)| value - share * (copies(place) - mean)).collect()
}

/// Between the points of a closed line.
fn around(line: &[f32], place: f32) -> f32 {
    let (before, share) = (place as usize, place.fract());
    line[before % line.len()] * (1.0 - share) + line[(before + 1) % line.len()] * share
}

/// Adds one bad point of k-space: stripes of `height` times each channel's mean, with drawn direction and phase.
pub(super) fn spike(mut planes: ArrayViewMut3<'_, f32>, height: f32, stream: &mut Stream) {
    let (_, rows, columns) = planes.dim();
    // Half of the frequencies an image can hold; finer stripes are hard to see.
    let mut frequency = |side: usize| stream.random_range(0..=side / 4) as f32 / side.max(1) as f32;
    let (mut in_y, in_x) = (frequency(rows), frequency(columns));
    if (in_y, in_x) == (0.0, 0.0) {
        // No stripes at all would be no spike.
        in_y = 1.0 / rows.max(1) as f32;
    }
    let phase = stream.random_range(0.0..TAU);
    for mut plane in planes.outer_iter_mut() {
        let mean = plane.iter().sum::<f32>() / plane.len().max(1) as f32;
        for ((y, x), value) in plane.indexed_iter_mut() {
            *value += height * mean * (TAU * (in_y * y as f32 + in_x * x as f32) + phase).cos();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use rand::SeedableRng as _;

    fn stream(seed: u64) -> Stream {
        Stream::seed_from_u64(seed)
    }

    #[test]
    fn a_bias_field_is_smooth_positive_and_different_each_time() {
        let field = |seed| {
            let mut image = Array3::from_elem((1, 60, 60), 1.0f32);
            bias_field(image.view_mut(), 0.5, &mut stream(seed));
            image
        };
        for seed in 0..20 {
            let field = field(seed);
            assert!(field.iter().all(|value| *value > 0.0));
            let row = field.index_axis(Axis(1), 30);
            assert!(row.iter().zip(row.iter().skip(1)).all(|(a, b)| (a / b).ln().abs() < 0.25), "seed {seed}");
        }
        assert_ne!(field(1), field(2));
    }

    /// Mean log of the field at the centre: zero terms but the constant one, uniform in -m..=m with variance m^2 / 3.
    #[test]
    fn coefficients_are_uniform_and_centred() {
        let count = 2000;
        let centre = |seed| {
            let mut image = Array3::from_elem((1, 1, 1), 1.0f32);
            bias_field(image.view_mut(), 0.5, &mut stream(seed));
            f64::from(image[[0, 0, 0]].ln())
        };
        let logs: Vec<f64> = (0..count).map(centre).collect();
        let mean = logs.iter().sum::<f64>() / count as f64;
        let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / count as f64;
        let expected = 0.25 / 3.0;
        // 5 standard errors; a uniform number has kurtosis 1.8.
        assert!(mean.abs() < 5.0 * (expected / count as f64).sqrt(), "{mean}");
        assert!((variance - expected).abs() < 5.0 * expected * (0.8 / count as f64).sqrt(), "{variance}");
    }

    #[test]
    fn ghosting_keeps_every_mean_and_repeats_a_point() {
        let mut image = Array3::zeros((1, 60, 60));
        image[[0, 30, 30]] = 1.0f32;
        for seed in 0..20 {
            let mut copy = image.clone();
            ghosting(copy.view_mut(), 0.8, &mut stream(seed));
            assert!((copy.sum() - 1.0).abs() < 1e-3, "seed {seed}: {}", copy.sum());
            let ghosts = copy.iter().filter(|value| **value < -0.02).count();
            assert!((3..=20).contains(&ghosts), "seed {seed}: {ghosts}");
        }
        assert!(ghosted(&[], 4, 1.0).is_empty());
    }

    #[test]
    fn a_spike_is_a_stripe_of_its_height() {
        for seed in 0..20 {
            let mut image = Array3::from_elem((1, 64, 64), 0.5f32);
            spike(image.view_mut(), 0.4, &mut stream(seed));
            let stripes = image.mapv(|value| f64::from(value) - 0.5);
            let power = stripes.mapv(|value| value * value).mean().expect("not empty");
            // A cosine of height 0.4 x 0.5 has half its square as power, whatever its direction, over whole waves.
            assert!((power - 0.02).abs() < 0.001, "seed {seed}: {power}");
            assert!(stripes.sum().abs() < 0.1, "seed {seed}");
        }
    }
}
