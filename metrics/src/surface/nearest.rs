//! Exact Euclidean distances from some places of a grid to the nearest of others, whatever the spacing.
//!
//! The squared distance separates by axes (Felzenszwalb and Huttenlocher 2012, "Distance transforms of sampled functions"):
//! steps along rows of sites are counted in integers, the lower envelope of parabolas carries them across columns, and only
//! at the places asked for is the minimum over slices taken, outwards and no further than the best distance so far.
//! Nothing is rounded before the last square root but by double precision itself.

use crate::case::Grid;
use crate::masks::Mask;
use rayon::prelude::*;

/// More steps than an axis has: no site in this column.
const FAR: u16 = u16::MAX;

/// For each place of `from`, in the order of the grid, millimetres to the nearest place of `to`; infinite where `to` has none.
pub fn distances_mm(from: &Mask, to: &Mask, grid: &Grid) -> Vec<f64> {
    let slice = grid.slice();
    let mut squared = vec![f64::INFINITY; grid.voxels()];
    squared
        .par_chunks_mut(slice)
        .zip(to.0.par_chunks(slice))
        .for_each_init(Scratch::default, |scratch, (squared, sites)| scratch.within_slice(squared, sites, grid));
    let slices = from.0.par_chunks(slice).enumerate().map(|(z, places)| {
        let places = places.iter().enumerate().filter(|(_, place)| **place == 1);
        places.map(|(place, _)| across_slices(&squared, z, place, grid).sqrt()).collect()
    });
    slices.collect::<Vec<Vec<f64>>>().concat()
}

/// The least squared distance of a place to a site of any slice.
fn across_slices(squared: &[f64], z: usize, place: usize, grid: &Grid) -> f64 {
    let at = |z: usize| squared[z * grid.slice() + place];
    let mut best = at(z);
    for step in 1..grid.shape[0] {
        let apart_mm = step as f64 * grid.steps_mm[0];
        let apart = apart_mm * apart_mm;
        if apart >= best || (step > z && z + step >= grid.shape[0]) {
            break;
        }
        let below = z.checked_sub(step).map_or(f64::INFINITY, at);
        let above = if z + step < grid.shape[0] { at(z + step) } else { f64::INFINITY };
        best = best.min(below.min(above) + apart);
    }
    best
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    steps: Vec<u16>,
    envelope: Vec<Parabola>,
}

/// One site's squared distance along a row, and from where on no earlier site is nearer.
#[derive(Clone, Copy)]
struct Parabola {
    at_mm: f64,
    height: f64,
    from_mm: f64,
}

impl Scratch {
    /// Squared distance of each place of a slice to the slice's nearest site; untouched where the slice has none.
    fn within_slice(&mut self, squared: &mut [f64], sites: &[u8], grid: &Grid) {
        if !sites.contains(&1) {
            return;
        }
        let columns = grid.shape[2];
        self.count_steps(sites, columns);
        for (squared, steps) in squared.chunks_mut(columns).zip(self.steps.chunks(columns)) {
            envelope(&mut self.envelope, steps, grid);
            evaluate(&self.envelope, squared, grid.steps_mm[2]);
        }
    }

    /// Rows between each place and the nearest site of its column.
    fn count_steps(&mut self, sites: &[u8], columns: usize) {
        self.steps.clear();
        self.steps.extend(sites.iter().map(|site| if *site == 1 { 0 } else { FAR }));
        let nearer = |steps: &mut [u16], next: &[u16]| {
            steps.iter_mut().zip(next).for_each(|(steps, next)| *steps = (*steps).min(next.saturating_add(1)));
        };
        let rows = self.steps.len() / columns;
        for row in 1..rows {
            let (before, rest) = self.steps.split_at_mut(row * columns);
            nearer(&mut rest[..columns], &before[(row - 1) * columns..]);
        }
        for row in (1..rows).rev() {
            let (before, rest) = self.steps.split_at_mut(row * columns);
            nearer(&mut before[(row - 1) * columns..], &rest[..columns]);
        }
    }
}

/// The parabolas of a row that are somewhere the lowest, from left to right.
fn envelope(parabolas: &mut Vec<Parabola>, steps: &[u16], grid: &Grid) {
    parabolas.clear();
    for (column, steps) in steps.iter().enumerate().filter(|(_, steps)| **steps != FAR) {
        let (at_mm, rows_mm) = (column as f64 * grid.steps_mm[2], f64::from(*steps) * grid.steps_mm[1]);
        let height = rows_mm * rows_mm;
        let mut from_mm = f64::NEG_INFINITY;
        while let Some(last) = parabolas.last() {
            from_mm = crossing_mm(last, at_mm, height);
            if from_mm > last.from_mm {
                break;
            }
            parabolas.pop();
            from_mm = f64::NEG_INFINITY;
        }
        parabolas.push(Parabola { at_mm, height, from_mm });
    }
}

