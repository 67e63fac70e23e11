//! Exact Euclidean distances from some places of a grid to the nearest of others, whatever the spacing.
//!
//! The squared distance separates by axes (Felzenszwalb and Huttenlocher 2012, "Distance transforms of sampled functions";
//! Maurer, Qi and Raghavan 2003, whose test of a parabola needs no division): steps across slices are counted in integers,
//! the lower envelope of parabolas carries them along each row, and only at the places asked for is the minimum over rows
//! taken, outwards and no further than the best distance so far. Nothing is rounded but by double precision itself.

use super::envelope::Envelope;
use crate::case::Grid;
use crate::masks::Mask;
use rayon::prelude::*;

/// More steps than an axis has: no site in this line.
pub const FAR: u16 = u16::MAX;

/// For each place of `from`, in the order of the grid, millimetres to the nearest place of `to`; infinite where `to` has none.
pub fn distances_mm(from: &Mask, to: &Mask, grid: &Grid) -> Vec<f64> {
    let steps = Steps::to(to, grid);
    let slices = from.0.par_chunks(grid.slice()).enumerate();
    let slices = slices.map_init(Slice::default, |slice, (z, places)| slice.distances_mm(z, places, &steps, grid));
    slices.collect::<Vec<Vec<f64>>>().concat()
}

/// Slices between each place and the nearest site with the same row and column; by row, slice and column.
struct Steps(Vec<u16>);

impl Steps {
    fn to(sites: &Mask, grid: &Grid) -> Self {
        let [slices, _, columns] = grid.shape;
        let mut steps = vec![FAR; grid.voxels()];
        steps.par_chunks_mut(slices * columns).enumerate().for_each(|(y, steps)| {
            for (z, steps) in steps.chunks_mut(columns).enumerate() {
                let sites = &sites.0[z * grid.slice() + y * columns..][..columns];
                steps.iter_mut().zip(sites).for_each(|(steps, site)| *steps = if *site == 1 { 0 } else { FAR });
            }
            sweep(steps, columns);
        });
        Self(steps)
    }

    fn row(&self, z: usize, y: usize, grid: &Grid) -> &[u16] {
        let [slices, _, columns] = grid.shape;
        &self.0[(y * slices + z) * columns..][..columns]
    }
}

/// Carries counts from line to line, forth and back.
fn sweep(steps: &mut [u16], columns: usize) {
    let nearer = |steps: &mut [u16], next: &[u16]| {
        steps.iter_mut().zip(next).for_each(|(steps, next)| *steps = (*steps).min(next.saturating_add(1)));
    };
    let lines = steps.len() / columns;
    for line in 1..lines {
        let (before, rest) = steps.split_at_mut(line * columns);
        nearer(&mut rest[..columns], &before[(line - 1) * columns..]);
    }
    for line in (1..lines).rev() {
        let (before, rest) = steps.split_at_mut(line * columns);
        nearer(&mut before[(line - 1) * columns..], &rest[..columns]);
    }
}

/// Squared distances of one slice to the nearest site of the same row; and the buffers of one thread.
#[derive(Default)]
struct Slice {
    squared: Vec<f64>,
    envelope: Envelope,
}

impl Slice {
    /// Surfaces are mostly near each other: places look around themselves first. A slice in which that takes longer than
    /// the envelopes of all its rows is finished by them, so that no pair of surfaces is slow.
    fn distances_mm(&mut self, z: usize, places: &[u8], steps: &Steps, grid: &Grid) -> Vec<f64> {
        let mut looks = places.len();
        self.squared.clear();
        let places = places.iter().enumerate().filter(|(_, place)| **place == 1);
        let distance_mm = |(place, _)| {
            let near = around(place, z, steps, grid, &mut looks);
            near.unwrap_or_else(|| self.across_rows(place, z, steps, grid)).sqrt()
        };
        places.map(distance_mm).collect()
    }

