//! What JPEG loses: cosine transform of 8 x 8 blocks, rounded by the table of libjpeg for luminance (ITU-T T.81, annex
//! K.1). The coding that follows in a file loses nothing, so it is left out. Colour channels are treated as grey.

use ndarray::{Array2, ArrayView2};
use std::f64::consts::PI;

/// Pixels of a block along each axis.
const BLOCK: usize = 8;

/// A block of pixels or of frequencies, row by column.
struct Block([[f64; BLOCK]; BLOCK]);

/// Steps of rounding at quality 50, vertical frequency by horizontal frequency.
const LUMINANCE: [[u16; BLOCK]; BLOCK] = [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
];

/// The image after a JPEG file of `quality` 1 to 100, in 8 bits as such a file has.
pub(super) fn jpeg(plane: ArrayView2<'_, f32>, quality: u8) -> Array2<f32> {
    let (height, width) = plane.dim();
    let (steps, cosines) = (steps(quality), cosines());
    let mut result = Array2::zeros((height, width));
    for top in (0..height).step_by(BLOCK) {
        for left in (0..width).step_by(BLOCK) {
            // Blocks beyond the edge repeat it.
            let stored = |row: usize, column: usize| {
                let value = plane[[(top + row).min(height - 1), (left + column).min(width - 1)]];
                (f64::from(value) * 255.0).round() - 128.0
            };
            let block = rounded(&Block::of(stored), &steps, &cosines);
            for y in top..(top + BLOCK).min(height) {
                for x in left..(left + BLOCK).min(width) {
                    result[[y, x]] = ((block.0[y - top][x - left] + 128.0).round().clamp(0.0, 255.0) / 255.0) as f32;
                }
            }
        }
    }
    result
}

/// Transforms, rounds every frequency to its step, and transforms back.
fn rounded(pixels: &Block, steps: &Block, cosines: &Block) -> Block {
    let frequencies = cosines.times(pixels).times(&cosines.transposed());
    let kept = Block::of(|v, u| (frequencies.0[v][u] / steps.0[v][u]).round() * steps.0[v][u]);
    cosines.transposed().times(&kept).times(cosines)
}

/// libjpeg's `jpeg_quality_scaling`.
fn steps(quality: u8) -> Block {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    Block::of(|v, u| f64::from(((u32::from(LUMINANCE[v][u]) * percent + 50) / 100).clamp(1, 255)))
}

/// The orthonormal cosine transform, frequency by place.
fn cosines() -> Block {
    let side = BLOCK as f64;
    Block::of(|frequency, place| {
        let norm = if frequency == 0 { 1.0 / side } else { 2.0 / side };
        norm.sqrt() * ((place as f64 + 0.5) * frequency as f64 * PI / side).cos()
    })
}

impl Block {
    fn of(value: impl Fn(usize, usize) -> f64) -> Self {
        Self(std::array::from_fn(|row| std::array::from_fn(|column| value(row, column))))
    }

    fn times(&self, other: &Self) -> Self {
        Self::of(|row, column| (0..BLOCK).map(|k| self.0[row][k] * other.0[k][column]).sum())
    }

    fn transposed(&self) -> Self {
        Self::of(|row, column| self.0[column][row])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_quality_loses_little_and_odd_sizes_keep_theirs() {
        let plane = Array2::from_shape_fn((13, 9), |(y, x)| ((y * x) % 50) as f32 / 50.0);
        let copy = jpeg(plane.view(), 100);
        assert_eq!(copy.dim(), plane.dim());
        assert!((&copy - &plane).iter().all(|apart| apart.abs() < 2.5 / 255.0));
    }

    #[test]
    fn the_cosine_transform_is_orthonormal() {
        let product = cosines().times(&cosines().transposed());
        for row in 0..BLOCK {
            for column in 0..BLOCK {
                let expected = if row == column { 1.0 } else { 0.0 };
                assert!((product.0[row][column] - expected).abs() < 1e-12);
            }
        }
    }
}
