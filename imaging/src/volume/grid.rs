//! Where the voxels of a file lie in the patient, and how they are turned to one order of axes and back.

use super::affine::{Affine, Orientation};
use super::{SpacingMm, VolumeFault};
use ndarray::Array3;

/// Farthest that the corners of a volume and of its labels may lie apart, in voxels of the finest axis: exporters round.
pub const CORNER_TOLERANCE_VOXELS: f64 = 0.1;

/// The grid of one file. Arrays that it turned are `[z, y, x]`, rising to the right, front and head of the patient.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Voxels along i, j, k, i fastest in memory.
    file_shape: [usize; 3],
    affine: Affine,
    orientation: Orientation,
    spacing: SpacingMm,
}

impl Grid {
    pub(super) fn new(file_shape: [usize; 3], affine: Affine) -> Result<Self, VolumeFault> {
        let orientation = affine.orientation();
        let [i, j, k] = orientation.axis;
        let along = affine.spacing();
        let spacing = SpacingMm::new([along[k], along[j], along[i]]).ok_or(VolumeFault::Geometry)?;
        Ok(Self { file_shape, affine, orientation, spacing })
    }

    /// A grid whose first voxel lies at 0 and whose axes are the patient's; `shape` is `[z, y, x]`.
    pub fn upright(shape: [usize; 3], spacing: SpacingMm) -> Self {
        let [z, y, x] = spacing.zyx();
        let affine = Affine::diagonal([x, y, z]).expect("a spacing is finite and above 0");
        let orientation = affine.orientation();
        Self { file_shape: [shape[2], shape[1], shape[0]], affine, orientation, spacing }
    }

    /// Millimetres between voxels.
    pub fn spacing(&self) -> SpacingMm {
        self.spacing
    }

    /// Voxels along z, y, x.
    pub fn shape(&self) -> [usize; 3] {
        let [x, y, z] = self.orientation.axis.map(|axis| self.file_shape[axis]);
        [z, y, x]
    }

    /// Whether labels on the grid `other` lie on a volume on this one.
    ///
    /// # Errors
    /// Other numbers of voxels, or corners more than [`CORNER_TOLERANCE_VOXELS`] apart.
    pub fn agrees(&self, other: &Self) -> Result<(), VolumeFault> {
        if self.shape() != other.shape() {
            return Err(VolumeFault::Shape { image: self.shape(), labels: other.shape() });
        }
        let finest = self.spacing.zyx().into_iter().fold(f64::INFINITY, f64::min);
        let apart = self.corners().into_iter().zip(other.corners()).map(|(a, b)| distance(a, b));
        match apart.fold(0.0, f64::max) <= CORNER_TOLERANCE_VOXELS * finest {
            true => Ok(()),
            false => Err(VolumeFault::Place),
        }
    }

    /// Turns an array of the file, `[k, j, i]`, to `[z, y, x]`.
    pub(super) fn turned<T: Clone>(&self, file: Array3<T>) -> Array3<T> {
        let [i, j, k] = self.orientation.axis;
        let mut turned = file.permuted_axes([2 - k, 2 - j, 2 - i]);
        self.reverse(&mut turned);
        turned.as_standard_layout().into_owned()
    }

    /// The way back: from `[z, y, x]` to the file's `[k, j, i]`.
    pub(super) fn as_stored<T: Clone>(&self, turned: &Array3<T>) -> Array3<T> {
        let mut array = turned.clone();
        self.reverse(&mut array);
        let mut back = [0; 3];
        for (world, axis) in self.orientation.axis.into_iter().enumerate() {
            back[2 - axis] = 2 - world;
        }
        array.permuted_axes(back).as_standard_layout().into_owned()
    }

    pub(super) fn file_shape(&self) -> [usize; 3] {
        self.file_shape
    }

    pub(super) fn affine(&self) -> &Affine {
        &self.affine
    }

    fn reverse<T>(&self, array: &mut Array3<T>) {
        for (world, reversed) in self.orientation.reversed.into_iter().enumerate() {
            if reversed {
                array.invert_axis(ndarray::Axis(2 - world));
            }
        }
    }

    /// Places of the eight corner voxels, from left, back and foot to right, front and head.
    pub(super) fn corners(&self) -> [[f64; 3]; 8] {
        let corner = |index: usize| {
            let mut ijk = [0.0; 3];
            for world in 0..3 {
                let axis = self.orientation.axis[world];
                let far = (index >> world & 1 == 1) != self.orientation.reversed[world];
                ijk[axis] = if far { self.file_shape[axis] as f64 - 1.0 } else { 0.0 };
            }
            self.affine.place(ijk)
        };
        std::array::from_fn(corner)
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbered(shape: [usize; 3]) -> Array3<u32> {
        let mut next = 0..;
        Array3::from_shape_simple_fn(shape, || next.next().expect("endless"))
    }

    /// i runs to the left, j to the head, k to the front.
    fn turned_grid() -> Grid {
        let rows = [[-0.5, 0.0, 0.0, 9.0], [0.0, 0.0, 3.0, -4.0], [0.0, 2.0, 0.0, 1.0]];
        Grid::new([2, 3, 4], Affine::rows(rows).expect("axes")).expect("a grid")
    }

    #[test]
    fn a_turned_file_is_turned_back_to_the_patient() {
        let grid = turned_grid();
        assert_eq!((grid.shape(), grid.spacing().zyx()), ([3, 4, 2], [2.0, 3.0, 0.5]));
        let file = numbered([4, 3, 2]);
        let upright = grid.turned(file.clone());
        assert_eq!(upright[[2, 1, 0]], file[[1, 2, 1]]);
        assert_eq!(grid.as_stored(&upright), file);
    }

    #[test]
    fn agreement_is_of_places_and_not_of_storage() {
        let grid = turned_grid();
        // The same voxels, stored from right to left.
        let rows = [[0.5, 0.0, 0.0, 8.5], [0.0, 3.0, 0.0, -4.0], [0.0, 0.0, 2.0, 1.0]];
        let upright = Grid::new([2, 4, 3], Affine::rows(rows).expect("axes")).expect("a grid");
        assert_eq!(grid.agrees(&upright), Ok(()));
        let shifted = |by: f64| {
            let mut rows = rows;
            rows[1][3] += by;
            Grid::new([2, 4, 3], Affine::rows(rows).expect("axes")).expect("a grid")
        };
        assert_eq!(grid.agrees(&shifted(0.049)), Ok(()));
        assert_eq!(grid.agrees(&shifted(0.051)), Err(VolumeFault::Place));
        let smaller = Grid::upright([3, 4, 1], grid.spacing());
        assert!(matches!(grid.agrees(&smaller), Err(VolumeFault::Shape { .. })));
    }

    proptest! {
        #[test]
        fn turning_is_undone_for_every_orientation(
            order in 0usize..6, signs in 0usize..8, shape in prop::array::uniform3(1usize..5),
        ) {
            let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
            let mut rows = [[0.0; 4]; 3];
            for (world, axis) in orders[order].into_iter().enumerate() {
                rows[world][axis] = if signs >> world & 1 == 1 { -2.0 } else { 2.0 };
            }
            let grid = Grid::new(shape, Affine::rows(rows).expect("axes")).expect("a grid");
            let file = numbered([shape[2], shape[1], shape[0]]);
            let upright = grid.turned(file.clone());
            prop_assert_eq!(upright.shape(), &grid.shape()[..]);
            prop_assert_eq!(grid.as_stored(&upright), file);
            prop_assert_eq!(grid.agrees(&grid), Ok(()));
        }
    }
}
