//! A site's folder of images and boxes, read whole.

use super::boxes_of_image::Placed;
use super::cases::{BoxCase, BoxPatient, SiteBoxes};
use super::classes::{ClassNames, ClassSet};
use super::fault::BoxFault;
use super::source::{BoxSource, Wanted};
use crate::SiteFolder;
use crate::error::{Fault, ImagingError, Place};
use crate::manifest::{Row, Split};
use rayon::prelude::*;

impl SiteFolder {
    /// Reads every image with its boxes, in the order of the manifest, on all cores. Boxes come from the first that the
    /// folder has of `annotations.coco.json`, `annotations-voc/`, `labels-yolo/` and `instances/`. Those of classes
    /// beyond `names` or `labelled` are left out, those over an image's edge are clipped; [`crate::check_boxes`] counts
    /// them. Images are turned to `channels` (1 or 3).
    ///
    /// # Errors
    /// The first file, in the order of the manifest, that cannot be used.
    pub fn load_boxes(
        &self,
        names: &ClassNames,
        labelled: &ClassSet,
        channels: u32,
    ) -> Result<SiteBoxes, ImagingError> {
        if !matches!(channels, 1 | 3) {
            return Err(ImagingError::new(Place::Folder(self.files.folder().into()), Fault::Channels(channels)));
        }
        let source = BoxSource::open(&self.files, &self.manifest.rows, Wanted { names, labelled })?;
        let read = |(index, row): (usize, &Row)| self.read_case(&source, index, row, labelled, channels);
        // Collected before the first error is looked for, so that which one is told does not depend on threads.
        let read: Vec<Result<ReadCase, ImagingError>> = self.manifest.rows.par_iter().enumerate().map(read).collect();
        let read: Vec<ReadCase> = read.into_iter().collect::<Result<_, _>>()?;
        self.some_class_is_known(&read)?;
        Ok(self.by_patient(read.into_iter().map(|read| read.case).collect()))
    }

    fn read_case(
        &self,
        source: &BoxSource<'_>,
        index: usize,
        row: &Row,
        labelled: &ClassSet,
        channels: u32,
    ) -> Result<ReadCase, ImagingError> {
        let scan = self.files.image(row)?;
        let objects = source.objects(index, row, scan.size())?;
        let placed = objects.place(scan.size(), labelled);
        let Placed { boxes, ignored, .. } =
            placed.map_err(|fault| ImagingError::new(row.image_place(), fault.into()))?;
        let case = BoxCase { pixels: scan.pixels(channels), boxes, ignored, labelled: labelled.clone() };
        Ok(ReadCase { case, has_foreign: !objects.foreign.is_empty() })
    }

    /// Refuses a set of boxes none of which has a name that the plan knows: all would be background.
    fn some_class_is_known(&self, read: &[ReadCase]) -> Result<(), ImagingError> {
        let known = read.iter().any(|read| !read.case.boxes.is_empty() || !read.case.ignored.is_empty());
        match !known && read.iter().any(|read| read.has_foreign) {
            true => Err(ImagingError::new(Place::Folder(self.files.folder().into()), BoxFault::NoKnownBox.into())),
            false => Ok(()),
        }
    }

    fn by_patient(&self, cases: Vec<BoxCase>) -> SiteBoxes {
        let mut cases: Vec<Option<BoxCase>> = cases.into_iter().map(Some).collect();
        let mut patients = |split| {
            let patient =
                |rows: Vec<usize>| BoxPatient { cases: rows.iter().filter_map(|row| cases[*row].take()).collect() };
            self.manifest.patients(split).into_iter().map(patient).collect()
        };
        SiteBoxes { train: patients(Split::Train), validation: patients(Split::Validation) }
    }
}

/// One row as read.
struct ReadCase {
    case: BoxCase,
    /// Some of its boxes are of classes that the study does not use.
    has_foreign: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PatientGrouping;
    use crate::boxes::bbox::LabelledBox;
    use crate::boxes::image_boxes::ImageBoxes;
    use crate::boxes::samples::{BoxSample, blood, labelled};
    use crate::boxes::{Edges, coco_writing::write_coco, voc::write_voc, yolo::write_yolo};
    use crate::error::Size;
    use crate::samples::real_sites;

