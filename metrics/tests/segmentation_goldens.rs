//! Every metric of segmentations against the program its definition names, on cases drawn from the same integers.
//!
//! The values and how they were made: `testdata/make_surface.py`.

use ndarray::{ArrayD, Dimension, IxDyn};
use serde_json::Value;
use std::collections::BTreeSet;
use wardround_metrics::{Case, Maps, Score, SegmentationMetric, Spacing};

const GOLDENS: &str = include_str!("../testdata/surface.json");

/// Overlap, volumes and lesions are ratios of counts.
const COUNTED_WITHIN: f64 = 1e-9;
/// Distances and shares of surfaces, absolute below 1 and relative above.
const SURFACE_WITHIN: f64 = 1e-6;

#[test]
fn every_golden_value_is_met() {
    let goldens: Value = serde_json::from_str(GOLDENS).expect("written by a program");
    let (mut cases, mut values, mut names) = (0, 0, BTreeSet::new());
    for case in list(&goldens["cases"]) {
        cases += 1;
        let (prediction, truth) = (drawn(&case["prediction"], case), drawn(&case["truth"], case));
        for (name, expected) in case["expected"].as_object().expect("scores by name") {
            let metric: SegmentationMetric = name.parse().expect("a metric that we have");
            let maps = Maps { prediction: prediction.view(), truth: truth.view() };
            let score = metric.score(&Case::new(maps, spacing(case)).expect("drawn in one shape"));
            check(&format!("{}: {name}", case["name"]), name, score, expected);
            names.insert(metric.definition());
            values += 1;
        }
    }
    println!("{values} golden values of {} metrics in {cases} cases", names.len());
    assert_eq!((cases, names.len()), (56, SegmentationMetric::all().count()), "every metric has golden values");
    assert!(values >= 1400, "{values} values");
}

fn check(place: &str, name: &str, score: Score, expected: &Value) {
    let within = match name.split('.').next() {
        Some("dice" | "iou" | "volume") => COUNTED_WITHIN,
        Some("lesion") if !name.contains("hd95") => COUNTED_WITHIN,
        _ => SURFACE_WITHIN,
    };
    let close = |expected: f64| {
        let Score::Value(ours) = score else { panic!("{place}: {score:?} for {expected}") };
        let allowed = within * expected.abs().max(1.0);
        assert!((ours - expected).abs() <= allowed, "{place}: {ours} for {expected}, allowed {allowed:e}");
    };
    match expected {
        Value::String(word) => assert_eq!(score, named(word), "{place}"),
        Value::Object(both) => ["value", "monai"].iter().for_each(|key| close(number(&both[*key]))),
        value => close(number(value)),
    }
}

fn named(word: &str) -> Score {
    match word {
        "both_empty" => Score::BothEmpty,
        "prediction_empty" => Score::PredictionEmpty,
        "truth_empty" => Score::TruthEmpty,
        other => panic!("{other} is no score"),
    }
}

fn spacing(case: &Value) -> Spacing {
    let steps: Vec<f64> = list(&case["spacing"]).iter().map(number).collect();
    match steps[..] {
        [row, column] => Spacing::plane([row, column]),
        [slice, row, column] => Spacing::volume([slice, row, column]),
        _ => panic!("{} axes", steps.len()),
    }
    .expect("positive steps")
}

/// The shapes, later over earlier.
fn drawn(shapes: &Value, case: &Value) -> ArrayD<u8> {
    let shape: Vec<usize> = integers(&case["shape"]).iter().map(|n| *n as usize).collect();
    let mut map = ArrayD::zeros(IxDyn(&shape));
    for part in list(shapes) {
        let label = number(&part["label"]) as u8;
        let mut shape = Shape::of(part);
        for (at, voxel) in map.indexed_iter_mut() {
            let at: Vec<i64> = at.slice().iter().map(|i| *i as i64).collect();
            if shape.holds(&at) {
                *voxel = label;
            }
        }
    }
    map
}

/// What is drawn, in integers.
enum Shape {
    Box { from: Vec<i64>, to: Vec<i64> },
    Ellipsoid { centre: Vec<i64>, radii: Vec<i64> },
    Noise { state: u64, per_mille: u64 },
}

impl Shape {
    fn of(part: &Value) -> Self {
        if let Some(shape) = part.get("box") {
            return Self::Box { from: integers(&shape["from"]), to: integers(&shape["to"]) };
        }
        if let Some(shape) = part.get("ellipsoid") {
            return Self::Ellipsoid { centre: integers(&shape["centre"]), radii: integers(&shape["radii"]) };
        }
        let noise = |key: &str| part["noise"][key].as_u64().expect("noise, the third kind of shape");
        Self::Noise { state: noise("seed"), per_mille: noise("per_mille") }
    }

    /// Whether a voxel is within; asked once of every voxel in the order of the axes.
    fn holds(&mut self, at: &[i64]) -> bool {
        match self {
            Self::Box { from, to } => at.iter().zip(from).zip(to).all(|((i, from), to)| *i >= *from && *i < *to),
            Self::Ellipsoid { centre, radii } => {
                let whole: i64 = radii.iter().map(|r| r * r).product();
                let part = |((i, c), r): ((&i64, &i64), &i64)| (i - c) * (i - c) * (whole / (r * r));
                at.iter().zip(centre.iter()).zip(radii.iter()).map(part).sum::<i64>() <= whole
            }
            Self::Noise { state, per_mille } => {
                *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (*state >> 33) % 1000 < *per_mille
            }
        }
    }
}

fn integers(value: &Value) -> Vec<i64> {
    list(value).iter().map(|n| n.as_i64().expect("an integer")).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}
