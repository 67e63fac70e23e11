//! Coordinate after coordinate: the values of all updates at one place, sorted, blocks of coordinates in parallel.

use super::Updates;
use rayon::prelude::*;

/// Coordinates that are looked at together; a block of a hundred updates stays in a core's second cache.
const BLOCK: usize = 2048;

/// Writes `rule` of each coordinate's values, which it gets in ascending order.
pub(super) fn coordinatewise(updates: &Updates<'_>, mean: &mut [f64], rule: impl Fn(&[f32]) -> f64 + Sync) {
    let column = || vec![0.0; updates.len()];
    mean.par_chunks_mut(BLOCK).enumerate().for_each_init(column, |column, (block, out)| {
        for (offset, value) in out.iter_mut().enumerate() {
            let at = block * BLOCK + offset;
            column.iter_mut().zip(updates.iter()).for_each(|(value, update)| *value = update[at]);
            column.sort_unstable_by(f32::total_cmp);
            *value = rule(column);
        }
    });
}

/// The middle of sorted values, or the mean of the two in the middle; there is at least one.
pub(super) fn middle(sorted: &[f32]) -> f64 {
    let half = sorted.len() / 2;
    let upper = f64::from(sorted[half]);
    if sorted.len().is_multiple_of(2) { (f64::from(sorted[half - 1]) + upper) / 2.0 } else { upper }
}

/// The mean of at least one value.
pub(super) fn mean_of(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64
}
