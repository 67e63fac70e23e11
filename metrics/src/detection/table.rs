//! Average precision and recall of every class, overlap, size and number of detections, as `pycocotools` tabulates them.
//!
//! A class without a finding in a size has no value there: it is excluded from every mean, never counted as 0.

use super::observations::ClassSpan;
use super::precision::average_precision;
use super::ranking::Ranking;
use super::{AreaRange, ClassId, DetectionsMax, IouThreshold, Observations, Settings};
use rayon::prelude::*;

/// Average precision and recall, for each combination of what was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct PrecisionTable {
    settings: Settings,
    classes: Vec<ClassTable>,
}

/// One number of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// 101-point average precision, 0 to 1.
    pub average_precision: f64,
    /// Findings found by the counted detections, over findings, 0 to 1.
    pub recall: f64,
}

/// Which part of the table; the whole of a dimension where it is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// One class, or the mean over those with a value.
    pub class: Option<ClassId>,
    /// One overlap, or the mean over all.
    pub threshold: Option<IouThreshold>,
    /// The size.
    pub area: AreaRange,
    /// Detections an image.
    pub detections_max: DetectionsMax,
}

#[derive(Debug, Clone, PartialEq)]
struct ClassTable {
    class: ClassId,
    /// Findings in each area range.
    findings: Vec<u64>,
    /// Area, number of detections, threshold, the last fastest.
    cells: Vec<Option<Cell>>,
}

impl Part {
    /// The mean over classes and overlaps, of every size and at most 100 detections.
    pub const OVERALL: Self =
        Self { class: None, threshold: None, area: AreaRange::ALL, detections_max: DetectionsMax::HUNDRED };
}

impl PrecisionTable {
    /// Matches and tabulates. The same on any number of threads.
    pub fn of(seen: &Observations, settings: Settings) -> Self {
        let classes = seen.classes.par_iter().map(|span| ClassTable::of(seen, span, &settings)).collect();
        Self { settings, classes }
    }

