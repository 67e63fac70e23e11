//! Reads a site's whole folder of boxes before anything runs, and says all that is wrong with it.

use super::boxes_of_image::{Objects, Placed};
use super::classes::{ClassNames, ClassSet};
use super::fault::BoxFault;
use super::report::BoxCheckReport;
use super::source::{BoxSource, Wanted, present_forms};
use crate::check::{counts, read, unnamed};
use crate::error::{Fault, ImagingError, Place, Size};
use crate::manifest::{Manifest, PatientGrouping, Row, Split};
use crate::site_folder::Files;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Checks the folder `dir` against its manifest and against a study of `names`, of which this site labels `labelled`,
/// and of images with `channels`. It never stops at the first fault.
pub fn check_boxes(
    dir: impl Into<PathBuf>,
    grouping: PatientGrouping,
    names: &ClassNames,
    labelled: &ClassSet,
    channels: u32,
) -> BoxCheckReport {
    let mut report = BoxCheckReport::empty(grouping);
    let mut found = Vec::new();
    match read(dir.into(), grouping) {
        Ok((files, mut manifest)) => {
            found.append(&mut manifest.faults);
            let wanted = Wanted { names, labelled };
            Check { files: &files, manifest: &manifest, wanted, found: &mut found, report: &mut report }.run(channels);
        }
        Err(error) => found.push(error),
    }
    report.list(&found);
    report
}

struct Check<'a> {
    files: &'a Files,
    manifest: &'a Manifest,
    wanted: Wanted<'a>,
    found: &'a mut Vec<ImagingError>,
    report: &'a mut BoxCheckReport,
}

/// What one row's files hold.
#[derive(Default)]
struct Examined {
    size: Option<Size>,
    channels: u32,
    placed: Option<Placed>,
    foreign: BTreeMap<String, usize>,
    faults: Vec<ImagingError>,
}

impl<'a> Check<'a> {
    fn run(mut self, channels: u32) {
        self.report.train = counts(self.manifest, Split::Train);
        self.report.validation = counts(self.manifest, Split::Validation);
        let source = self.source();
        let rows = self.manifest.rows.par_iter().enumerate();
        let (files, wanted) = (self.files, self.wanted);
        let examined: Vec<Examined> =
            rows.map(|(index, row)| Examined::of(index, row, files, source.as_ref(), wanted)).collect();
        self.images(&examined, channels);
        if source.is_some() {
            self.boxes(&examined);
        }
        self.found.extend(examined.into_iter().flat_map(|row| row.faults));
        self.found.extend(unnamed(self.files, self.manifest));
        if !self.manifest.knows_patients {
            self.found.push(ImagingError::new(Place::Manifest { line: None }, Fault::ImagesArePatients));
        }
    }

    fn source(&mut self) -> Option<BoxSource<'a>> {
        let forms = present_forms(self.files);
        let source = BoxSource::open(self.files, &self.manifest.rows, self.wanted);
        if let (Some(read), true) = (forms.first(), source.is_ok()) {
            self.report.read_from = Some(read);
            let unread = source.as_ref().map_or(0, BoxSource::unread);
            if unread > 0 {
                let place = Place::Annotations((*read).into());
                self.found.push(ImagingError::new(place, BoxFault::Unread { images: unread }.into()));
            }
            if forms.len() > 1 {
                self.folder(BoxFault::SeveralForms { read }.into());
            }
        }
        source.map_err(|error| self.found.push(error)).ok()
    }

    fn images(&mut self, examined: &[Examined], wanted: u32) {
        for row in examined {
            let Some(size) = row.size else { continue };
            *self.report.sizes.entry(size.to_string()).or_default() += 1;
            *self.report.channels.entry(row.channels).or_default() += 1;
        }
        if !matches!(wanted, 1 | 3) {
            self.folder(Fault::Channels(wanted));
        }
        let others: Vec<_> = self.report.channels.iter().map(|(stored, images)| (*stored, *images)).collect();
        for (stored, images) in others.into_iter().filter(|(stored, _)| *stored != wanted) {
            self.folder(Fault::ChannelsDiffer { images, stored, wanted });
        }
    }

    fn boxes(&mut self, examined: &[Examined]) {
        let names = self.wanted.names;
        let placed = || examined.iter().filter_map(|row| row.placed.as_ref());
        placed().for_each(|placed| self.report.count_boxes(placed, names));
        let foreign = sum(examined.iter().map(|row| &row.foreign));
        let known = placed().any(|placed| !placed.boxes.is_empty() || !placed.ignored.is_empty());
        if !known && !foreign.is_empty() {
            self.folder(BoxFault::NoKnownBox.into());
        }
        for (name, boxes) in foreign {
            self.found.push(ImagingError::new(Place::Category(name), BoxFault::Foreign { boxes }.into()));
        }
        for (class, boxes) in sum(placed().map(|placed| &placed.unlabelled)) {
            let class = names.name(class).unwrap_or_default().to_owned();
            self.folder(BoxFault::Unlabelled { class, boxes }.into());
        }
        for class in self.wanted.labelled.iter().filter_map(|class| names.name(class)) {
            if !self.report.boxes.contains_key(class) {
                self.folder(BoxFault::NoBoxOf { class: class.to_owned() }.into());
            }
        }
        let empty = self.report.empty_images;
        if empty > 0 {
            self.folder(BoxFault::EmptyImages { empty, images: placed().count() }.into());
        }
    }

    fn folder(&mut self, fault: Fault) {
        self.found.push(ImagingError::new(Place::Folder(self.files.folder().into()), fault));
    }
}

