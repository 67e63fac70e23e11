//! From a volume to a file that others read: little-endian, orientation as an affine, millimetres.

use super::header::{HEADER_BYTES, MAGIC, VOXELS_AT, field};
use super::{Volume, VoxelType};
use crate::error::Fault;
use crate::volume::{Grid, VolumeFault};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// `xyzt_units`: millimetres.
const MILLIMETRES: u8 = 2;
/// `sform_code`: the coordinates are the scanner's.
const SCANNER: i16 = 1;

/// Writes `volume` at `path`.
pub(super) fn write(path: &Path, volume: &Volume, stored: VoxelType) -> Result<(), Fault> {
    let bytes = encode(volume, stored)?;
    save(path, &bytes).map_err(|error| Fault::Write(error.kind()))
}

/// The bytes of the file before compression.
pub(super) fn encode(volume: &Volume, stored: VoxelType) -> Result<Vec<u8>, Fault> {
    if volume.voxels.shape() != volume.grid.shape() {
        return Err(VolumeFault::WrongGrid.into());
    }
    if volume.voxels.is_empty() {
        return Err(VolumeFault::Empty.into());
    }
    let unwritable = volume.voxels.iter().filter(|value| !stored.holds(**value)).count();
    if unwritable > 0 {
        return Err(VolumeFault::Unwritable(unwritable).into());
    }
    let mut bytes = header(&volume.grid, stored)?.to_vec();
    bytes.resize(VOXELS_AT as usize, 0);
    volume.grid.as_stored(&volume.voxels).iter().for_each(|value| stored.encode(*value, &mut bytes));
    Ok(bytes)
}

fn header(grid: &Grid, stored: VoxelType) -> Result<[u8; HEADER_BYTES], VolumeFault> {
    let mut bytes = [0; HEADER_BYTES];
    let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
    put(0, &(HEADER_BYTES as i32).to_le_bytes());
    let [i, j, k] = grid.file_shape();
    for (index, side) in [3, i, j, k, 1, 1, 1, 1].into_iter().enumerate() {
        let side = i16::try_from(side).map_err(|_| VolumeFault::TooLarge)?;
        put(field::DIM + 2 * index, &side.to_le_bytes());
    }
    put(field::DATATYPE, &stored.code().to_le_bytes());
    put(field::BITPIX, &(8 * stored.bytes() as i16).to_le_bytes());
    put(field::PIXDIM, &1f32.to_le_bytes());
    for (index, side) in grid.affine().spacing().into_iter().enumerate() {
        put(field::PIXDIM + 4 + 4 * index, &(side as f32).to_le_bytes());
    }
    put(field::VOX_OFFSET, &(VOXELS_AT as f32).to_le_bytes());
    put(field::SCL_SLOPE, &1f32.to_le_bytes());
    put(field::XYZT_UNITS, &[MILLIMETRES]);
    put(field::SFORM_CODE, &SCANNER.to_le_bytes());
    for (index, value) in grid.affine().to_rows().into_iter().flatten().enumerate() {
        put(field::SROW_X + 4 * index, &(value as f32).to_le_bytes());
    }
    put(field::MAGIC, MAGIC);
    Ok(bytes)
}

fn save(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    if path.extension().is_some_and(|ending| ending == "gz") {
        // The encoder leaves name and time out, so that equal volumes are equal bytes.
        let mut encoder = GzEncoder::new(&mut file, Compression::default());
        encoder.write_all(bytes)?;
        encoder.finish()?;
    } else {
        file.write_all(bytes)?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::SpacingMm;
    use crate::volume::affine::Affine;
    use ndarray::Array3;

    fn grid() -> Grid {
        let rows = [[-0.5, 0.0, 0.0, 9.0], [0.0, 0.0, 3.0, -4.0], [0.0, 2.0, 0.0, 1.0]];
        Grid::new([2, 3, 4], Affine::rows(rows).expect("axes")).expect("a grid")
    }

    fn volume() -> Volume {
        Volume { voxels: Array3::from_shape_fn((3, 4, 2), |(z, y, x)| (z * 8 + y * 2 + x) as f32), grid: grid() }
    }

    #[test]
    fn every_type_comes_back_as_it_was_compressed_or_not() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for stored in VoxelType::ALL {
            for name in ["a.nii", "a.nii.gz"] {
                let path = dir.path().join(name);
                volume().write(&path, stored).expect("written");
                assert_eq!(Volume::read(&path), Ok(volume()), "{stored:?} {name}");
            }
        }
        let (plain, packed) = (dir.path().join("a.nii"), dir.path().join("a.nii.gz"));
        let first = |path: &Path| std::fs::read(path).expect("written").first().copied();
        assert_eq!((first(&plain), first(&packed)), (Some(0x5c), Some(0x1f)));
    }

    #[test]
    fn equal_volumes_are_equal_bytes() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let bytes = |name: &str| {
            let path = dir.path().join(name);
            volume().write(&path, VoxelType::I16).expect("written");
            std::fs::read(path).expect("written")
        };
        assert_eq!(bytes("a.nii.gz"), bytes("b.nii.gz"));
    }

    #[test]
    fn labels_lie_where_their_scan_lies() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let labels = Array3::from_shape_fn((3, 4, 2), |(z, _, x)| (z * x) as u8);
        let path = dir.path().join("labels.nii.gz");
        Volume::of_labels(&labels, grid()).write(&path, VoxelType::U8).expect("written");
        let back = Volume::read(&path).expect("written");
        assert_eq!((back.voxels, back.grid.agrees(&grid())), (labels.mapv(f32::from), Ok(())));
    }

    #[test]
    fn what_a_type_cannot_hold_is_refused_and_not_rounded() {
        let mut volume = volume();
        volume.voxels[[0, 0, 0]] = 0.5;
        volume.voxels[[0, 0, 1]] = -1.0;
        assert_eq!(encode(&volume, VoxelType::U8), Err(VolumeFault::Unwritable(2).into()));
        assert_eq!(encode(&volume, VoxelType::I16), Err(VolumeFault::Unwritable(1).into()));
        assert!(encode(&volume, VoxelType::F32).is_ok());
        volume.voxels[[0, 0, 0]] = f32::NAN;
        assert_eq!(encode(&volume, VoxelType::F64), Err(VolumeFault::Unwritable(1).into()));
    }

    #[test]
    fn arrays_without_voxels_or_of_another_shape_are_refused() {
        let torn = Volume { voxels: Array3::zeros((2, 3, 4)), ..volume() };
        assert_eq!(encode(&torn, VoxelType::U8), Err(VolumeFault::WrongGrid.into()));
        let upright = |shape: [usize; 3]| {
            let volume = Volume { voxels: Array3::zeros(shape), grid: Grid::upright(shape, SpacingMm::ISOTROPIC_1) };
            encode(&volume, VoxelType::U8).map(|bytes| bytes.len())
        };
        assert_eq!(upright([0, 1, 1]), Err(VolumeFault::Empty.into()));
        assert_eq!(upright([1, 1, 32_768]), Err(VolumeFault::TooLarge.into()));
        assert_eq!(upright([1, 1, 32_767]), Ok(352 + 32_767));
    }
}
