//! An object grown by one voxel.

use crate::case::Grid;
use crate::masks::Mask;

/// The mask and every voxel that touches it through a face or an edge.
pub fn grow(mask: &Mask, grid: &Grid) -> Mask {
    let mut grown = mask.0.clone();
    let [slices, rows, columns] = grid.shape.map(|voxels| voxels as isize);
    for (z, y) in (0..slices).flat_map(|z| (0..rows).map(move |y| (z, y))) {
        for (dz, dy) in (-1..=1).flat_map(|dz| (-1..=1).map(move |dy| (dz, dy))) {
            let (from_z, from_y) = (z + dz, y + dy);
            if (0..slices).contains(&from_z) && (0..rows).contains(&from_y) {
                let start = |z: isize, y: isize| ((z * rows + y) * columns) as usize;
                let from = &mask.0[start(from_z, from_y)..][..columns as usize];
                let reach = usize::from(dz == 0 || dy == 0);
                spread(&mut grown[start(z, y)..][..columns as usize], from, reach);
            }
        }
    }
    Mask(grown)
}

/// Adds the voxels of a row, and with a reach of 1 also those beside them.
fn spread(row: &mut [u8], from: &[u8], reach: usize) {
    row.iter_mut().zip(from).for_each(|(voxel, from)| *voxel |= from);
    row.iter_mut().skip(reach).zip(from).for_each(|(voxel, from)| *voxel |= from);
    row.iter_mut().zip(from.iter().skip(reach)).for_each(|(voxel, from)| *voxel |= from);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Axes;

    #[test]
    fn growth_goes_through_faces_and_edges_not_corners() {
        let grid = Grid { shape: [3; 3], steps_mm: [1.0; 3], axes: Axes::Three };
        let mut mask = vec![0; 27];
        mask[13] = 1;
        let grown = grow(&Mask(mask), &grid);
        assert_eq!((grown.voxels(), grown.0[0], grown.0[1]), (19, 0, 1));
    }

    #[test]
    fn growth_stops_at_the_edge_of_the_grid() {
        let grid = Grid { shape: [1, 2, 3], steps_mm: [1.0; 3], axes: Axes::Two };
        assert_eq!(grow(&Mask(vec![1, 0, 0, 0, 0, 0]), &grid).0, [1, 1, 0, 1, 1, 0]);
        assert_eq!(grow(&Mask(vec![0, 0, 0, 0, 0, 1]), &grid).0, [0, 1, 1, 0, 1, 1]);
    }
}
