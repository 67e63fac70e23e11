//! Two runs, event by event: the same, or where they first differ.

use super::folder::EVENTS;
use super::{Manifest, RunError};
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;

/// What comparing two runs found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Comparison {
    /// Every event is the same.
    Same {
        /// Events compared.
        events: u64,
    },
    /// They were never meant to be the same: another scenario, task or version.
    OtherRun {
        /// What differs.
        key: &'static str,
        /// In the first.
        first: String,
        /// In the second.
        second: String,
    },
    /// An event differs, and so does all that follows from it.
    Differ {
        /// The round.
        round: u64,
        /// The kind of event.
        event: String,
        /// The first key that differs.
        key: String,
        /// In the first.
        first: String,
        /// In the second.
        second: String,
    },
    /// One has more events; up to there they are the same.
    Shorter {
        /// Events they share.
        events: u64,
        /// Which goes on: 1 or 2.
        longer: u8,
    },
}

/// Compares the runs in two folders round by round.
///
/// # Errors
/// [`RunError::File`] and [`RunError::Broken`] where a folder holds no run.
pub fn verify(first: &Path, second: &Path) -> Result<Comparison, RunError> {
    let (one, two) = (Manifest::read(first)?, Manifest::read(second)?);
    if let Some((key, first, second)) = one.first_difference(&two) {
        return Ok(Comparison::OtherRun { key, first, second });
    }
    let (mut one, mut two) = (Events::open(first)?, Events::open(second)?);
    let mut events = 0;
    loop {
        match (one.next()?, two.next()?) {
            (None, None) => return Ok(Comparison::Same { events }),
            (Some(_), None) => return Ok(Comparison::Shorter { events, longer: 1 }),
            (None, Some(_)) => return Ok(Comparison::Shorter { events, longer: 2 }),
            (Some(one), Some(two)) if one == two => events += 1,
            (Some(one), Some(two)) => return Ok(difference(&one, &two)),
        }
    }
}

/// The events of a run, one after the other.
struct Events<'a> {
    folder: &'a Path,
    lines: Lines<BufReader<File>>,
}

impl<'a> Events<'a> {
    fn open(folder: &'a Path) -> Result<Self, RunError> {
        let path = folder.join(EVENTS);
        let file = File::open(&path).map_err(RunError::file(&path))?;
        Ok(Self { folder, lines: BufReader::new(file).lines() })
    }

    fn next(&mut self) -> Result<Option<serde_json::Value>, RunError> {
        let path = self.folder.join(EVENTS);
        let Some(line) = self.lines.next() else { return Ok(None) };
        let line = line.map_err(RunError::file(&path))?;
        serde_json::from_str(&line).map(Some).map_err(|error| RunError::broken(&path, error))
    }
}

/// The first key in which two events differ. The kind of event and the round come first: without them nothing else means
/// the same.
fn difference(one: &serde_json::Value, two: &serde_json::Value) -> Comparison {
    let keys = one.as_object().into_iter().chain(two.as_object()).flat_map(|object| object.keys());
    let keys = ["event", "round", "attempt", "asked"].into_iter().chain(keys.map(String::as_str));
    let text = |value: &serde_json::Value, key: &str| value.get(key).map_or("absent".into(), ToString::to_string);
    let differing = |key: &&str| one.get(*key) != two.get(*key);
    let key = keys.into_iter().find(differing).unwrap_or("event");
    Comparison::Differ {
        round: one.get("round").and_then(serde_json::Value::as_u64).unwrap_or(0),
        event: one.get("event").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned(),
        key: key.to_owned(),
        first: text(one, key),
        second: text(two, key),
    }
}
