//! Phantoms: invented patients of invented hospitals, so that a first study needs no scans and no network.
//!
//! [`synth`] writes site folders that read like real ones. Bytes depend on the seed alone: every patient has her own
//! stream, so neither the number of threads nor the number of sites changes her.

mod anatomy;
mod outline;
mod scanner;
mod section;
mod smear;
mod smear_site;
mod synth_plan;
mod texture;
mod volume;

pub use synth_plan::{BoxFormat, SynthPlan, SynthTask};

use crate::error::{Fault, ImagingError, Place};
use crate::manifest::{MANIFEST, Split};
use crate::site_folder::{IMAGES, MASKS};
use crate::volume::LABELS;
use anatomy::Anatomy;
use image::GrayImage;
use ndarray::Array2;
use rayon::prelude::*;
use scanner::{Scanner, Sitting};
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use volume::VolumePhantom;
use wardround_plan::{Purpose, RoundNumber, Stream, StreamKey};

/// One site folder that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SynthSite {
    /// `site-a`, `site-b` and so on.
    pub name: String,
    /// Where.
    pub folder: PathBuf,
    /// Patients to train on.
    pub train_patients: usize,
    /// Patients to measure on.
    pub validation_patients: usize,
    /// Images of both.
    pub images: usize,
    /// Classes of boxes that it labels, by name; none where the task has masks.
    pub labelled: Vec<String>,
}

/// Writes one folder a site below `dir`, which is made if absent. Nothing is overwritten.
///
/// # Errors
/// A plan beyond its limits, a site folder that exists, or a disk that does not take the files.
pub fn synth(dir: impl AsRef<Path>, plan: &SynthPlan) -> Result<Vec<SynthSite>, ImagingError> {
    let dir = dir.as_ref();
    plan.check().map_err(|what| at(dir, Fault::Phantom(what)))?;
    let sites: Vec<Site> = (0..plan.sites as usize).map(|index| Site::new(dir, plan, index)).collect();
    if let Some(site) = sites.iter().find(|site| site.folder.exists()) {
        return Err(at(&site.folder, Fault::Exists));
    }
    let write = |site: &Site<'_>| match plan.task {
        SynthTask::Segmentation => site.write(MASKS, Site::patient),
        SynthTask::VolumeSegmentation => site.write(LABELS, Site::volume),
        SynthTask::Detection => smear_site::write(site),
    };
    sites.iter().map(write).collect()
}

/// One hospital about to be written.
struct Site<'a> {
    plan: &'a SynthPlan,
    index: usize,
    name: String,
    folder: PathBuf,
    key: StreamKey,
    scanner: Scanner,
    train: usize,
    validation: usize,
}

/// One row of its manifest.
#[derive(Serialize)]
struct Row {
    file: String,
    patient: String,
    width: u32,
    height: u32,
    foreground_pixels: usize,
    split: &'static str,
}

impl<'a> Site<'a> {
    fn new(dir: &Path, plan: &'a SynthPlan, index: usize) -> Self {
        let name = site_name(index);
        let key = StreamKey::from_public_seed(plan.seed).derive(&name);
        let scanner = Scanner::draw(index, &mut stream(&key.derive("scanner"), 0));
        let (train, validation) = plan.patients_of(index);
        Self { plan, index, folder: dir.join(&name), name, key, scanner, train, validation }
    }

    /// The folder with what is true of its images in `truth`; `rows` writes one patient.
    fn write(
        &self,
        truth: &str,
        rows: impl Fn(&Self, usize) -> Result<Vec<Row>, ImagingError> + Sync,
    ) -> Result<SynthSite, ImagingError> {
        for folder in [self.folder.join(IMAGES), self.folder.join(truth)] {
            std::fs::create_dir_all(&folder).map_err(|error| at(&folder, Fault::Write(error.kind())))?;
        }
        let everybody = (0..self.train + self.validation).into_par_iter();
        let patients: Vec<Vec<Row>> = everybody.map(|index| rows(self, index)).collect::<Result<_, _>>()?;
        let rows: Vec<Row> = patients.into_iter().flatten().collect();
        // Last, so that a folder with a manifest is whole.
        let path = self.folder.join(MANIFEST);
        manifest(&path, &rows).map_err(|error| at(&path, Fault::Write(error)))?;
        Ok(SynthSite {
            name: self.name.clone(),
            folder: self.folder.clone(),
            train_patients: self.train,
            validation_patients: self.validation,
            images: rows.len(),
            labelled: Vec::new(),
        })
    }

