//! A site's folder: `manifest.csv`, `images/`, `masks/`.

use crate::error::{Fault, ImagingError, Place, Size};
use crate::manifest::{FileName, Manifest, PatientGrouping, Row, Split};
use crate::mask_coding::{MaskCoding, MaskValues};
use crate::scan::Scan;
use crate::{Case, Patient, SiteImages};
use ndarray::{Array2, Array3};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// A folder whose manifest keeps every rule. Its images are not read yet.
#[derive(Debug)]
pub struct SiteFolder {
    pub(crate) files: Files,
    pub(crate) manifest: Manifest,
}

/// Where the files of a site lie.
#[derive(Debug, Clone)]
pub(crate) struct Files(PathBuf);

/// One row with what it names.
struct Loaded {
    pixels: Array3<f32>,
    mask: Array2<u16>,
    values: MaskValues,
}

impl SiteFolder {
    /// Opens the folder `dir` and reads its manifest.
    ///
    /// # Errors
    /// The first rule that the manifest breaks; [`crate::check`] finds them all.
    pub fn open(dir: impl Into<PathBuf>, grouping: PatientGrouping) -> Result<Self, ImagingError> {
        let files = Files::new(dir)?;
        let mut manifest = Manifest::read(files.folder(), grouping)?;
        match manifest.faults.is_empty() {
            true => Ok(Self { files, manifest }),
            false => Err(manifest.faults.swap_remove(0)),
        }
    }

    /// Images of both splits.
    pub fn image_count(&self) -> usize {
        self.manifest.rows.len()
    }

    /// True where the manifest names patients, false where each image counts as one.
    pub fn knows_patients(&self) -> bool {
        self.manifest.knows_patients
    }

    /// Reads every image and mask, in the order of the manifest, on all cores. Masks are turned to `classes` as
    /// [`MaskCoding`] says, images to `channels` (1 or 3).
    ///
    /// # Errors
    /// The first file, in the order of the manifest, that cannot be used.
    pub fn load(&self, classes: u32, channels: u32) -> Result<SiteImages, ImagingError> {
        if !matches!(channels, 1 | 3) {
            return Err(ImagingError::new(Place::Folder(self.files.0.clone()), Fault::Channels(channels)));
        }
        // Collected before the first error is looked for, so that which one is told does not depend on threads.
        let loaded: Vec<Result<Loaded, ImagingError>> =
            self.manifest.rows.par_iter().map(|row| self.files.load(row, channels)).collect();
        let loaded: Vec<Loaded> = loaded.into_iter().collect::<Result<_, _>>()?;
        let coding = self.coding(&loaded, classes)?;
        let mut cases: Vec<Option<Case>> = loaded.into_par_iter().map(|loaded| Some(loaded.case(&coding))).collect();
        let mut patients = |split| {
            let rows = self.manifest.patients(split);
            let patient =
                |rows: Vec<usize>| Patient { cases: rows.iter().filter_map(|row| cases[*row].take()).collect() };
            rows.into_iter().map(patient).collect()
        };
        Ok(SiteImages { train: patients(Split::Train), validation: patients(Split::Validation) })
    }

    fn coding(&self, loaded: &[Loaded], classes: u32) -> Result<MaskCoding, ImagingError> {
        let mut all = MaskValues::default();
        loaded.iter().for_each(|loaded| all.extend(&loaded.values));
        MaskCoding::of(&all, classes).map_err(|fault| {
            let first = loaded.iter().position(|loaded| loaded.values.exceed(classes)).unwrap_or(0);
            ImagingError::new(self.manifest.rows[first].mask_place(), fault)
        })
    }
}

impl Files {
    /// # Errors
    /// `dir` is not a folder that can be read.
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Result<Self, ImagingError> {
        let dir = dir.into();
        match std::fs::read_dir(&dir) {
            Ok(_) => Ok(Self(dir)),
            Err(error) => Err(ImagingError::new(Place::Folder(dir), Fault::Io(error.kind()))),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.0.join(IMAGES)
    }

    pub(crate) fn image(&self, row: &Row) -> Result<Scan, ImagingError> {
        let scan = Scan::read(&self.images().join(row.file.as_str()));
        scan.map_err(|fault| ImagingError::new(row.image_place(), fault))
    }

    /// The mask of a row as stored: `masks/FILE`, or its stem with `.png`.
    pub(crate) fn mask(&self, row: &Row) -> Result<Array2<u16>, ImagingError> {
        let read = |file: &FileName| Scan::read(&self.0.join(MASKS).join(file.as_str()));
        let scan = match read(&row.file.mask()) {
            Err(Fault::Missing) => read(&row.file),
            found => found,
        };
        scan.and_then(|scan| scan.mask()).map_err(|fault| ImagingError::new(row.mask_place(), fault))
    }

    fn load(&self, row: &Row, channels: u32) -> Result<Loaded, ImagingError> {
        let image = self.image(row)?;
        let mask = self.mask(row)?;
        row.same_size(image.size(), &mask)?;
        Ok(Loaded { pixels: image.pixels(channels), values: MaskValues::of(&mask), mask })
    }
}

impl Row {
    pub(crate) fn image_place(&self) -> Place {
        Place::Image(self.file.as_str().into())
    }

    pub(crate) fn mask_place(&self) -> Place {
        Place::Mask(self.file.mask().as_str().into())
    }

