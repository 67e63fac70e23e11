//! Reads a site's whole folder before anything runs, and says all that is wrong with it.

use crate::error::{Fault, ImagingError, Place, Size};
use crate::manifest::{Manifest, PatientGrouping, Row, Split};
use crate::mask_coding::{MaskCoding, MaskValues};
use crate::report::{CheckReport, Counts, IntensityRange};
use crate::site_folder::Files;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Most values of masks that a report lists.
const MASK_VALUES_MAX: usize = 32;
/// Deepest folder below `images/` that is searched for files without a row.
const DEPTH_MAX: usize = 8;

/// Checks the folder `dir` against its manifest and, where given, against a plan's `(classes, channels)`. It never
/// stops at the first fault.
pub fn check(dir: impl Into<PathBuf>, grouping: PatientGrouping, expectation: Option<(u32, u32)>) -> CheckReport {
    let mut report = CheckReport::empty(grouping);
    let mut found = Vec::new();
    match read(dir.into(), grouping) {
        Ok((files, manifest)) => Check { files, manifest, found: &mut found, report: &mut report }.run(expectation),
        Err(error) => found.push(error),
    }
    report.list(&found);
    report
}

pub(crate) fn read(dir: PathBuf, grouping: PatientGrouping) -> Result<(Files, Manifest), ImagingError> {
    let files = Files::new(dir)?;
    let manifest = Manifest::read(files.folder(), grouping)?;
    Ok((files, manifest))
}

struct Check<'a> {
    files: Files,
    manifest: Manifest,
    found: &'a mut Vec<ImagingError>,
    report: &'a mut CheckReport,
}

/// What one row's files hold.
struct Examined {
    image: Option<ImageFacts>,
    mask: Option<MaskValues>,
    faults: Vec<ImagingError>,
}

struct ImageFacts {
    size: Size,
    channels: u32,
    bits: u32,
    range: IntensityRange,
}

impl Check<'_> {
    fn run(mut self, expectation: Option<(u32, u32)>) {
        self.found.append(&mut self.manifest.faults);
        self.report.train = counts(&self.manifest, Split::Train);
        self.report.validation = counts(&self.manifest, Split::Validation);
        let examined: Vec<Examined> = self.manifest.rows.par_iter().map(|row| Examined::of(row, &self.files)).collect();
        self.images(&examined, expectation.map(|(_, channels)| channels));
        self.masks(&examined, expectation.map(|(classes, _)| classes));
        self.found.extend(examined.into_iter().flat_map(|row| row.faults));
        self.found.extend(unnamed(&self.files, &self.manifest));
        if !self.manifest.knows_patients {
            self.found.push(ImagingError::new(Place::Manifest { line: None }, Fault::ImagesArePatients));
        }
    }

    fn images(&mut self, examined: &[Examined], wanted: Option<u32>) {
        for facts in examined.iter().filter_map(|row| row.image.as_ref()) {
            self.report.count_image(facts.size, facts.channels, facts.bits, facts.range);
        }
        let Some(wanted) = wanted else { return };
        if !matches!(wanted, 1 | 3) {
            self.folder(Fault::Channels(wanted));
        }
        let others: Vec<_> = self.report.channels.iter().map(|(stored, images)| (*stored, *images)).collect();
        for (stored, images) in others.into_iter().filter(|(stored, _)| *stored != wanted) {
            self.folder(Fault::ChannelsDiffer { images, stored, wanted });
        }
    }

    fn masks(&mut self, examined: &[Examined], classes: Option<u32>) {
        let mut all = MaskValues::default();
        let masks = || examined.iter().filter_map(|row| row.mask.as_ref());
        masks().for_each(|values| all.extend(values));
        let empty = masks().filter(|values| !values.has_foreground()).count();
        self.report.empty_masks = empty;
        self.report.mask_values = all.to_vec();
        self.report.mask_values.truncate(MASK_VALUES_MAX);
        if empty > 0 {
            self.folder(Fault::EmptyMasks { empty, masks: masks().count() });
        }
        let Some(classes) = classes else { return };
        let Err(fault) = MaskCoding::of(&all, classes) else { return };
        let exceeds = |row: &Examined| row.mask.as_ref().is_some_and(|values| values.exceed(classes));
        let rows = self.manifest.rows.iter().zip(examined);
        let place = rows.filter(|(_, row)| exceeds(row)).map(|(row, _)| row.mask_place()).next();
        self.found.extend(place.map(|place| ImagingError::new(place, fault)));
    }

    fn folder(&mut self, fault: Fault) {
        self.found.push(ImagingError::new(Place::Folder(self.files.folder().into()), fault));
    }
}

