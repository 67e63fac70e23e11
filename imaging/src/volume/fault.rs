//! What can be wrong with a volume, without any name; beside [`Fault`](crate::Fault), which holds the rest.

use super::folder::{LABEL_TOLERANCE, SITE_VOXELS_MAX};
use super::grid::CORNER_TOLERANCE_VOXELS;
use super::nifti::{HEADER_BYTES_MAX, VOXELS_MAX};

/// A fault of a NIfTI file, or of a volume and its labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VolumeFault {
    /// Bytes of something else.
    #[error("is not a NIfTI-1 file")]
    NotNifti,
    /// The 540-byte header of the successor.
    #[error("is NIfTI-2, this program reads NIfTI-1")]
    Nifti2,
    /// Header and voxels in two files.
    #[error("is one half of a NIfTI pair (.hdr and .img)")]
    Pair,
    /// Other than three axes, or more than one frame.
    #[error("has {axes} axes and {frames} frames; a volume has three axes and one frame")]
    Axes {
        /// As the header counts them.
        axes: i16,
        /// Product of all axes beyond the third.
        frames: u64,
    },
    /// An axis without voxels.
    #[error("has no voxels")]
    Empty,
    /// More voxels than this program takes.
    #[error("holds more than {VOXELS_MAX} voxels")]
    TooLarge,
    /// More voxels at one site than are held in memory at once.
    #[error("holds volumes of more than {SITE_VOXELS_MAX} voxels together")]
    SiteTooLarge,
    /// Voxels begin at a place where they cannot.
    #[error("says that its voxels begin before byte 352 or beyond byte {HEADER_BYTES_MAX}")]
    Offset,
    /// Complex numbers, colours, 64-bit integers.
    #[error("stores voxels as NIfTI type {0}, which is not read")]
    StoredAs(i16),
    /// An affine without volume, or a spacing that is no length.
    #[error("has an orientation or spacing that no scan can have")]
    Geometry,
    /// Units of length that are none.
    #[error("gives its spacing in unit {0}, which is no unit of length")]
    Unit(u8),
    /// A slope without a usable intercept.
    #[error("has an intercept that is not a number")]
    Scale,
    /// NaN or infinity.
    #[error("has {0} voxels that are not finite (NaN or infinite)")]
    NotFinite(usize),
    /// Labels that are no class numbers.
    #[error("has {0} labels that are no whole numbers from 0 to 65535 (tolerance {LABEL_TOLERANCE})")]
    Labels(usize),
    /// Volume and labels have different numbers of voxels; `[z, y, x]`.
    #[error("has {labels:?} voxels (z, y, x), but its image has {image:?}")]
    Shape {
        /// Of the image.
        image: [usize; 3],
        /// Of the labels.
        labels: [usize; 3],
    },
    /// Volume and labels lie at different places in the body.
    #[error("lies elsewhere than its image: corners differ by more than {CORNER_TOLERANCE_VOXELS} voxels")]
    Place,
    /// Values to write that the chosen type cannot hold.
    #[error("cannot hold {0} of the values exactly")]
    Unwritable(usize),
    /// An array to write that does not have the grid's shape.
    #[error("was given an array of another shape than its grid")]
    WrongGrid,
}

impl VolumeFault {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotNifti | Self::Nifti2 | Self::Pair => "convert it to one NIfTI-1 file, .nii or .nii.gz",
            Self::Axes { .. } => "export one volume a file; of a series, choose one frame",
            Self::Empty => "export it again, or remove its row",
            Self::TooLarge => "crop it or resample it to fewer voxels",
            Self::SiteTooLarge => "make several site folders, or crop or resample the volumes",
            Self::Offset => "export it again; very long header extensions can be removed",
            Self::StoredAs(_) => "convert it to an integer of 8 to 32 bits or a float of 32 or 64 bits",
            Self::Geometry | Self::Unit(_) => "export it again with the scanner's spacing and orientation",
            Self::Scale => "export it again with slope 1 and intercept 0",
            Self::NotFinite(_) => "set them to the value of air, mostly 0, and export it again",
            Self::Labels(_) => "write one class number a voxel, not probabilities",
            Self::Shape { .. } | Self::Place => "draw or resample the labels on the image's own grid",
            Self::Unwritable(_) => "choose a float type",
            Self::WrongGrid => "use the grid that the array was read with",
        }
        .into()
    }
}
