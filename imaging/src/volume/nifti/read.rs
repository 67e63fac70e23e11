//! From a file's bytes to a volume, within what its header announced.

use super::Volume;
use super::header::{HEADER_BYTES, Header};
use crate::error::Fault;
use crate::volume::VolumeFault;
use flate2::bufread::MultiGzDecoder;
use ndarray::Array3;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

/// First bytes of a gzip member (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Most bytes after the last voxel: some writers pad.
const TRAILING_BYTES_MAX: u64 = 1 << 20;

/// Reads the file at `path`.
pub(in crate::volume) fn read(path: &Path) -> Result<Volume, Fault> {
    match open(path)? {
        Opened::Compressed(reader) => decode(reader, None),
        Opened::Plain(reader, length) => decode(reader, Some(length)),
    }
}

/// Voxels that the header of the file at `path` announces; no more than the header is read.
pub(in crate::volume) fn announced_voxels(path: &Path) -> Result<u64, Fault> {
    let header = match open(path)? {
        Opened::Compressed(mut reader) => header(&mut reader),
        Opened::Plain(mut reader, _) => header(&mut reader),
    }?;
    Ok(header.grid.file_shape().iter().product::<usize>() as u64)
}

/// A file, and where it is not compressed its length.
enum Opened {
    Compressed(MultiGzDecoder<BufReader<File>>),
    Plain(BufReader<File>, u64),
}

fn open(path: &Path) -> Result<Opened, Fault> {
    let file = File::open(path).map_err(|error| from_io(&error))?;
    let meta = file.metadata().map_err(|error| from_io(&error))?;
    if !meta.is_file() {
        return Err(VolumeFault::NotNifti.into());
    }
    let mut reader = BufReader::new(file);
    let compressed = reader.fill_buf().map_err(|error| from_io(&error))?.starts_with(&GZIP);
    Ok(if compressed { Opened::Compressed(MultiGzDecoder::new(reader)) } else { Opened::Plain(reader, meta.len()) })
}

/// Decodes what `reader` gives; `length` is the number of its bytes where that is known.
fn decode(mut reader: impl Read, length: Option<u64>) -> Result<Volume, Fault> {
    let header = header(&mut reader)?;
    if length.is_some_and(|length| length < header.voxels_at + header.voxel_bytes()) {
        return Err(Fault::Damaged);
    }
    skip(&mut reader, header.voxels_at - HEADER_BYTES as u64)?;
    let voxels = voxels(&mut reader, &header)?;
    drain(&mut reader)?;
    let [i, j, k] = header.grid.file_shape();
    let stored = Array3::from_shape_vec((k, j, i), voxels).expect("as many as the header announced were read");
    Ok(Volume { voxels: header.grid.turned(stored), grid: header.grid })
}

fn header(reader: &mut impl Read) -> Result<Header, Fault> {
    let mut bytes = [0; HEADER_BYTES];
    reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => VolumeFault::NotNifti.into(),
        _ => from_io(&error),
    })?;
    Ok(Header::parse(&bytes)?)
}

/// Row by row, so that memory grows with the bytes that come and not with those announced.
fn voxels(reader: &mut impl Read, header: &Header) -> Result<Vec<f32>, Fault> {
    let [i, j, k] = header.grid.file_shape();
    let mut row = vec![0; i * header.stored.bytes()];
    let mut values: Vec<f32> = Vec::new();
    let value = |bytes: &[u8]| {
        let stored = header.stored.decode(bytes, header.order);
        (stored * header.scale.slope + header.scale.intercept) as f32
    };
    for _ in 0..j * k {
        reader.read_exact(&mut row).map_err(|error| from_io(&error))?;
        values.extend(row.chunks_exact(header.stored.bytes()).map(value));
    }
    match values.iter().filter(|value| !value.is_finite()).count() {
        0 => Ok(values),
        count => Err(VolumeFault::NotFinite(count).into()),
    }
}

fn skip(reader: &mut impl Read, bytes: u64) -> Result<(), Fault> {
    let skipped = io::copy(&mut reader.take(bytes), &mut io::sink()).map_err(|error| from_io(&error))?;
    if skipped == bytes { Ok(()) } else { Err(Fault::Damaged) }
}

/// Reads to the end, where a compressed file has its checksum.
fn drain(reader: &mut impl Read) -> Result<(), Fault> {
    let mut rest = reader.take(TRAILING_BYTES_MAX + 1);
    let left = io::copy(&mut rest, &mut io::sink()).map_err(|error| from_io(&error))?;
    if left <= TRAILING_BYTES_MAX { Ok(()) } else { Err(Fault::Damaged) }
}

