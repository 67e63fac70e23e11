//! Average precision, recall and free-response curves against pycocotools and MONAI. `testdata/make_detection.py` made the file.

use serde::Deserialize;
use wardround_metrics::detection::{
    AreaRange, BinnedCounts, BoxPx, ClassId, Detection, DetectionsMax, Edges, FalseAlarmRates, FrocCurve, GroundTruth,
    ImageId, Images, IouThreshold, IouThresholds, Observations, Part, PatientIndex, PatientShare, PrecisionTable,
    Score, Settings, TruthKind,
};

/// The bar: what rounding may differ.
const TOLERANCE: f64 = 1e-9;
/// Fewer cases than this, and the file is not the one that was made.
const CASES_MIN: usize = 30;

#[derive(Deserialize)]
struct Case {
    name: String,
    images: u32,
    classes: u32,
    truths: Vec<Truth>,
    detections: Vec<Found>,
    full: bool,
    coco: Vec<Vec<Answer>>,
    medical: Vec<Vec<Answer>>,
    monai_medical: Option<f64>,
    froc: Vec<Curve>,
}

#[derive(Deserialize)]
struct Truth {
    image: u32,
    class: u32,
    r#box: [f64; 4],
    kind: String,
}

#[derive(Deserialize)]
struct Found {
    image: u32,
    class: u32,
    r#box: [f64; 4],
    score: f64,
}