impl Examined {
    fn of(index: usize, row: &Row, files: &Files, source: Option<&BoxSource<'_>>, wanted: Wanted<'_>) -> Self {
        let mut examined = Self::default();
        match files.image(row) {
            Ok(scan) => {
                examined.size = Some(scan.size());
                examined.channels = scan.channels();
                let objects = source.map(|source| source.objects(index, row, scan.size()));
                objects.into_iter().for_each(|objects| examined.add(objects, row, scan.size(), wanted));
            }
            Err(error) => examined.faults.push(error),
        }
        examined
    }

    fn add(&mut self, objects: Result<Objects, ImagingError>, row: &Row, image: Size, wanted: Wanted<'_>) {
        let at_image = |fault: BoxFault| ImagingError::new(row.image_place(), fault.into());
        let placed = objects.and_then(|objects| {
            let placed = objects.place(image, wanted.labelled).map_err(at_image)?;
            self.foreign = objects.foreign;
            Ok(placed)
        });
        match placed {
            Ok(placed) => {
                for (boxes, fault) in [
                    (placed.clipped, BoxFault::Clipped { boxes: placed.clipped }),
                    (placed.dropped, BoxFault::Dropped { boxes: placed.dropped }),
                ] {
                    self.faults.extend((boxes > 0).then(|| at_image(fault)));
                }
                self.placed = Some(placed);
            }
            Err(error) => self.faults.push(error),
        }
    }
}