    fn patient(&self, index: usize) -> Result<Vec<Row>, ImagingError> {
        let name = format!("phantom-{:03}", index + 1);
        let key = self.key.derive(&name);
        let mut person = stream(&key, 0);
        let anatomy = Anatomy::draw(&self.scanner.build, &mut person);
        let sitting = Sitting::draw(&mut person);
        let slices = self.plan.slices_per_patient;
        let row = |slice: u32| {
            let section = anatomy.section((slice as f32 + 0.5) / slices as f32);
            let size = self.plan.size_px as usize;
            let mask = self.scanner.mask(&section, size);
            let picture = self.scanner.picture(&section, &sitting, size, &mut stream(&key, u64::from(slice) + 1));
            let row = Row {
                file: format!("{name}_{slice:02}.png"),
                patient: name.clone(),
                width: self.plan.size_px,
                height: self.plan.size_px,
                foreground_pixels: mask.iter().filter(|class| **class > 0).count(),
                split: self.split(index),
            };
            self.save(IMAGES, &row.file, &picture)?;
            self.save(MASKS, &row.file, &mask.mapv(|class| class * u8::MAX))?;
            Ok(row)
        };
        (0..slices).map(row).collect()
    }

    fn volume(&self, index: usize) -> Result<Vec<Row>, ImagingError> {
        let name = format!("phantom-{:03}", index + 1);
        let mut person = stream(&self.key.derive(&name), 0);
        let side = self.plan.size_px as usize;
        let shape = [self.plan.slices_per_patient as usize, side, side];
        let phantom = VolumePhantom::draw(self.index, &self.key, &mut person, shape);
        let row = Row {
            file: format!("{name}.nii.gz"),
            patient: name,
            width: self.plan.size_px,
            height: self.plan.size_px,
            foreground_pixels: phantom.foreground(),
            split: self.split(index),
        };
        let path = |folder: &str| self.folder.join(folder).join(&row.file);
        phantom.save(&path(IMAGES), &path(LABELS))?;
        Ok(vec![row])
    }

    fn split(&self, index: usize) -> &'static str {
        if index < self.train { Split::Train } else { Split::Validation }.as_str()
    }

    fn save(&self, folder: &str, file: &str, pixels: &Array2<u8>) -> Result<(), ImagingError> {
        let path = self.folder.join(folder).join(file);
        let (height, width) = pixels.dim();
        let image =
            GrayImage::from_fn(width as u32, height as u32, |x, y| image::Luma([pixels[[y as usize, x as usize]]]));
        image.save(&path).map_err(|error| {
            let kind = match error {
                image::ImageError::IoError(error) => error.kind(),
                _ => io::ErrorKind::Other,
            };
            at(&path, Fault::Write(kind))
        })
    }
}

fn manifest(path: &Path, rows: &[impl Serialize]) -> Result<(), io::ErrorKind> {
    let mut writer = csv::Writer::from_path(path).map_err(|error| csv_kind(&error))?;
    rows.iter().try_for_each(|row| writer.serialize(row)).map_err(|error| csv_kind(&error))?;
    writer.flush().map_err(|error| error.kind())
}

fn csv_kind(error: &csv::Error) -> io::ErrorKind {
    match error.kind() {
        csv::ErrorKind::Io(error) => error.kind(),
        _ => io::ErrorKind::Other,
    }
}

fn stream(key: &StreamKey, index: u64) -> Stream {
    key.stream(Purpose::Phantom, RoundNumber::FIRST, index)
}

fn at(path: &Path, fault: Fault) -> ImagingError {
    ImagingError::new(Place::Folder(path.into()), fault)
}

