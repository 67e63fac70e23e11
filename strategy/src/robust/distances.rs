//! Squared Euclidean distances between updates, and from a point to all of them.
//!
//! Blocks of coordinates in parallel, added up in their order: the number of processor threads changes no bit.

use super::Updates;
use rayon::prelude::*;
use std::ops::Range;

/// Coordinates that are subtracted together; all updates' blocks are read once for all pairs.
const BLOCK: usize = 8192;
/// Blocks whose sums are in memory at a time: 64 MB for the pairs of a thousand updates.
const BLOCKS_HELD: usize = 16;
/// Sums that grow side by side, so that one addition does not wait for the last.
const LANES: usize = 8;

/// Squared distances between all pairs of updates.
pub(super) struct Distances {
    /// Row-major, both halves.
    squares: Vec<f64>,
    updates: usize,
}

impl Distances {
    pub(super) fn between(updates: &Updates<'_>) -> Self {
        let count = updates.len();
        let pairs: Vec<(usize, usize)> = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))).collect();
        let sums = by_blocks(updates.weights(), pairs.len(), |block, sums| {
            for (sum, (a, b)) in sums.iter_mut().zip(&pairs) {
                *sum = square(&updates.update(*a)[block.clone()], &updates.update(*b)[block.clone()]);
            }
        });
        let mut squares = vec![0.0; count * count];
        for ((a, b), sum) in pairs.into_iter().zip(sums) {
            squares[a * count + b] = sum;
            squares[b * count + a] = sum;
        }
        Self { squares, updates: count }
    }

    pub(super) fn get(&self, a: usize, b: usize) -> f64 {
        self.squares[a * self.updates + b]
    }
}

/// Squared distance of each update from `point`.
pub(super) fn from_point(updates: &Updates<'_>, point: &[f64]) -> Vec<f64> {
    by_blocks(updates.weights(), updates.len(), |block, sums| {
        let point = &point[block.clone()];
        sums.iter_mut().zip(updates.iter()).for_each(|(sum, update)| *sum = square(&update[block.clone()], point));
    })
}

/// Adds up what `work` makes of each block of coordinates, in the order of the blocks.
fn by_blocks(weights: usize, sums: usize, work: impl Fn(Range<usize>, &mut [f64]) + Sync) -> Vec<f64> {
    let of_block = |block: usize| {
        let mut part = vec![0.0; sums];
        work(block * BLOCK..weights.min((block + 1) * BLOCK), &mut part);
        part
    };
    let (blocks, mut total) = (weights.div_ceil(BLOCK), vec![0.0; sums]);
    for first in (0..blocks).step_by(BLOCKS_HELD) {
        let held = first..blocks.min(first + BLOCKS_HELD);
        let parts: Vec<Vec<f64>> = held.into_par_iter().map(of_block).collect();
        parts.iter().for_each(|part| total.iter_mut().zip(part).for_each(|(total, part)| *total += part));
    }
    total
}

/// Σ (values - others)²
fn square<T: Copy + Into<f64>>(values: &[f32], others: &[T]) -> f64 {
    let mut lanes = [0.0; LANES];
    for (values, others) in values.chunks(LANES).zip(others.chunks(LANES)) {
        for ((lane, value), other) in lanes.iter_mut().zip(values).zip(others) {
            let difference = f64::from(*value) - (*other).into();
            *lane += difference * difference;
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_pythagoras_across_block_borders() {
        let weights = BLOCKS_HELD * BLOCK + 5;
        let (zero, one, far) = (vec![0.0; weights], vec![1.0; weights], {
            let mut far = vec![0.0; weights];
            (far[0], far[weights - 1]) = (3.0, 4.0);
            far
        });
        let updates = Updates::new(&[&one, &zero, &far]).expect("good");
        let number = |site| (0..3).find(|number| updates.site(*number) == site).expect("a site");
        let distances = Distances::between(&updates);
        let got = |a, b| (distances.get(number(a), number(b)), distances.get(number(b), number(a)));
        let count = weights as f64;
        assert_eq!((got(0, 1), got(1, 2)), ((count, count), (25.0, 25.0)));
        assert_eq!(got(0, 2).0, count - 2.0 + 4.0 + 9.0);
        let from_half = from_point(&updates, &vec![0.5; weights]);
        assert_eq!(from_half[number(0)], count / 4.0);
    }
}
