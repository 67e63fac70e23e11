//! Which of two evaluations is better, patient by patient.

use super::INTERVAL_SEED;
use super::record::{Figure, Record};
use crate::exit::Failure;
use crate::output::Output;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use wardround_metrics::statistics::{
    BootstrapPlan, Clustering, Comparison, PairedScores, PatientPair, SiteIndex, StatisticsError, compare,
};

/// Probability below which a difference is called one.
const ALPHA: f64 = 0.05;

/// One metric of both.
#[derive(Debug, Serialize)]
struct Compared {
    metric: String,
    first: Option<f64>,
    second: Option<f64>,
    /// Mean over patients, second less first.
    difference: Option<f64>,
    interval: Option<[f64; 2]>,
    wilcoxon_p: Option<f64>,
    permutation_p: Option<f64>,
    patients: usize,
    /// `first`, `second`, or `neither` where no difference is shown.
    better: &'static str,
    /// Why there is no answer.
    reason: Option<String>,
}

pub(super) fn run(first: &Path, second: &Path, output: Output) -> Result<ExitCode, Failure> {
    let (a, b) = (Record::read(first)?, Record::read(second)?);
    if a.data_sha256 != b.data_sha256 {
        let text =
            "are of other patients: only scores of the same patients can be paired; evaluate both models on one folder";
        return Err(Failure::input(format!("{} and {} {text}", first.display(), second.display())));
    }
    let pairs =
        a.metrics.iter().filter_map(|of_a| Some((of_a, b.metrics.iter().find(|of_b| of_b.name() == of_a.name())?)));
    let rows: Vec<Compared> = pairs.map(|(of_a, of_b)| compared(of_a, of_b)).collect();
    if rows.is_empty() {
        return Err(Failure::input("the two evaluations have no metric in common"));
    }
    output.show(&rows, || in_words(&rows));
    Ok(ExitCode::SUCCESS)
}

fn compared(first: &Figure, second: &Figure) -> Compared {
    let pair = |(first, second): (Option<f64>, Option<f64>)| PatientPair { site: SiteIndex(0), first, second };
    let scores = second.scores.iter().zip(&first.scores).map(|(b, a)| pair((b.value, a.value)));
    let pairs = PairedScores::new(&scores.collect::<Vec<_>>());
    let outcome = compare(&pairs, Clustering::Patients, BootstrapPlan::seeded(INTERVAL_SEED));
    let (metric, better) = (first.name(), better(&outcome, &first.better));
    let (a, b) = (first.value, second.value);
    match outcome {
        Err(error) => Compared {
            reason: Some(error.to_string()),
            metric,
            first: a,
            second: b,
            difference: None,
            interval: None,
            wilcoxon_p: None,
            permutation_p: None,
            patients: pairs.differences().len(),
            better,
        },
        Ok(found) => Compared {
            metric,
            first: a,
            second: b,
            difference: Some(found.mean_difference.estimate),
            interval: Some([found.mean_difference.limits.low, found.mean_difference.limits.high]),
            wilcoxon_p: Some(found.wilcoxon.p),
            permutation_p: Some(found.permutation.p),
            patients: found.patients,
            better,
            reason: None,
        },
    }
}

/// Both have to agree: the paired test, and the interval of the mean difference.
fn better(outcome: &Result<Comparison, StatisticsError>, direction: &str) -> &'static str {
    let Ok(found) = outcome else { return "neither" };
    let limits = found.mean_difference.limits;
    let above = limits.low > 0.0;
    let shown = found.wilcoxon.p < ALPHA && (above || limits.high < 0.0);
    match (shown, direction) {
        (true, "higher") => {
            if above {
                "second"
            } else {
                "first"
            }
        }
        (true, "lower") => {
            if above {
                "first"
            } else {
                "second"
            }
        }
        _ => "neither",
    }
}

fn in_words(rows: &[Compared]) -> String {
    let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.4}"));
    let mut text = format!(
        "\n{:<32} {:>8} {:>8} {:>9}   {:<20} {:>9} {:>4}  better\n",
        "metric", "first", "second", "mean diff", "95 % interval", "p", "n"
    );
    for row in rows {
        let interval = row.interval.map_or("-".into(), |[low, high]| format!("{low:+.4} to {high:+.4}"));
        let difference = row.difference.map_or("-".into(), |value| format!("{value:+.4}"));
        let (first, second, p) = (number(row.first), number(row.second), number(row.wilcoxon_p));
        let _ = writeln!(
            text,
            "{:<32} {first:>8} {second:>8} {difference:>9}   {interval:<20} {p:>9} {:>4}  {}",
            row.metric, row.patients, row.better
        );
        if let Some(reason) = &row.reason {
            let _ = writeln!(text, "{:<32} {reason}", "");
        }
    }
    text + "Differences are second less first, patient by patient; p is Wilcoxon's signed rank test, two-sided. `better` asks for p \
            below .05 and an\ninterval on one side of 0; with many metrics some will pass by chance."
}