/// Where a parabola further right begins to be lower than `left`.
fn crossing_mm(left: &Parabola, at_mm: f64, height: f64) -> f64 {
    let apart_mm = at_mm - left.at_mm;
    0.5 * ((height - left.height) / apart_mm + at_mm + left.at_mm)
}

fn evaluate(parabolas: &[Parabola], squared: &mut [f64], step_mm: f64) {
    let mut parabolas = parabolas.iter().peekable();
    let Some(mut lowest) = parabolas.next() else { return };
    for (column, squared) in squared.iter_mut().enumerate() {
        let at_mm = column as f64 * step_mm;
        while let Some(next) = parabolas.next_if(|next| next.from_mm <= at_mm) {
            lowest = next;
        }
        let apart_mm = at_mm - lowest.at_mm;
        *squared = lowest.height + apart_mm * apart_mm;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Axes;
    use proptest::prelude::*;

    /// Every pair, as the definition says.
    fn by_definition(from: &Mask, to: &Mask, grid: &Grid) -> Vec<f64> {
        let place = |index: usize| {
            let [_, rows, columns] = grid.shape;
            let index = [index / (rows * columns), index / columns % rows, index % columns];
            [0, 1, 2].map(|axis| index[axis] as f64 * grid.steps_mm[axis])
        };
        let places = |mask: &Mask| -> Vec<[f64; 3]> {
            mask.0.iter().enumerate().filter(|(_, set)| **set == 1).map(|(index, _)| place(index)).collect()
        };
        let apart = |a: &[f64; 3], b: &[f64; 3]| (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt();
        let to = places(to);
        places(from).iter().map(|a| to.iter().map(|b| apart(a, b)).fold(f64::INFINITY, f64::min)).collect()
    }

    fn mask(set: &[bool]) -> Mask {
        Mask(set.iter().map(|set| u8::from(*set)).collect())
    }

    #[test]
    fn without_sites_everything_is_infinitely_far() {
        let grid = Grid { shape: [2, 1, 2], steps_mm: [1.0; 3], axes: Axes::Three };
        assert_eq!(distances_mm(&Mask(vec![1; 4]), &Mask(vec![0; 4]), &grid), [f64::INFINITY; 4]);
        assert_eq!(distances_mm(&Mask(vec![0; 4]), &Mask(vec![1; 4]), &grid), [0.0; 0]);
    }

    #[test]
    fn one_site_at_the_other_end_is_found_along_each_axis() {
        let mut place = vec![0; 4 * 5 * 6];
        place[0] = 1;
        for (index, expected) in [(3 * 30, 6.0), (4 * 6, 2.0), (5, 15.0)] {
            let mut site = vec![0; 4 * 5 * 6];
            site[index] = 1;
            let grid = Grid { shape: [4, 5, 6], steps_mm: [2.0, 0.5, 3.0], axes: Axes::Three };
            assert_eq!(distances_mm(&Mask(place.clone()), &Mask(site), &grid), [expected]);
        }
    }

    proptest! {
        #[test]
        fn every_distance_is_the_least_over_all_pairs(
            shape in [1usize..6, 1usize..7, 1usize..8],
            steps_mm in [0.1f64..5.0, 0.1f64..5.0, 0.1f64..5.0],
            bits in proptest::collection::vec((proptest::bool::weighted(0.3), proptest::bool::weighted(0.1)), 210),
        ) {
            let grid = Grid { shape, steps_mm, axes: Axes::Three };
            let bits = &bits[..grid.voxels()];
            let from = mask(&bits.iter().map(|pair| pair.0).collect::<Vec<_>>());
            let to = mask(&bits.iter().map(|pair| pair.1).collect::<Vec<_>>());
            let expected = by_definition(&from, &to, &grid);
            for (ours, expected) in distances_mm(&from, &to, &grid).iter().zip(&expected) {
                prop_assert!(ours == expected || (ours - expected).abs() <= 1e-12 * expected.abs(), "{} {}", ours, expected);
            }
            prop_assert_eq!(distances_mm(&from, &to, &grid).len(), expected.len());
        }
    }
}
