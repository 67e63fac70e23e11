//! The surface between voxels: its pieces sit at the corners of voxels, where a cell of the surrounding voxels is neither
//! all inside nor all outside, and each has the size that `element_table` gives to that cell.

use super::element_table::{areas_mm2, lengths_mm};
use crate::case::{Axes, Grid};
use crate::masks::Mask;
use rayon::prelude::*;

/// The pieces of one surface.
pub struct Elements {
    /// Corners with a piece of surface, on the grid `corners`.
    pub places: Mask,
    /// Size of each piece, in the order of the places.
    pub sizes: Vec<f64>,
    /// One place fewer along each axis than voxels.
    pub corners: Grid,
}

impl Elements {
    /// The surface of `mask`, which has an empty margin.
    pub fn of(mask: &Mask, grid: &Grid) -> Self {
        let [slices, rows, columns] = grid.shape;
        let (slices, sizes) = match grid.axes {
            Axes::Two => (slices, lengths_mm(grid.steps_mm).to_vec()),
            Axes::Three => (slices - 1, areas_mm2(grid.steps_mm).to_vec()),
        };
        let corners = Grid { shape: [slices, rows - 1, columns - 1], ..*grid };
        let mut codes = vec![0; corners.voxels()];
        codes.par_chunks_mut(corners.slice()).enumerate().for_each(|(z, codes)| encode(codes, &mask.0, z, grid));
        let full = sizes.len() - 1;
        let part = |code: &u8| usize::from(*code) != 0 && usize::from(*code) != full;
        let places = Mask(codes.iter().map(|code| u8::from(part(code))).collect());
        let sizes = codes.iter().filter(|code| part(code)).map(|code| sizes[usize::from(*code)]).collect();
        Self { places, sizes, corners }
    }
}

/// The codes of the cells that begin in slice `z`: a bit for each corner, the first corner's the highest.
fn encode(codes: &mut [u8], mask: &[u8], z: usize, grid: &Grid) {
    let columns = grid.shape[2];
    let cells = columns - 1;
    for (y, codes) in codes.chunks_mut(cells).enumerate() {
        let start = z * grid.slice() + y * columns;
        let row = |start: usize| &mask[start..start + columns];
        let near = square(row(start), row(start + columns));
        match grid.axes {
            Axes::Two => codes.iter_mut().enumerate().for_each(|(x, code)| *code = near(x)),
            Axes::Three => {
                let far = square(row(start + grid.slice()), row(start + grid.slice() + columns));
                codes.iter_mut().enumerate().for_each(|(x, code)| *code = (near(x) << 4) | far(x));
            }
        }
    }
}

/// The four bits of the square that begins at a column of two rows.
fn square<'a>(upper: &'a [u8], lower: &'a [u8]) -> impl Fn(usize) -> u8 + 'a {
    |x| (upper[x] << 3) | (upper[x + 1] << 2) | (lower[x] << 1) | lower[x + 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pixel_is_a_diamond() {
        let grid = Grid { shape: [1, 3, 3], steps_mm: [1.0, 1.0, 1.0], axes: Axes::Two };
        let elements = Elements::of(&Mask(vec![0, 0, 0, 0, 1, 0, 0, 0, 0]), &grid);
        assert_eq!((elements.corners.shape, elements.places.0), ([1, 2, 2], vec![1; 4]));
        assert_eq!(elements.sizes, [0.5f64.sqrt(); 4]);
    }

    #[test]
    fn a_block_has_faces_and_rounded_edges() {
        let grid = Grid { shape: [1, 4, 5], steps_mm: [1.0, 2.0, 0.5], axes: Axes::Two };
        let mut block = vec![0; 20];
        [6, 7, 8, 11, 12, 13].into_iter().for_each(|pixel| block[pixel] = 1);
        let elements = Elements::of(&Mask(block), &grid);
        let corner = 0.5 * 4.25f64.sqrt();
        assert_eq!(elements.sizes, [corner, 0.5, 0.5, corner, 2.0, 2.0, corner, 0.5, 0.5, corner]);
    }

    #[test]
    fn one_voxel_is_an_octahedron_with_eight_faces() {
        let grid = Grid { shape: [3; 3], steps_mm: [1.0; 3], axes: Axes::Three };
        let mut voxel = vec![0; 27];
        voxel[13] = 1;
        let elements = Elements::of(&Mask(voxel), &grid);
        assert_eq!(elements.places.0, vec![1; 8]);
        assert!((elements.sizes.iter().sum::<f64>() - 3f64.sqrt()).abs() < 1e-15);
    }
}
