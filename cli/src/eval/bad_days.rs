//! `wardround eval --robust`: the same patients with corrupted scans.

use super::asked::Asked;
use super::record::Record;
use crate::exit::Failure;
use crate::progress::Progress;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::Path;
use wardround_evaluation::{BadDay, BadDays, bad_days};
use wardround_imaging::{Corruption, CorruptionSeverity};
use wardround_models::Evaluator;
use wardround_plan::StreamKey;
use wardround_report::{Axes, Curve, standalone_svg};

/// Seed of everything random in corruptions, so that two models see the same bad days.
const SEED: u64 = 1;

/// One corruption and severity.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    corruption: &'static str,
    family: String,
    severity: u8,
    value: Option<f64>,
}

/// What the command prints.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    #[serde(flatten)]
    pub(super) record: &'a Record,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) days: Vec<Row>,
}

/// Measures every corruption that was asked for, and writes `robust.csv` and `robust.svg`.
pub(super) fn run(
    asked: &Asked,
    evaluator: &Evaluator,
    corruptions: &[Corruption],
    out: &Path,
    progress: &Progress,
) -> Result<Vec<Row>, Failure> {
    let bar = progress.bar("corrupted", (corruptions.len() * CorruptionSeverity::ALL.len()) as u64);
    let measure = *asked.measures.first().ok_or_else(|| Failure::input("--robust needs a metric"))?;
    let keys = StreamKey::from_public_seed(SEED);
    let mut done = 0;
    let mut observer = |day: &BadDay| {
        done += 1;
        bar.set(done);
        bar.whisper(&format!("{} {}", day.corruption, day.severity.get()));
        ControlFlow::Continue(())
    };
    let days = BadDays { measure, corruptions, keys: &keys, setting: &asked.setting };
    let days = bad_days(evaluator, &asked.patients, days, &mut observer).map_err(Failure::input)?;
    let rows: Vec<Row> = days.iter().map(Row::of).collect();
    write(&rows, &measure.to_string(), out).map_err(|error| Failure::failed(format!("{}: {error}", out.display())))?;
    Ok(rows)
}

/// The corruptions with these names; all where none is named.
pub(super) fn corruptions(names: &[String]) -> Result<Vec<Corruption>, Failure> {
    if names.is_empty() {
        return Ok(Corruption::all().to_vec());
    }
    names.iter().map(|name| name.trim().parse().map_err(Failure::input)).collect()
}

fn write(rows: &[Row], metric: &str, out: &Path) -> std::io::Result<()> {
    let mut table = csv::Writer::from_path(out.join("robust.csv"))?;
    for row in rows {
        table.serialize(row)?;
    }
    table.flush()?;
    let axes = Axes {
        title: format!("{metric} on corrupted scans"),
        x: "severity".into(),
        y: metric.into(),
        y_range: Some((0.0, 1.0)).filter(|_| rows.iter().filter_map(|row| row.value).all(|value| value <= 1.0)),
    };
    std::fs::write(out.join("robust.svg"), standalone_svg(&axes, &curves(rows)))
}

/// A curve for each family, the mean of its corruptions, and one for all.
fn curves(rows: &[Row]) -> Vec<Curve> {
    let mut families: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        families.entry("all").or_default().push(row);
        families.entry(&row.family).or_default().push(row);
    }
    let point = |severity: u8, rows: &[&Row]| {
        let values: Vec<f64> = rows.iter().filter(|row| row.severity == severity).filter_map(|row| row.value).collect();
        (f64::from(severity), mean(&values).unwrap_or(f64::NAN))
    };
    let curve = |(family, rows): (&str, Vec<&Row>)| Curve {
        name: family.into(),
        points: CorruptionSeverity::ALL.iter().map(|severity| point(severity.get(), &rows)).collect(),
    };
    families.into_iter().map(curve).collect()
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

impl Row {
    fn of(day: &BadDay) -> Self {
        let family = serde_json::to_value(day.corruption.family()).ok();
        let family = family.and_then(|family| family.as_str().map(str::to_owned)).unwrap_or_default();
        Self { corruption: day.corruption.name(), family, severity: day.severity.get(), value: day.value }
    }
}

impl Told<'_> {
    /// A line for each corruption: severities 1 to 5, and their mean against the clean scans.
    pub(super) fn in_words(&self) -> String {
        let Some(first) = self.record.metrics.first().filter(|_| !self.days.is_empty()) else { return String::new() };
        let mut text = format!("\n{} on corrupted scans, severities 1 to 5\n", first.metric);
        for days in self.days.chunk_by(|a, b| a.corruption == b.corruption) {
            let values: Vec<f64> = days.iter().filter_map(|day| day.value).collect();
            let _ = write!(text, "{:<20}", days[0].corruption);
            days.iter().for_each(|day| {
                let _ = write!(text, " {:>7}", day.value.map_or("-".into(), |value| format!("{value:.3}")));
            });
            let change = mean(&values).zip(first.value).map(|(mean, clean)| mean - clean);
            let _ = writeln!(text, "   mean {:+.3} against clean", change.unwrap_or(f64::NAN));
        }
        text
    }
}