    pub(crate) fn same_size(&self, image: Size, mask: &Array2<u16>) -> Result<(), ImagingError> {
        let mask = Size { width: mask.ncols() as u32, height: mask.nrows() as u32 };
        match image == mask {
            true => Ok(()),
            false => Err(ImagingError::new(self.mask_place(), Fault::Size { image, mask })),
        }
    }
}

impl Loaded {
    fn case(self, coding: &MaskCoding) -> Case {
        Case { pixels: self.pixels, mask: coding.classes(&self.mask) }
    }
}

pub(crate) const IMAGES: &str = "images";
pub(crate) const MASKS: &str = "masks";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{Sample, real_sites};
    use ndarray::array;

    fn load(sample: &Sample, classes: u32) -> Result<SiteImages, ImagingError> {
        SiteFolder::open(sample.folder(), PatientGrouping::ByManifest)?.load(classes, 1)
    }

    #[test]
    fn patients_and_images_come_in_the_order_of_the_manifest() {
        let sample = Sample::new();
        for (file, patient, split, grey) in [
            ("b.png", "q", "train", 10),
            ("a.png", "p", "val", 20),
            ("c.jpg", "r", "train", 30),
            ("d.png", "q", "train", 40),
        ] {
            sample.add(file, patient, split, &array![[grey, grey], [grey, grey]], &array![[0, 255], [0, 0]]);
        }
        let site = load(&sample, 2).expect("good");
        let greys = |patients: &[Patient]| -> Vec<Vec<u8>> {
            let grey = |case: &Case| (case.pixels[[0, 0, 0]] * 255.0).round() as u8;
            patients.iter().map(|patient| patient.cases.iter().map(grey).collect()).collect()
        };
        assert_eq!(greys(&site.train), [vec![10, 40], vec![30]]);
        assert_eq!(greys(&site.validation), [vec![20]]);
        assert_eq!(site.train[1].cases[0].mask, array![[0, 1], [0, 0]]);
    }

    #[test]
    fn one_value_means_one_class_over_the_whole_site() {
        let sample = Sample::new();
        let flat = array![[9, 9], [9, 9]];
        sample.add("a.png", "p", "train", &flat, &array![[0, 128], [0, 0]]);
        sample.add("b.png", "q", "val", &flat, &array![[0, 255], [0, 0]]);
        let site = load(&sample, 3).expect("three values for three classes");
        assert_eq!(site.train[0].cases[0].mask[[0, 1]], 1);
        assert_eq!(site.validation[0].cases[0].mask[[0, 1]], 2);
        let error = load(&sample, 2).expect_err("three values for two classes");
        assert!(matches!(error.fault(), Fault::Values { .. }) && error.to_string().contains("masks/a.png"), "{error}");
    }

    #[test]
    fn faults_name_the_file_at_the_site_and_nowhere_else() {
        let sample = Sample::good();
        std::fs::remove_file(sample.folder().join("masks/a.png")).expect("removed");
        let error = load(&sample, 2).expect_err("a mask is missing");
        assert_eq!((error.place(), error.fault()), (&Place::Mask("a.png".into()), &Fault::Missing));
        assert!(!error.redacted().contains("a.png"));
    }

    #[test]
    fn unequal_sizes_and_channels_that_no_image_has_are_refused() {
        let sample = Sample::good();
        sample.add("wide.png", "w", "train", &array![[1, 2, 3]], &array![[0, 1]]);
        assert!(matches!(load(&sample, 2).expect_err("unequal").fault(), Fault::Size { .. }));
        let sample = Sample::good();
        let folder = SiteFolder::open(sample.folder(), PatientGrouping::ByManifest).expect("good");
        assert_eq!(*folder.load(2, 2).expect_err("two channels").fault(), Fault::Channels(2));
    }

    #[test]
    fn no_folder_is_an_error_in_words() {
        let error = SiteFolder::open("/nowhere/at/all", PatientGrouping::ByManifest).expect_err("no folder");
        assert!(error.to_string().starts_with("/nowhere/at/all: cannot be read"), "{error}");
    }

    #[test]
    fn the_real_sets_load_whole() {
        let sites = real_sites("cardiac-mr");
        let loaded: Vec<_> = sites
            .iter()
            .map(|dir| SiteFolder::open(dir, PatientGrouping::ByManifest).and_then(|folder| folder.load(2, 1)))
            .collect::<Result<_, _>>()
            .expect("the real set is good");
        let patients: Vec<&Patient> =
            loaded.iter().flat_map(|site| site.train.iter().chain(&site.validation)).collect();
        if !sites.is_empty() {
            assert_eq!(patients.len(), 30);
            assert_eq!(patients.iter().map(|patient| patient.cases.len()).sum::<usize>(), 526);
        }
        for dir in real_sites("nuclei") {
            let refused = SiteFolder::open(&dir, PatientGrouping::ByManifest).expect_err("no patient is named");
            assert_eq!(*refused.fault(), Fault::Column("patient"));
            let folder = SiteFolder::open(&dir, PatientGrouping::ImagesArePatients).expect("allowed by policy");
            let site = folder.load(2, 3).expect("the real set is good");
            assert_eq!(site.train.len() + site.validation.len(), folder.image_count());
        }
    }
}
