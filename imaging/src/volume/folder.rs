//! A site's folder of volumes: `manifest.csv`, `images/*.nii.gz`, and `labels/` (or `masks/`) with the same names.

use super::nifti::{Volume, announced_voxels, read};
use super::{SiteVolumes, SpacingMm, VolumeCase, VolumeFault, VolumePatient};
use crate::SiteFolder;
use crate::error::{Fault, ImagingError, Place};
use crate::manifest::{Row, Split};
use crate::mask_coding::{MaskCoding, MaskValues};
use crate::site_folder::{Files, MASKS};
use ndarray::Array3;
use rayon::prelude::*;
use std::path::PathBuf;

/// Farthest that a label may lie from a whole number: slopes and intercepts leave rounding behind.
pub const LABEL_TOLERANCE: f32 = 1e-3;

/// Most voxels of all volumes of one site together: 32 of the largest, which take 16 GiB, and their labels 8 GiB.
pub const SITE_VOXELS_MAX: u64 = 1 << 32;

pub(crate) const LABELS: &str = "labels";

/// One row with what it names.
struct Loaded {
    voxels: Array3<f32>,
    labels: Array3<u16>,
    values: MaskValues,
    spacing: SpacingMm,
}

impl SiteFolder {
    /// Reads every volume with its labels, in the order of the manifest, on all cores. Labels are turned to `classes`
    /// as [`MaskCoding`] says. They are looked for in `labels/`, then in `masks/`.
    ///
    /// # Errors
    /// More than [`SITE_VOXELS_MAX`] voxels, or the first file, in the order of the manifest, that cannot be used.
    pub fn load_volumes(&self, classes: u32) -> Result<SiteVolumes, ImagingError> {
        self.fits_into_memory()?;
        // Collected before the first error is looked for, so that which one is told does not depend on threads.
        let loaded: Vec<Result<Loaded, ImagingError>> =
            self.manifest.rows.par_iter().map(|row| Loaded::read(row, &self.files)).collect();
        let loaded: Vec<Loaded> = loaded.into_iter().collect::<Result<_, _>>()?;
        let coding = self.label_coding(&loaded, classes)?;
        let mut cases: Vec<_> = loaded.into_iter().map(|loaded| Some(loaded.case(&coding))).collect();
        let mut patients = |split| {
            let rows = self.manifest.patients(split).into_iter();
            let mut hers = |rows: Vec<usize>| rows.into_iter().filter_map(|row| cases[row].take()).collect();
            rows.map(|rows| VolumePatient { cases: hers(rows) }).collect()
        };
        Ok(SiteVolumes { train: patients(Split::Train), validation: patients(Split::Validation) })
    }

    /// Told by headers, before any voxel is read. A file without a good header takes no memory and is told later.
    fn fits_into_memory(&self) -> Result<(), ImagingError> {
        let path = |row: &Row| self.files.images().join(row.file.as_str());
        let voxels: u64 = self.manifest.rows.par_iter().map(|row| announced_voxels(&path(row)).unwrap_or(0)).sum();
        let folder = || Place::Folder(self.files.folder().into());
        match voxels <= SITE_VOXELS_MAX {
            true => Ok(()),
            false => Err(ImagingError::new(folder(), VolumeFault::SiteTooLarge.into())),
        }
    }

    fn label_coding(&self, loaded: &[Loaded], classes: u32) -> Result<MaskCoding, ImagingError> {
        let mut all = MaskValues::default();
        loaded.iter().for_each(|loaded| all.extend(&loaded.values));
        MaskCoding::of(&all, classes).map_err(|fault| {
            let first = loaded.iter().position(|loaded| loaded.values.exceed(classes)).unwrap_or(0);
            ImagingError::new(self.manifest.rows[first].label_place(), fault)
        })
    }
}

impl Row {
    fn label_place(&self) -> Place {
        Place::Label(self.file.as_str().into())
    }
}

impl Loaded {
    fn read(row: &Row, files: &Files) -> Result<Self, ImagingError> {
        let image = read(&files.images().join(row.file.as_str()));
        let Volume { voxels, grid } = image.map_err(|fault| ImagingError::new(row.image_place(), fault))?;
        let labels = labels(row, files).and_then(|(labels, own)| {
            grid.agrees(&own)?;
            Ok(labels)
        });
        let labels = labels.map_err(|fault| ImagingError::new(row.label_place(), fault))?;
        Ok(Self { voxels, values: MaskValues::of(&labels), labels, spacing: grid.spacing() })
    }

    fn case(self, coding: &MaskCoding) -> VolumeCase {
        VolumeCase { voxels: self.voxels, labels: coding.classes(&self.labels), spacing: self.spacing }
    }
}

fn labels(row: &Row, files: &Files) -> Result<(Array3<u16>, super::Grid), Fault> {
    let path = |folder: &str| -> PathBuf { files.folder().join(folder).join(row.file.as_str()) };
    let volume = match read(&path(LABELS)) {
        Err(Fault::Missing) => read(&path(MASKS)),
        found => found,
    }?;
    match volume.voxels.iter().filter(|value| !is_label(**value)).count() {
        0 => Ok((volume.voxels.mapv(|value| value.round() as u16), volume.grid)),
        odd => Err(VolumeFault::Labels(odd).into()),
    }
}