impl Examined {
    fn of(row: &Row, files: &Files) -> Self {
        let mut faults = Vec::new();
        let image = files.image(row).map_err(|error| faults.push(error)).ok();
        let mask = files.mask(row).map_err(|error| faults.push(error)).ok();
        if let (Some(image), Some(mask)) = (&image, &mask) {
            faults.extend(row.same_size(image.size(), mask).err());
        }
        let facts = image.map(|image| ImageFacts {
            size: image.size(),
            channels: image.channels(),
            bits: image.bits(),
            range: image.range(),
        });
        Self { image: facts, mask: mask.as_ref().map(MaskValues::of), faults }
    }
}

pub(crate) fn counts(manifest: &Manifest, split: Split) -> Counts {
    let patients = manifest.patients(split);
    Counts { patients: patients.len(), images: patients.iter().map(Vec::len).sum() }
}

/// Files below `images/` that no row names. Hidden files are the system's.
pub(crate) fn unnamed(files: &Files, manifest: &Manifest) -> Vec<ImagingError> {
    let named: BTreeSet<&str> = manifest.rows.iter().map(|row| row.file.as_str()).collect();
    let mut unnamed = Vec::new();
    files_below(&files.images(), "", DEPTH_MAX, &mut |file| {
        if !named.contains(file.as_str()) {
            unnamed.push(ImagingError::new(Place::Image(file), Fault::Unnamed));
        }
    });
    unnamed.sort_by_key(|error| error.place().to_string());
    unnamed
}