    fn load(sample: &BoxSample) -> Result<SiteBoxes, ImagingError> {
        load_only(sample, &blood().all())
    }

    fn load_only(sample: &BoxSample, labelled: &ClassSet) -> Result<SiteBoxes, ImagingError> {
        SiteFolder::open(sample.folder(), PatientGrouping::ByManifest)?.load_boxes(&blood(), labelled, 1)
    }

    fn fault(sample: &BoxSample) -> Fault {
        load(sample).expect_err("refused").fault().clone()
    }

    fn boxes(site: &SiteBoxes) -> Vec<Vec<LabelledBox>> {
        site.train
            .iter()
            .chain(&site.validation)
            .flat_map(|patient| &patient.cases)
            .map(|case| case.boxes.clone())
            .collect()
    }

    /// Two patients, two images of the first; what the boxes of `images` are in every format.
    fn images() -> Vec<ImageBoxes> {
        let boxes = [vec![labelled(1, [1.0, 2.0, 9.0, 8.0])], vec![], vec![labelled(3, [0.0, 0.0, 16.0, 12.0])]];
        BoxSample::images().into_iter().zip(boxes).map(|(image, boxes)| ImageBoxes { boxes, ..image }).collect()
    }

    fn expected() -> Vec<Vec<LabelledBox>> {
        images().into_iter().map(|image| image.boxes).collect()
    }

    #[test]
    fn every_format_gives_the_same_boxes() {
        let coco = BoxSample::new();
        coco.write("annotations.coco.json", &write_coco(&images(), &blood(), &blood().all()));
        let (voc, yolo) = (BoxSample::new(), BoxSample::new());
        yolo.write("classes.txt", "RBC\nWBC\nPlatelets\n");
        for image in images() {
            let stem = image.file.trim_end_matches(".png");
            voc.write(&format!("annotations-voc/{stem}.xml"), &write_voc(&image, &blood()).expect("not thin"));
            yolo.write(&format!("labels-yolo/{stem}.txt"), &write_yolo(&image).expect("no crowds"));
        }
        for sample in [&coco, &voc, &yolo] {
            let site = load(sample).expect("good");
            assert_eq!(boxes(&site), expected());
            assert_eq!((site.train.len(), site.train[0].cases.len(), site.validation.len()), (1, 2, 1));
            assert_eq!(site.train[0].cases[0].pixels.dim(), (1, 12, 16));
        }
        // A missing YOLO file is an image without objects; a missing VOC file is a fault.
        std::fs::remove_file(yolo.folder().join("labels-yolo/p/b.txt")).expect("removed");
        assert_eq!(boxes(&load(&yolo).expect("good")), expected());
        std::fs::remove_file(voc.folder().join("annotations-voc/p/b.xml")).expect("removed");
        assert_eq!(fault(&voc), Fault::Missing);
    }

    #[test]
    fn coco_is_read_before_the_others() {
        let sample = BoxSample::new();
        sample.write("annotations.coco.json", &write_coco(&images(), &blood(), &blood().all()));
        sample.write("annotations-voc/p/a.xml", "nonsense");
        assert_eq!(boxes(&load(&sample).expect("good")), expected());
    }

    #[test]
    fn boxes_of_classes_that_nobody_looked_for_are_left_out() {
        let sample = BoxSample::new();
        sample.write("annotations.coco.json", &write_coco(&images(), &blood(), &blood().all()));
        let only = blood().only(["RBC", "WBC"]).expect("classes");
        let site = load_only(&sample, &only).expect("good");
        assert!(site.validation[0].cases[0].boxes.is_empty());
        assert_eq!(site.validation[0].cases[0].labelled, only);
    }