fn is_label(value: f32) -> bool {
    let whole = value.round();
    (value - whole).abs() <= LABEL_TOLERANCE && (0.0..=f32::from(u16::MAX)).contains(&whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PatientGrouping;
    use crate::samples::{Sample, real_sites};
    use crate::volume::{Grid, VoxelType};
    use std::collections::BTreeSet;

    const SHAPE: [usize; 3] = [2, 3, 4];

    fn grid(spacing: f64) -> Grid {
        Grid::upright(SHAPE, SpacingMm::new([spacing, 1.0, 1.0]).expect("lengths"))
    }

    /// A folder for volumes; images and labels are written by name.
    fn sample() -> Sample {
        let sample = Sample::new();
        std::fs::create_dir(sample.folder().join(LABELS)).expect("created");
        sample
    }

    fn save(sample: &Sample, path: &str, value: f32, corner: f32, grid: Grid) {
        let mut voxels = Array3::from_elem(grid.shape(), value);
        voxels[[0, 0, 0]] = corner;
        Volume { voxels, grid }.write(sample.folder().join(path), VoxelType::F32).expect("written");
    }

    /// One patient for training with class `label`, one for validation.
    fn good(label: f32) -> Sample {
        let sample = sample();
        for (file, split, folder) in [("a.nii.gz", "train", LABELS), ("b.nii", "val", MASKS)] {
            sample.row(&format!("{file},{split},{split}"));
            save(&sample, &format!("images/{file}"), 1000.0, 2000.0, grid(2.0));
            save(&sample, &format!("{folder}/{file}"), 0.0, label, grid(2.0));
        }
        sample
    }

    fn load(sample: &Sample, classes: u32) -> Result<SiteVolumes, ImagingError> {
        SiteFolder::open(sample.folder(), PatientGrouping::ByManifest)?.load_volumes(classes)
    }

    fn refused(sample: &Sample) -> Fault {
        let error = load(sample, 2).expect_err("the labels of a.nii.gz are bad");
        assert_eq!(*error.place(), Place::Label("a.nii.gz".into()), "{error}");
        assert!(!error.redacted().contains("a.nii"), "{}", error.redacted());
        error.fault().clone()
    }

    #[test]
    fn volumes_come_with_labels_and_spacing_from_either_folder() {
        let site = load(&good(1.0), 2).expect("good");
        for patient in site.train.iter().chain(&site.validation) {
            let case = &patient.cases[0];
            assert_eq!((case.voxels[[0, 0, 0]], case.voxels[[1, 2, 3]]), (2000.0, 1000.0));
            assert_eq!((case.labels[[0, 0, 0]], case.labels[[1, 2, 3]]), (1, 0));
            assert_eq!(case.spacing.zyx(), [2.0, 1.0, 1.0]);
        }
        assert_eq!((site.train.len(), site.validation.len()), (1, 1));
    }

    #[test]
    fn labels_may_be_rounded_or_ranks_but_not_fractions() {
        assert!(load(&good(1.0 + 0.9 * LABEL_TOLERANCE), 2).is_ok());
        assert_eq!(load(&good(255.0), 2).map(|site| site.train[0].cases[0].labels[[0, 0, 0]]), Ok(1));
        for bad in [1.0 + 2.0 * LABEL_TOLERANCE, 0.5, -1.0, 65_536.0, 1e30] {
            assert_eq!(refused(&good(bad)), VolumeFault::Labels(1).into(), "{bad}");
        }
        assert!(matches!(load(&good(7.0), 3), Err(error) if matches!(error.fault(), Fault::Values { .. })));
    }

    #[test]
    fn labels_that_do_not_lie_on_their_volume_are_refused() {
        let sample = good(1.0);
        save(&sample, "labels/a.nii.gz", 0.0, 1.0, grid(2.5));
        assert_eq!(refused(&sample), VolumeFault::Place.into());
        save(&sample, "labels/a.nii.gz", 0.0, 1.0, Grid::upright([2, 3, 5], grid(2.0).spacing()));
        assert_eq!(refused(&sample), VolumeFault::Shape { image: SHAPE, labels: [2, 3, 5] }.into());
        std::fs::remove_file(sample.folder().join("labels/a.nii.gz")).expect("it is there");
        assert_eq!(refused(&sample), Fault::Missing);
    }

    /// Files that are no more than headers of the largest volumes: 32 are read in vain, 33 are not even begun.
    #[test]
    fn a_site_beyond_memory_is_refused_by_its_headers() {
        let (fits, exceeds) = (sample(), sample());
        let small = Volume { voxels: Array3::zeros(SHAPE), grid: grid(1.0) };
        for (sample, count) in [(&fits, 32), (&exceeds, 33)] {
            for index in 0..count {
                let file = format!("{index}.nii");
                sample.row(&format!("{file},p{index},{}", if index == 0 { "val" } else { "train" }));
                let path = sample.folder().join("images").join(file);
                small.write(&path, VoxelType::U8).expect("written");
                let mut bytes = std::fs::read(&path).expect("written");
                (1..4).for_each(|axis| bytes[40 + 2 * axis..42 + 2 * axis].copy_from_slice(&512i16.to_le_bytes()));
                std::fs::write(&path, bytes).expect("written");
            }
        }
        assert_eq!(load(&fits, 2).map_err(|error| error.fault().clone()), Err(Fault::Damaged));
        let refused = load(&exceeds, 2).map_err(|error| error.fault().clone());
        assert_eq!(refused, Err(VolumeFault::SiteTooLarge.into()));
    }

    #[test]
    fn the_real_set_loads_whole() {
        let mut volumes = 0;
        for dir in real_sites("hippocampus-mr") {
            let folder = SiteFolder::open(&dir, PatientGrouping::ImagesArePatients).expect("a good manifest");
            let site = folder.load_volumes(3).expect("the real set is good");
            for case in site.train.iter().chain(&site.validation).flat_map(|patient| &patient.cases) {
                assert_eq!(case.voxels.shape(), case.labels.shape());
                assert_eq!(case.labels.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2]));
                assert_eq!(case.spacing, SpacingMm::ISOTROPIC_1);
                volumes += 1;
            }
        }
        assert!(matches!(volumes, 0 | 54), "{volumes}");
    }
}