fn files_below(folder: &Path, prefix: &str, depth: usize, visit: &mut impl FnMut(String)) {
    // A folder that cannot be listed is no fault by itself: what the manifest names in it was found missing already.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => {
                files_below(&entry.path(), &format!("{path}/"), depth - 1, visit);
            }
            Ok(kind) if kind.is_dir() => {}
            _ => visit(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{FINDINGS_MAX, Severity};
    use crate::samples::{Sample, real_sites};
    use ndarray::array;

    /// Checks and lists `severity place what` of each finding.
    fn findings(sample: &Sample, expectation: Option<(u32, u32)>) -> Vec<String> {
        let report = check(sample.folder(), PatientGrouping::ByManifest, expectation);
        let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        assert_eq!((report.errors, report.is_usable()), (errors, errors == 0));
        report
            .findings
            .iter()
            .map(|finding| format!("{} {} {}", finding.severity, finding.place, finding.what))
            .collect()
    }

    fn finds(sample: &Sample, expected: &[&str]) {
        let found = findings(sample, Some((2, 1)));
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "`{found}` is not `{expected}`");
        }
    }

    #[test]
    fn a_good_folder_is_counted_and_has_no_finding() {
        let sample = Sample::good();
        finds(&sample, &[]);
        let report = check(sample.folder(), PatientGrouping::ByManifest, None);
        assert_eq!(
            (report.train, report.validation),
            (Counts { patients: 1, images: 1 }, Counts { patients: 1, images: 1 })
        );
        assert_eq!(report.sizes.get("3x2"), Some(&2));
        assert_eq!(report.bits.get(&8), Some(&2));
        assert_eq!(report.mask_values, [0, 255]);
        let range = report.intensities.expect("two images");
        assert_eq!((range.lowest, range.highest), (10.0 / 255.0, 60.0 / 255.0));
    }

    #[test]
    fn every_fault_is_found_in_one_run() {
        let sample = Sample::good();
        let (image, mask) = (array![[1, 2, 3], [4, 5, 6]], array![[0, 255, 0], [0, 0, 0]]);
        sample.row("gone.png,r,train");
        sample.row("../secret.png,r,train");
        sample.add("wide.png", "s", "train", &array![[1, 2]], &mask);
        sample.add("torn.png", "q", "train", &image, &mask);
        sample.add("cut.png", "t", "val", &image, &mask);
        std::fs::write(sample.folder().join("images/cut.png"), b"\x89PNG\r\n\x1a\nnothing").expect("written");
        sample.add("empty.png", "u", "val", &image, &array![[0, 0, 0], [0, 0, 0]]);
        std::fs::write(sample.folder().join("images/stray.png"), b"").expect("written");
        finds(
            &sample,
            &[
                "error manifest.csv, line 5 the cell `file` is no plain relative path",
                "error patient q is in both splits",
                "error images/gone.png is not there",
                "error masks/gone.png is not there",
                "error masks/wide.png is 3x2, but its image is 2x1",
                "error images/cut.png is damaged",
                "1 of 6 masks are empty",
                "warning images/stray.png is not named",
            ],
        );
    }

    #[test]
    fn classes_and_channels_are_held_against_the_plan() {
        let sample = Sample::good();
        assert!(findings(&sample, Some((3, 1)))[0].contains("error masks/a.png the masks hold the values 0, 255"));
        assert!(findings(&sample, Some((2, 3)))[0].contains("2 images have 1 channels, the plan has 3"));
        assert!(findings(&sample, Some((2, 2)))[0].starts_with("error"));
        assert!(findings(&sample, None).is_empty());
    }

    #[test]
    fn images_as_patients_are_said_loudly() {
        let sample = Sample::good();
        std::fs::write(sample.folder().join("manifest.csv"), "file,split\na.png,train\nb.png,val\n").expect("written");
        finds(&sample, &["error manifest.csv, line 1 has no column `patient`"]);
        let report = check(sample.folder(), PatientGrouping::ImagesArePatients, None);
        assert!(report.is_usable() && report.warnings == 1, "{report:?}");
        assert!(report.findings[0].what.contains("no patient is known"), "{report:?}");
    }

    #[test]
    fn findings_beyond_the_limit_are_counted() {
        let sample = Sample::good();
        (0..FINDINGS_MAX).for_each(|index| sample.row(&format!("gone-{index}.png,r,train")));
        let report = check(sample.folder(), PatientGrouping::ByManifest, None);
        assert_eq!((report.errors, report.findings.len()), (2 * FINDINGS_MAX, FINDINGS_MAX));
    }

    #[test]
    fn no_folder_and_no_manifest_are_findings_too() {
        let report = check("/nowhere/at/all", PatientGrouping::ByManifest, None);
        assert_eq!((report.errors, report.is_usable()), (1, false));
        let empty = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(check(empty.path(), PatientGrouping::ByManifest, None).findings[0].place, "manifest.csv");
    }

    #[test]
    fn the_report_is_json_with_counts() {
        let report = check(Sample::good().folder(), PatientGrouping::ByManifest, Some((2, 3)));
        let json = serde_json::to_value(&report).expect("a report is plain data");
        assert_eq!(json["train"]["patients"], 1);
        assert_eq!(json["findings"][0]["severity"], "warning");
    }

    #[test]
    fn the_real_sets_have_no_error() {
        for dir in real_sites("cardiac-mr").into_iter().chain(real_sites("nuclei")) {
            let report = check(&dir, PatientGrouping::ImagesArePatients, Some((2, 1)));
            println!("{:?}: {:?} {:?} {:?}", dir.file_name(), report.train, report.validation, report.sizes);
            assert!(report.is_usable(), "{:?}", report.findings);
        }
    }
}
