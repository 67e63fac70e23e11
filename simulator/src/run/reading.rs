//! A run read back from its folder, for reports: what its last checkpoint counts, and not what a kill left behind it.

use super::checkpoint::Checkpoint;
use super::folder::{EVENTS, MANIFEST, SCORES, TIMING};
use super::{AttemptRecord, EvaluationRecord, Event, Manifest, RoundRecord, RunError, scenario_of};
use crate::{Scenario, SiteNumber};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use wardround_plan::Weights;
use wardround_strategy::Strategy;

/// Bytes of a number on the wire.
const NUMBER_BYTES: u64 = 4;

/// A run, finished or not, as its folder tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// What the run is.
    pub manifest: Manifest,
    /// Its scenario.
    pub scenario: Scenario,
    /// Rounds that ended with a new model, in order.
    pub rounds: Vec<RoundRecord>,
    /// Attempts at rounds that had too few updates.
    pub abandoned: Vec<AttemptRecord>,
    /// Measurements, in order.
    pub evaluations: Vec<EvaluationRecord>,
    /// The score of each site at the last measurement.
    pub last_scores: Vec<(SiteNumber, f64)>,
    /// Wall-clock milliseconds of each round; the only thing here that differs from run to run.
    pub wall_ms: Vec<f64>,
}

/// What a run sent, in bytes: models and updates as 32-bit numbers, without masks, scores and protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// To the sites that were asked, in every attempt.
    pub down_bytes: u64,
    /// From the sites that sent an update, in time or not.
    pub up_bytes: u64,
}

impl RunSummary {
    /// The run in `dir`, or `None` where none was begun.
    ///
    /// # Errors
    /// As [`RunSummary::read`].
    pub fn find(dir: &Path) -> Result<Option<Self>, RunError> {
        if dir.join(MANIFEST).exists() { Self::read(dir).map(Some) } else { Ok(None) }
    }

    /// The run in `dir`.
    ///
    /// # Errors
    /// [`RunError::File`], [`RunError::Broken`] and [`RunError::Scenario`] where the folder holds no run.
    pub fn read(dir: &Path) -> Result<Self, RunError> {
        let manifest = Manifest::read(dir)?;
        let lengths = Checkpoint::read(dir)?.head.lengths;
        let (mut rounds, mut abandoned, mut evaluations) = (Vec::new(), Vec::new(), Vec::new());
        for line in lines(&dir.join(EVENTS), lengths.events)? {
            let event = serde_json::from_str(&line?).map_err(|error| RunError::broken(&dir.join(EVENTS), error))?;
            match event {
                Event::Round(record) => rounds.push(record),
                Event::Abandoned(record) => abandoned.push(record),
                Event::Evaluated(record) => evaluations.push(record),
            }
        }
        let last_scores = last_scores(&dir.join(SCORES), lengths.scores, evaluations.last())?;
        let timing = dir.join(TIMING);
        let wall_ms = rows(&timing, lengths.timing)?.map(|row| row?.number(1)).collect::<Result<Vec<f64>, _>>()?;
        let measured = evaluations.last().map_or(0, |last: &EvaluationRecord| last.sites as usize);
        fits(&dir.join(SCORES), last_scores.len(), measured)?;
        fits(&timing, wall_ms.len(), rounds.len())?;
        let scenario = scenario_of(dir)?;
        Ok(Self { manifest, scenario, rounds, abandoned, evaluations, last_scores, wall_ms })
    }

    /// The model of the last round that is over; `None` for models of other work than the plan's network.
    ///
    /// # Errors
    /// [`RunError::File`] and [`RunError::Broken`]
    pub fn model(&self, dir: &Path) -> Result<Option<Weights>, RunError> {
        let layout = Arc::new(wardround_models::layout(&self.scenario.plan().model));
        if layout.len() != self.manifest.weights {
            return Ok(None);
        }
        let values = Checkpoint::read(dir)?.vectors.into_iter().next().unwrap_or_default();
        Weights::new(layout, values).map(Some).map_err(|error| RunError::broken(dir, error))
    }

    /// Whether all rounds of the study are over.
    pub fn is_complete(&self) -> bool {
        let done = self.rounds.last().map_or(0, |round| round.attempt.round.get());
        done >= self.scenario.plan().study.rounds
    }

    /// What was sent, by the plan's strategy; `None` for models of other work than the plan's network.
    pub fn traffic(&self) -> Option<Traffic> {
        let plan = self.scenario.plan();
        let layout = wardround_models::layout(&plan.model);
        if layout.len() != self.manifest.weights {
            return None;
        }
        let strategy = Strategy::from_config(&plan.strategy.config, &layout).ok()?;
        let down = (layout.len() * (1 + strategy.server().broadcast_vectors())) as u64 * NUMBER_BYTES;
        let up = strategy.server().message().len(layout.len()) as u64 * NUMBER_BYTES;
        let attempts = || self.rounds.iter().map(|round| &round.attempt).chain(&self.abandoned);
        let asked: u64 = attempts().map(|attempt| u64::from(attempt.asked)).sum();
        let sent = attempts().map(|attempt| u64::from(attempt.summed + attempt.late + attempt.refused)).sum::<u64>();
        Some(Traffic { down_bytes: asked * down, up_bytes: sent * up })
    }
}

fn fits(path: &Path, rows: usize, events: usize) -> Result<(), RunError> {
    let what = || format!("it has {rows} rows where the events have {events}");
    if rows == events { Ok(()) } else { Err(RunError::broken(path, what())) }
}

fn last_scores(path: &Path, bytes: u64, last: Option<&EvaluationRecord>) -> Result<Vec<(SiteNumber, f64)>, RunError> {
    let Some(last) = last else { return Ok(Vec::new()) };
    let mut scores = Vec::with_capacity(last.sites as usize);
    for row in rows(path, bytes)? {
        let row = row?;
        if row.number::<u32>(0)? == last.round.get() {
            scores.push((SiteNumber::new(row.number(1)?), row.number(2)?));
        }
    }
    Ok(scores)
}

/// A row of a table whose cells hold no commas.
struct Row<'a> {
    path: &'a Path,
    line: String,
}

impl Row<'_> {
    fn number<T: FromStr>(&self, column: usize) -> Result<T, RunError> {
        let cell = self.line.split(',').nth(column).and_then(|cell| cell.parse().ok());
        cell.ok_or_else(|| RunError::broken(self.path, format!("`{}` has no number in cell {}", self.line, column + 1)))
    }
}

/// The rows below the head.
fn rows(path: &Path, bytes: u64) -> Result<impl Iterator<Item = Result<Row<'_>, RunError>>, RunError> {
    let row = move |line: Result<String, RunError>| Ok(Row { path, line: line? });
    Ok(lines(path, bytes)?.skip(1).map(row))
}

/// The lines in the first `bytes` of a file.
fn lines(path: &Path, bytes: u64) -> Result<impl Iterator<Item = Result<String, RunError>> + use<'_>, RunError> {
    let file = File::open(path).map_err(RunError::file(path))?;
    let found = file.metadata().map_err(RunError::file(path))?.len();
    if found < bytes {
        return Err(RunError::broken(path, format!("it has {found} bytes, the checkpoint counted {bytes}")));
    }
    Ok(BufReader::new(file.take(bytes)).lines().map(move |line| line.map_err(RunError::file(path))))
}