#[derive(Deserialize)]
struct Answer {
    ap: Option<Vec<f64>>,
    recall: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Curve {
    class: u32,
    false_alarms_an_image: Vec<f64>,
    sensitivity: Vec<f64>,
    cpm_luna: f64,
    cpm_camelyon: f64,
}

impl Case {
    fn seen(&self) -> Observations {
        let truths: Vec<_> = self.truths.iter().map(Truth::read).collect();
        let detections: Vec<_> = self.detections.iter().map(Found::read).collect();
        Observations::new(Images::of_one_site(self.images), &truths, &detections).expect("the golden fits together")
    }
}

impl Truth {
    fn read(&self) -> GroundTruth {
        let kind = match self.kind.as_str() {
            "crowd" => TruthKind::Crowd,
            "ignored" => TruthKind::Ignored,
            _ => TruthKind::Finding,
        };
        GroundTruth { image: ImageId(self.image), class: ClassId(self.class), bbox: boxed(self.r#box), kind }
    }
}

impl Found {
    fn read(&self) -> Detection {
        let score = Score::new(self.score).expect("the golden's score is finite");
        Detection { image: ImageId(self.image), class: ClassId(self.class), bbox: boxed(self.r#box), score }
    }
}

fn boxed([left, top, right, bottom]: [f64; 4]) -> BoxPx {
    BoxPx::new(Edges { left, top, right, bottom }).expect("the golden's box is one")
}

fn goldens() -> Vec<Case> {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../testdata/detection.json")).expect("the golden file reads");
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    cases
}

/// Both without a value, or both with the same.
fn check(what: &str, ours: Option<f64>, theirs: Option<f64>) {
    let same = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() <= TOLERANCE,
        (ours, theirs) => ours == theirs,
    };
    assert!(same, "{what}: {ours:?}, the reference says {theirs:?}");
}

/// Every threshold of every part against the answers, in the order of `parts`.
fn check_cells(
    case: &Case,
    thresholds: &IouThresholds,
    table: &PrecisionTable,
    parts: &[Part],
    answers: &[Vec<Answer>],
) {
    assert_eq!(answers.len(), case.classes as usize, "{}", case.name);
    for (class, answers) in (0..).map(ClassId).zip(answers) {
        assert_eq!(answers.len(), parts.len(), "{}", case.name);
        for (part, answer) in parts.iter().zip(answers) {
            for (place, threshold) in thresholds.as_slice().iter().enumerate() {
                let part = Part { class: Some(class), threshold: Some(*threshold), ..*part };
                let what = format!("{}, {part:?}", case.name);
                let at = |list: &Option<Vec<f64>>| list.as_ref().map(|list| list[place]);
                check(&format!("AP of {what}"), table.average_precision(part), at(&answer.ap));
                check(&format!("recall of {what}"), table.recall(part), at(&answer.recall));
            }
        }
    }
}

#[test]
fn precision_and_recall_agree_with_pycocotools_over_coco_overlaps() {
    for case in goldens() {
        let settings = Settings::coco();
        let of_area = |area: &AreaRange| settings.detections_max.iter().map(|most| (*area, *most)).collect::<Vec<_>>();
        let parts = settings.areas.iter().flat_map(of_area);
        let parts: Vec<Part> =
            parts.map(|(area, detections_max)| Part { area, detections_max, ..Part::OVERALL }).collect();
        let table = PrecisionTable::of(&case.seen(), settings.clone());
        let parts = if case.full { &parts[..] } else { &[Part::OVERALL] };
        check_cells(&case, &settings.thresholds, &table, parts, &case.coco);
    }
}

#[test]
fn precision_and_recall_agree_with_pycocotools_over_medical_overlaps() {
    for case in goldens() {
        let thresholds = IouThresholds::medical();
        let table = PrecisionTable::of(&case.seen(), Settings::over(thresholds.clone()));
        check_cells(&case, &thresholds, &table, &[Part::OVERALL], &case.medical);
    }
}

#[test]
fn the_mean_over_medical_overlaps_agrees_with_monai() {
    let compared = goldens().into_iter().filter(|case| case.monai_medical.is_some()).inspect(|case| {
        let table = PrecisionTable::of(&case.seen(), Settings::over(IouThresholds::medical()));
        check(&case.name, table.average_precision(Part::OVERALL), case.monai_medical);
    });
    assert!(compared.count() >= 3);
}

#[test]
fn free_response_curves_agree_with_monai() {
    for case in goldens() {
        let curves = FrocCurve::of_classes(&case.seen(), IouThreshold::TENTH, DetectionsMax::HUNDRED);
        assert_eq!(curves.len(), case.froc.len(), "{}", case.name);
        for (ours, theirs) in curves.iter().zip(&case.froc) {
            assert_eq!(ours.class(), ClassId(theirs.class));
            check(&case.name, Some(ours.cpm(&FalseAlarmRates::luna())), Some(theirs.cpm_luna));
            check(&case.name, Some(ours.cpm(&FalseAlarmRates::camelyon())), Some(theirs.cpm_camelyon));
            assert_eq!(ours.points().len(), theirs.sensitivity.len(), "{}", case.name);
            let points = theirs.false_alarms_an_image.iter().zip(&theirs.sensitivity);
            for (ours, (alarms, sensitivity)) in ours.points().iter().zip(points) {
                check(&case.name, Some(ours.false_alarms_an_image), Some(*alarms));
                check(&case.name, Some(ours.sensitivity), Some(*sensitivity));
            }
        }
    }
}

#[test]
fn the_exact_precision_is_within_the_error_of_the_binned_one() {
    let most = DetectionsMax::new(1_000).expect("not 0");
    let share = PatientShare { detections_max: most, findings_max: most };
    let mut compared = 0;
    for case in goldens().iter().filter(|case| case.detections.iter().all(|one| (0.0..=1.0).contains(&one.score))) {
        let patients: Vec<_> = (0..case.images).map(PatientIndex).collect();
        for (class, answers) in (0..).map(ClassId).zip(&case.coco) {
            // Of a full case the third part is every size and 100 detections, of any other the first.
            let answer = &answers[if case.full { 2 } else { 0 }];
            let counts = BinnedCounts::of(&case.seen(), class, IouThreshold::HALF, share, &patients);
            let binned = counts.expect("scores are from 0 to 1").average_precision();
            assert_eq!(binned.is_some(), answer.ap.is_some(), "{}, {class}", case.name);
            let Some((binned, exact)) = binned.zip(answer.ap.as_ref().map(|ap| ap[0])) else { continue };
            let off = (binned.value - exact).abs();
            assert!(off <= binned.error, "{}, {class}: {binned:?}, the reference says {exact}", case.name);
            compared += 1;
        }
    }
    assert!(compared >= CASES_MIN, "{compared} classes");
}
