//! Tests of two models and intervals against scipy. `testdata/make_statistics.py` made the file.

use serde::Deserialize;
use wardround_metrics::statistics::{
    IntervalKind, Level, RankMethod, Resamples, StatisticsSeed, limits, permutation_test, wilcoxon,
};

/// The bar: what rounding may differ.
const TOLERANCE: f64 = 1e-9;
/// Fewer cases than this, and the file is not the one that was made.
const CASES_MIN: usize = 25;
/// Patients up to which the test is exact.
const EXACT_MAX: usize = 50;

#[derive(Deserialize)]
struct Goldens {
    paired: Vec<Paired>,
    intervals: Vec<Resampled>,
}

#[derive(Deserialize)]
struct Paired {
    name: String,
    differences: Vec<String>,
    wilcoxon: f64,
    statistic: f64,
    permutation: Option<f64>,
}

#[derive(Deserialize)]
struct Resampled {
    name: String,
    kind: String,
    level: f64,
    estimate: String,
    resampled: Vec<String>,
    leave_one_out: Vec<f64>,
    low: f64,
    high: f64,
}

fn goldens() -> Goldens {
    let goldens: Goldens =
        serde_json::from_str(include_str!("../testdata/statistics.json")).expect("the golden file reads");
    assert!(goldens.paired.len() + goldens.intervals.len() >= CASES_MIN);
    goldens
}

/// Numbers of JSON may be read an ulp off, which makes or breaks a tie; these are text.
fn exact(texts: &[String]) -> Vec<f64> {
    texts.iter().map(|text| text.parse().expect("the golden's text is a number")).collect()
}

fn check(what: &str, ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= TOLERANCE, "{what}: {ours}, scipy says {theirs}");
}

#[test]
fn the_signed_rank_test_agrees_with_scipy() {
    for case in goldens().paired {
        let test = wilcoxon(&exact(&case.differences)).expect("the golden can be tested");
        check(&case.name, test.p, case.wilcoxon);
        check(&case.name, test.positive_rank_sum.min(test.negative_rank_sum), case.statistic);
        assert_eq!(test.method == RankMethod::Exact, test.n <= EXACT_MAX, "{}", case.name);
    }
}

#[test]
fn the_exact_permutation_test_agrees_with_scipy() {
    let mut compared = 0;
    for case in goldens().paired {
        let Some(theirs) = case.permutation else { continue };
        let test = permutation_test(&exact(&case.differences), Resamples::THOUSAND, StatisticsSeed(0));
        check(&case.name, test.expect("the golden can be tested").p, theirs);
        compared += 1;
    }
    assert!(compared >= 10, "{compared} cases");
}

#[test]
fn intervals_agree_with_scipy_on_the_same_resamples() {
    for case in goldens().intervals {
        let kind = if case.kind == "BCa" { IntervalKind::Bca } else { IntervalKind::Percentile };
        let level = Level::new(case.level).expect("the golden's level is one");
        let estimate: f64 = case.estimate.parse().expect("the golden's text is a number");
        let ours = limits(kind, level, estimate, &exact(&case.resampled), std::slice::from_ref(&case.leave_one_out));
        let ours = ours.expect("the golden has an interval");
        let what = format!("{}, {} at {}", case.name, case.kind, case.level);
        check(&format!("low of {what}"), ours.low, case.low);
        check(&format!("high of {what}"), ours.high, case.high);
    }
}
