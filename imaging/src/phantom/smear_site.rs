//! A laboratory's folder: images of smears, and boxes in the formats that were asked for.

use super::outline::Point;
use super::scanner::Sitting;
use super::smear::{Blood, CLASSES, Field, Population};
use super::synth_plan::BoxFormat;
use super::{Site, SynthSite, at, manifest, stream};
use crate::boxes::{
    BoxPx, CLASSES_FILE, COCO_FILE, ClassNames, ClassSet, Edges, ImageBoxes, LabelledBox, VOC_FOLDER, YOLO_FOLDER,
    write_classes, write_coco, write_voc, write_yolo,
};
use crate::error::{Fault, ImagingError, Size};
use crate::manifest::{MANIFEST, Split};
use crate::site_folder::IMAGES;
use rayon::prelude::*;
use serde::Serialize;
use std::path::Path;

/// Of the first four sites the one that does not label the last class, though it has such objects.
const FORGETFUL: usize = 1;
/// How near the edge of the picture the middle of an object may lie, where the picture spans -1..=1.
const MARGIN: f32 = 0.06;

/// The classes of phantoms with boxes: `cell`, `blob` and `speck`.
pub(super) fn classes() -> ClassNames {
    ClassNames::new(CLASSES).expect("three plain names")
}

/// One row of the manifest.
#[derive(Serialize)]
struct Row {
    file: String,
    patient: String,
    width: u32,
    height: u32,
    boxes: usize,
    split: &'static str,
}

/// Writes the folder of `site`.
pub(super) fn write(site: &Site<'_>) -> Result<SynthSite, ImagingError> {
    let folder = site.folder.join(IMAGES);
    std::fs::create_dir_all(&folder).map_err(|error| at(&folder, Fault::Write(error.kind())))?;
    let laboratory = Laboratory::of(site);
    let patients: Vec<Vec<(Row, ImageBoxes)>> = (0..site.train + site.validation)
        .into_par_iter()
        .map(|index| laboratory.patient(index))
        .collect::<Result<_, _>>()?;
    let (rows, images): (Vec<Row>, Vec<ImageBoxes>) = patients.into_iter().flatten().unzip();
    for format in &site.plan.box_formats {
        laboratory.annotations(*format, &images)?;
    }
    // Last, so that a folder with a manifest is whole.
    let path = site.folder.join(MANIFEST);
    manifest(&path, &rows).map_err(|error| at(&path, Fault::Write(error)))?;
    Ok(SynthSite {
        name: site.name.clone(),
        folder: site.folder.clone(),
        train_patients: site.train,
        validation_patients: site.validation,
        images: rows.len(),
        labelled: laboratory
            .labelled
            .iter()
            .filter_map(|class| laboratory.names.name(class).map(String::from))
            .collect(),
    })
}

struct Laboratory<'a> {
    site: &'a Site<'a>,
    population: Population,
    names: ClassNames,
    labelled: ClassSet,
}

impl<'a> Laboratory<'a> {
    fn of(site: &'a Site<'a>) -> Self {
        let names = classes();
        let known = if site.index % 4 == FORGETFUL { CLASSES.len() - 1 } else { CLASSES.len() };
        let labelled = names.only(CLASSES.into_iter().take(known)).expect("they are classes");
        let population = Population::draw(site.index, &mut stream(&site.key.derive("population"), 0));
        Self { site, population, names, labelled }
    }

    fn patient(&self, index: usize) -> Result<Vec<(Row, ImageBoxes)>, ImagingError> {
        let Site { plan, key, scanner, .. } = self.site;
        let name = format!("phantom-{:03}", index + 1);
        let key = key.derive(&name);
        let mut person = stream(&key, 0);
        let blood = Blood::draw(self.population, &mut person);
        let sitting = Sitting::draw(&mut person);
        let image = |number: u32| {
            let mut stream = stream(&key, u64::from(number) + 1);
            let field = blood.field(|point| scanner.shows(point, MARGIN), &mut stream);
            let size = plan.size_px as usize;
            let signal = |point| field.signal(point, &sitting.texture);
            let picture = scanner.exposed(signal, sitting.coil, size, &mut stream);
            let boxes = self.image_boxes(format!("{name}_{number:02}.png"), &field);
            self.site.save(IMAGES, &boxes.file, &picture)?;
            Ok((self.row(&name, index, &boxes), boxes))
        };
        // Every second patient has one image more: people are unequal too.
        (0..plan.slices_per_patient + index as u32 % 2).map(image).collect()
    }

    fn row(&self, patient: &str, index: usize, boxes: &ImageBoxes) -> Row {
        let split = if index < self.site.train { Split::Train } else { Split::Validation };
        Row {
            file: boxes.file.clone(),
            patient: patient.into(),
            width: boxes.size.width,
            height: boxes.size.height,
            boxes: boxes.boxes.len(),
            split: split.as_str(),
        }
    }

