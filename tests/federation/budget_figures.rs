//! The privacy officer's figures, as the command prints them: against published values, and for questions that make no sense.
//!
//! The values are those of Google's dp-accounting, of Microsoft's prv-accountant and of independent programs, with the
//! tolerances that the reference file itself asks for: never below the truth, hardly above the best that others give.

use crate::binary::{FAILED, INPUT, refuse, succeed};
use crate::plans::Tiny;
use serde_json::Value;
use std::path::Path;

/// What clap ends with.
const USAGE: i32 = 2;

/// The reference cases of one kind; none where the file does not lie beside the repository.
fn cases(kind: &str) -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors/accounting.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: {} is not there", file.display());
        return Vec::new();
    };
    let document: Value = serde_json::from_str(&text).expect("the reference file is JSON");
    let cases = document["cases"].as_array().expect("a list of cases").clone();
    let cases: Vec<Value> = cases.into_iter().filter(|case| case["kind"] == kind).collect();
    assert!(!cases.is_empty(), "the reference file has no {kind}");
    cases
}

/// A result's number by the beginning of its method.
fn published(case: &Value, method: &str, number: &str) -> Option<f64> {
    let results = case["results"].as_array().expect("results");
    let of = |result: &&Value| result["method"].as_str().is_some_and(|name| name.starts_with(method));
    results.iter().find(of).and_then(|result| result[number].as_f64())
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} is no number in {value}"))
}

