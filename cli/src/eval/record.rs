//! An evaluation on disk: `summary.json` for programs and `compare`, `scores.csv` with a row for each patient and metric.

use super::asked::Asked;
use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::Path;
use wardround_evaluation::Column;
use wardround_metrics::{Direction, Score};

/// What was measured, and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Digest of the plan.
    pub(super) plan_sha256: String,
    /// Round of the model; 0 for the one a study starts from.
    pub(super) round: u32,
    /// Digest of the patients' scans.
    pub(super) data_sha256: String,
    /// Patients.
    pub(super) patients: usize,
    /// One for each metric, and of a detector for each class.
    pub(super) metrics: Vec<Figure>,
}

/// One metric of all patients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Figure {
    /// Full name.
    pub(super) metric: String,
    /// A detector's class, where it is of one alone.
    pub(super) class: Option<String>,
    /// What it means.
    pub(super) definition: String,
    /// `higher`, `lower`, or `near zero`.
    pub(super) better: String,
    /// Mean over patients; of boxes, what all patients' boxes give together.
    pub(super) value: Option<f64>,
    /// Ends of the 95 % interval over patients, if there is one.
    pub(super) interval: Option<[f64; 2]>,
    /// Why there is none.
    pub(super) no_interval: Option<String>,
    /// Patients with a score.
    pub(super) n: usize,
    /// Patients without one, by reason.
    pub(super) left_out: Vec<(usize, String)>,
    /// Each patient's score, in their order; in `scores.csv`, not in the summary.
    #[serde(skip)]
    pub(super) scores: Vec<PatientRow>,
}

/// One patient's score, or why she has none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PatientRow {
    pub(super) value: Option<f64>,
    pub(super) outcome: &'static str,
}

/// A row of `scores.csv`.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    patient: usize,
    metric: String,
    class: String,
    score: Option<f64>,
    outcome: String,
}

impl Record {
    pub(super) fn of(asked: &Asked, columns: &[Column]) -> Self {
        let names = asked.plan.detection.as_ref().map_or(&[][..], |detection| &detection.classes);
        Self {
            plan_sha256: asked.plan.digest().to_string(),
            round: asked.round(),
            data_sha256: asked.data.to_string(),
            patients: asked.patients.len(),
            metrics: columns.iter().map(|column| Figure::of(column, names)).collect(),
        }
    }

    /// Writes both files; an earlier evaluation there is replaced.
    pub(super) fn write(&self, out: &Path) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("{}: {error}", out.display()));
        std::fs::create_dir_all(out).map_err(|error| failed(&error))?;
        let mut table = csv::Writer::from_path(out.join(SCORES)).map_err(|error| failed(&error))?;
        for figure in &self.metrics {
            for (patient, score) in (1..).zip(&figure.scores) {
                let (metric, class) = (figure.metric.clone(), figure.class.clone().unwrap_or_default());
                let row = Row { patient, metric, class, score: score.value, outcome: score.outcome.into() };
                table.serialize(row).map_err(|error| failed(&error))?;
            }
        }
        table.flush().map_err(|error| failed(&error))?;
        let summary = serde_json::to_string_pretty(self).map_err(|error| failed(&error))?;
        std::fs::write(out.join(SUMMARY), summary).map_err(|error| failed(&error))
    }

    /// Reads both files.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        let wrong = |file: &str, error: &dyn std::fmt::Display| {
            Failure::input(format!(
                "{}: {error}; is it a folder that `wardround eval` wrote?",
                folder.join(file).display()
            ))
        };
        let text = std::fs::read_to_string(folder.join(SUMMARY)).map_err(|error| wrong(SUMMARY, &error))?;
        let mut record: Self = serde_json::from_str(&text).map_err(|error| wrong(SUMMARY, &error))?;
        let mut table = csv::Reader::from_path(folder.join(SCORES)).map_err(|error| wrong(SCORES, &error))?;
        for row in table.deserialize::<Row>() {
            let row = row.map_err(|error| wrong(SCORES, &error))?;
            let same = |figure: &&mut Figure| {
                figure.metric == row.metric && figure.class.as_deref().unwrap_or("") == row.class
            };
            let figure = record.metrics.iter_mut().find(same);
            let figure = figure.ok_or_else(|| wrong(SCORES, &format!("`{}` is not in {SUMMARY}", row.metric)))?;
            figure.scores.push(PatientRow { value: row.score, outcome: "" });
        }
        match record.metrics.iter().find(|figure| figure.scores.len() != record.patients) {
            Some(figure) => Err(wrong(SCORES, &format!("`{}` has not a row for each patient", figure.metric))),
            None => Ok(record),
        }
    }

    pub(super) fn in_words(&self) -> String {
        let mut text = format!("\n{:<36} {:>9}   {:<18} {:>4}\n", "metric", "value", "95 % interval", "n");
        for figure in &self.metrics {
            let value = figure.value.map_or("-".into(), |value| format!("{value:.4}"));
            let interval = figure.interval.map_or("-".into(), |[low, high]| format!("{low:.4} to {high:.4}"));
            let _ = writeln!(text, "{:<36} {value:>9}   {interval:<18} {:>4}", figure.name(), figure.n);
            for (count, reason) in &figure.left_out {
                let _ = writeln!(text, "{:<36} left out: {count} {reason}", "");
            }
        }
        text += "Intervals are drawn over patients (bootstrap, 1,000 resamples); over images of one patient they would lie.\n";
        text
    }
}

impl Figure {
    fn of(column: &Column, names: &[String]) -> Self {
        let class = column.class.and_then(|class| names.get(usize::from(class) - 1).cloned());
        let outcome = |score: &Score| match score {
            Score::Value(_) => "scored",
            Score::BothEmpty => "both_empty",
            Score::PredictionEmpty => "missed",
            Score::TruthEmpty => "false_alarm",
            Score::NotApplicable => "not_applicable",
        };
        let row = |score: &Score| PatientRow { value: score.value(), outcome: outcome(score) };
        Self {
            metric: column.measure.to_string(),
            class,
            definition: column.measure.definition(),
            better: match column.measure.direction() {
                Direction::HigherIsBetter => "higher".into(),
                Direction::LowerIsBetter => "lower".into(),
                Direction::NearZeroIsBetter => "near zero".into(),
            },
            value: column.mean(),
            interval: column.interval.as_ref().ok().map(|interval| [interval.limits.low, interval.limits.high]),
            no_interval: column.interval.as_ref().err().map(ToString::to_string),
            n: column.scored(),
            left_out: column.left_out().into_iter().map(|(count, words)| (count, words.to_owned())).collect(),
            scores: column.scores.iter().map(row).collect(),
        }
    }

    /// Metric and class.
    pub(super) fn name(&self) -> String {
        self.class.as_ref().map_or_else(|| self.metric.clone(), |class| format!("{} {class}", self.metric))
    }
}

const SUMMARY: &str = "summary.json";
const SCORES: &str = "scores.csv";
