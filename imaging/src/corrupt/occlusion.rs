//! Something lies before the scan: a plate, a label, a lead marker.

use ndarray::{ArrayViewMut3, Axis};
use rand::RngExt as _;
use std::ops::Range;
use wardround_plan::Stream;

/// Longest side of the occluder as a multiple of its shortest.
const ELONGATION_MAX: f32 = 2.0;

/// Covers about `share` of the area, less where the edge cuts it, with a rectangle of one drawn grey at a drawn place.
pub(super) fn occlude(mut planes: ArrayViewMut3<'_, f32>, share: f32, stream: &mut Stream) {
    let (_, height, width) = planes.dim();
    let elongation = ELONGATION_MAX.powf(stream.random_range(-1.0f32..=1.0)).sqrt();
    let grey: f32 = stream.random();
    let mut covered = |side: usize, stretch: f32| -> Range<usize> {
        let middle = stream.random_range(0.0..1.0f32) * side as f32;
        let half = 0.5 * share.sqrt() * stretch * side as f32;
        let edge = |place: f32| (place.round().max(0.0) as usize).min(side);
        edge(middle - half)..edge(middle + half)
    };
    let (rows, columns) = (covered(height, elongation), covered(width, 1.0 / elongation));
    planes.slice_axis_mut(Axis(1), rows.into()).slice_axis_mut(Axis(2), columns.into()).fill(grey);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use rand::SeedableRng as _;

    #[test]
    fn one_rectangle_of_about_its_share_is_covered_in_one_grey() {
        let mut shares = 0.0;
        for seed in 0..200 {
            let mut image = Array3::from_elem((2, 100, 100), -1.0f32);
            occlude(image.view_mut(), 0.1, &mut Stream::seed_from_u64(seed));
            let covered: Vec<f32> = image.iter().copied().filter(|value| *value >= 0.0).collect();
            assert!(covered.iter().all(|value| *value == covered[0]), "seed {seed}");
            let share = covered.len() as f64 / 20_000.0;
            assert!((0.02..=0.105).contains(&share), "seed {seed}: {share}");
            shares += share / 200.0;
        }
        // A quarter of each side's reach is cut off at the edges on average: (1 - 0.32 / 4)^2 of 0.1.
        assert!((shares - 0.085).abs() < 0.006, "{shares}");
    }
}