    /// The mean of a part; `None` where no class of it has a finding, or the part was not asked for.
    pub fn mean(&self, part: Part, of: impl Fn(&Cell) -> f64) -> Option<f64> {
        let area = self.settings.areas.iter().position(|area| *area == part.area)?;
        let most = self.settings.detections_max.iter().position(|most| *most == part.detections_max)?;
        let row = area * self.settings.detections_max.len() + most;
        let thresholds = self.settings.thresholds.as_slice();
        let wanted = |threshold: &IouThreshold| part.threshold.is_none_or(|only| only == *threshold);
        let classes = self.classes.iter().filter(|table| part.class.is_none_or(|only| only == table.class));
        let cells = classes.flat_map(|table| table.cells[row * thresholds.len()..].iter().zip(thresholds));
        let values: Vec<f64> =
            cells.filter(|(_, threshold)| wanted(threshold)).filter_map(|(cell, _)| cell.as_ref().map(&of)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// [`PrecisionTable::mean`] of average precision.
    pub fn average_precision(&self, part: Part) -> Option<f64> {
        self.mean(part, |cell| cell.average_precision)
    }

    /// [`PrecisionTable::mean`] of recall.
    pub fn recall(&self, part: Part) -> Option<f64> {
        self.mean(part, |cell| cell.recall)
    }

    /// Findings of a class in a size: how many a number of that class rests on. `None` for a size not asked for.
    pub fn findings(&self, class: ClassId, area: AreaRange) -> Option<u64> {
        let area = self.settings.areas.iter().position(|asked| *asked == area)?;
        Some(self.classes.iter().find(|table| table.class == class).map_or(0, |table| table.findings[area]))
    }
}

impl ClassTable {
    fn of(seen: &Observations, span: &ClassSpan, settings: &Settings) -> Self {
        let ranking = Ranking::of(seen, span, settings);
        let findings: Vec<u64> = settings.areas.iter().map(|area| seen.findings(span, area)).collect();
        let rows: Vec<(usize, DetectionsMax)> = (0..settings.areas.len())
            .flat_map(|area| settings.detections_max.iter().map(move |most| (area, *most)))
            .collect();
        let cells = rows.par_iter().flat_map_iter(|(area, most)| cells(&ranking, *area, *most, findings[*area]));
        Self { class: span.class, cells: cells.collect(), findings }
    }
}

fn cells(ranking: &Ranking, area: usize, most: DetectionsMax, findings: u64) -> Vec<Option<Cell>> {
    let cell = |walk: &Vec<u32>| Cell {
        average_precision: average_precision(walk.iter().map(|alarms| u64::from(*alarms)), findings),
        recall: walk.len() as f64 / findings as f64,
    };
    ranking.walks(area, most).iter().map(|walk| (findings > 0).then(|| cell(walk))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{detection, truth};
    use super::*;
    use crate::detection::{Images, Labelled};

    const BOX: [i32; 4] = [10, 10, 30, 30];

    fn table(
        images: Images,
        truths: &[crate::detection::GroundTruth],
        detections: &[crate::detection::Detection],
    ) -> PrecisionTable {
        let seen = Observations::new(images, truths, detections).expect("fit together");
        PrecisionTable::of(&seen, Settings::coco())
    }

    #[test]
    fn the_toy_of_the_specification_agrees() {
        // Figures measured with pycocotools: AP .50495050 at overlaps .50 to .80, then 0; the second class has no truth.
        let truths = [truth(0, 1, [10, 10, 30, 30]), truth(1, 1, [50, 50, 70, 70])];
        let detections = [
            detection(0, 1, [12, 10, 32, 30], 0.9),
            detection(1, 1, [55, 55, 75, 75], 0.8),
            detection(1, 1, [0, 0, 5, 5], 0.85),
            detection(0, 2, [0, 0, 5, 5], 0.85),
        ];
        let table = table(Images::of_one_site(2), &truths, &detections);
        let at = |threshold: f64| Part { threshold: IouThreshold::new(threshold).ok(), ..Part::OVERALL };
        assert!((table.average_precision(at(0.8)).expect("class 1") - 0.504_950_495).abs() < 1e-9);
        assert_eq!(table.average_precision(at(0.85)), Some(0.0));
        assert_eq!(table.average_precision(Part { class: Some(ClassId(2)), ..Part::OVERALL }), None);
        assert_eq!(table.findings(ClassId(1), AreaRange::ALL), Some(2));
        assert_eq!(table.findings(ClassId(9), AreaRange::ALL), Some(0));
    }

    #[test]
    fn a_class_absent_from_the_truth_has_no_value_and_one_never_detected_is_zero() {
        let table = table(Images::of_one_site(1), &[truth(0, 1, BOX)], &[detection(0, 2, BOX, 0.5)]);
        let of = |class| table.average_precision(Part { class: Some(ClassId(class)), ..Part::OVERALL });
        assert_eq!((of(1), of(2), of(3)), (Some(0.0), None, None));
        assert_eq!(table.average_precision(Part::OVERALL), Some(0.0));
    }

    #[test]
    fn nothing_at_all_has_no_value() {
        assert_eq!(table(Images::of_one_site(0), &[], &[]).average_precision(Part::OVERALL), None);
    }

    #[test]
    fn a_site_that_does_not_label_a_class_raises_no_false_alarm() {
        let mut images = Images::of_one_site(1);
        images.add_site(1, Labelled::Only([ClassId(1)].into())).expect("few");
        let truths = [truth(0, 2, BOX)];
        let detections = [detection(0, 2, BOX, 0.5), detection(1, 2, BOX, 0.9)];
        assert_eq!(table(images, &truths, &detections).average_precision(Part::OVERALL), Some(1.0));
        let labelled_everywhere = table(Images::of_one_site(2), &truths, &detections);
        assert_eq!(labelled_everywhere.average_precision(Part::OVERALL), Some(0.5));
    }

    #[test]
    fn many_images_are_shared_out_without_a_trace() {
        // More images than one task matches; every second finding is found, the others missed and shown elsewhere.
        let truths: Vec<_> = (0..700).map(|image| truth(image, 1, BOX)).collect();
        let place = |image: u32| if image.is_multiple_of(2) { BOX } else { [50, 50, 60, 60] };
        let detections: Vec<_> =
            (0..700).map(|image| detection(image, 1, place(image), f64::from(image * 31 % 700))).collect();
        let all = table(Images::of_one_site(700), &truths, &detections);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        assert_eq!(one.install(|| table(Images::of_one_site(700), &truths, &detections)), all);
        assert_eq!(all.recall(Part::OVERALL), Some(0.5));
        // 31 image mod 700 is even where the image is, so found and false alarms alternate down the ranking.
        let ap = all.average_precision(Part::OVERALL).expect("findings");
        assert!((ap - 51.0 / 101.0 * 0.5).abs() < 1e-3, "{ap}");
    }

    #[test]
    fn a_part_that_was_not_asked_for_has_no_value() {
        let table = table(Images::of_one_site(1), &[truth(0, 1, BOX)], &[detection(0, 1, BOX, 0.5)]);
        let seven = DetectionsMax::new(7).expect("not 0");
        assert_eq!(table.average_precision(Part { detections_max: seven, ..Part::OVERALL }), None);
        assert_eq!(table.average_precision(Part { threshold: Some(IouThreshold::TENTH), ..Part::OVERALL }), None);
        assert_eq!(
            table.recall(Part { detections_max: DetectionsMax::new(1).expect("not 0"), ..Part::OVERALL }),
            Some(1.0)
        );
    }
}