/// `site-a` to `site-z`, then `site-aa`.
fn site_name(index: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'a' + (rest % 26) as u8));
        rest /= 26;
    }
    format!("site-{}", letters.iter().rev().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PatientGrouping, SiteFolder, check};
    use wardround_plan::{Digest, Hasher};

    /// Two small sites.
    fn small() -> SynthPlan {
        SynthPlan {
            sites: 2,
            train_patients: 1..=3,
            validation_patients: 1..=1,
            slices_per_patient: 2,
            ..Default::default()
        }
    }

    /// Digest of the names and bytes of everything below `folder`.
    pub(super) fn digest(folder: &Path) -> Digest {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_path_buf()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        let mut hasher = Hasher::new();
        for file in files {
            hasher.update(file.strip_prefix(folder).expect("below").to_string_lossy().as_bytes());
            hasher.update(&std::fs::read(&file).expect("readable"));
        }
        hasher.finish()
    }

    pub(super) fn written(plan: &SynthPlan, threads: usize) -> (tempfile::TempDir, Vec<SynthSite>) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let sites = pool.install(|| synth(dir.path(), plan)).expect("written");
        (dir, sites)
    }

    #[test]
    fn bytes_depend_on_the_seed_and_not_on_threads_or_other_sites() {
        let (one, _) = written(&small(), 1);
        let (four, _) = written(&small(), 4);
        assert_eq!(digest(one.path()), digest(four.path()));
        let volumes = SynthPlan { sites: 2, ..SynthPlan::volumes() };
        let ((few, _), (many, _)) = (written(&volumes, 1), written(&volumes, 4));
        assert_eq!(digest(few.path()), digest(many.path()));
        let (other, _) = written(&SynthPlan { seed: 2, ..small() }, 2);
        assert_ne!(digest(one.path()), digest(other.path()));
        let (alone, _) = written(&SynthPlan { sites: 1, ..small() }, 2);
        assert_eq!(digest(&one.path().join("site-a")), digest(&alone.path().join("site-a")));
    }

    #[test]
    fn phantoms_are_a_good_site_folder() {
        let (_dir, sites) = written(&SynthPlan { slices_per_patient: 3, ..Default::default() }, 2);
        for site in &sites {
            let report = check(&site.folder, PatientGrouping::ByManifest, Some((2, 1)));
            assert!(report.findings.is_empty(), "{:?}", report.findings);
            assert_eq!(
                (report.train.patients, report.validation.patients),
                (site.train_patients, site.validation_patients)
            );
            assert_eq!(report.mask_values, [0, 255]);
        }
        let patients: Vec<_> = sites.iter().map(|site| site.train_patients).collect();
        assert_eq!(patients, [6, 4, 3, 7]);
    }

    /// Dice of the best pair of thresholds for each single image: what brightness alone could reach at most.
    #[test]
    fn brightness_alone_does_not_find_the_target() {
        let (_dir, sites) = written(&small(), 2);
        for site in &sites {
            let folder = SiteFolder::open(&site.folder, PatientGrouping::ByManifest).expect("good");
            let images = folder.load(2, 1).expect("good");
            let scores: Vec<f64> = images
                .train
                .iter()
                .flat_map(|patient| &patient.cases)
                .filter_map(crate::Case::image)
                .map(best_by_brightness)
                .collect();
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            println!("{}: best Dice by brightness {mean:.3}", site.name);
            assert!(mean < 0.5, "{}: {mean}", site.name);
        }
    }

    fn best_by_brightness(case: &crate::ImageCase) -> f64 {
        let bin = |value: &f32| (value * 31.0).round() as usize;
        let mut target = [0usize; 32];
        let mut all = [0usize; 32];
        for (value, class) in case.pixels.iter().zip(&case.mask) {
            all[bin(value)] += 1;
            target[bin(value)] += usize::from(*class);
        }
        let size: usize = target.iter().sum();
        let dice = |from: usize, to: usize| {
            let (hit, marked): (usize, usize) = (target[from..=to].iter().sum(), all[from..=to].iter().sum());
            2.0 * hit as f64 / (marked + size).max(1) as f64
        };
        (0..32).flat_map(|from| (from..32).map(move |to| (from, to))).map(|(a, b)| dice(a, b)).fold(0.0, f64::max)
    }

    #[test]
    fn the_target_changes_smoothly_from_base_to_apex() {
        let (_dir, sites) = written(&SynthPlan { slices_per_patient: 6, ..small() }, 2);
        for site in &sites {
            let images =
                SiteFolder::open(&site.folder, PatientGrouping::ByManifest).and_then(|folder| folder.load(2, 1));
            for patient in images.expect("good").train {
                let areas: Vec<f64> = patient
                    .cases
                    .iter()
                    .filter_map(crate::Case::image)
                    .map(|case| case.mask.mapv(f64::from).sum())
                    .collect();
                assert!(areas.windows(2).all(|pair| pair[1] < pair[0] && pair[1] > 0.5 * pair[0]), "{areas:?}");
                assert!((30.0..2500.0).contains(&areas[5]), "{areas:?}");
            }
        }
    }

    #[test]
    fn nothing_is_overwritten_and_limits_are_kept() {
        let (dir, _) = written(&small(), 1);
        let error = synth(dir.path(), &small()).expect_err("the folders are there");
        assert_eq!(*error.fault(), Fault::Exists);
        let error = synth(dir.path(), &SynthPlan { sites: 0, ..small() }).expect_err("no sites");
        assert!(matches!(error.fault(), Fault::Phantom(_)), "{error}");
    }

    #[test]
    fn site_names_go_on_after_z() {
        assert_eq!([0, 25, 26, 701, 702].map(site_name), ["site-a", "site-z", "site-aa", "site-zz", "site-aaa"]);
    }
}