    /// The boxes of the labelled classes.
    fn image_boxes(&self, file: String, field: &Field) -> ImageBoxes {
        let side = self.site.plan.size_px;
        let labelled = field.targets().filter(|target| self.labelled.contains(target.class));
        let boxes = labelled.filter_map(|target| {
            let bbox = self.extent(|point| target.outline.depth(point) > 0.0)?;
            Some(LabelledBox { class: target.class, bbox })
        });
        ImageBoxes { file, size: Size { width: side, height: side }, boxes: boxes.collect(), ignored: Vec::new() }
    }

    /// The box round the pixels of the picture that are `inside`.
    fn extent(&self, inside: impl Fn(Point) -> bool) -> Option<BoxPx> {
        let size = self.site.plan.size_px as usize;
        let places = (0..size).flat_map(|y| (0..size).map(move |x| (y, x)));
        let scanner = &self.site.scanner;
        let within = places.filter(|place| scanner.is_open(*place, size) && inside(scanner.point(*place, size)));
        let edges = within.fold(None, |edges: Option<Edges>, (y, x)| {
            let (left, top) = (x as f32, y as f32);
            let (right, bottom) = (left + 1.0, top + 1.0);
            let known = edges.unwrap_or(Edges { left, top, right, bottom });
            Some(Edges {
                left: known.left.min(left),
                top: known.top.min(top),
                right: known.right.max(right),
                bottom: known.bottom.max(bottom),
            })
        });
        BoxPx::new(edges?).ok()
    }

    fn annotations(&self, format: BoxFormat, images: &[ImageBoxes]) -> Result<(), ImagingError> {
        match format {
            BoxFormat::Coco => self.text(COCO_FILE, &write_coco(images, &self.names, &self.labelled)),
            BoxFormat::Voc => images.iter().try_for_each(|image| {
                let path = label_path(VOC_FOLDER, image, "xml");
                let text = write_voc(image, &self.names).map_err(|fault| at(&self.site.folder.join(&path), fault))?;
                self.text(&path, &text)
            }),
            BoxFormat::Yolo => {
                self.text(&format!("{YOLO_FOLDER}/{CLASSES_FILE}"), &write_classes(&self.names))?;
                images.iter().try_for_each(|image| {
                    let path = label_path(YOLO_FOLDER, image, "txt");
                    let text = write_yolo(image).map_err(|fault| at(&self.site.folder.join(&path), fault))?;
                    self.text(&path, &text)
                })
            }
        }
    }

    fn text(&self, path: &str, text: &str) -> Result<(), ImagingError> {
        let path = self.site.folder.join(path);
        let folder = path.parent().unwrap_or(Path::new(""));
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
        written.map_err(|error| at(&path, Fault::Write(error.kind())))
    }
}

