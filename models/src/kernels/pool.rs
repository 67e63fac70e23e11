//! Maximum of each 2 x 2 pixels, and where it stood.

use rayon::prelude::*;

/// Halved planes, and for each output pixel which of its four it was (0 to 3, row-major; the first of equals).
pub(super) fn halve(input: &[f32], height_px: usize, width_px: usize) -> (Vec<f32>, Vec<u8>) {
    let mut output = vec![0.0; input.len() / 4];
    let mut which = vec![0u8; output.len()];
    let (half_px, rows_px) = (width_px / 2, 2 * width_px);
    debug_assert!(height_px.is_multiple_of(2) && width_px.is_multiple_of(2));
    let rows = output.par_chunks_exact_mut(half_px).zip(which.par_chunks_exact_mut(half_px));
    rows.zip(input.par_chunks_exact(rows_px)).with_min_len(ROWS_MIN).for_each(|((output, which), rows)| {
        let (top, bottom) = rows.split_at(width_px);
        let pairs = top.chunks_exact(2).zip(bottom.chunks_exact(2));
        for ((output, which), (top, bottom)) in output.iter_mut().zip(which).zip(pairs) {
            let (upper, upper_at) = if top[1] > top[0] { (top[1], 1) } else { (top[0], 0) };
            let (lower, lower_at) = if bottom[1] > bottom[0] { (bottom[1], 3) } else { (bottom[0], 2) };
            (*output, *which) = if lower > upper { (lower, lower_at) } else { (upper, upper_at) };
        }
    });
    (output, which)
}

/// The gradient of the input: each output's goes where its maximum stood.
pub(super) fn gradient(gradient: &[f32], which: &[u8], width_px: usize) -> Vec<f32> {
    let mut input = vec![0.0; gradient.len() * 4];
    let (half_px, rows_px) = (width_px / 2, 2 * width_px);
    let rows = gradient.par_chunks_exact(half_px).zip(which.par_chunks_exact(half_px));
    input.par_chunks_exact_mut(rows_px).zip(rows).with_min_len(ROWS_MIN).for_each(|(rows, (gradient, which))| {
        let (top, bottom) = rows.split_at_mut(width_px);
        let pairs = top.chunks_exact_mut(2).zip(bottom.chunks_exact_mut(2));
        for ((gradient, which), (top, bottom)) in gradient.iter().zip(which).zip(pairs) {
            let to = |place: u8| if *which == place { *gradient } else { 0.0 };
            top.copy_from_slice(&[to(0), to(1)]);
            bottom.copy_from_slice(&[to(2), to(3)]);
        }
    });
    input
}

/// Rows worth a task.
const ROWS_MIN: usize = 64;
