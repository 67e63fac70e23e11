//! Volumes: three-dimensional scans with spacing and labels, from NIfTI files to a network's input and back.
//!
//! Whatever way a file lies in memory, a volume here is `[z, y, x]` with x growing to the patient's right, y to her
//! front and z to her head (RAS+), so that a flipped or turned copy of a file gives the same array.

mod affine;
mod augment;
mod case;
mod fault;
mod folder;
mod grid;
mod nifti;
mod preparation;
mod spacing;

pub use augment::{VolumeAugmentation, VolumeAxis, augment_volume};
pub use case::{SiteVolumes, VolumeCase, VolumeExample, VolumePatient};
pub use fault::VolumeFault;
pub(crate) use folder::LABELS;
pub use folder::{LABEL_TOLERANCE, SITE_VOXELS_MAX};
pub use grid::{CORNER_TOLERANCE_VOXELS, Grid};
pub use nifti::{HEADER_BYTES_MAX, VOXELS_MAX, Volume, VoxelType};
pub use preparation::VolumePreparation;
pub use spacing::SpacingMm;