    /// The least squared distance of a place to a site of any row.
    fn across_rows(&mut self, place: usize, z: usize, steps: &Steps, grid: &Grid) -> f64 {
        if self.squared.is_empty() {
            self.fill(z, steps, grid);
        }
        let [_, rows, columns] = grid.shape;
        let (row, column) = (place / columns, place % columns);
        let mut best = f64::INFINITY;
        for (step, near) in apart(rows, grid.steps_mm[1]) {
            if near >= best {
                break;
            }
            for y in beside(row, step, rows) {
                best = best.min(near + self.squared[y * columns + column]);
            }
        }
        best
    }

    fn fill(&mut self, z: usize, steps: &Steps, grid: &Grid) {
        self.squared.resize(grid.slice(), f64::INFINITY);
        for (y, squared) in self.squared.chunks_mut(grid.shape[2]).enumerate() {
            self.envelope.raise(steps.row(z, y, grid), grid);
            self.envelope.heights(squared, grid);
        }
    }
}

/// The least squared distance of a place, found from near to far; none when there are no looks left.
fn around(place: usize, z: usize, steps: &Steps, grid: &Grid, looks: &mut usize) -> Option<f64> {
    let [_, rows, columns] = grid.shape;
    let (row, column) = (place / columns, place % columns);
    let mut best = f64::INFINITY;
    for (step, near) in apart(rows, grid.steps_mm[1]) {
        if near >= best {
            break;
        }
        for y in beside(row, step, rows) {
            let row = Row { steps: steps.row(z, y, grid), apart: near };
            best = row.nearer(best, column, grid, looks)?;
        }
    }
    Some(best)
}

/// A row of steps, and the square of how far it is.
struct Row<'a> {
    steps: &'a [u16],
    apart: f64,
}

impl Row<'_> {
    /// The least squared distance to what the row knows, if it is below `best`, which it is otherwise.
    fn nearer(&self, mut best: f64, column: usize, grid: &Grid, looks: &mut usize) -> Option<f64> {
        for (step, columns_apart) in apart(self.steps.len(), grid.steps_mm[2]) {
            let near = self.apart + columns_apart;
            if near >= best {
                break;
            }
            *looks = looks.checked_sub(1)?;
            let slices = beside(column, step, self.steps.len()).fold(FAR, |least, x| least.min(self.steps[x]));
            if slices != FAR {
                best = best.min(near + squared(f64::from(slices) * grid.steps_mm[0]));
            }
        }
        Some(best)
    }
}

/// Steps along an axis of `length` places, and the square of how far each leads.
fn apart(length: usize, step_mm: f64) -> impl Iterator<Item = (usize, f64)> {
    (0..length).map(move |step| (step, squared(step as f64 * step_mm)))
}

/// The places a step before and behind, where the axis has them.
fn beside(place: usize, step: usize, length: usize) -> impl Iterator<Item = usize> {
    let behind = (step > 0 && place + step < length).then_some(place + step);
    place.checked_sub(step).into_iter().chain(behind)
}

/// The square of a distance.
pub fn squared(mm: f64) -> f64 {
    mm * mm
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

    #[test]
    fn far_places_are_found_by_envelopes_when_there_are_no_looks_left() {
        let grid = Grid { shape: [2, 30, 40], steps_mm: [1.0, 2.0, 0.5], axes: Axes::Three };
        let (mut from, mut to) = (vec![0; grid.voxels()], vec![0; grid.voxels()]);
        from[..40].fill(1);
        to[grid.voxels() - 1] = 1;
        let (from, to) = (Mask(from), Mask(to));
        let steps = Steps::to(&to, &grid);
        let mut looks = grid.slice();
        assert!((0..40).any(|place| around(place, 0, &steps, &grid, &mut looks).is_none()), "{looks} looks left");
        assert_eq!(distances_mm(&from, &to, &grid), by_definition(&from, &to, &grid));
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
            let (steps, mut slice) = (Steps::to(&to, &grid), Slice::default());
            for place in 0..grid.slice() {
                let (near, far) = (around(place, 0, &steps, &grid, &mut 1000), slice.across_rows(place, 0, &steps, &grid));
                let near = near.expect("a look at each place of a slice is less than that");
                prop_assert!(near == far || (near - far).abs() <= 1e-12 * far, "{} {}", near, far);
            }
        }
    }
}
