//! The 348 bytes before the voxels, parsed into what can be true.

use super::stored::{ByteOrder, VoxelType};
use crate::volume::VolumeFault;
use crate::volume::affine::{Affine, Quaternion};
use crate::volume::grid::Grid;

/// Most voxels of one volume: 512 x 512 x 512, which take 512 MiB in memory.
pub const VOXELS_MAX: u64 = 1 << 27;
/// Farthest byte at which voxels may begin; header extensions lie before.
pub const HEADER_BYTES_MAX: u64 = 16 << 20;

/// Bytes of the header itself, and of it with the flag for extensions.
pub(super) const HEADER_BYTES: usize = 348;
pub(super) const VOXELS_AT: u64 = 352;
/// Size of the header of NIfTI-2, which is how its files are known.
const NIFTI_2: i32 = 540;
/// The mark of a file that holds header and voxels.
pub(super) const MAGIC: &[u8; 4] = b"n+1\0";
const MAGIC_PAIR: &[u8; 4] = b"ni1\0";

/// Offsets of the fields that are used, by their names in nifti1.h.
pub(super) mod field {
    pub(in super::super) const DIM: usize = 40;
    pub(in super::super) const DATATYPE: usize = 70;
    pub(in super::super) const BITPIX: usize = 72;
    pub(in super::super) const PIXDIM: usize = 76;
    pub(in super::super) const VOX_OFFSET: usize = 108;
    pub(in super::super) const SCL_SLOPE: usize = 112;
    pub(in super::super) const SCL_INTER: usize = 116;
    pub(in super::super) const XYZT_UNITS: usize = 123;
    pub(in super::super) const QFORM_CODE: usize = 252;
    pub(in super::super) const SFORM_CODE: usize = 254;
    pub(in super::super) const QUATERN_B: usize = 256;
    pub(in super::super) const QOFFSET_X: usize = 268;
    pub(in super::super) const SROW_X: usize = 280;
    pub(in super::super) const MAGIC: usize = 344;
}

/// What a header says, once it may be believed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) order: ByteOrder,
    pub(super) stored: VoxelType,
    pub(super) scale: Scale,
    pub(super) grid: Grid,
    /// Where voxels begin.
    pub(super) voxels_at: u64,
}

/// From a stored number to an intensity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) slope: f64,
    pub(super) intercept: f64,
}

impl Header {
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, VolumeFault> {
        let fields = Fields { bytes, order: byte_order(bytes)? };
        match fields.array(field::MAGIC) {
            magic if magic == *MAGIC => {}
            magic if magic == *MAGIC_PAIR => return Err(VolumeFault::Pair),
            _ => return Err(VolumeFault::NotNifti),
        }
        let code = fields.i16(field::DATATYPE);
        Ok(Self {
            order: fields.order,
            stored: VoxelType::of_code(code).ok_or(VolumeFault::StoredAs(code))?,
            scale: fields.scale()?,
            grid: Grid::new(fields.shape()?, fields.affine()?)?,
            voxels_at: fields.voxels_at()?,
        })
    }

    /// Bytes of all voxels, which [`VOXELS_MAX`] bounds.
    pub(super) fn voxel_bytes(&self) -> u64 {
        self.grid.file_shape().iter().product::<usize>() as u64 * self.stored.bytes() as u64
    }
}

/// Told by the size of the header, which is its first field.
fn byte_order(bytes: &[u8; HEADER_BYTES]) -> Result<ByteOrder, VolumeFault> {
    let size = |order: ByteOrder| i32::from_le_bytes(order.sorted(&bytes[..4]));
    let sizes = [size(ByteOrder::Little), size(ByteOrder::Big)];
    match sizes.map(|size| size == HEADER_BYTES as i32) {
        [true, _] => Ok(ByteOrder::Little),
        [_, true] => Ok(ByteOrder::Big),
        _ if sizes.contains(&NIFTI_2) => Err(VolumeFault::Nifti2),
        _ => Err(VolumeFault::NotNifti),
    }
}

