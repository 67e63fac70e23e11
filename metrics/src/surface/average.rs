//! Average symmetric surface distance.

use super::{Piece, Surfaces};

/// `assd.voxel`: the mean over the surface voxels of both sides together (MONAI with `symmetric=True`).
pub fn pooled(surfaces: &Surfaces) -> f64 {
    let sum = |pieces: &[Piece]| pieces.iter().map(|piece| piece.distance_mm).sum::<f64>();
    (sum(&surfaces.prediction) + sum(&surfaces.truth)) / (surfaces.prediction.len() + surfaces.truth.len()) as f64
}

/// `assd.weighted`: the mean by area of each direction (surface-distance), and the middle of the two.
pub fn weighted(surfaces: &Surfaces) -> f64 {
    0.5 * (directed(&surfaces.prediction) + directed(&surfaces.truth))
}

fn directed(pieces: &[Piece]) -> f64 {
    let moment: f64 = pieces.iter().map(|piece| piece.distance_mm * piece.size).sum();
    moment / pieces.iter().map(|piece| piece.size).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_surface_counts_for_more_only_where_voxels_are_pooled() {
        let piece = |distance_mm, size| Piece { distance_mm, size };
        let surfaces = Surfaces { prediction: vec![piece(0.0, 1.0); 3], truth: vec![piece(4.0, 1.0)] };
        assert_eq!((pooled(&surfaces), weighted(&surfaces)), (1.0, 2.0));
        let uneven = Surfaces { prediction: vec![piece(1.0, 3.0), piece(5.0, 1.0)], truth: vec![piece(0.0, 1.0)] };
        assert_eq!(weighted(&uneven), 1.0);
    }
}
