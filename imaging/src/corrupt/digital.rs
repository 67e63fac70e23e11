//! Stored with fewer pixels.

use ndarray::{Array2, ArrayView2, Axis};

/// Shrinks to `share` of the pixels along each axis and grows again, as Pillow's `BOX` filter does both: a small pixel
/// is the plain mean of those whose centres it holds, and grows to a square.
pub(super) fn pixelate(plane: ArrayView2<'_, f32>, share: f64) -> Array2<f32> {
    let (height, width) = plane.dim();
    let small = |side: usize| ((side as f64 * share) as usize).max(1);
    let (rows, columns) = (bins(height, small(height)), bins(width, small(width)));
    let means = Array2::from_shape_fn((rows.len(), columns.len()), |(row, column)| {
        let part = plane.slice_axis(Axis(0), rows[row].clone().into());
        let part = part.slice_axis(Axis(1), columns[column].clone().into());
        (part.iter().copied().map(f64::from).sum::<f64>() / part.len().max(1) as f64) as f32
    });
    let source = |place: usize, side: usize, cells: usize| {
        (((place as f64 + 0.5) * (cells as f64 / side as f64)) as usize).min(cells - 1)
    };
    Array2::from_shape_fn((height, width), |(y, x)| {
        means[[source(y, height, rows.len()), source(x, width, columns.len())]]
    })
}

/// The pixels of each small one: those whose centre lies within, after Pillow's `precompute_coeffs`.
fn bins(side: usize, cells: usize) -> Vec<std::ops::Range<usize>> {
    let step = side as f64 / cells as f64;
    let edge = |cell: usize| ((cell as f64 * step + 0.5) as usize).min(side);
    (0..cells).map(|cell| edge(cell)..edge(cell + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_images_keep_at_least_one_pixel() {
        let plane = Array2::from_shape_fn((2, 3), |(y, x)| (y * 3 + x) as f32);
        assert_eq!(pixelate(plane.view(), 0.25), Array2::from_elem((2, 3), 2.5));
        assert_eq!(pixelate(plane.view(), 1.0), plane);
    }
}
