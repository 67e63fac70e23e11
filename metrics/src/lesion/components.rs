//! Connected parts of an object.

use crate::case::{Axes, Grid};
use crate::masks::Mask;

/// Which voxels touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Connectivity {
    /// Through faces: 4 neighbours in a plane, 6 in a volume.
    Faces,
    /// Through faces, edges and corners: 8 neighbours in a plane, 26 in a volume.
    Full,
}

/// The parts of an object, numbered from 1 in the order in which their first voxels lie; 0 is outside.
pub struct Components {
    pub labels: Vec<usize>,
    pub count: usize,
}

impl Components {
    pub fn of(mask: &Mask, grid: &Grid, connectivity: Connectivity) -> Self {
        let steps = steps(grid, connectivity);
        let mut components = Self { labels: vec![0; mask.0.len()], count: 0 };
        for voxel in 0..mask.0.len() {
            if mask.0[voxel] == 1 && components.labels[voxel] == 0 {
                components.count += 1;
                components.flood(voxel, &steps, mask, grid);
            }
        }
        components
    }

    /// Voxels of each part; the first entry is part 1.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count + 1];
        self.labels.iter().for_each(|label| sizes[*label] += 1);
        sizes.split_off(1)
    }

    /// Gives the newest number to all that touches `first`, directly or by others.
    fn flood(&mut self, first: usize, steps: &[[isize; 3]], mask: &Mask, grid: &Grid) {
        let mut waiting = vec![first];
        self.labels[first] = self.count;
        while let Some(voxel) = waiting.pop() {
            let at = grid.place(voxel);
            for neighbour in steps.iter().filter_map(|step| stepped(at, step, grid)) {
                if mask.0[neighbour] == 1 && self.labels[neighbour] == 0 {
                    self.labels[neighbour] = self.count;
                    waiting.push(neighbour);
                }
            }
        }
    }
}

/// Ways to the voxels that touch a voxel.
fn steps(grid: &Grid, connectivity: Connectivity) -> Vec<[isize; 3]> {
    let across = match grid.axes {
        Axes::Two => 0..=0,
        Axes::Three => -1..=1,
    };
    let all = across.flat_map(|z| (-1..=1).flat_map(move |y| (-1..=1).map(move |x| [z, y, x])));
    let moves = |step: &[isize; 3]| step.iter().filter(|part| **part != 0).count();
    match connectivity {
        Connectivity::Faces => all.filter(|step| moves(step) == 1).collect(),
        Connectivity::Full => all.filter(|step| moves(step) > 0).collect(),
    }
}

/// The voxel one step on, if the grid has it.
fn stepped([z, y, x]: [usize; 3], step: &[isize; 3], grid: &Grid) -> Option<usize> {
    let [slices, rows, columns] = grid.shape;
    let z = z.checked_add_signed(step[0]).filter(|z| *z < slices)?;
    let y = y.checked_add_signed(step[1]).filter(|y| *y < rows)?;
    let x = x.checked_add_signed(step[2]).filter(|x| *x < columns)?;
    Some(z * grid.slice() + y * columns + x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(mask: &[u8], shape: [usize; 3], axes: Axes, connectivity: Connectivity) -> Vec<usize> {
        let grid = Grid { shape, steps_mm: [1.0; 3], axes };
        Components::of(&Mask(mask.to_vec()), &grid, connectivity).labels
    }

    #[test]
    fn corners_touch_only_where_they_are_asked_to() {
        let diagonal = [1, 0, 0, 1, 0, 0, 0, 0, 1];
        assert_eq!(labels(&diagonal, [1, 3, 3], Axes::Two, Connectivity::Full), [1, 0, 0, 1, 0, 0, 0, 0, 2]);
        assert_eq!(labels(&diagonal, [1, 3, 3], Axes::Two, Connectivity::Faces), [1, 0, 0, 1, 0, 0, 0, 0, 2]);
        let corner = [1, 0, 0, 1];
        assert_eq!(labels(&corner, [1, 2, 2], Axes::Two, Connectivity::Full), [1, 0, 0, 1]);
        assert_eq!(labels(&corner, [1, 2, 2], Axes::Two, Connectivity::Faces), [1, 0, 0, 2]);
    }

    #[test]
    fn a_volume_has_26_or_6_neighbours_and_rows_do_not_wrap() {
        let apart = [1, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(labels(&apart, [2, 2, 2], Axes::Three, Connectivity::Full), [1, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(labels(&apart, [2, 2, 2], Axes::Three, Connectivity::Faces), [1, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(labels(&[0, 0, 1, 1, 0, 0], [1, 2, 3], Axes::Two, Connectivity::Full), [0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn sizes_count_the_voxels_of_each_part() {
        let grid = Grid { shape: [1, 1, 6], steps_mm: [1.0; 3], axes: Axes::Two };
        let components = Components::of(&Mask(vec![1, 0, 1, 1, 1, 0]), &grid, Connectivity::Full);
        assert_eq!((components.count, components.sizes()), (2, vec![1, 3]));
        assert_eq!(Components::of(&Mask(vec![0; 6]), &grid, Connectivity::Full).sizes(), [0; 0]);
    }
}
