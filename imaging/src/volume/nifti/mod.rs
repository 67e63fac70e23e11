//! NIfTI-1 files, `.nii` and `.nii.gz`, after `nifti1.h` (Cox et al., "A (sort of) new image data format standard:
//! NIfTI-1", NeuroImage 22, 2004).
//!
//! Files come from strangers' exporters, so no number of a header is believed: sizes are held against named limits
//! before memory is taken, and a compressed file gives no more bytes than its header announced.

mod header;
mod read;
mod stored;
mod write;

pub use header::{HEADER_BYTES_MAX, VOXELS_MAX};
pub use stored::VoxelType;

use super::{Grid, SpacingMm};
use crate::error::{Fault, ImagingError, Place};
use ndarray::Array3;
use std::path::Path;

/// A volume as a file holds it, turned to `[z, y, x]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// After the file's slope and intercept; finite.
    pub voxels: Array3<f32>,
    /// Where they lie. A result written with the grid of its scan lies on the scan, voxel by voxel.
    pub grid: Grid,
}

impl Volume {
    /// Reads the file at `path`, compressed or not, whatever its name ends in.
    ///
    /// # Errors
    /// Bytes that are no NIfTI-1 volume, beyond a limit, damaged, or with voxels that are not finite.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ImagingError> {
        read::read(path.as_ref()).map_err(|fault| at(path.as_ref(), fault))
    }

    /// Writes the file at `path`, compressed where the name ends in `.gz`, in the order and place of its grid.
    ///
    /// # Errors
    /// Values that `stored` cannot hold exactly (rounding would change them in silence), an array that does not have
    /// the grid's shape, or a disk that does not take the file.
    pub fn write(&self, path: impl AsRef<Path>, stored: VoxelType) -> Result<(), ImagingError> {
        write::write(path.as_ref(), self, stored).map_err(|fault| at(path.as_ref(), fault))
    }

    /// Classes `[z, y, x]` on a grid, ready to be written as [`VoxelType::U8`].
    pub fn of_labels(labels: &Array3<u8>, grid: Grid) -> Self {
        Self { voxels: labels.mapv(f32::from), grid }
    }

    /// Millimetres between voxels.
    pub fn spacing(&self) -> SpacingMm {
        self.grid.spacing()
    }
}

pub(super) use read::{announced_voxels, read};

fn at(path: &Path, fault: Fault) -> ImagingError {
    ImagingError::new(Place::File(path.into()), fault)
}
