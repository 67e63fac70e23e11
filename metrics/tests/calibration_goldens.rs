//! Calibration errors and Brier scores against torchmetrics and scikit-learn. `testdata/make_calibration.py` made the file.

use serde::Deserialize;
use wardround_metrics::calibration::{
    BinCount, Claim, Forecast, Probability, ReliabilityTable, brier_classes, brier_positive,
};

/// The bar: what rounding may differ.
const TOLERANCE: f64 = 1e-9;
/// Fewer cases than this, and the file is not the one that was made.
const CASES_MIN: usize = 15;

#[derive(Deserialize)]
#[serde(untagged)]
enum Case {
    Positive(Positive),
    Classes(Classes),
}

#[derive(Deserialize)]
struct Positive {
    name: String,
    probabilities: Vec<String>,
    held: Vec<bool>,
    brier: f64,
    bins: Vec<Binned>,
}

#[derive(Deserialize)]
struct Binned {
    bins: u16,
    equal_width: f64,
    equal_mass: f64,
    table: Table,
}

#[derive(Deserialize)]
struct Table {
    accuracy: Vec<f64>,
    confidence: Vec<f64>,
    share: Vec<f64>,
    edges: Vec<String>,
}

#[derive(Deserialize)]
struct Classes {
    name: String,
    rows: Vec<Vec<String>>,
    class: Vec<usize>,
    brier: f64,
    bins: Vec<TopLabel>,
}

#[derive(Deserialize)]
struct TopLabel {
    bins: u16,
    top_label: f64,
}

fn goldens() -> Vec<Case> {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../testdata/calibration.json")).expect("the golden file reads");
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    cases
}

fn check(what: &str, ours: Option<f64>, theirs: f64) {
    let difference = (ours.expect("every golden has cases") - theirs).abs();
    assert!(difference <= TOLERANCE, "{what}: {ours:?}, the reference says {theirs}");
}

/// Numbers of JSON may be read an ulp off, which moves what is at an edge; these are text.
fn exact(text: &str) -> f64 {
    text.parse().expect("the golden's text is a number")
}

fn bins(bins: u16) -> BinCount {
    BinCount::new(bins).expect("the golden has bins")
}

impl Positive {
    fn claims(&self) -> Vec<Claim> {
        let confidence = |p: &str| Probability::new(exact(p)).expect("the golden's probability is one");
        let claim = |(p, held): (&String, &bool)| Claim { confidence: confidence(p), held: *held };
        self.probabilities.iter().zip(&self.held).map(claim).collect()
    }
}

#[test]
fn errors_of_the_positive_class_agree_with_torchmetrics_and_scikit_learn() {
    for case in goldens() {
        let Case::Positive(case) = case else { continue };
        let claims = case.claims();
        check(&case.name, brier_positive(&claims), case.brier);
        for golden in &case.bins {
            let what = format!("{}, {} bins", case.name, golden.bins);
            let width = ReliabilityTable::equal_width(claims.clone(), bins(golden.bins));
            let mass = ReliabilityTable::equal_mass(&claims, bins(golden.bins));
            check(&what, width.expected_calibration_error(), golden.equal_width);
            check(&format!("{what} of equal mass"), mass.expected_calibration_error(), golden.equal_mass);
            check_table(&what, &width, &golden.table);
        }
    }
}

/// Empty bins are 0 in torchmetrics and nothing in ours.
fn check_table(what: &str, ours: &ReliabilityTable, theirs: &Table) {
    assert_eq!(ours.rows().len(), theirs.share.len(), "{what}");
    for (place, row) in ours.rows().iter().enumerate() {
        let what = format!("{what}, bin {place}");
        assert_eq!(row.from.to_bits(), exact(&theirs.edges[place]).to_bits(), "{what}");
        check(&what, Some(row.n as f64 / ours.n() as f64), theirs.share[place]);
        check(&what, row.accuracy().or(Some(0.0)), theirs.accuracy[place]);
        check(&what, row.mean_confidence().or(Some(0.0)), theirs.confidence[place]);
    }
}

#[test]
fn errors_of_the_top_label_agree_with_torchmetrics() {
    for case in goldens() {
        let Case::Classes(case) = case else { continue };
        let forecast = |(row, class): (&Vec<String>, &usize)| {
            let row: Vec<f64> = row.iter().map(|text| exact(text)).collect();
            Forecast::new(&row, *class).expect("the golden's row is one")
        };
        let forecasts: Vec<Forecast> = case.rows.iter().zip(&case.class).map(forecast).collect();
        check(&case.name, brier_classes(&forecasts), case.brier);
        for golden in &case.bins {
            let table = ReliabilityTable::equal_width(forecasts.iter().map(Forecast::top_label), bins(golden.bins));
            check(
                &format!("{}, {} bins", case.name, golden.bins),
                table.expected_calibration_error(),
                golden.top_label,
            );
        }
    }
}
