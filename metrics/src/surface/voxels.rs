//! The voxel surface: what one erosion through faces takes away.

use crate::case::{Axes, Grid};
use crate::masks::Mask;
use rayon::prelude::*;

/// The voxels of `mask` with at least one neighbour through a face outside. `mask` has an empty margin.
pub fn edges(mask: &Mask, grid: &Grid) -> Mask {
    let mut edges = vec![0; mask.0.len()];
    let (slice, columns) = (grid.slice(), grid.shape[2]);
    let slices = match grid.axes {
        Axes::Two => 0..1,
        Axes::Three => 1..grid.shape[0] - 1,
    };
    edges.par_chunks_mut(slice).enumerate().filter(|(z, _)| slices.contains(z)).for_each(|(z, out)| {
        for y in 1..grid.shape[1] - 1 {
            let out = &mut out[y * columns + 1..(y + 1) * columns - 1];
            row(out, &mask.0, z * slice + y * columns + 1, grid);
        }
    });
    Mask(edges)
}

/// The edges of one row that begins at voxel `start`, without a branch: the margin makes every neighbour exist.
fn row(out: &mut [u8], mask: &[u8], start: usize, grid: &Grid) {
    // In a plane the neighbours across are the voxel itself, which is inside and opens nothing.
    let across = match grid.axes {
        Axes::Two => 0,
        Axes::Three => grid.slice(),
    };
    let voxels = |start: usize| &mask[start..start + out.len()];
    let inside = voxels(start);
    let (left, right) = (voxels(start - 1), voxels(start + 1));
    let (above, below) = (voxels(start - grid.shape[2]), voxels(start + grid.shape[2]));
    let (before, behind) = (voxels(start - across), voxels(start + across));
    for (i, out) in out.iter_mut().enumerate() {
        *out = inside[i] & !(left[i] & right[i] & above[i] & below[i] & before[i] & behind[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(shape: [usize; 3], axes: Axes) -> Grid {
        Grid { shape, steps_mm: [1.0; 3], axes }
    }

    #[test]
    fn a_square_loses_its_middle() {
        let mut square = vec![0; 25];
        (1..4).for_each(|y| (1..4).for_each(|x| square[y * 5 + x] = 1));
        let edges = edges(&Mask(square), &grid([1, 5, 5], Axes::Two));
        assert_eq!(edges.voxels(), 8);
        assert_eq!(edges.0[12], 0, "the middle");
    }

    #[test]
    fn a_cube_keeps_its_faces_and_a_corner_alone_does_not_open_a_voxel() {
        let at = |z: usize, y: usize, x: usize| (z * 5 + y) * 5 + x;
        let mut cube = vec![0; 125];
        (1..4).for_each(|z| (1..4).for_each(|y| (1..4).for_each(|x| cube[at(z, y, x)] = 1)));
        assert_eq!(edges(&Mask(cube.clone()), &grid([5; 3], Axes::Three)).voxels(), 26);
        cube[at(1, 1, 1)] = 0;
        assert_eq!(edges(&Mask(cube.clone()), &grid([5; 3], Axes::Three)).0[at(2, 2, 2)], 0, "only a corner is open");
        cube[at(1, 2, 2)] = 0;
        assert_eq!(edges(&Mask(cube), &grid([5; 3], Axes::Three)).0[at(2, 2, 2)], 1, "a face is open");
    }
}
