//! ReLU and 2 x 2 pooling in one, and the way back through both.

/// Takes the largest of each 2 x 2 square of a convolution's output, or zero where none is above it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pool<const CHANNELS: usize> {
    /// Of the square image before it, an even number; after it a half.
    pub(super) side: usize,
    /// Pixels around the image after it, which the pool leaves alone.
    pub(super) border: usize,
}

/// What the convolution before a pool hears: for each number after the pool its slope, and the 3 x 3 window of the pixel that
/// was chosen, by the window's top left pixel in the convolution's input with its border.
pub(super) struct Pooled<'a> {
    pub(super) slopes: &'a [f32],
    pub(super) windows: &'a [u16],
}

impl<const CHANNELS: usize> Pool<CHANNELS> {
    /// Writes what is largest, and the windows of [`Pooled`].
    #[inline(always)]
    pub(super) fn forward(&self, input: &[f32], output: &mut [f32], windows: &mut [u16]) {
        let side = self.side;
        for (square, windows) in windows.chunks_exact_mut(CHANNELS).enumerate() {
            let (y, x) = (square / (side / 2), square % (side / 2));
            let first = 2 * y * (side + 2) + 2 * x;
            let corners = [0, 1, side + 2, side + 3].map(|corner| (first + corner) as u16);
            let (above, below) = input[2 * (y * side + x) * CHANNELS..].split_at(side * CHANNELS);
            let ((above, above_right), (below, below_right)) = (above.split_at(CHANNELS), below.split_at(CHANNELS));
            let pixels = [above, above_right, below, below_right].map(|pixel| &pixel[..CHANNELS]);
            let output = &mut output[self.row(y)..][x * CHANNELS..][..CHANNELS];
            for channel in 0..CHANNELS {
                let (mut largest, mut window) = (pixels[0][channel], corners[0]);
                for corner in 1..corners.len() {
                    let value = pixels[corner][channel];
                    (largest, window) = if value > largest { (value, corners[corner]) } else { (largest, window) };
                }
                (output[channel], windows[channel]) = (largest.max(0.0), window);
            }
        }
    }

    /// From the gradient of the output, border and all, to the slopes of [`Pooled`]: zero where ReLU let nothing through.
    #[inline(always)]
    pub(super) fn backward(&self, output: &[f32], gradient: &[f32], slopes: &mut [f32]) {
        for (y, slopes) in slopes.chunks_exact_mut(self.side / 2 * CHANNELS).enumerate() {
            let (output, gradient) = (&output[self.row(y)..], &gradient[self.row(y)..]);
            for ((slope, gradient), output) in slopes.iter_mut().zip(gradient).zip(output) {
                *slope = if *output > 0.0 { *gradient } else { 0.0 };
            }
        }
    }

    /// Where row `y` of the output begins, behind its border.
    #[inline(always)]
    fn row(&self, y: usize) -> usize {
        ((y + self.border) * (self.side / 2 + 2 * self.border) + self.border) * CHANNELS
    }
}