fn label_path(folder: &str, image: &ImageBoxes, ending: &str) -> String {
    format!("{folder}/{}", Path::new(&image.file).with_extension(ending).display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::tests::{digest, written};
    use crate::{BoxCase, PatientGrouping, SiteBoxes, SiteFolder, SynthPlan};
    use ndarray::Array2;

    fn small() -> SynthPlan {
        SynthPlan { sites: 2, train_patients: 2..=3, validation_patients: 1..=1, ..SynthPlan::detection() }
    }

    fn load(site: &SynthSite) -> SiteBoxes {
        let names = classes();
        let labelled = names.only(site.labelled.iter().map(String::as_str)).expect("its own classes");
        let folder = SiteFolder::open(&site.folder, PatientGrouping::ByManifest).expect("a good manifest");
        folder.load_boxes(&names, &labelled, 1).expect("good boxes")
    }

    fn cases(site: &SiteBoxes) -> impl Iterator<Item = &BoxCase> {
        site.train.iter().chain(&site.validation).flat_map(|patient| &patient.cases)
    }

    #[test]
    fn bytes_depend_on_the_seed_and_not_on_threads_or_other_sites() {
        let (one, _) = written(&small(), 1);
        let (four, _) = written(&small(), 4);
        assert_eq!(digest(one.path()), digest(four.path()));
        let (other, _) = written(&SynthPlan { seed: 2, ..small() }, 2);
        assert_ne!(digest(one.path()), digest(other.path()));
        let (alone, _) = written(&SynthPlan { sites: 1, ..small() }, 2);
        assert_eq!(digest(&one.path().join("site-a")), digest(&alone.path().join("site-a")));
    }

    #[test]
    fn four_laboratories_load_and_one_does_not_label_specks() {
        let (_dir, sites) = written(&SynthPlan::detection(), 2);
        for (index, site) in sites.iter().enumerate() {
            let boxes = load(site);
            let number =
                |class| cases(&boxes).flat_map(|case| &case.boxes).filter(|found| found.class == class).count();
            println!("{}: {} images, {:?} boxes", site.name, site.images, [1, 2, 3].map(number));
            assert!((20..=30).contains(&site.images), "{}", site.images);
            assert!(number(1) > 50 && number(2) > 5);
            assert_eq!(number(3) == 0, index == FORGETFUL);
            assert!(boxes.train.iter().all(|patient| (2..=3).contains(&patient.cases.len())));
            assert!(cases(&boxes).all(|case| case.labelled.contains(3) == (index != FORGETFUL)));
        }
    }

    #[test]
    fn every_format_holds_the_same_boxes() {
        let all = vec![BoxFormat::Coco, BoxFormat::Voc, BoxFormat::Yolo];
        let (_dir, sites) = written(&SynthPlan { sites: 1, box_formats: all, ..small() }, 2);
        let coco = load(&sites[0]);
        std::fs::remove_file(sites[0].folder.join(COCO_FILE)).expect("removed");
        assert_eq!(load(&sites[0]), coco, "VOC");
        std::fs::remove_dir_all(sites[0].folder.join(VOC_FOLDER)).expect("removed");
        for (yolo, coco) in cases(&load(&sites[0])).zip(cases(&coco)) {
            assert_eq!(yolo.boxes.len(), coco.boxes.len());
            for (yolo, coco) in yolo.boxes.iter().zip(&coco.boxes) {
                assert_eq!(yolo.class, coco.class);
                assert!((yolo.bbox.edges().left - coco.bbox.edges().left).abs() < 1e-3);
            }
        }
    }

    /// For each image and class, the best that any pair of thresholds with connected components could do: what
    /// brightness alone could reach at most. F1 at an overlap of a half.
    #[test]
    fn brightness_alone_does_not_find_the_objects() {
        let (_dir, sites) = written(&SynthPlan { sites: 4, ..small() }, 2);
        for site in &sites {
            let boxes = load(site);
            for class in 1..=site.labelled.len() as u8 {
                let scores: Vec<f64> = cases(&boxes).filter_map(|case| best_by_brightness(case, class)).collect();
                let mean = scores.iter().sum::<f64>() / scores.len() as f64;
                println!("{} {}: best F1 by brightness {mean:.3}", site.name, CLASSES[usize::from(class) - 1]);
                assert!(mean < 0.5, "{}: {mean}", site.name);
            }
        }
    }

    const LEVELS: usize = 16;

    fn best_by_brightness(case: &BoxCase, class: u8) -> Option<f64> {
        let truth: Vec<BoxPx> =
            case.boxes.iter().filter(|found| found.class == class).map(|found| found.bbox).collect();
        let (_, height, width) = case.pixels.dim();
        let levels = Array2::from_shape_fn((height, width), |(y, x)| {
            (case.pixels[[0, y, x]] * (LEVELS - 1) as f32).round() as usize
        });
        let pairs = (0..LEVELS).flat_map(|from| (from..LEVELS).map(move |to| from..=to));
        let f1 = |marked: Array2<bool>| f1(&components(&marked), &truth);
        let best = pairs.map(|range| f1(levels.mapv(|level| range.contains(&level)))).fold(0.0, f64::max);
        (!truth.is_empty()).then_some(best)
    }

    fn f1(found: &[BoxPx], truth: &[BoxPx]) -> f64 {
        let hit = |truth: &&BoxPx| found.iter().any(|found| overlap(found, truth) > 0.5);
        let hits = truth.iter().filter(hit).count() as f64;
        2.0 * hits / (found.len() + truth.len()).max(1) as f64
    }

    fn overlap(a: &BoxPx, b: &BoxPx) -> f32 {
        let (p, q) = (a.edges(), b.edges());
        let width = (p.right.min(q.right) - p.left.max(q.left)).max(0.0);
        let height = (p.bottom.min(q.bottom) - p.top.max(q.top)).max(0.0);
        width * height / (a.area() + b.area() - width * height)
    }

    /// Boxes round the connected parts of four pixels and more.
    fn components(marked: &Array2<bool>) -> Vec<BoxPx> {
        let mut open = marked.clone();
        let mut boxes = Vec::new();
        for start in marked.indexed_iter().filter(|(_, marked)| **marked).map(|(place, _)| place) {
            let mut edges = Edges { left: f32::MAX, top: f32::MAX, right: 0.0, bottom: 0.0 };
            let (mut stack, mut area) = (vec![start], 0);
            while let Some((y, x)) = stack.pop() {
                if !open.get((y, x)).copied().unwrap_or(false) {
                    continue;
                }
                open[(y, x)] = false;
                area += 1;
                edges.left = edges.left.min(x as f32);
                edges.top = edges.top.min(y as f32);
                edges.right = edges.right.max(x as f32 + 1.0);
                edges.bottom = edges.bottom.max(y as f32 + 1.0);
                stack.extend([(y + 1, x), (y, x + 1), (y.wrapping_sub(1), x), (y, x.wrapping_sub(1))]);
            }
            boxes.extend((area >= 4).then(|| BoxPx::new(edges).expect("it has pixels")));
        }
        boxes
    }
}