    #[test]
    fn classes_that_do_not_fit_are_refused() {
        let sample = BoxSample::new();
        sample
            .write("annotations.coco.json", &write_coco(&images(), &blood(), &blood().only(["RBC"]).expect("a class")));
        assert_eq!(fault(&sample), BoxFault::ClassNotListed { class: "WBC".into() }.into());
        for nothing in [ClassSet::default(), ClassNames::new(["a", "b", "c", "d"]).expect("names").all()] {
            let error = load_only(&sample, &nothing).expect_err("refused");
            assert_eq!(error.fault(), &BoxFault::NothingLabelled.into());
        }
        let sample = BoxSample::new();
        for image in images() {
            let text =
                write_voc(&image, &blood()).expect("not thin").replace("RBC", "red").replace("Platelets", "thrombo");
            sample.write(&format!("annotations-voc/{}.xml", image.file.trim_end_matches(".png")), &text);
        }
        assert_eq!(fault(&sample), BoxFault::NoKnownBox.into());
    }

    #[test]
    fn instances_are_boxes_of_the_only_class() {
        let sample = BoxSample::new();
        for image in BoxSample::images() {
            let number = |x: u32, y: u32| if (3..5).contains(&x) && y < 7 { [900] } else { [0] };
            let path = sample.folder().join("instances").join(&image.file);
            std::fs::create_dir_all(path.parent().expect("below instances")).expect("created");
            let Size { width, height } = image.size;
            image::ImageBuffer::from_fn(width, height, |x, y| image::Luma::<u16>(number(x, y)))
                .save(path)
                .expect("written");
        }
        let names = ClassNames::new(["nucleus"]).expect("a name");
        let folder = SiteFolder::open(sample.folder(), PatientGrouping::ByManifest).expect("good");
        let site = folder.load_boxes(&names, &names.all(), 3).expect("good");
        assert_eq!(boxes(&site), vec![vec![labelled(1, [3.0, 0.0, 5.0, 7.0])]; 3]);
        assert_eq!(site.train[0].cases[0].pixels.dim(), (3, 12, 16));
        let error = folder.load_boxes(&names, &names.all(), 2).expect_err("no image has two channels");
        assert_eq!(*error.fault(), Fault::Channels(2));
    }

    #[test]
    fn numbers_without_names_are_refused() {
        let sample = BoxSample::new();
        sample.write("labels-yolo/p/a.txt", "0 0.5 0.5 0.1 0.1");
        assert_eq!(fault(&sample), BoxFault::NoClassList.into());
        sample.write("labels-yolo/classes.txt", "RBC\nWBC\nPlatelets");
        assert_eq!(boxes(&load(&sample).expect("good"))[0].len(), 1);
        std::fs::remove_dir_all(sample.folder().join("labels-yolo")).expect("removed");
        assert_eq!(fault(&sample), BoxFault::NoAnnotations.into());
        std::fs::create_dir(sample.folder().join("instances")).expect("created");
        assert_eq!(fault(&sample), BoxFault::InstancesSayNoClass { classes: 3 }.into());
    }

    #[test]
    fn boxes_drawn_on_another_size_are_refused() {
        let sample = BoxSample::new();
        let text = write_coco(&images(), &blood(), &blood().all()).replace("\"width\":16", "\"width\":17");
        sample.write("annotations.coco.json", &text);
        assert!(matches!(fault(&sample), Fault::Boxes(BoxFault::Size { .. })));
    }

    /// A copy of a real site with its images linked and only these forms of its boxes.
    fn with_only(site: &std::path::Path, forms: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for name in ["manifest.csv", "images"].iter().chain(forms) {
            std::os::unix::fs::symlink(site.join(name), dir.path().join(name)).expect("linked");
        }
        dir
    }

    fn load_real(site: &std::path::Path, names: &ClassNames, labelled: &ClassSet) -> SiteBoxes {
        let folder = SiteFolder::open(site, PatientGrouping::ImagesArePatients).expect("a good manifest");
        folder.load_boxes(names, labelled, 3).expect("the real set is good")
    }

    fn count(site: &SiteBoxes, class: u8) -> usize {
        boxes(site).iter().flatten().filter(|labelled| labelled.class == class).count()
    }