fn from_io(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => Fault::Missing,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Fault::Damaged,
        kind => Fault::Io(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImagingError;
    use crate::volume::nifti::write::encode;
    use crate::volume::{Grid, SpacingMm, VoxelType};
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::io::Write as _;

    /// What nibabel read; see `testdata/nifti/make.py`.
    #[derive(serde::Deserialize)]
    struct Expected {
        shape: [usize; 3],
        spacing_mm: [f64; 3],
        origin_mm: [f64; 3],
        voxels: Vec<f32>,
    }

    fn close(found: [f64; 3], expected: [f64; 3]) -> bool {
        found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5 * b.abs().max(1.0))
    }

    fn small() -> Volume {
        let grid = Grid::upright([2, 3, 4], SpacingMm::new([3.0, 1.0, 0.5]).expect("lengths"));
        Volume { voxels: Array3::from_shape_fn((2, 3, 4), |(z, y, x)| (z * 12 + y * 4 + x) as f32), grid }
    }

    fn bytes() -> Vec<u8> {
        encode(&small(), VoxelType::F32).expect("finite")
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("into memory");
        encoder.finish().expect("into memory")
    }

    fn read_bytes(bytes: &[u8]) -> Result<Volume, Fault> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("scan.nii");
        std::fs::write(&path, bytes).expect("written");
        read(&path)
    }

    #[test]
    fn every_type_order_and_orientation_reads_as_nibabel_reads_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/nifti");
        let text = std::fs::read_to_string(folder.join("expected.json")).expect("it is beside the volumes");
        let expected: BTreeMap<String, Expected> = serde_json::from_str(&text).expect("made by make.py");
        assert_eq!(expected.len(), 9);
        for (name, expected) in expected {
            let Volume { voxels, grid } = read(&folder.join(&name)).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert_eq!((voxels.shape(), grid.shape()), (&expected.shape[..], expected.shape), "{name}");
            assert!(close(grid.spacing().zyx(), expected.spacing_mm), "{name}: {:?}", grid.spacing());
            assert!(close(grid.corners()[0], expected.origin_mm), "{name}: {:?}", grid.corners()[0]);
            assert_eq!(voxels.into_raw_vec_and_offset().0, expected.voxels, "{name}");
        }
    }

    #[test]
    fn cut_and_damaged_files_are_told_apart_from_foreign_ones() {
        let (plain, packed) = (bytes(), gzip(&bytes()));
        assert_eq!(read_bytes(&plain), Ok(small()));
        assert_eq!(read_bytes(&packed), Ok(small()));
        for length in [349, 352, plain.len() - 1] {
            assert_eq!(read_bytes(&plain[..length]), Err(Fault::Damaged), "{length}");
        }
        for length in [packed.len() / 2, packed.len() - 9, packed.len() - 1] {
            assert!(matches!(read_bytes(&packed[..length]), Err(Fault::Damaged | Fault::Volume(_))), "{length}");
        }
        let mut checksum = packed.clone();
        let place = checksum.len() - 6;
        checksum[place] ^= 1;
        assert_eq!(read_bytes(&checksum), Err(Fault::Damaged));
        for foreign in [&b""[..], b"PK\x03\x04", &[0x1f, 0x8b], &[7; 400]] {
            assert!(matches!(read_bytes(foreign), Err(Fault::Damaged | Fault::Volume(VolumeFault::NotNifti))));
        }
        assert_eq!(read(Path::new("/nowhere/at/all.nii")), Err(Fault::Missing));
        assert_eq!(read(&std::env::temp_dir()), Err(VolumeFault::NotNifti.into()));
    }

    #[test]
    fn a_file_that_goes_on_for_too_long_is_not_unpacked_to_its_end() {
        let padded = |zeros: u64| {
            let mut padded = bytes();
            padded.resize(padded.len() + zeros as usize, 0);
            read_bytes(&gzip(&padded)).map(|_| ())
        };
        assert_eq!(padded(TRAILING_BYTES_MAX), Ok(()));
        assert_eq!(padded(TRAILING_BYTES_MAX + 1), Err(Fault::Damaged));
    }

    #[test]
    fn a_header_that_promises_much_takes_no_memory_for_it() {
        let mut lie = bytes();
        for axis in 1..4 {
            lie[40 + 2 * axis..42 + 2 * axis].copy_from_slice(&512i16.to_le_bytes());
        }
        assert_eq!(read_bytes(&lie), Err(Fault::Damaged));
        assert_eq!(read_bytes(&gzip(&lie)), Err(Fault::Damaged));
    }

    #[test]
    fn voxels_that_are_no_numbers_are_counted_and_refused() {
        let mut sick = bytes();
        let voxel = |index: usize| 352 + 4 * index..356 + 4 * index;
        sick[voxel(3)].copy_from_slice(&f32::NAN.to_le_bytes());
        sick[voxel(9)].copy_from_slice(&f32::INFINITY.to_le_bytes());
        assert_eq!(read_bytes(&sick), Err(VolumeFault::NotFinite(2).into()));
        let fault: ImagingError = super::super::at(Path::new("/home/NOBODY.nii"), VolumeFault::NotFinite(2).into());
        assert!(fault.to_string().contains("set them to") && !fault.redacted().contains("NOBODY"), "{fault}");
    }

    #[test]
    fn header_extensions_are_skipped() {
        let mut extended = bytes();
        extended.splice(352..352, [1; 48]);
        extended[108..112].copy_from_slice(&400f32.to_le_bytes());
        assert_eq!(read_bytes(&extended), Ok(small()));
    }

    proptest! {
        /// Eight bytes anywhere in a file, plain or compressed: it is read or refused, and what is read is finite.
        #[test]
        fn damage_anywhere_only_errs(at in 0usize..440, damage: [u8; 8], compressed: bool) {
            let mut file = if compressed { gzip(&bytes()) } else { bytes() };
            let at = at % (file.len() - damage.len());
            file[at..at + damage.len()].copy_from_slice(&damage);
            if let Ok(volume) = read_bytes(&file) {
                prop_assert!(volume.voxels.iter().all(|value| value.is_finite()));
                prop_assert_eq!(volume.voxels.shape(), &volume.grid.shape()[..]);
            }
        }
    }
}
