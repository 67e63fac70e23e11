//! Images with a border of zeros, so that a 3 x 3 neighbourhood never needs a question about edges.

use rayon::prelude::*;

/// Zeros on each side.
const BORDER_PX: usize = 1;

/// Zeros behind each plane: kernels read whole vectors, and may read beyond the last pixel, never beyond the plane.
const SLACK: usize = 64;

/// Positions a kernel may handle beyond the last pixel of a plane without leaving it.
pub(super) const OVERRUN_MAX: usize = SLACK - 2 * BORDER_PX;

/// Planes `[images, channels]`, each a padded image in one run: row `y`, column `x` of the image stands at
/// `(y + 1) * row_px + x + 1`.
#[derive(Debug, Clone)]
pub(super) struct Padded {
    values: Vec<f32>,
    pub(super) images: usize,
    pub(super) channels: usize,
    pub(super) height_px: usize,
    pub(super) width_px: usize,
}

impl Padded {
    /// Copies `values`, which lie as `[images, channels, height, width]`.
    pub(super) fn of(values: &[f32], [images, channels, height_px, width_px]: [usize; 4]) -> Self {
        let mut padded = Self { values: Vec::new(), images, channels, height_px, width_px };
        padded.values = vec![0.0; images * channels * padded.plane_len()];
        let (plane_len, row_px) = (padded.plane_len(), padded.row_px());
        let planes = padded.values.par_chunks_exact_mut(plane_len).zip(values.par_chunks_exact(height_px * width_px));
        planes.for_each(|(to, from)| {
            for (to, from) in to[row_px..].chunks_exact_mut(row_px).zip(from.chunks_exact(width_px)) {
                to[BORDER_PX..BORDER_PX + width_px].copy_from_slice(from);
            }
        });
        padded
    }

    /// Pixels from one row to the next.
    #[inline(always)]
    pub(super) fn row_px(&self) -> usize {
        self.width_px + 2 * BORDER_PX
    }

    /// Positions from the first pixel to the end of the last row; kernels run over these, borders and all.
    #[inline(always)]
    pub(super) fn positions(&self) -> usize {
        self.height_px * self.row_px()
    }

    /// One plane, such that the 3 x 3 neighbourhood of position `p` is `p + ky * row_px + kx`.
    #[inline(always)]
    pub(super) fn neighbourhoods(&self, image: usize, channel: usize) -> &[f32] {
        let start = (image * self.channels + channel) * self.plane_len();
        &self.values[start..start + self.plane_len()]
    }

    /// One plane, such that position `p` is the pixel itself.
    #[inline(always)]
    pub(super) fn pixels(&self, image: usize, channel: usize) -> &[f32] {
        &self.neighbourhoods(image, channel)[BORDER_PX * self.row_px() + BORDER_PX..]
    }

    #[inline(always)]
    fn plane_len(&self) -> usize {
        (self.height_px + 2 * BORDER_PX) * self.row_px() + SLACK
    }
}