fn epsilon(arguments: &[String]) -> Value {
    let words: Vec<&str> = ["budget", "epsilon"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    succeed(&words)
}

/// The arguments of a case with one kind of step.
fn steps(params: &Value) -> Vec<String> {
    let rate = params["sampling_rate"].as_f64().unwrap_or(1.0);
    let named = [
        ("--noise-multiplier", number(params, "noise_multiplier").to_string()),
        ("--sampling-rate", rate.to_string()),
        ("--steps", params["steps"].to_string()),
        ("--delta", number(params, "delta").to_string()),
    ];
    named.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
}

/// Tight from above, and never below what is proved to be too little.
fn check_bounds(case: &Value, figures: &Value) {
    let id = &case["id"];
    let pld = number(figures, "epsilon_pld");
    if let Some(library) = published(case, "pld_connect_dots_pessimistic", "epsilon") {
        assert!(pld <= library * (1.0 + 2e-3), "{id}: {pld} is looser than {library}");
    }
    if let Some(fine) = published(case, "pld_fine_independent", "epsilon") {
        assert!(pld >= fine * (1.0 - 1e-4), "{id}: {pld} is below {fine}");
    }
    if let Some(lower) = published(case, "prv", "epsilon_lower") {
        assert!(pld >= lower, "{id}: {pld} is proved to be too little by {lower}");
    }
    let rdp = number(figures, "epsilon_rdp");
    assert!(rdp >= pld, "{id}: {rdp} by Rényi is below {pld}");
    if let Some(library) = published(case, "rdp", "epsilon") {
        assert!(rdp <= library * (1.0 + 1e-6), "{id}: {rdp} by Rényi is looser than {library}");
    }
}

#[test]
fn epsilon_of_sampled_steps_lies_between_the_proved_bounds() {
    // Every fifth: the accountant's own tests have them all.
    for case in cases("poisson_subsampled_gaussian").iter().step_by(5) {
        check_bounds(case, &epsilon(&steps(&case["params"])));
    }
}

#[test]
fn epsilon_of_unsampled_steps_is_exact() {
    for case in cases("gaussian") {
        let figures = epsilon(&steps(&case["params"]));
        check_bounds(&case, &figures);
        let exact = published(&case, "exact_balle_wang", "epsilon").expect("a closed form");
        let ours = number(&figures, "epsilon_exact");
        assert!((ours - exact).abs() <= 1e-9 * exact, "{}: {ours} is not {exact}", case["id"]);
    }
}

#[test]
fn steps_of_several_kinds_are_composed() {
    for case in cases("heterogeneous_composition") {
        let segments = case["params"]["segments"].as_array().expect("segments").iter();
        let mut arguments = vec!["--delta".into(), number(&case["params"], "delta").to_string()];
        for segment in segments {
            let (sigma, rate) = (number(segment, "noise_multiplier"), number(segment, "sampling_rate"));
            arguments.extend(["--segment".into(), format!("{sigma},{rate},{}", segment["steps"])]);
        }
        check_bounds(&case, &epsilon(&arguments));
    }
}

#[test]
fn a_patient_exchanged_costs_what_others_say() {
    for case in cases("poisson_subsampled_gaussian_adjacency") {
        let mut arguments = steps(&case["params"]);
        arguments.extend(["--adjacency".into(), "replace-one".into()]);
        let ours = number(&epsilon(&arguments), "epsilon_pld");
        let results = case["results"].as_array().expect("results").iter();
        let replace =
            results.filter(|result| result["neighbouring"] == "replace_one").map(|result| number(result, "epsilon"));
        // Their grid of 1e-3 is up to 0.4 % above the truth.
        for theirs in replace {
            assert!(ours <= theirs * (1.0 + 2e-3) && ours >= theirs * (1.0 - 4e-3), "{}: {ours}, {theirs}", case["id"]);
        }
    }
}

#[test]
fn the_noise_for_a_promise_keeps_it_and_is_hardly_more_than_needed() {
    for case in cases("calibrate_sigma") {
        let params = &case["params"];
        let target = number(params, "target_epsilon");
        let mut tight = 0.0;
        for accountant in ["pld", "rdp"] {
            let values =
                [target.to_string(), number(params, "delta").to_string(), number(params, "sampling_rate").to_string()];
            let [epsilon, delta, rate] = values.each_ref().map(String::as_str);
            let steps = params["steps"].to_string();
            let figures = succeed(&[
                "budget",
                "sigma",
                "--epsilon",
                epsilon,
                "--delta",
                delta,
                "--sampling-rate",
                rate,
                "--steps",
                &steps,
                "--accountant",
                accountant,
            ]);
            let sigma = number(&figures, "noise_multiplier");
            assert!(number(&figures, "epsilon") <= target, "{figures}");
            let theirs = published(&case, &format!("{accountant}_calibrated_sigma"), "sigma").expect("theirs");
            let id = &case["id"];
            assert!(sigma <= theirs * (1.0 + 2e-3), "{id}, {accountant}: {sigma} is more noise than {theirs}");
            // Their Rényi bound is up to a few percent loose at fractional orders, so less noise is right there.
            if accountant == "pld" {
                assert!(sigma >= theirs * (1.0 - 2e-3), "{id}: {sigma} is less noise than {theirs}");
            }
            assert!(sigma >= tight, "{id}: a looser accountant needs no less noise, {sigma} against {tight}");
            tight = sigma;
        }
    }
}

#[test]
fn no_steps_cost_nothing_and_the_curve_falls_with_delta() {
    let none = epsilon(
        &["--noise-multiplier", "1", "--sampling-rate", "0.01", "--steps", "0", "--delta", "1e-5"].map(String::from),
    );
    assert_eq!((number(&none, "epsilon_pld"), number(&none, "epsilon_rdp")), (0.0, 0.0));
    let some = epsilon(
        &["--noise-multiplier", "1", "--sampling-rate", "0.01", "--steps", "100", "--delta", "1e-5"].map(String::from),
    );
    let curve: Vec<f64> =
        some["curve"].as_array().expect("a curve").iter().map(|point| number(point, "epsilon")).collect();
    assert!(curve.len() >= 5 && curve.windows(2).all(|pair| pair[0] <= pair[1]), "{curve:?}");
    let factor = number(&some, "odds_factor");
    assert!((factor / number(&some, "epsilon_pld").exp() - 1.0).abs() < 1e-9, "{some}");
}

#[test]
fn questions_without_sense_are_refused_in_words() {
    let epsilon = |changed: &str, value: &str, words: &[&str]| {
        let mut arguments = vec!["budget", "epsilon"];
        for (name, good) in
            [("--noise-multiplier", "1"), ("--sampling-rate", "0.01"), ("--steps", "10"), ("--delta", "1e-5")]
        {
            arguments.extend([name, if name == changed { value } else { good }]);
        }
        refuse(&arguments, USAGE, words);
    };
    epsilon("--sampling-rate", "1.5", &["1.5 is no sampling rate", "more than 0 and at most 1"]);
    epsilon("--sampling-rate", "0", &["0 is no sampling rate"]);
    epsilon("--sampling-rate", "nan", &["NaN is no sampling rate"]);
    epsilon("--delta", "0", &["0 is no delta", "more than 0 and less than 1"]);
    epsilon("--delta", "-1e-5", &["is no delta"]);
    epsilon("--noise-multiplier", "0", &["0 is no noise multiplier"]);
    epsilon("--noise-multiplier", "inf", &["is no noise multiplier"]);
    epsilon("--noise-multiplier", "much", &["`much` is no number"]);
    epsilon("--steps", "1.5", &["--steps"]);
    epsilon("--steps", "99999999999", &["--steps"]);
    refuse(
        &["budget", "epsilon", "--noise-multiplier", "1", "--sampling-rate", "0.1", "--steps", "5"],
        USAGE,
        &["--delta"],
    );
    refuse(
        &["budget", "epsilon", "--noise-multiplier", "1", "--delta", "1e-5"],
        USAGE,
        &["--sampling-rate", "--steps"],
    );
    refuse(&["budget", "epsilon", "--segment", "1,0.1", "--delta", "1e-5"], USAGE, &["1.2,0.01,2000"]);
    refuse(
        &["budget", "sigma", "--epsilon", "-1", "--delta", "1e-5", "--sampling-rate", "0.1", "--steps", "5"],
        USAGE,
        &["is no epsilon"],
    );
    refuse(
        &["budget", "sigma", "--epsilon", "1", "--delta", "1e-5", "--sampling-rate", "0.1", "--steps", "0"],
        USAGE,
        &["--steps"],
    );
}

#[test]
fn a_promise_that_no_noise_keeps_is_said_so() {
    let arguments =
        ["budget", "sigma", "--epsilon", "0", "--delta", "1e-12", "--sampling-rate", "1", "--steps", "1000000000"];
    refuse(&arguments, FAILED, &["noise"]);
}

#[test]
fn a_forecast_answers_for_made_up_and_for_written_studies() {
    let dir = tempfile::tempdir().expect("room for a folder");
    let out = dir.path().join("forecast.html");
    let page = out.to_str().expect("text");
    let figures = succeed(&[
        "budget",
        "plan",
        "--patients",
        "500",
        "--rounds",
        "20",
        "--local-steps",
        "15",
        "--batch",
        "50",
        "--epsilon",
        "3",
        "--delta",
        "2e-4",
        "--spare-rounds",
        "0",
        "--out",
        page,
    ]);
    // Published for these 500 patients, batches of 50, 30 epochs, δ = 1/(10 N): σ = 2.20.
    let sigma = number(&figures, "noise_multiplier");
    assert!((sigma - 2.20).abs() <= 0.01, "{sigma}");
    let rows = figures["forecast"]["rows"].as_array().expect("rows");
    let sigmas: Vec<f64> = rows.iter().map(|row| number(row, "noise_multiplier")).collect();
    assert!(sigmas.len() == 7 && sigmas.windows(2).all(|pair| pair[0] > pair[1]), "{sigmas:?}");
    let html = std::fs::read_to_string(&out).expect("the page is written");
    assert!(html.contains("200 patients a step") && html.contains("drowns in noise"));
    assert!(out.with_extension("svg").exists() && out.with_extension("json").exists());
}

#[test]
fn scores_that_leave_cost_noise_in_training_and_are_told_with_their_width() {
    let ask = |more: &[&str]| {
        let mut arguments = vec![
            "budget",
            "plan",
            "--patients",
            "500",
            "--rounds",
            "20",
            "--local-steps",
            "5",
            "--batch",
            "50",
            "--epsilon",
            "3",
        ];
        arguments.extend(more);
        succeed(&arguments)
    };
    let (alone, scored) = (ask(&[]), ask(&["--evaluations", "5", "--epsilon-share", "0.2"]));
    assert!(number(&scored, "noise_multiplier") > number(&alone, "noise_multiplier"));
    assert!(alone["forecast"]["scores"].is_null());
    let scores = &scored["forecast"]["scores"];
    // Five and two spare ones share ε = 0.6: scale 7 / 0.6; P(|X| > 35) is the first below 5 %.
    assert!(
        (number(scores, "scale") - 7.0 / 0.6).abs() < 1e-9 && number(scores, "half_width_patients") == 35.0,
        "{scores}"
    );
}

#[test]
fn a_forecast_of_nonsense_is_refused() {
    let ask = |patients: &str, batch: &str, code: i32, words: &[&str]| {
        let arguments = [
            "budget",
            "plan",
            "--patients",
            patients,
            "--rounds",
            "2",
            "--local-steps",
            "2",
            "--batch",
            batch,
            "--epsilon",
            "3",
        ];
        refuse(&arguments, code, words);
    };
    ask("50", "51", INPUT, &["51 of 50 patients"]);
    ask("50", "0", USAGE, &["--batch"]);
    ask("0", "1", USAGE, &["--patients"]);
    let dir = tempfile::tempdir().expect("room for a folder");
    let open = dir.path().join("open.toml");
    std::fs::write(&open, Tiny::default().text()).expect("a folder of ours");
    refuse(&["budget", "plan", "--plan", "no-such-file.toml"], INPUT, &["no-such-file.toml"]);
    refuse(&["budget", "plan", "--plan", open.to_str().expect("text")], INPUT, &["privacy.mode"]);
}