fn sum<'a, Key: Ord + Clone + 'a>(maps: impl Iterator<Item = &'a BTreeMap<Key, usize>>) -> BTreeMap<Key, usize> {
    let mut sum = BTreeMap::new();
    for (key, count) in maps.flatten() {
        *sum.entry(key.clone()).or_default() += count;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::coco_writing::write_coco;
    use crate::boxes::image_boxes::ImageBoxes;
    use crate::boxes::samples::{BoxSample, blood, labelled};
    use crate::boxes::voc::write_voc;
    use crate::samples::real_sites;

    fn check(sample: &BoxSample, labelled: &ClassSet) -> BoxCheckReport {
        check_boxes(sample.folder(), PatientGrouping::ByManifest, &blood(), labelled, 1)
    }

    /// The findings must be these, each told by some words of it.
    fn finds(report: &BoxCheckReport, expected: &[&str]) {
        let found: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "`{found}` is not `{expected}`");
        }
    }

    fn images() -> Vec<ImageBoxes> {
        let all = vec![
            labelled(1, [1.0, 2.0, 9.0, 8.0]),
            labelled(2, [0.0, 0.0, 4.0, 4.0]),
            labelled(3, [5.0, 5.0, 9.0, 9.0]),
        ];
        BoxSample::images().into_iter().map(|image| ImageBoxes { boxes: all.clone(), ..image }).collect()
    }

    #[test]
    fn a_good_folder_is_counted_and_has_no_finding() {
        let sample = BoxSample::new();
        sample.write("annotations.coco.json", &write_coco(&images(), &blood(), &blood().all()));
        let report = check(&sample, &blood().all());
        finds(&report, &[]);
        assert_eq!(report.boxes, BTreeMap::from(["RBC", "WBC", "Platelets"].map(|name| (name.into(), 3))));
        assert_eq!((report.read_from, report.empty_images), (Some("annotations.coco.json"), 0));
        assert_eq!((report.train.images, report.validation.patients), (2, 1));
        assert_eq!((report.sizes.get("16x12"), report.channels.get(&1)), (Some(&3), Some(&3)));
        assert_eq!(serde_json::to_value(&report).expect("plain data")["boxes"]["RBC"], 3);
    }

    #[test]
    fn every_oddity_is_found_in_one_run() {
        let sample = BoxSample::new();
        let object = |name: &str, [a, b, c, d]: [i32; 4]| {
            format!(
                "<object><name>{name}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
            )
        };
        let odd = [
            object("RBC", [0, 1, 99, 5]),
            object("RBC", [5, 5, 5, 5]),
            object("dust", [1, 1, 5, 5]),
            object("Platelets", [1, 1, 5, 5]),
        ];
        sample.write("annotations-voc/p/a.xml", &format!("<annotation>{}</annotation>", odd.concat()));
        sample.write("annotations-voc/p/b.xml", "<annotation/><annotation></annotation>");
        sample.write("annotations-voc/q.xml", "<annotation></annotation>");
        sample.write("labels-yolo/classes.txt", "RBC");
        std::fs::write(sample.folder().join("images/stray.png"), b"").expect("written");
        let report = check(&sample, &blood().only(["RBC", "WBC"]).expect("classes"));
        finds(
            &report,
            &[
                "error: annotations-voc/p/b.xml: is not VOC's XML",
                "has boxes in several formats; annotations-voc is read",
                "category `dust`: is no class of the study; its boxes are left out: 1",
                "has boxes of `Platelets`, which this site is not said to label",
                "has no box of `WBC`",
                "1 of 2 images have no box",
                "images/p/a.png: has boxes over its edge, which are clipped: 1",
                "images/p/a.png: has boxes without area",
                "images/stray.png: is not named",
            ],
        );
        assert_eq!((report.clipped, report.dropped, report.errors, report.warnings), (1, 1, 1, 8));
        assert!(!report.is_usable());
    }

    #[test]
    fn class_lists_that_do_not_fit_are_named() {
        let sample = BoxSample::new();
        let some = blood().only(["RBC", "WBC"]).expect("classes");
        sample.write("annotations.coco.json", &write_coco(&images(), &blood(), &some));
        finds(&check(&sample, &blood().all()), &["lists no class `Platelets`"]);
        finds(&check(&sample, &some), &[]);
        let sample = BoxSample::new();
        for image in images() {
            let text = write_voc(&ImageBoxes { boxes: image.boxes[..1].to_vec(), ..image.clone() }, &blood());
            let text = text.expect("not thin").replace("RBC", "red");
            sample.write(&format!("annotations-voc/{}.xml", image.file.trim_end_matches(".png")), &text);
        }
        let report = check(&sample, &blood().only(["RBC"]).expect("a class"));
        finds(&report, &["none of a class", "category `red`", "has no box of `RBC`", "3 of 3 images"]);
    }

    #[test]
    fn unread_annotations_and_missing_ones_are_told_apart() {
        let sample = BoxSample::new();
        let mut images = images();
        images[0].file = "elsewhere.png".into();
        sample.write("annotations.coco.json", &write_coco(&images, &blood(), &blood().all()));
        let report = check(&sample, &blood().all());
        finds(
            &report,
            &[
                "images/p/a.png: is not in the annotations",
                "names images that the manifest does not, and their boxes are not read: 1",
            ],
        );
    }

    #[test]
    fn no_boxes_and_no_folder_are_findings_too() {
        finds(&check(&BoxSample::new(), &blood().all()), &["has no boxes: neither"]);
        let report = check_boxes("/nowhere/at/all", PatientGrouping::ByManifest, &blood(), &blood().all(), 1);
        assert_eq!((report.errors, report.is_usable()), (1, false));
    }

    #[test]
    fn the_real_sets_have_no_error() {
        for dir in real_sites("blood-cells") {
            let report = check_boxes(&dir, PatientGrouping::ImagesArePatients, &blood(), &blood().all(), 3);
            println!("{}: {:?} {} empty", dir.display(), report.boxes, report.empty_images);
            assert!(report.is_usable(), "{:?}", report.findings);
            let no_platelets = report.findings.iter().any(|found| found.what.contains("no box of `Platelets`"));
            assert_eq!(no_platelets, dir.ends_with("site-b"));
        }
    }
}