    /// Largest difference of any edge, the boxes of each image in their order.
    fn apart(a: &SiteBoxes, b: &SiteBoxes) -> f32 {
        let (a, b) = (boxes(a), boxes(b));
        assert_eq!(a.iter().map(Vec::len).collect::<Vec<_>>(), b.iter().map(Vec::len).collect::<Vec<_>>());
        let edges = |labelled: &LabelledBox| {
            let Edges { left, top, right, bottom } = labelled.bbox.edges();
            [left, top, right, bottom]
        };
        let pairs = a.iter().flatten().zip(b.iter().flatten());
        let apart = pairs.flat_map(|(a, b)| {
            assert_eq!(a.class, b.class);
            edges(a).into_iter().zip(edges(b)).map(|(a, b)| (a - b).abs())
        });
        apart.fold(0.0, f32::max)
    }

    #[test]
    fn the_real_blood_cells_are_one_set_in_three_formats() {
        let sites = real_sites("blood-cells");
        let [site_a, site_b] = sites.as_slice() else { return };
        let coco = load_real(site_a, &blood(), &blood().all());
        assert_eq!([1, 2, 3].map(|class| count(&coco, class)), [1881, 165, 163]);
        let voc = load_real(with_only(site_a, &["annotations-voc"]).path(), &blood(), &blood().all());
        // One red cell was clicked and not drawn. VOC's text shows that; COCO's has a box of one pixel.
        assert_eq!(boxes(&voc).iter().flatten().count(), 2208);
        let mut drawn = coco.clone();
        for case in drawn.train.iter_mut().chain(&mut drawn.validation).flat_map(|patient| &mut patient.cases) {
            case.boxes.retain(|labelled| labelled.bbox.area() > 1.0);
        }
        assert_eq!(apart(&drawn, &voc), 0.0);
        for site in [site_a, site_b] {
            let coco = load_real(site, &blood(), &blood().all());
            let only_yolo = with_only(site, &["labels-yolo"]);
            let folder = SiteFolder::open(only_yolo.path(), PatientGrouping::ImagesArePatients).expect("good");
            let refused = folder.load_boxes(&blood(), &blood().all(), 3).expect_err("numbers have no names");
            assert_eq!(refused.fault(), &BoxFault::NoClassList.into());
            // The order that the set's own README gives.
            std::fs::write(only_yolo.path().join("classes.txt"), "RBC\nWBC\nPlatelets\n").expect("written");
            let apart = apart(&coco, &load_real(only_yolo.path(), &blood(), &blood().all()));
            println!("{}: COCO and YOLO are at most {apart} px apart", site.display());
            assert!(apart < 0.01, "six digits of 640 pixels, and two of COCO: {apart}");
        }
        let without_platelets = blood().only(["RBC", "WBC"]).expect("classes");
        let site = load_real(site_b, &blood(), &without_platelets);
        assert_eq!([1, 2, 3].map(|class| count(&site, class)), [1104, 54, 0]);
        assert!(site.train.iter().flat_map(|patient| &patient.cases).all(|case| !case.labelled.contains(3)));
    }

    #[test]
    fn the_real_nuclei_have_the_boxes_of_their_instances() {
        let names = ClassNames::new(["nucleus"]).expect("a name");
        for site in real_sites("nuclei") {
            let coco = load_real(&site, &names, &names.all());
            let mut instances = load_real(with_only(&site, &["instances"]).path(), &names, &names.all());
            let mut coco_sorted = coco.clone();
            sorted(&mut coco_sorted);
            sorted(&mut instances);
            let apart = apart(&coco_sorted, &instances);
            println!("{}: {} nuclei, at most {apart} px apart", site.display(), count(&coco, 1));
            assert!(apart <= 1.0, "{apart}");
        }
    }

    fn sorted(site: &mut SiteBoxes) {
        for case in site.train.iter_mut().chain(&mut site.validation).flat_map(|patient| &mut patient.cases) {
            let key = |labelled: &LabelledBox| {
                let Edges { left, top, right, bottom } = labelled.bbox.edges();
                [top, left, bottom, right].map(|edge| edge as i64)
            };
            case.boxes.sort_by_key(key);
        }
    }
}
