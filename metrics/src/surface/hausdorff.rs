//! Hausdorff distances: how far apart the surfaces are at worst, or almost at worst.

use super::{Piece, Surfaces};

/// The share of the surface whose distances the 95 % distance covers.
const ROBUST: f64 = 0.95;

/// `hd.voxel`: the largest distance of any surface voxel of either side to the other side.
pub fn largest(surfaces: &Surfaces) -> f64 {
    let largest = |pieces: &[Piece]| pieces.iter().map(|piece| piece.distance_mm).fold(0.0, f64::max);
    largest(&surfaces.prediction).max(largest(&surfaces.truth))
}

/// `hd95.voxel_maxdirected`: the 95th percentile of each direction, and the larger of the two (MONAI).
pub fn robust_max_directed(surfaces: &Surfaces) -> f64 {
    let percentile = |pieces: &[Piece]| percentile(pieces.iter().map(|piece| piece.distance_mm).collect());
    percentile(&surfaces.prediction).max(percentile(&surfaces.truth))
}

/// `hd95.pooled`: the 95th percentile of the distances of both directions together (medpy).
pub fn robust_pooled(surfaces: &Surfaces) -> f64 {
    percentile(surfaces.prediction.iter().chain(&surfaces.truth).map(|piece| piece.distance_mm).collect())
}

/// `hd95.weighted`: for each direction the least distance within which 95 % of the surface by area lie, and the larger of
/// the two (surface-distance).
pub fn robust_weighted(surfaces: &Surfaces) -> f64 {
    covering(&surfaces.prediction).max(covering(&surfaces.truth))
}

/// The 95th percentile with linear interpolation between neighbours (Hyndman and Fan's kind 7, numpy's `linear`).
fn percentile(mut distances: Vec<f64>) -> f64 {
    let rank = ROBUST * (distances.len() - 1) as f64;
    let (_, lower, above) = distances.select_nth_unstable_by(rank as usize, f64::total_cmp);
    let upper = above.iter().copied().min_by(f64::total_cmp).unwrap_or(*lower);
    *lower + (upper - *lower) * rank.fract()
}

/// The first distance at which the pieces so near, by size, reach the share. Where a share is exactly 95 %, rounding decides
/// between that distance and the next, here as in surface-distance, and not always the same way.
fn covering(pieces: &[Piece]) -> f64 {
    let mut sorted = pieces.to_vec();
    sorted.sort_unstable_by(|a, b| a.distance_mm.total_cmp(&b.distance_mm).then(a.size.total_cmp(&b.size)));
    let total: f64 = sorted.iter().map(|piece| piece.size).sum();
    let mut covered = 0.0;
    let reached = sorted.iter().find(|piece| {
        covered += piece.size;
        covered / total >= ROBUST
    });
    reached.or(sorted.last()).map_or(0.0, |piece| piece.distance_mm)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(distances: &[f64]) -> Vec<Piece> {
        distances.iter().map(|distance_mm| Piece { distance_mm: *distance_mm, size: 1.0 }).collect()
    }

    #[test]
    fn a_percentile_lies_between_its_neighbours() {
        assert_eq!(percentile(vec![4.0]), 4.0);
        assert!((percentile(vec![10.0, 0.0]) - 9.5).abs() < 1e-12);
        assert!((percentile((0..=20).rev().map(f64::from).collect()) - 19.0).abs() < 1e-12);
        assert!((percentile((0..10).map(f64::from).collect()) - 8.55).abs() < 1e-12);
    }

    #[test]
    fn directions_are_taken_apart_or_pooled_as_the_name_says() {
        let surfaces = Surfaces { prediction: pieces(&[0.0; 99]), truth: pieces(&[8.0]) };
        assert_eq!((largest(&surfaces), robust_max_directed(&surfaces), robust_pooled(&surfaces)), (8.0, 8.0, 0.0));
    }

    #[test]
    fn large_pieces_count_for_more_than_small_ones() {
        let small_and_far = Piece { distance_mm: 9.0, size: 0.04 };
        let surfaces =
            |piece| Surfaces { prediction: vec![Piece { distance_mm: 1.0, size: 0.96 }, piece], truth: pieces(&[0.0]) };
        assert_eq!(robust_weighted(&surfaces(small_and_far)), 1.0);
        assert_eq!(robust_weighted(&surfaces(Piece { size: 0.06, ..small_and_far })), 9.0);
    }
}