struct Fields<'a> {
    bytes: &'a [u8; HEADER_BYTES],
    order: ByteOrder,
}

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        ByteOrder::Little.sorted(&self.bytes[at..at + N])
    }

    fn i16(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.order.sorted(&self.bytes[at..at + 2]))
    }

    fn f32(&self, at: usize) -> f64 {
        f32::from_le_bytes(self.order.sorted(&self.bytes[at..at + 4])).into()
    }

    fn f32s<const N: usize>(&self, at: usize) -> [f64; N] {
        std::array::from_fn(|index| self.f32(at + 4 * index))
    }

    fn shape(&self) -> Result<[usize; 3], VolumeFault> {
        let axes = self.i16(field::DIM);
        if !(1..=7).contains(&axes) {
            return Err(VolumeFault::NotNifti);
        }
        // Axes beyond the first number are not set by every writer.
        let side = |axis: i16| if axis <= axes { self.i16(field::DIM + 2 * axis as usize) } else { 1 };
        let sides = [1, 2, 3, 4, 5, 6, 7].map(|axis| u64::try_from(side(axis)).unwrap_or(0));
        let frames = sides[3..].iter().product();
        if axes < 3 || frames != 1 {
            return Err(VolumeFault::Axes { axes, frames });
        }
        match sides[..3].iter().product() {
            0 => Err(VolumeFault::Empty),
            1..=VOXELS_MAX => Ok([0, 1, 2].map(|axis| sides[axis] as usize)),
            _ => Err(VolumeFault::TooLarge),
        }
    }

    /// The best that the file has, in the order that nifti1.h advises: method 3, 2, 1.
    fn affine(&self) -> Result<Affine, VolumeFault> {
        let affine = match (self.i16(field::SFORM_CODE) > 0, self.i16(field::QFORM_CODE) > 0) {
            (true, _) => Affine::rows([0, 1, 2].map(|row| self.f32s(field::SROW_X + 16 * row))),
            (false, true) => self.quaternion(),
            (false, false) => self.spacing().and_then(Affine::diagonal),
        };
        Ok(affine.ok_or(VolumeFault::Geometry)?.scaled(self.mm_per_unit()?))
    }

    fn quaternion(&self) -> Option<Affine> {
        Affine::quaternion(&Quaternion {
            bcd: self.f32s(field::QUATERN_B),
            spacing: self.spacing()?,
            handedness: if self.f32(field::PIXDIM) < 0.0 { -1.0 } else { 1.0 },
            origin: self.f32s(field::QOFFSET_X),
        })
    }

    fn spacing(&self) -> Option<[f64; 3]> {
        let sides: [f64; 3] = self.f32s(field::PIXDIM + 4);
        sides.iter().all(|side| *side > 0.0).then_some(sides)
    }

    /// A file that names no unit is taken to mean millimetres, as every scanner does.
    fn mm_per_unit(&self) -> Result<f64, VolumeFault> {
        match self.bytes[field::XYZT_UNITS] & 7 {
            0 | 2 => Ok(1.0),
            1 => Ok(1000.0),
            3 => Ok(0.001),
            other => Err(VolumeFault::Unit(other)),
        }
    }

    /// A slope of 0, or one that is not a number, means that there is none.
    fn scale(&self) -> Result<Scale, VolumeFault> {
        let (slope, intercept) = (self.f32(field::SCL_SLOPE), self.f32(field::SCL_INTER));
        match (slope.is_finite() && slope != 0.0, intercept.is_finite()) {
            (true, true) => Ok(Scale { slope, intercept }),
            (true, false) => Err(VolumeFault::Scale),
            (false, _) => Ok(Scale { slope: 1.0, intercept: 0.0 }),
        }
    }

    fn voxels_at(&self) -> Result<u64, VolumeFault> {
        let offset = self.f32(field::VOX_OFFSET);
        match offset {
            // Some writers leave it out in a single file.
            0.0 => Ok(VOXELS_AT),
            _ if offset.fract() == 0.0 && (VOXELS_AT as f64..=HEADER_BYTES_MAX as f64).contains(&offset) => {
                Ok(offset as u64)
            }
            _ => Err(VolumeFault::Offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A header of 4 x 3 x 2 bytes, one millimetre apart.
    fn good() -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        put(&mut bytes, 0, &348i32.to_le_bytes());
        for (index, side) in [3i16, 4, 3, 2, 1, 1, 1, 1].into_iter().enumerate() {
            put(&mut bytes, field::DIM + 2 * index, &side.to_le_bytes());
        }
        put(&mut bytes, field::DATATYPE, &2i16.to_le_bytes());
        for index in 1..4 {
            put(&mut bytes, field::PIXDIM + 4 * index, &1f32.to_le_bytes());
        }
        put(&mut bytes, field::VOX_OFFSET, &352f32.to_le_bytes());
        put(&mut bytes, field::MAGIC, MAGIC);
        bytes
    }

    fn put(bytes: &mut [u8; HEADER_BYTES], at: usize, what: &[u8]) {
        bytes[at..at + what.len()].copy_from_slice(what);
    }

    fn with(at: usize, what: &[u8]) -> Result<Header, VolumeFault> {
        let mut bytes = good();
        put(&mut bytes, at, what);
        Header::parse(&bytes)
    }

    fn refuses(at: usize, what: &[u8], fault: VolumeFault) {
        assert_eq!(with(at, what), Err(fault));
    }

    #[test]
    fn each_lie_of_a_header_has_its_words() {
        assert!(Header::parse(&good()).is_ok());
        refuses(0, &540i32.to_le_bytes(), VolumeFault::Nifti2);
        refuses(0, &540i32.to_be_bytes(), VolumeFault::Nifti2);
        refuses(0, &12i32.to_le_bytes(), VolumeFault::NotNifti);
        refuses(field::MAGIC, b"ni1\0", VolumeFault::Pair);
        refuses(field::MAGIC, b"\0\0\0\0", VolumeFault::NotNifti);
        refuses(field::DATATYPE, &128i16.to_le_bytes(), VolumeFault::StoredAs(128));
        refuses(field::DIM, &0i16.to_le_bytes(), VolumeFault::NotNifti);
        refuses(field::DIM, &8i16.to_le_bytes(), VolumeFault::NotNifti);
        refuses(field::DIM, &2i16.to_le_bytes(), VolumeFault::Axes { axes: 2, frames: 1 });
        refuses(field::DIM + 2, &(-4i16).to_le_bytes(), VolumeFault::Empty);
        refuses(field::VOX_OFFSET, &351f32.to_le_bytes(), VolumeFault::Offset);
        refuses(field::VOX_OFFSET, &f32::NAN.to_le_bytes(), VolumeFault::Offset);
        refuses(field::VOX_OFFSET, &1e9f32.to_le_bytes(), VolumeFault::Offset);
        refuses(field::PIXDIM + 8, &0f32.to_le_bytes(), VolumeFault::Geometry);
        refuses(field::SFORM_CODE, &1i16.to_le_bytes(), VolumeFault::Geometry);
        refuses(field::XYZT_UNITS, &[4], VolumeFault::Unit(4));
    }

    #[test]
    fn one_frame_is_a_volume_and_two_are_not() {
        assert!(with(field::DIM, &4i16.to_le_bytes()).is_ok());
        let mut bytes = good();
        put(&mut bytes, field::DIM, &5i16.to_le_bytes());
        put(&mut bytes, field::DIM + 10, &2i16.to_le_bytes());
        assert_eq!(Header::parse(&bytes), Err(VolumeFault::Axes { axes: 5, frames: 2 }));
    }

    #[test]
    fn the_largest_volume_is_taken_and_a_larger_one_refused() {
        let sized = |sides: [i16; 3]| {
            let mut bytes = good();
            for (index, side) in sides.into_iter().enumerate() {
                put(&mut bytes, field::DIM + 2 + 2 * index, &side.to_le_bytes());
            }
            Header::parse(&bytes)
        };
        assert_eq!(sized([512, 512, 512]).map(|header| header.voxel_bytes()), Ok(VOXELS_MAX));
        assert_eq!(sized([512, 512, 513]), Err(VolumeFault::TooLarge));
        assert_eq!(sized([i16::MAX; 3]), Err(VolumeFault::TooLarge));
    }

    #[test]
    fn no_slope_means_none_and_metres_are_a_thousand() {
        let scale = |slope: f32| with(field::SCL_SLOPE, &slope.to_le_bytes()).map(|header| header.scale.slope);
        assert_eq!([scale(0.0), scale(f32::NAN), scale(0.5)], [Ok(1.0), Ok(1.0), Ok(0.5)]);
        let mut bytes = good();
        put(&mut bytes, field::SCL_SLOPE, &1f32.to_le_bytes());
        put(&mut bytes, field::SCL_INTER, &f32::NAN.to_le_bytes());
        assert_eq!(Header::parse(&bytes), Err(VolumeFault::Scale));
        let spacing = |unit: u8| with(field::XYZT_UNITS, &[unit | 8]).map(|header| header.grid.spacing().zyx()[0]);
        assert_eq!([spacing(0), spacing(1), spacing(2), spacing(3)], [Ok(1.0), Ok(1000.0), Ok(1.0), Ok(0.001)]);
    }

    proptest! {
        #[test]
        fn any_bytes_only_err(noise in prop::collection::vec(any::<u8>(), HEADER_BYTES - 4), with_magic: bool) {
            let mut bytes = [0; HEADER_BYTES];
            put(&mut bytes, 0, &348i32.to_le_bytes());
            put(&mut bytes, 4, &noise);
            if with_magic {
                put(&mut bytes, field::MAGIC, MAGIC);
                put(&mut bytes, field::DIM, &3i16.to_le_bytes());
                put(&mut bytes, field::DATATYPE, &16i16.to_le_bytes());
            }
            if let Ok(header) = Header::parse(&bytes) {
                prop_assert!(header.voxel_bytes() <= 8 * VOXELS_MAX);
            }
        }
    }
}
